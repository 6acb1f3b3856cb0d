"""The rows of LimitRanges, ResourceQuotas and ComponentStatuses.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, name_of
from cluster.api.printing import Printer, age, created


def _quota(obj: Object, now: float) -> list[str]:
    status = obj.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests, limits = list[str](), list[str]()
    for name in sorted(hard):
        text = f"{name}: {used.get(name, '0')}/{hard[name]}"
        (limits if name.startswith("limits.") else requests).append(text)
    return [name_of(obj), ", ".join(requests), ", ".join(limits), age(obj, now)]


def _component(obj: Object, now: float) -> list[str]:
    status, message, error = "Unknown", "", ""
    for condition in obj.get("conditions") or ():
        if condition.get("type") == "Healthy":
            status = {"True": "Healthy", "False": "Unhealthy"}.get(condition.get("status"), "Unknown")
            message, error = condition.get("message") or "", condition.get("error") or ""
    return [name_of(obj), status, message, error]


LIMIT_RANGE = Printer(("NAME", "CREATED AT"), lambda obj, now: [name_of(obj), created(obj)])
QUOTA = Printer(("NAME", "REQUEST", "LIMIT", "AGE"), _quota)
COMPONENT = Printer(("NAME", "STATUS", "MESSAGE", "ERROR"), _component)
