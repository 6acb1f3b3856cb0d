"""One Event in two versions: v1 of the core group, as it is stored, and events.k8s.io/v1, which has other names for it.

Pure. Must not refuse anything: it bears any shape, and what is wrong the validators say. Source: Kubernetes,
k8s.io/kubernetes/pkg/apis/events/v1/conversion.go.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

CORE, EVENTS = "v1", "events.k8s.io/v1"
_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_BACK = {there: here for here, there in _NAMES.items()}
SELECTORS = {
    "reportingController": "reportingComponent",
    **{f"regarding.{name}": f"involvedObject.{name}"
       for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")},
}  # fmt: skip
"""Fields that a selector may name in events.k8s.io/v1, and what they are called where they are stored."""


def to_events_v1(obj: Object) -> Object:
    """An Event of the core group as events.k8s.io/v1 shows it."""
    return {_NAMES.get(name, name): value for name, value in obj.items()} | {"apiVersion": EVENTS}


def from_events_v1(obj: Object) -> Object:
    """An events.k8s.io/v1 Event as it is stored."""
    return {_BACK.get(name, name): value for name, value in obj.items()} | {"apiVersion": CORE}
