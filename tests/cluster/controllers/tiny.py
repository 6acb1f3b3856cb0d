"""A tiny apiserver in memory, with what controllers rely on: revisions, preconditions, uids, finalizers, grace.

Must not know controllers. `log` is what a watch would have told.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, TypeVar

from cluster.api import meta
from cluster.api.kinds import KINDS
from cluster.controllers.plan import Object
from cluster.errors import StatusError
from tests.cluster.controllers.objects import NOW

Key = tuple[str, str, str]
T = TypeVar("T")


class TinyServer:
    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.log: list[tuple[str, Object]] = []
        self.revision = 0
        self.now = NOW
        self.events: list[tuple[str, str]] = []
        self.broken: list[StatusError] = []
        """Errors to answer a client's next writes with."""

        self.bereft: list[str] = []
        """Pods and the like that were collected although an owner was there and well."""

    # ── what a Client has ────────────────────────────────────────────────────────────────────────────────────

    async def get(self, kind: str, name: str, namespace: str = "") -> Object:
        return self.read(kind, namespace, name)

    async def list(self, kind: str, namespace: str = "", **_: Any) -> Object:
        return {"metadata": {}, "items": self.all(kind, namespace)}

    async def create(self, obj: Object) -> Object:
        return self._answer(lambda: self.add(obj))

    async def update(self, obj: Object, *, subresource: str = "") -> Object:
        return self._answer(lambda: self.replace(obj, subresource))

    async def patch(self, kind: str, name: str, patch: Any, *, namespace: str = "", subresource: str = "") -> Object:
        return self._answer(lambda: self.merge((kind, namespace, name), patch, subresource))

    async def delete(self, kind: str, name: str, namespace: str = "", **options: Any) -> Object:
        return self._answer(lambda: self.remove((kind, namespace, name), **options))

    async def purge(self, namespace: str) -> dict[str, int]:
        return self._answer(lambda: self.empty(namespace))

    def event(self, about: Object, type: str, reason: str, message: str) -> None:
        self.events.append((reason, message))

    # ── the same, now ────────────────────────────────────────────────────────────────────────────────────────

    def all(self, kind: str, namespace: str = "") -> builtins.list[Object]:
        return [o for k, o in sorted(self.objects.items()) if k[0] == kind and namespace in ("", k[1])]

    def read(self, kind: str, namespace: str, name: str) -> Object:
        found = self.objects.get((kind, namespace, name))
        if found is None:
            raise StatusError("NotFound", f'{kind} "{name}" not found')
        return found

    def add(self, obj: Object) -> Object:
        key = (obj["kind"], meta.namespace_of(obj), meta.name_of(obj))
        if key in self.objects:
            raise StatusError("AlreadyExists", f"{key} exists")
        obj = meta.deep_copy(obj)
        obj["metadata"].setdefault("uid", f"uid-{self.revision + 1}")
        obj["metadata"]["creationTimestamp"] = meta.timestamp(self.now)
        if KINDS[key[0]].generation:
            obj["metadata"]["generation"] = 1
        return self._store("ADDED", key, obj)

    def replace(self, obj: Object, subresource: str = "") -> Object:
        key = (obj["kind"], meta.namespace_of(obj), meta.name_of(obj))
        old = self._checked(key, obj["metadata"])
        new = meta.deep_copy(obj)
        if subresource == "status":
            new = {**meta.deep_copy(old), "status": new.get("status", {})}
        elif "status" in old and KINDS[key[0]].status:
            new["status"] = old["status"]
        return self._changed(key, old, new)

    def merge(self, key: Key, patch: Object, subresource: str = "") -> Object:
        old = self._checked(key, patch.get("metadata", {}))
        return self._changed(key, old, _merged(meta.deep_copy(old), patch))

    def remove(self, key: Key, *, uid: str = "", grace: int | None = None, propagation: str = "", **_: Any) -> Object:
        old = self._checked(key, {"uid": uid} if uid else {})
        if propagation == "Background" and key[0] != "ReplicaSet":  # those are old revisions
            owners = {o["uid"] for o in meta.owners_of(old)}
            if any(meta.uid_of(o) in owners and not meta.deleting(o) for o in self.objects.values()):
                self.bereft.append(meta.key_of(old))
        new = meta.deep_copy(old)
        waits = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(propagation)
        if waits:
            new["metadata"]["finalizers"] = sorted({*meta.finalizers_of(new), waits})
        bound = key[0] == "Pod" and (new.get("spec") or {}).get("nodeName") and grace != 0
        new["metadata"].setdefault("deletionTimestamp", meta.timestamp(self.now))
        if bound:
            new["metadata"]["deletionGracePeriodSeconds"] = 30
        else:
            new["metadata"].pop("deletionGracePeriodSeconds", None)
        return self._changed(key, old, new)

    def empty(self, namespace: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for key in [key for key in sorted(self.objects) if key[1] == namespace]:
            found[key[0]] = found.get(key[0], 0) + 1
            if not meta.deleting(self.objects[key]):
                self.remove(key, propagation="Background")
        return found

    def _answer(self, write: Callable[[], T]) -> T:
        """An indefinite error is an answer that got lost: the write has happened."""
        error = self.broken.pop(0) if self.broken else None
        if error is not None and error.definite:
            raise error
        answer = write()
        if error is not None:
            raise error
        return answer

    def _checked(self, key: Key, preconditions: dict[str, Any]) -> Object:
        old = self.read(*key)
        for field in ("uid", "resourceVersion"):
            if preconditions.get(field) and preconditions[field] != old["metadata"][field]:
                raise StatusError("Conflict", f"{key}: {field} is {old['metadata'][field]}")
        return old

    def _changed(self, key: Key, old: Object, new: Object) -> Object:
        if new == old:
            return old
        if new.get("spec") != old.get("spec") and "generation" in old["metadata"]:
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        held = meta.finalizers_of(new) or new["metadata"].get("deletionGracePeriodSeconds")
        if meta.deleting(new) and not held:
            if key[0] != "Namespace" or not new["spec"].get("finalizers"):
                return self._store("DELETED", key, new)
        return self._store("MODIFIED", key, new)

    def _store(self, type: str, key: Key, obj: Object) -> Object:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        if type == "DELETED":
            self.objects.pop(key)
        else:
            self.objects[key] = obj
        self.log.append((type, obj))
        return obj


def _merged(base: Object, patch: Object) -> Object:
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        elif isinstance(value, dict):
            base[name] = _merged(base[name] if isinstance(base.get(name), dict) else {}, value)
        else:
            base[name] = value
    return base
