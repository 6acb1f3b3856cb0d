"""Rules of the core group's small kinds: Namespace, Node, ConfigMap, Secret, Event, ServiceAccount.

Must not check types, required fields or single values: the schema has done that, so shapes are relied on here.
"""

from __future__ import annotations

from typing import Any

from cluster.api import formats
from cluster.api.fielderrors import ROOT, Errors, MapKey, Path, at
from cluster.api.meta import Object, namespace_of

DATA_LIMIT = 1024 * 1024
"""Bytes of all values of a ConfigMap or Secret (Kubernetes: MaxSecretSize)."""
IMMUTABLE = "field is immutable"


def immutable(new: Any, old: Any, path: Path, errors: Errors) -> None:
    """The two must be equal; None, "" and {} count as the same absence."""
    if (new or None) != (old or None):
        errors.invalid(path, new, IMMUTABLE)


def node(obj: Object, errors: Errors) -> None:
    seen: dict[tuple[str, str], None] = {}
    for index, taint in enumerate((obj.get("spec") or {}).get("taints") or ()):
        place = at(ROOT, "spec", "taints", index)
        if taint.get("value") and (wrong := formats.label_value(taint["value"])):
            errors.invalid(at(place, "value"), taint["value"], wrong)
        mark = (taint["key"], taint["effect"])
        if mark in seen:
            errors.duplicate(place, f"{taint['key']}:{taint['effect']}: taints must be unique by key and effect pair")
        seen[mark] = None


def node_update(new: Object, old: Object, errors: Errors) -> None:
    spec, was = new.get("spec") or {}, old.get("spec") or {}
    for name in ("podCIDR", "podCIDRs", "providerID"):
        if was.get(name) and spec.get(name) != was.get(name):
            errors.forbidden(at(ROOT, "spec", name), "node updates may not change it once it is set")


def config_map(obj: Object, errors: Errors) -> None:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    size = 0
    for name, entries in (("data", data), ("binaryData", binary)):
        for key, value in entries.items():
            place = (at(ROOT, name), MapKey(key))
            if wrong := formats.config_key(key):
                errors.invalid(place, key, wrong)
            size += len(value)
    for key in binary:
        if key in data:
            errors.invalid((at(ROOT, "data"), MapKey(key)), key, "duplicate of key present in binaryData")
    if size > DATA_LIMIT:
        errors.too_long(ROOT, f"may not be more than {DATA_LIMIT} bytes")


def config_map_update(new: Object, old: Object, errors: Errors) -> None:
    _frozen(new, old, ("data", "binaryData"), errors)


def secret(obj: Object, errors: Errors) -> None:
    size = 0
    for key, value in (obj.get("data") or {}).items():
        if wrong := formats.config_key(key):
            errors.invalid((at(ROOT, "data"), MapKey(key)), key, wrong)
        size += len(value) * 3 // 4
    if size > DATA_LIMIT:
        errors.too_long(at(ROOT, "data"), f"may not be more than {DATA_LIMIT} bytes")
    for type, keys in _SECRET_KEYS.items():
        if obj.get("type") == type:
            for key in keys:
                if key not in (obj.get("data") or {}):
                    errors.required((at(ROOT, "data"), MapKey(key)))


_SECRET_KEYS = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def secret_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(new.get("type"), old.get("type"), at(ROOT, "type"), errors)
    _frozen(new, old, ("data",), errors)


def _frozen(new: Object, old: Object, names: tuple[str, ...], errors: Errors) -> None:
    """What `immutable: true` promises: neither the data nor the promise can be taken back."""
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        errors.forbidden(at(ROOT, "immutable"), "field is immutable when `immutable` is set")
    for name in names:
        if (new.get(name) or {}) != (old.get(name) or {}):
            errors.forbidden(at(ROOT, name), "field is immutable when `immutable` is set")


def event(obj: Object, errors: Errors) -> None:
    about = obj["involvedObject"].get("namespace") or ""
    own = namespace_of(obj)
    if about and own and about != own:
        errors.invalid(at(ROOT, "involvedObject", "namespace"), about, "does not match event.namespace")


def namespace_update(new: Object, old: Object, errors: Errors) -> None:
    """Finalizers of a namespace change through /finalize only; the server keeps spec, so nothing can differ here but
    by a mistake of its own."""
    added = [f for f in (new.get("spec") or {}).get("finalizers") or () if f not in _finalizers(old)]
    if added and old.get("metadata", {}).get("deletionTimestamp"):
        errors.forbidden(
            at(ROOT, "spec", "finalizers"), f"no new finalizers can be added if it is being deleted: {added}"
        )


def _finalizers(obj: Object) -> list[str]:
    return (obj.get("spec") or {}).get("finalizers") or []
