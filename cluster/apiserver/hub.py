"""Who watches what, and who is to be told of a change; each event is encoded once for each form, however many watch.

Pure: sending and encoding come in as functions. Must not wait: a change is handed to all its watchers in one turn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api.kinds import KINDS
from cluster.apiserver.watchcache import Change, Selection, Stored
from cluster.errors import StatusError


@dataclass(frozen=True, slots=True)
class Codec:
    """How watchers want events: `event(type, object)` is one event as bytes. Codecs of one `name` make the same bytes
    of the same event."""

    name: str
    event: Callable[[str, dict[str, Any]], bytes]
    item: Callable[[dict[str, Any]], bytes]
    """An object by itself, as an item of lists."""


LeavesOut = Callable[[str, str], bool]
"""Of an event for this user, of an object of this kind."""
INDEXED = "spec.nodeName"
"""Watches that pin this field (each kubelet's) are looked up by its value: a change of a pod concerns one of many."""


class Watcher:
    """`send`: hands over a list of events in the form of `codec`. `end`: ends the stream with an error."""

    __slots__ = ("codec", "end", "kind", "selection", "send", "told", "user")

    def __init__(
        self,
        kind: str,
        selection: Selection,
        send: Callable[[list[bytes]], None],
        end: Callable[[StatusError], None],
        codec: Codec,
        user: str = "",
    ) -> None:
        self.codec = codec
        self.kind = kind
        self.selection = selection
        self.send = send
        self.end = end
        self.user = user
        self.told = 0
        """The revision up to which it knows that it has seen all."""


class _Watchers:
    """Of one kind: those pinned to a value of INDEXED, and the rest."""

    def __init__(self) -> None:
        self.pinned: dict[str, dict[Watcher, None]] = {}
        self.rest: dict[Watcher, None] = {}

    def shelf(self, watcher: Watcher) -> dict[Watcher, None]:
        value = watcher.selection.fields.exact(INDEXED)
        return self.rest if value is None else self.pinned.setdefault(value, {})

    def all(self) -> Iterable[Watcher]:
        yield from self.rest
        for shelf in self.pinned.values():
            yield from shelf

    def concerned(self, change: Change) -> Iterable[Watcher]:
        yield from self.rest
        if not self.pinned:
            return
        values = dict.fromkeys(_pin(stored) for stored in (change.old, change.new) if stored is not None)
        for value in values:
            yield from self.pinned.get(value, ())


class Hub:
    def __init__(self) -> None:
        self._kinds: dict[str, _Watchers] = {kind: _Watchers() for kind in KINDS}
        self._wide: dict[Watcher, Collection[str]] = {}
        """Who watches all kinds but these."""

    def __len__(self) -> int:
        return len(self._wide) + sum(1 for kind in self._kinds.values() for _ in kind.all())

    def add(self, watcher: Watcher) -> None:
        self._watchers(watcher.kind).shelf(watcher)[watcher] = None

    def add_wide(self, watcher: Watcher, but: Collection[str]) -> None:
        """It watches every kind, those to come too, except for `but`."""
        self._wide[watcher] = but

    def remove(self, watcher: Watcher) -> None:
        """Unknown ones are fine."""
        if self._wide.pop(watcher, None) is None:
            self._watchers(watcher.kind).shelf(watcher).pop(watcher, None)

    def _watchers(self, kind: str) -> _Watchers:
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = _Watchers()
        return found

    def _concerned(self, change: Change) -> Iterable[Watcher]:
        yield from self._watchers(change.kind).concerned(change)
        for watcher, but in self._wide.items():
            if change.kind not in but:
                yield watcher

    def publish(self, changes: Sequence[Change], leaves_out: LeavesOut | None = None) -> None:
        """Tell everyone concerned: what one watcher is to see of these changes goes out as one message. `leaves_out`:
        asked of each event, and what it says yes to is not told (a fault)."""
        outbox: dict[Watcher, list[bytes]] = {}
        for change in changes:
            for watcher in self._concerned(change):
                type = watcher.selection.sees(change)
                if type and not (leaves_out is not None and leaves_out(watcher.user, change.kind)):
                    outbox.setdefault(watcher, []).append(event_of(watcher.codec, type, change))
                    watcher.told = change.revision
        for watcher, events in outbox.items():
            watcher.send(events)

    def bookmark(self, revision: int) -> None:
        """Tell all watchers how far they are; those that know are left in peace."""
        for kind, watchers in self._kinds.items():
            _bookmark(kind, watchers.all(), revision)
        _bookmark("", self._wide, revision)

    def close_kind(self, kind: str, error: StatusError) -> None:
        """End the watches of a kind that is not served any more."""
        for watcher in list(self._watchers(kind).all()):
            watcher.end(error)

    def close(self, error: StatusError) -> None:
        """End all watches."""
        for watchers in self._kinds.values():
            for watcher in list(watchers.all()):
                watcher.end(error)
        for watcher in list(self._wide):
            watcher.end(error)


def _bookmark(kind: str, watchers: Iterable[Watcher], revision: int) -> None:
    encoded: dict[str, bytes] = {}
    for watcher in watchers:
        if watcher.told < revision:
            codec = watcher.codec
            if codec.name not in encoded:
                encoded[codec.name] = codec.event("BOOKMARK", bookmark_of(kind, revision))
            watcher.told = revision
            watcher.send([encoded[codec.name]])


def event_of(codec: Codec, type: str, change: Change) -> bytes:
    """The encoded event, made at its first use in that form."""
    key = codec.name + type
    found = change.encoded.get(key)
    if found is None:
        stored = change.last if type == "DELETED" else change.new
        assert stored is not None
        found = change.encoded[key] = codec.event(type, stored.obj)
    return found


def item_of(codec: Codec, stored: Stored) -> bytes:
    """The object itself, encoded at its first use in that form: an item of lists."""
    found = stored.encoded.get(codec.name)
    if found is None:
        found = stored.encoded[codec.name] = codec.item(stored.obj)
    return found


def _pin(stored: Stored) -> str:
    spec = stored.obj.get("spec") or {}
    return str(spec.get("nodeName") or "")


def bookmark_of(kind: str, revision: int) -> dict[str, Any]:
    """The object of a BOOKMARK: only how far the watcher has seen. `kind`: its key, "" where all kinds are watched."""
    meta = {"resourceVersion": str(revision), "creationTimestamp": None}
    found = KINDS.get(kind)
    return {"kind": kind.partition(".")[0], "apiVersion": found.api_version if found else "", "metadata": meta}
