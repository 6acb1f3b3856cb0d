"""Errors and successes as Kubernetes' Status objects.

Pure. Source: Kubernetes API conventions, "Response Status Kind".
"""

from __future__ import annotations

from typing import Any

from cluster.api.kinds import Kind
from cluster.errors import StatusError

_REASONS = {
    "NotLeader": ("ServiceUnavailable", 503),
    "NoQuorum": ("ServiceUnavailable", 503),
    "Dropped": ("InternalError", 500),
    "StreamBroken": ("ServiceUnavailable", 503),
    "Compacted": ("Expired", 410),
    "FutureRevision": ("Timeout", 504),
    "NoSpace": ("InternalError", 507),
    "TooLarge": ("RequestEntityTooLarge", 413),
}
"""What clients of the REST protocol do not know, in words that they do: a client retries what it understands."""
RETRY_AFTER = 1
"""Seconds, told with 429, 503 and 504: clients wait and try again by themselves."""


def code_of(error: StatusError) -> int:
    return _REASONS.get(error.reason, (error.reason, error.code))[1]


def retry_after(error: StatusError) -> int:
    """Seconds after which a client may try again by itself; 0: it must not, somebody has to decide."""
    return int(error.details.get("retryAfterSeconds", RETRY_AFTER))


def failure(error: StatusError) -> dict[str, Any]:
    """The Status of an error; HTTP's own status is its `code`."""
    reason, code = _REASONS.get(error.reason, (error.reason, error.code))
    details = {k: v for k, v in error.details.items() if k in ("name", "group", "kind", "uid", "causes") and v}
    again = code in (429, 503, 504) and not (code == 504 and not error.definite)
    if again and (seconds := retry_after(error)):
        details["retryAfterSeconds"] = seconds
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message or error.reason,
        "reason": reason,
    }
    if details:
        status["details"] = details
    return status | {"code": code}


def success(kind: Kind, obj: dict[str, Any]) -> dict[str, Any]:
    """What a DELETE answers once the object is gone."""
    meta = obj.get("metadata") or {}
    details = {"name": meta.get("name", ""), "group": kind.group, "kind": kind.plural, "uid": meta.get("uid", "")}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
