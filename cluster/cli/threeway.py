"""Client-side apply: the patch from what was applied last, what is wanted now, and what there is.

Pure. What was applied last and is not wanted any more is deleted; what others have set stays (Kubernetes: apply).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Object = dict[str, Any]

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "ownerReferences": "uid",
    "secrets": "name",
}
"""Lists of maps that merge by a key (the rest are replaced whole); ports differ between containers and Services."""


def merge_key(kind: str, field: str, items: Sequence[Any]) -> str:
    if not kind:
        return ""
    if field == "ports":
        return "port" if kind == "Service" else "containerPort"
    return MERGE_KEYS.get(field, "")


def three_way(kind: str, last: Object, wanted: Object, live: Object) -> Object:
    """A strategic merge patch; {} when there is nothing to do. `kind` "": a JSON merge patch, lists are replaced whole
    (kinds that are defined at run time have no merge keys that a client knows)."""
    return _maps(kind, last, wanted, live)


def _maps(kind: str, last: Object, wanted: Object, live: Object) -> Object:
    patch: Object = {}
    for key, value in wanted.items():
        have = live.get(key)
        if value == have:
            continue
        before = last.get(key)
        if isinstance(value, dict) and isinstance(have, dict):
            inner = _maps(kind, before if isinstance(before, dict) else {}, value, have)
            if inner:
                patch[key] = inner
        elif isinstance(value, list) and isinstance(have, list):
            difference = _lists(kind, key, before if isinstance(before, list) else [], value, have)
            if difference is not None:
                patch[key] = difference
        else:
            patch[key] = value
    for key in last:
        if key not in wanted and key in live:
            patch[key] = None
    return patch


def _lists(kind: str, field: str, last: list[Any], wanted: list[Any], live: list[Any]) -> list[Any] | None:
    """The patch of a list, or None for no difference."""
    key = merge_key(kind, field, wanted)
    if not key or not all(isinstance(i, dict) and key in i for i in [*last, *wanted, *live]):
        return wanted if wanted != live else None
    have = {item[key]: item for item in live}
    before = {item[key]: item for item in last}
    patch: list[Any] = []
    for item in wanted:
        if item[key] in have:
            inner = _maps(kind, before.get(item[key], {}), item, have[item[key]])
            if inner:
                patch.append({key: item[key], **inner})
        else:
            patch.append(item)
    names = [item[key] for item in wanted]
    patch += [{key: name, "$patch": "delete"} for name in before if name not in names and name in have]
    return patch or None
