"""Objects as last heard of, of all the kinds that a component watches; never older than what was there before.

Pure. Must not fetch anything: informers feed it, and controllers put in what an apiserver answered them, so that they
read their own writes. A kind is named by its key (`Kind.key`).

    Rule 1: an object is replaced only by one of a higher resourceVersion.
    Rule 2: what was removed at a revision comes back only with a higher one (a stone marks the place until the
            watch has passed that revision).
    Rule 3: callbacks are called once for each change that was taken, whoever brought it.

Objects are shared with all who ask: copy before you change one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster.api.kinds import key_for
from cluster.api.meta import deleting, finalizers_of, key_of, labels_of, owners_of, revision_of
from cluster.api.selectors import EVERYTHING, FieldSelector, Selector

Object = dict[str, Any]
Objects = list[Object]
Callback = Callable[[Object | None, Object | None], None]
"""(old, new): None for what was not there, or is not any more."""


def gone(obj: Object) -> bool:
    """Whether an object that an apiserver answered after a delete or update is removed: its deletion has begun, and
    nothing (finalizers, grace period, a namespace's own finalizers) holds it up."""
    if not deleting(obj) or finalizers_of(obj) or obj["metadata"].get("deletionGracePeriodSeconds"):
        return False
    return not (obj.get("kind") == "Namespace" and obj.get("spec", {}).get("finalizers"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects of a kind are kept: of one namespace ("" for all), matching both selectors."""

    namespace: str = ""
    labels: Selector = EVERYTHING
    fields: FieldSelector = FieldSelector()

    def matches(self, obj: Object) -> bool:
        return (
            (not self.namespace or obj["metadata"].get("namespace", "") == self.namespace)
            and (self.labels.everything or self.labels.matches(labels_of(obj)))
            and self.fields.matches(obj)
        )


@dataclass(slots=True)
class _Shelf:
    """One kind: objects and sorted keys, stones of what was removed (key -> revision), who wants to know."""

    scope: Scope
    objects: dict[str, Object] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    stones: dict[str, int] = field(default_factory=dict)
    callbacks: list[Callback] = field(default_factory=list)
    heard: int = 0


class Cache:
    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._owned: dict[str, dict[tuple[str, str], Object]] = {}

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        shelf = self._shelves.get(kind)
        return shelf.objects.get(f"{namespace}/{name}" if namespace else name) if shelf else None

    def list(self, kind: str, namespace: str | None = None) -> Objects:
        """Sorted by key; of one namespace, or None for all. A kind that is not watched has none."""
        shelf = self._shelves.get(kind)
        if shelf is None:
            return []
        objects = shelf.objects
        if not namespace:
            return [objects[key] for key in shelf.keys]
        first = bisect_left(shelf.keys, namespace + "/")
        return [objects[key] for key in shelf.keys[first : bisect_left(shelf.keys, namespace + "0")]]

    def owned_by(self, uid: str, kind: str) -> Objects:
        """Objects of `kind` with an ownerReference to `uid`, sorted by key."""
        found = self._owned.get(uid, {})
        return [found[place] for place in sorted(found) if place[0] == kind]

    def dependents(self, uid: str) -> Objects:
        """Objects of any kind with an ownerReference to `uid`, sorted by kind and key."""
        found = self._owned.get(uid, {})
        return [found[place] for place in sorted(found)]

    def heard(self, kind: str) -> int:
        """The revision up to which the watch of a kind has told everything, as far as it said so. An object may be
        ahead of it: it came as the answer to a request. 0 for a kind that is not watched."""
        shelf = self._shelves.get(kind)
        return shelf.heard if shelf else 0

    def kinds(self) -> tuple[str, ...]:
        """The kinds that are watched."""
        return tuple(self._shelves)

    # ── feeding ──────────────────────────────────────────────────────────────────────────────────────────────

    def track(self, kind: str, scope: Scope) -> None:
        """Keep objects of this kind from now on. ValueError if it is kept already with another scope."""
        shelf = self._shelves.setdefault(kind, _Shelf(scope))
        if shelf.scope != scope:
            raise ValueError(f"{kind} is watched with other selectors already: use another Cache")

    def on_change(self, kind: str, callback: Callback) -> None:
        """Called in the loop's turn of the change; must be quick, and add work to a queue."""
        self._shelves[kind].callbacks.append(callback)

    def written(self, obj: Object) -> None:
        """An apiserver has answered a write with this. Kinds that are not watched are passed over."""
        kind = key_for(obj["kind"], obj.get("apiVersion", ""))
        shelf = self._shelves.get(kind)
        if shelf is None:
            return
        if gone(obj) or not shelf.scope.matches(obj):
            self._drop(kind, shelf, key_of(obj), revision_of(obj))
        elif key_of(obj) in shelf.objects or revision_of(obj) > shelf.heard:
            self._put(kind, shelf, obj)
        # Else the watch has told of it and of its end: a slow answer must not bring it back, for nothing would take it
        # away again (a pod that blocked its owner's deletion for ever).

    forgotten = written
    """An apiserver has answered a delete with this: removed now, or still waiting (`gone` tells)."""

    def event(self, kind: str, type: str, obj: Object) -> None:
        """One event of a watch: ADDED, MODIFIED or DELETED."""
        shelf = self._shelves[kind]
        if type == "DELETED":
            self._drop(kind, shelf, key_of(obj), revision_of(obj))
        else:
            self._put(kind, shelf, obj)
        if shelf.stones:
            self.passed(kind, revision_of(obj))
        else:
            shelf.heard = revision_of(obj)

    def replace(self, kind: str, objects: Iterable[Object], revision: int) -> None:
        """A whole list, as of `revision`. What is not in it is gone, unless it is newer than the list."""
        shelf = self._shelves[kind]
        listed = {key_of(obj): obj for obj in objects}
        for obj in listed.values():
            self._put(kind, shelf, obj)
        for key in [key for key in shelf.keys if key not in listed]:
            if revision_of(shelf.objects[key]) <= revision:
                self._drop(kind, shelf, key, revision)
        self.passed(kind, revision)

    def passed(self, kind: str, revision: int) -> None:
        """The watch has told all up to `revision`: nothing older can come any more."""
        shelf = self._shelves[kind]
        shelf.heard = max(shelf.heard, revision)
        stones = shelf.stones
        for key in [key for key, stone in stones.items() if stone <= revision]:
            del stones[key]

    def _put(self, kind: str, shelf: _Shelf, obj: Object) -> None:
        key = key_of(obj)
        old = shelf.objects.get(key)
        revision = revision_of(obj)
        if revision <= (shelf.stones.get(key, 0) if old is None else revision_of(old)):
            return
        shelf.objects[key] = obj
        if old is None:
            insort(shelf.keys, key)
        self._own(kind, key, old, obj)
        for callback in shelf.callbacks:
            callback(old, obj)

    def _drop(self, kind: str, shelf: _Shelf, key: str, revision: int) -> None:
        old = shelf.objects.get(key)
        if old is not None and revision_of(old) > revision:
            return
        if revision > shelf.stones.get(key, 0):
            shelf.stones[key] = revision
        if old is None:
            return
        del shelf.objects[key]
        del shelf.keys[bisect_left(shelf.keys, key)]
        self._own(kind, key, old, None)
        for callback in shelf.callbacks:
            callback(old, None)

    def _own(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        place = (kind, key)
        for owner in owners_of(old) if old is not None else ():
            dependents = self._owned.get(owner["uid"])
            if dependents is not None:
                dependents.pop(place, None)
                if not dependents:
                    del self._owned[owner["uid"]]
        for owner in owners_of(new) if new is not None else ():
            self._owned.setdefault(owner["uid"], {})[place] = new  # type: ignore[assignment]


__all__ = ["Cache", "Callback", "Object", "Scope", "gone"]
