"""Who watches what, and who is to be told of a change; each event is encoded once, however many watch.

Pure: sending and encoding come in as functions. Must not wait: a change is handed to all its watchers in one turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cluster.api.kinds import KINDS
from cluster.apiserver.watchcache import Change, Selection, Stored
from cluster.errors import StatusError

Encode = Callable[[Any], bytes]
INDEXED = "spec.nodeName"
"""Watches that pin this field (each kubelet's) are looked up by its value: a change of a pod concerns one of many."""


class Watcher:
    """`send`: hands over a list of encoded events. `end`: ends the stream with an error."""

    __slots__ = ("end", "kind", "selection", "send", "told")

    def __init__(
        self,
        kind: str,
        selection: Selection,
        send: Callable[[list[bytes]], None],
        end: Callable[[StatusError], None],
    ) -> None:
        self.kind = kind
        self.selection = selection
        self.send = send
        self.end = end
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
    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._kinds: dict[str, _Watchers] = {kind: _Watchers() for kind in KINDS}

    def __len__(self) -> int:
        return sum(1 for kind in self._kinds.values() for _ in kind.all())

    def add(self, watcher: Watcher) -> None:
        self._kinds[watcher.kind].shelf(watcher)[watcher] = None

    def remove(self, watcher: Watcher) -> None:
        """Unknown ones are fine."""
        shelf = self._kinds[watcher.kind].shelf(watcher)
        shelf.pop(watcher, None)

    def publish(self, changes: Sequence[Change]) -> None:
        """Tell everyone concerned: what one watcher is to see of these changes goes out as one message."""
        outbox: dict[Watcher, list[bytes]] = {}
        for change in changes:
            for watcher in self._kinds[change.kind].concerned(change):
                type = watcher.selection.sees(change)
                if type:
                    outbox.setdefault(watcher, []).append(self.event(type, change))
                    watcher.told = change.revision
        for watcher, events in outbox.items():
            watcher.send(events)

    def bookmark(self, revision: int) -> None:
        """Tell all watchers how far they are; those that know are left in peace."""
        for name, watchers in self._kinds.items():
            encoded: bytes | None = None
            for watcher in watchers.all():
                if watcher.told < revision:
                    encoded = encoded or self._encode(_bookmark(name, revision))
                    watcher.told = revision
                    watcher.send([encoded])

    def close(self, error: StatusError) -> None:
        """End all watches."""
        for watchers in self._kinds.values():
            for watcher in list(watchers.all()):
                watcher.end(error)

    def event(self, type: str, change: Change) -> bytes:
        """The encoded event, made at its first use."""
        found = change.encoded.get(type)
        if found is None:
            stored = change.last if type == "DELETED" else change.new
            assert stored is not None
            found = self._encode({"type": type, "object": stored.obj})
            change.encoded[type] = found
        return found

    def added(self, stored: Stored) -> bytes:
        """A synthetic ADDED for what is there when a watch without a revision starts."""
        return self._encode({"type": "ADDED", "object": stored.obj})

    def item(self, stored: Stored) -> bytes:
        """The object itself, encoded at its first use: an item of lists."""
        if stored.encoded is None:
            stored.encoded = self._encode(stored.obj)
        return stored.encoded


def _pin(stored: Stored) -> str:
    spec = stored.obj.get("spec") or {}
    return str(spec.get("nodeName") or "")


def _bookmark(kind: str, revision: int) -> dict[str, Any]:
    meta = {"resourceVersion": str(revision), "creationTimestamp": None}
    return {"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": KINDS[kind].api_version, "metadata": meta}}
