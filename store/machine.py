"""The replicated state machine: operations from the log, in order, to the key space; each at most once.

Must not know raft, clients or clocks: every member that applies the same operations is in the same state, to the byte.

The bus may deliver a request twice, and a client may send an operation again after an answer that refused it. So each
operation carries its name (client, serial), and the machine remembers the latest of each client (Raft thesis 6.3): a
second one changes nothing. What an operation looks like stands in `store/commands.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Any

from cluster.errors import StatusError
from cluster.wire import pack
from store import state
from store.commands import ALARM, COMPACT, GRANT, NOSPACE, QUOTA, REVOKE, UPDATE
from store.mvcc import transactions
from store.mvcc.leases import Leases
from store.mvcc.rows import DELETE, PUT, TXN, KeyRow
from store.mvcc.space import Space
from store.mvcc.values import FOREVER
from store.mvcc.watchers import Collected, Watchers
from store.sessions import Sessions

PAGE = 200
"""Keys that a digest takes in one step."""
START = b"\0"
"""The lowest key there can be."""


class Machine:
    """`watchers` look at the space; what they are owed is collected before a compaction takes it away.

    `quota_bytes`: what `space.size` may reach (0: no limit). It decides what is refused, so it must be the same on all
    members from the first entry on; later it is changed by the operation QUOTA. `alarms`: those that are raised."""

    def __init__(self, watch_chunk: int = 1000, quota_bytes: int = 0) -> None:
        self.space = Space()
        self.watchers = Watchers(watch_chunk)
        self.quota = quota_bytes
        self.alarms: list[str] = []
        self._sessions = Sessions()
        self._owed: list[Collected] = []
        self._rare: dict[int, Callable[[Any], Any]] = {
            DELETE: self._delete,
            COMPACT: self._compact,
            GRANT: self._grant,
            REVOKE: self._revoke,
            ALARM: self._alarm,
            QUOTA: self._set_quota,
        }
        self._limit()

    # ── operations ───────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, ops: Sequence[Any]) -> list[Any]:
        """One answer per operation, in order: its body, or the StatusError that answers it. Both are the same on every
        member."""
        results: list[Any] = []
        space, session_of = self.space, self._sessions.of
        for op in ops:
            code, src = op[0], op[1]
            if src and not session_of(src).first_time(op[2]):
                results.append(StatusError("Dropped", f"operation {op[2]} of {src} has been seen before"))
                continue
            try:
                if code == PUT:
                    if op[6]:
                        results.append(transactions.put(space, (PUT, *op[3:])))
                    else:
                        results.append(space.put(op[3], op[4], op[5]))
                elif code == UPDATE:
                    results.append(transactions.update(space, *op[3:]))
                elif code == TXN:
                    results.append(transactions.run(space, op[3], op[4], op[5]))
                else:
                    results.append(self._rare[code](op))
            except StatusError as error:
                if error.reason == "NoSpace":
                    self._raise_alarm()
                results.append(error)
        return results

    def _delete(self, op: Any) -> Any:
        gone = self.space.delete(op[3], op[4], self.space.revision + 1)
        return (self.space.revision, len(gone), gone if op[5] else ())

    def _compact(self, op: Any) -> Any:
        self._owed.append(self.watchers.collect(self.space))
        self.space.compact(op[3])
        return []

    def _grant(self, op: Any) -> Any:
        if self.space.size >= self.space.limit:
            raise self.space.no_space(0)
        lease = self.space.leases.grant(op[3], op[4])
        return (lease.id, lease.ttl)

    def _revoke(self, op: Any) -> Any:
        count = self.space.revoke(op[3])
        return (self.space.revision, count)

    def _alarm(self, op: Any) -> Any:
        """etcd: raise, disarm and list. Disarmed it comes back with the next put that does not fit."""
        action = op[3]
        if action == "raise":
            self._raise_alarm()
        elif action == "clear" and self.alarms:
            if 0 < self.quota < self.space.size:
                text = f"{self.space.size} bytes are still over the quota of {self.quota}; delete and compact first"
                raise StatusError("NoSpace", text, {"size": self.space.size, "quota": self.quota})
            self.alarms = []
            self._limit()
        return list(self.alarms)

    def _set_quota(self, op: Any) -> Any:
        self.quota = op[3]
        self._limit()
        return []

    def _raise_alarm(self) -> None:
        self.alarms = [NOSPACE]
        self._limit()

    def _limit(self) -> None:
        self.space.limit = 0 if self.alarms else self.quota or inf

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    def range(self, body: Any) -> Any:
        """The answer to a checked body of store.range. StatusError Compacted or FutureRevision."""
        return self.space.read(body)

    def may_have_happened(self, client: str, serial: int) -> bool:
        return self._sessions.may_have_happened(client, serial)

    @property
    def leases(self) -> Leases:
        return self.space.leases

    def collect(self) -> list[Collected]:
        """What watchers are owed now, in order."""
        owed, self._owed = self._owed, []
        if self.watchers:
            owed.append(self.watchers.collect(self.space))
        return owed

    def scrub(self, budget: int = 2000) -> bool:
        """Give back the memory of about `budget` compacted events, about a microsecond each. Is there more? To be
        called between batches; nothing else depends on how far it has come."""
        return self.space.scrub(budget)

    # ── as a whole ───────────────────────────────────────────────────────────────────────────────────────────

    def dump(self) -> Iterator[bytes]:
        """The state as of now, in parts of about `state.PART_BYTES` that are packed while they are read."""
        extra = (self.quota, list(self.alarms))
        return state.parts(self.space.dump(), self._sessions.taken(), extra)

    def load(self, parts: Iterable[bytes]) -> None:
        """Become the dumped state. Watchers go on from where they are, or are cancelled if that is gone. ValueError
        for parts that `dump` of this format has not written; then nothing has changed."""
        space, sessions, extra = state.load(parts)
        self._owed.append(self.watchers.collect(self.space))
        self.space, self._sessions = space, sessions
        self.quota, self.alarms = extra
        self._limit()
        self.watchers.reset()

    def bump(self, revisions: int) -> None:
        """For a restored backup, which is a new cluster: see `Space.bump`; and clients count their operations anew."""
        self._sessions = Sessions()
        self._owed.append(self.watchers.collect(self.space))
        self.space.bump(revisions)

    def digest(self, revision: int = 0) -> tuple[int, str]:
        """(revision, digest of all keys with their versions at it). StatusError Compacted or FutureRevision."""
        return [step for step in self.digest_steps(revision) if step is not None][0]

    def digest_steps(self, revision: int = 0) -> Iterator[tuple[int, str] | None]:
        """The same a page at a time, so that others get their turn: None after each page, at last the answer. Writes
        may go on between the steps; a compaction that overtakes it ends it with Compacted."""
        space = self.space
        at = revision or space.revision
        total, key = hashlib.blake2b(digest_size=16), START
        while True:
            space.check_readable(at)
            page: list[KeyRow] = list(space.walk(key, FOREVER, 0 if at == space.revision else at, PAGE))
            for kv in page:
                total.update(pack(kv))
            if len(page) < PAGE:
                break
            key = page[-1][0] + b"\0"
            yield None
        yield at, total.hexdigest()
