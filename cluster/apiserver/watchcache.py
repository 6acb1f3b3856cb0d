"""What an apiserver remembers of the store: all objects as of one revision, and per kind the last changes.

Pure. Must not fetch or send. Objects in here are shared by all who read them: nobody changes one.

    Rule 1: `revision` is the store revision up to which everything is taken in; only `reset` takes it back.
    Rule 2: a kind's window holds every change after its `floor`; who asks from before the floor gets Expired.
    Rule 3: a quiet kind's floor stays: its window moves by its own changes only, not by others'.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from cluster.api.meta import labels_of
from cluster.api.selectors import EVERYTHING, FieldSelector, Selector
from cluster.apiserver.refusals import bad_request, page_expired, too_old, unreadable

Object = dict[str, Any]


class Stored:
    """One version of one object: with its resourceVersion in it, and its bytes once somebody has made them."""

    __slots__ = ("encoded", "obj", "revision")

    def __init__(self, obj: Object, revision: int) -> None:
        """`obj` as it was stored, without resourceVersion; it is not changed."""
        self.obj: Object = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
        self.revision = revision
        self.encoded: dict[str, bytes] = {}


class Change:
    """One event of one kind. `old` or `new` is None for what was not there, or is not any more."""

    __slots__ = ("_last", "encoded", "key", "kind", "new", "old", "revision")

    def __init__(self, kind: str, key: str, revision: int, old: Stored | None, new: Stored | None) -> None:
        self.kind = kind
        self.key = key
        self.revision = revision
        self.old = old
        self.new = new
        self.encoded: dict[str, bytes] = {}
        self._last: Stored | None = None

    @property
    def last(self) -> Stored:
        """What a DELETED event shows: the state before, at this event's revision (Kubernetes: cacher)."""
        if self._last is None:
            assert self.old is not None
            self._last = Stored(self.old.obj, self.revision)
        return self._last


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or watch asks for: one namespace or all (""), and both selectors."""

    namespace: str = ""
    labels: Selector = EVERYTHING
    fields: FieldSelector = FieldSelector()

    def matches(self, obj: Object) -> bool:
        return (
            (not self.namespace or obj["metadata"].get("namespace") == self.namespace)
            and (self.labels.everything or self.labels.matches(labels_of(obj)))
            and (self.fields.everything or self.fields.matches(obj))
        )

    @property
    def selects(self) -> bool:
        """Whether there is any selector."""
        return not (self.labels.everything and self.fields.everything)

    def sees(self, change: Change) -> str:
        """The event type for a watcher with this selection, "" for none: what comes to match is ADDED, what ceases
        to is DELETED."""
        before = change.old is not None and self.matches(change.old.obj)
        after = change.new is not None and self.matches(change.new.obj)
        if after:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else ""


class Page(NamedTuple):
    """`continue_`: token of the next page, "" if this is the last. `remaining`: objects after this page, None when
    selectors make that unknown."""

    revision: int
    items: Sequence[Stored]
    continue_: str = ""
    remaining: int | None = None


@dataclass(slots=True)
class _Shelf:
    floor: int = 0
    objects: dict[str, Stored] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    window: deque[Change] = field(default_factory=deque)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Key -> why the object that is there cannot be read."""


class Arrived(NamedTuple):
    """One event of the store: `obj` None for a deletion. `place` ("widgets.example.com"): of a kind that is defined at
    run time; a deletion does not say which kind that is, so `kind` is "" then, and the place tells."""

    kind: str
    key: str
    revision: int
    obj: Object | None
    place: str = ""
    unreadable: str = ""
    """Why the object that is there cannot be read; then `obj` is None as well."""


class WatchCache:
    """`kinds`: those that are there from the start; others come as objects of them do. `window`: changes kept per
    kind."""

    def __init__(self, kinds: Iterable[str], window: int) -> None:
        self.revision = 0
        self._kinds = tuple(kinds)
        self._window = window
        self._began = 0
        """The revision of the last `reset`: where the windows of kinds begin that nothing is known of yet."""
        self._shelves: dict[str, _Shelf] = {kind: _Shelf() for kind in self._kinds}
        self._places: dict[str, str] = {}

    def reset(self, revision: int, objects: Iterable[Arrived]) -> None:
        """Everything as of `revision`; nothing is known of how it came about."""
        self._began = revision
        self._shelves = {kind: _Shelf(floor=revision) for kind in self._kinds}
        for arrived in objects:
            if arrived.unreadable:
                self._shelf(self.kind_of(arrived)).unreadable[arrived.key] = arrived.unreadable
            elif arrived.obj is not None:
                shelf = self._shelf(self.kind_of(arrived))
                shelf.objects[arrived.key] = Stored(arrived.obj, arrived.revision)
        for shelf in self._shelves.values():
            shelf.keys = sorted(shelf.objects)
        self.revision = revision

    def apply(self, revision: int, events: Iterable[Arrived]) -> list[Change]:
        """The store's next events, all up to `revision`. The changes that they make."""
        changes = []
        for arrived in events:
            kind, (_, key, at, obj, _, unreadable) = self.kind_of(arrived), arrived
            shelf = self._shelf(kind)
            if unreadable or shelf.unreadable:
                if not self._opened(shelf, key, at, unreadable):
                    continue
            old = shelf.objects.get(key)
            if at <= self.revision or (old is None and obj is None):
                continue
            new = None if obj is None else Stored(obj, at)
            if new is None:
                del shelf.objects[key]
                del shelf.keys[bisect_left(shelf.keys, key)]
            else:
                shelf.objects[key] = new
                if old is None:
                    insort(shelf.keys, key)
            change = Change(kind, key, at, old, new)
            shelf.window.append(change)
            if len(shelf.window) > self._window:
                shelf.floor = shelf.window.popleft().revision
            changes.append(change)
        self.revision = max(self.revision, revision)
        return changes

    def _opened(self, shelf: _Shelf, key: str, at: int, unreadable: str) -> bool:
        """Take note of an object that cannot be read, or can again; whether it can."""
        if at > self.revision:
            if unreadable:
                shelf.unreadable[key] = unreadable
            else:
                shelf.unreadable.pop(key, None)
        return not unreadable

    def unreadable(self, kind: str, namespace: str = "") -> Sequence[str]:
        """Keys of what is there and cannot be read; nothing about them may be told from here."""
        found = self._shelf(kind).unreadable
        return [key for key in found if key.startswith(namespace + "/")] if namespace and found else list(found)

    def check(self, kind: str, namespace: str = "", key: str = "") -> None:
        """InternalError if anything of that kind (in that namespace, at that key) cannot be read, and why."""
        found = self._shelf(kind).unreadable
        if not found:
            return
        keys = [key] if key in found else [] if key else self.unreadable(kind, namespace)
        if keys:
            raise unreadable(kind, keys[0], found[keys[0]], len(keys) - 1)

    def kind_of(self, arrived: Arrived) -> str:
        """The key of its kind; of one that nothing was ever read of, its place."""
        if not arrived.place:
            return arrived.kind
        if arrived.obj is not None:
            self._places[arrived.place] = arrived.kind
        return self._places.get(arrived.place, arrived.place)

    def _shelf(self, kind: str) -> _Shelf:
        found = self._shelves.get(kind)
        if found is None:
            found = self._shelves[kind] = _Shelf(floor=self._began)
        return found

    def kinds(self) -> Sequence[str]:
        """Those of which there is, or was, anything; and those from the start."""
        return tuple(self._shelves)

    def get(self, kind: str, key: str) -> Stored | None:
        return self._shelf(kind).objects.get(key)

    def objects(self, kind: str) -> Collection[Stored]:
        """All of a kind, in no order that means anything."""
        return self._shelf(kind).objects.values()

    def version(self, kind: str) -> int:
        """Another one after every change of the kind: what was made of its objects then is still right if it is not."""
        shelf = self._shelf(kind)
        return shelf.window[-1].revision if shelf.window else shelf.floor

    def list(self, kind: str, selection: Selection) -> Sequence[Stored]:
        """All that match now, sorted by key."""
        shelf = self._shelf(kind)
        keys, objects, matches = shelf.keys, shelf.objects, selection.matches
        places = _in_namespace(keys, selection.namespace) if selection.namespace else range(len(keys))
        if not selection.selects:
            return [objects[keys[place]] for place in places]
        # No list of all on the way: of a thousand watches of a few among many each would leave a hole in the heap.
        return [stored for place in places if matches((stored := objects[keys[place]]).obj)]

    def page(self, kind: str, selection: Selection, limit: int, token: str = "") -> Page:
        """At most `limit` that match (0: all), of the snapshot that the first page was cut from. Expired when the
        window has moved past it."""
        if not token:
            items: Sequence[Stored] = self.list(kind, selection)
            return _cut(self.revision, items, limit, selection)
        revision, after = parse_token(token)
        items = self._snapshot(kind, revision, selection)
        keys = [stored_key(stored) for stored in items]
        return _cut(revision, items[bisect_right(keys, after) :], limit, selection)

    def since(self, kind: str, revision: int) -> Sequence[Change]:
        """All changes after `revision`, in order. Expired when they are not all here any more."""
        shelf = self._shelf(kind)
        if revision < shelf.floor:
            raise too_old(revision, shelf.floor)
        late: list[Change] = []
        for change in reversed(shelf.window):
            if change.revision <= revision:
                break
            late.append(change)
        late.reverse()
        return late

    def since_all(self, kinds: Iterable[str], revision: int) -> Sequence[Change]:
        """All changes of these kinds after `revision`, in the store's order. Expired as `since`."""
        changes = [change for kind in kinds for change in self.since(kind, revision)]
        return sorted(changes, key=attrgetter("revision"))

    def _snapshot(self, kind: str, revision: int, selection: Selection) -> Sequence[Stored]:
        """What `list` gave at `revision`, by undoing what has changed since."""
        shelf = self._shelf(kind)
        if revision < shelf.floor:
            raise page_expired()
        undone: dict[str, Stored | None] = {}
        for change in reversed(self.since(kind, revision)):
            undone[change.key] = change.old
        if not undone:
            return self.list(kind, selection)
        then = {key: stored for key, stored in shelf.objects.items() if key not in undone}
        then.update({key: stored for key, stored in undone.items() if stored is not None})
        return [then[key] for key in sorted(then) if selection.matches(then[key].obj)]


def stored_key(stored: Stored) -> str:
    meta = stored.obj["metadata"]
    namespace = meta.get("namespace")
    return f"{namespace}/{meta['name']}" if namespace else str(meta["name"])


def _in_namespace(keys: Sequence[str], namespace: str) -> range:
    # "0" is the character after "/".
    return range(bisect_left(keys, namespace + "/"), bisect_left(keys, namespace + "0"))


def _cut(revision: int, items: Sequence[Stored], limit: int, selection: Selection) -> Page:
    if not limit or len(items) <= limit:
        return Page(revision, items)
    page = items[:limit]
    remaining = None if selection.selects else len(items) - limit
    return Page(revision, page, f"{revision}:{stored_key(page[-1])}", remaining)


def parse_token(token: str) -> tuple[int, str]:
    """(revision, last key) of a continue token. BadRequest."""
    revision, colon, key = token.partition(":")
    if not (colon and key and revision.isascii() and revision.isdecimal() and len(revision) < 19):
        raise bad_request("continue key is not valid")
    return int(revision), key
