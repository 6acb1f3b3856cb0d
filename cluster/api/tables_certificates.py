"""The rows of CertificateSigningRequests.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, name_of
from cluster.api.printing import NONE, Printer, age, human_duration


def _condition(obj: Object) -> str:
    status = obj.get("status") or {}
    types = [condition.get("type") for condition in status.get("conditions") or ()]
    text = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    if "Failed" in types:
        text += ",Failed"
    return text + (",Issued" if status.get("certificate") else "")


def _request(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    return [
        name_of(obj),
        age(obj, now),
        spec.get("signerName") or NONE,
        spec.get("username") or "",
        NONE if seconds is None else human_duration(seconds),
        _condition(obj),
    ]


REQUEST = Printer(("NAME", "AGE", "SIGNERNAME", "REQUESTOR", "REQUESTEDDURATION", "CONDITION"), _request)
