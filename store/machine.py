"""The replicated state machine: commands from the log, in order, to the key space; each operation at most once.

Must not know raft, clients or clocks: every member that applies the same commands is in the same state, to the byte.

The bus may deliver a request twice, and a client may send an operation again after an answer that refused it. So each
command carries the operation's name (client, serial), and the machine remembers the latest of each client (Raft thesis
6.3): a second one changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cluster.errors import StatusError
from cluster.wire import pack
from store import codec
from store.mvcc.space import Space
from store.mvcc.values import FOREVER, Range
from store.mvcc.watchers import Collected, Watchers

WINDOW = 1024
"""Serials remembered one by one per client; older ones count as over."""
CLIENTS = 1000
"""Clients remembered; then the one that came first is forgotten."""


class Session:
    """Which operations of one client have happened: all up to `floor`, and `seen` above it."""

    __slots__ = ("floor", "seen")

    def __init__(self, floor: int, seen: set[int]) -> None:
        self.floor = floor
        self.seen = seen

    def first_time(self, serial: int) -> bool:
        if serial <= self.floor or serial in self.seen:
            return False
        self.seen.add(serial)
        if len(self.seen) >= 2 * WINDOW:
            keep = sorted(self.seen)
            self.floor = keep[-WINDOW - 1]
            self.seen = set(keep[-WINDOW:])
        return True


class Machine:
    """`watchers` look at the space; what they are owed is collected before a compaction takes it away."""

    def __init__(self, watch_chunk: int = 1000) -> None:
        self.space = Space()
        self.watchers = Watchers(watch_chunk)
        self._sessions: dict[str, Session] = {}
        self._owed: list[Collected] = []

    def apply(self, data: bytes) -> Any:
        """One command; its answer's body, or the StatusError that answers it. Both are the same on every member."""
        code, src, serial, args = codec.command_of(data)
        if src and not self._first_time(src, serial):
            text = f"operation {serial} of {src} has been seen before"
            return StatusError("Dropped", text)
        try:
            if code == codec.TXN:
                put = codec.plain_put(args)
                if put is not None:
                    return codec.put_answer(self.space.put(*put))
                compares, success, failure = codec.txn_args(args)
                return codec.txn_answer(self.space.txn(compares, success, failure))
            self._owed.append(self.watchers.collect(self.space))
            self.space.compact(args)
        except StatusError as error:
            return error
        return []

    def _first_time(self, src: str, serial: int) -> bool:
        session = self._sessions.get(src)
        if session is None:
            session = self._sessions[src] = Session(0, set())
            if len(self._sessions) > CLIENTS:
                del self._sessions[next(iter(self._sessions))]
        return session.first_time(serial)

    def collect(self) -> list[Collected]:
        """What watchers are owed now, in order."""
        owed, self._owed = self._owed, []
        if self.watchers:
            owed.append(self.watchers.collect(self.space))
        return owed

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def dump(self) -> bytes:
        sessions = [(src, s.floor, sorted(s.seen)) for src, s in self._sessions.items()]
        return codec.state_bytes(self.space.dump(), sessions)

    def load(self, data: bytes) -> None:
        """Become the dumped state. Watchers go on from where they are, or are cancelled if that is gone."""
        dump, sessions = codec.state_of(data)
        self._owed.append(self.watchers.collect(self.space))
        self.space = Space.load(dump)
        self._sessions = {src: Session(floor, set(seen)) for src, floor, seen in sessions}
        self.watchers.reset()

    def digest(self, revision: int = 0) -> tuple[int, str]:
        """(revision, digest of all keys with their versions at it). StatusError Compacted or FutureRevision."""
        result = self.space.range(Range(b"\0", FOREVER), revision)
        at = revision or result.revision
        return at, hashlib.blake2b(pack(result.kvs), digest_size=16).hexdigest()
