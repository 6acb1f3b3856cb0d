"""The rows of workloads, and of PriorityClasses.

Must not count pods: the numbers are what the controllers wrote into status.
"""

from __future__ import annotations

from typing import Any

from cluster.api.meta import Object, controller_of, name_of
from cluster.api.printing import NONE, Printer, age, map_text, template_cells

_TEMPLATE = ("*CONTAINERS", "*IMAGES", "*SELECTOR")


def _counts(obj: Object, *names: str) -> list[str]:
    status: dict[str, Any] = obj.get("status") or {}
    return [str(status.get(name) or 0) for name in names]


def _wanted(obj: Object) -> str:
    return str((obj.get("spec") or {}).get("replicas", 1))


def _deployment(deployment: Object, now: float) -> list[str]:
    ready, updated, available = _counts(deployment, "readyReplicas", "updatedReplicas", "availableReplicas")
    return [
        name_of(deployment),
        f"{ready}/{_wanted(deployment)}",
        updated,
        available,
        age(deployment, now),
        *template_cells(deployment),
    ]


def _replica_set(found: Object, now: float) -> list[str]:
    counts = _counts(found, "replicas", "readyReplicas")
    return [name_of(found), _wanted(found), *counts, age(found, now), *template_cells(found)]


def _daemon_set(found: Object, now: float) -> list[str]:
    template = ((found.get("spec") or {}).get("template") or {}).get("spec") or {}
    counts = _counts(
        found,
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    selector = map_text(template.get("nodeSelector"))
    return [name_of(found), *counts, selector, age(found, now), *template_cells(found)]


def _controller_revision(found: Object, now: float) -> list[str]:
    owner = controller_of(found)
    controller = NONE
    if owner:
        group = owner["apiVersion"].rpartition("/")[0]
        controller = f"{owner['kind'].lower()}{'.' if group else ''}{group}/{owner['name']}"
    return [name_of(found), controller, str(found.get("revision", 0)), age(found, now)]


def _priority_class(found: Object, now: float) -> list[str]:
    flag = "true" if found.get("globalDefault") else "false"
    policy = found.get("preemptionPolicy") or "PreemptLowerPriority"
    return [name_of(found), str(found.get("value", 0)), flag, age(found, now), policy]


DEPLOYMENT = Printer(("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", *_TEMPLATE), _deployment)
REPLICA_SET = Printer(("NAME", "DESIRED", "CURRENT", "READY", "AGE", *_TEMPLATE), _replica_set)
DAEMON_SET = Printer(
    ("NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR", "AGE", *_TEMPLATE), _daemon_set
)
CONTROLLER_REVISION = Printer(("NAME", "CONTROLLER", "REVISION", "AGE"), _controller_revision)
PRIORITY_CLASS = Printer(("NAME", "VALUE", "GLOBAL-DEFAULT", "AGE", "PREEMPTIONPOLICY"), _priority_class)
