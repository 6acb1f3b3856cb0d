"""The rows of FlowSchemas, PriorityLevelConfigurations and APIServices.

Must not fetch or compute anything that is not in the object.
"""

from __future__ import annotations

from cluster.api.meta import Object, condition, name_of
from cluster.api.printing import NONE, Printer, age


def _flow_schema(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    dangling = condition(obj, "Dangling")
    return [
        name_of(obj),
        (spec.get("priorityLevelConfiguration") or {}).get("name") or "",
        str(spec.get("matchingPrecedence", 1000)),
        (spec.get("distinguisherMethod") or {}).get("type") or NONE,
        age(obj, now),
        "?" if dangling is None else str(dangling.get("status", "?")),
    ]


def _priority_level(obj: Object, now: float) -> list[str]:
    spec = obj.get("spec") or {}
    part = spec.get("limited") or spec.get("exempt") or {}
    queuing = (part.get("limitResponse") or {}).get("queuing") or {}
    cells = [queuing.get(name, NONE) for name in ("queues", "handSize", "queueLengthLimit")]
    shares = part.get("nominalConcurrencyShares", NONE)
    return [name_of(obj), spec.get("type") or "", *(str(cell) for cell in (shares, *cells)), age(obj, now)]


def _api_service(obj: Object, now: float) -> list[str]:
    service = (obj.get("spec") or {}).get("service")
    found = condition(obj, "Available")
    available = "Unknown"
    if found is not None:
        available = str(found.get("status"))
        if available != "True":
            available += f" ({found.get('reason', '')})"
    where = f"{service.get('namespace')}/{service.get('name')}" if service else "Local"
    return [name_of(obj), where, available, age(obj, now)]


FLOW_SCHEMA = Printer(
    ("NAME", "PRIORITYLEVEL", "MATCHINGPRECEDENCE", "DISTINGUISHERMETHOD", "AGE", "MISSINGPL"), _flow_schema
)
PRIORITY_LEVEL = Printer(
    ("NAME", "TYPE", "NOMINALCONCURRENCYSHARES", "QUEUES", "HANDSIZE", "QUEUELENGTHLIMIT", "AGE"), _priority_level
)
API_SERVICE = Printer(("NAME", "SERVICE", "AVAILABLE", "AGE"), _api_service)
