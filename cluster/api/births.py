"""What a new object gets from the server before admission and defaults see it (Kubernetes: PrepareForCreate).

Pure. Must not refuse anything: it bears any shape, and what is wrong the validators say. Each function changes an
object that is the server's own copy down to its metadata; what lies deeper is copied before it is changed.
"""

from __future__ import annotations

from typing import Any

from cluster.api.meta import Object, name_of, uid_of
from cluster.api.validate_batch import PREFIX, UID, expected_labels

PV_PROTECTION, PVC_PROTECTION = "kubernetes.io/pv-protection", "kubernetes.io/pvc-protection"


def _map(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def empty_status(obj: Object, now: str) -> None:
    """Kinds whose status is shown from the start: defaults fill in its zeros."""
    obj["status"] = {}


def job(obj: Object, now: str) -> None:
    """The selector, and the labels of its pods, unless the user manages them."""
    empty_status(obj, now)
    spec = obj.get("spec")
    if type(spec) is not dict or spec.get("manualSelector") is True or type(spec.get("template")) is not dict:
        return
    template, metadata = spec["template"], obj["metadata"]
    inner = _map(template.get("metadata"))
    labels = _map(inner.get("labels"))
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)
    labels = {**expected_labels(name_of(obj), uid_of(obj)), **labels}
    selector = _map(spec.get("selector"))
    wanted = {PREFIX + UID: uid_of(obj), **_map(selector.get("matchLabels"))}
    obj["spec"] = {
        **spec,
        "selector": {**selector, "matchLabels": wanted},
        "template": {**template, "metadata": {**inner, "labels": labels}},
    }


def volume(obj: Object, now: str) -> None:
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now}


def claim(obj: Object, now: str) -> None:
    obj["status"] = {"phase": "Pending"}
