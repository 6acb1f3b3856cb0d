"""Sees every member from inside while a story runs, and says at once when one of raft's promises (thesis figure 3.2) or
of the key space's is broken. It holds the one true order of events, by which all answers are judged.

Must not change what a member does: it only looks, before or after the member's own functions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

from store.member import Member
from store.mvcc.rows import EventRow, KeyRow
from store.raft.messages import Entry, SnapshotMeta
from store.raft.node import Ready, Role
from store.waiting import Read


class Violation(AssertionError):
    """`check`: which promise; the text says what was seen."""

    def __init__(self, check: str, text: str) -> None:
        super().__init__(f"{check}: {text}")
        self.check = check


Applied = tuple[int, int, bytes, int]
"""Term, kind and data of an entry, and the term of the member that applied it first."""


class Witness:
    def __init__(self, now: Callable[[], float]) -> None:
        self.members: dict[str, Tapped] = {}
        """The newest boot of each."""
        self.violation: Violation | None = None
        self.stop: Callable[[Violation], None] = lambda violation: None
        self.leaders: dict[int, tuple[str, int]] = {}
        self.logged: dict[tuple[int, int], tuple[int | None, Entry]] = {}
        """(index, term): the term before it, and the entry, as it stands in any log."""
        self.applied: dict[int, Applied] = {}
        self.last = 0
        """The highest index that was applied anywhere."""
        self.events: dict[int, list[EventRow]] = {}
        """By revision. One is missing if a compaction took it in the very turn that made it."""
        self.times: dict[int, float] = {}
        """True time at which a revision was first applied."""
        self.compacted: dict[int, None] = {}
        """Revisions that were compacted to: what was there before such a one need not be told."""
        self.revision = 1
        self.by_key: dict[bytes, list[KeyRow]] = {}
        self.values: dict[tuple[bytes, bytes], int] = {}
        self.complete = True
        """No event is missing so far."""
        self.counts: Counter[str] = Counter()
        self._now = now
        self._awaited: dict[str, list[asyncio.Future[tuple[str, str]]]] = {}

    def broken(self, check: str, text: str) -> None:
        if self.violation is None:
            self.violation = Violation(check, text)
            self.stop(self.violation)

    # ── moments that the nemesis waits for ───────────────────────────────────────────────────────────────────

    def moment(self, kind: str) -> asyncio.Future[tuple[str, str]]:
        """The next `vote` (voter, candidate), `leader`, `append` (of a follower) or `commit` (name, "")."""
        future: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(kind, []).append(future)
        return future

    def _tell(self, kind: str, who: str, whom: str = "") -> None:
        for future in self._awaited.pop(kind, ()):
            if not future.done():
                future.set_result((who, whom))

    # ── logs and terms ───────────────────────────────────────────────────────────────────────────────────────

    def ready(self, member: Tapped, ready: Ready) -> None:
        name = member.host.name
        if ready.changed is not None and ready.changed.role is Role.LEADER:
            self._leads(member, ready.changed.term)
        if ready.hard is not None and ready.hard.vote not in ("", name) and ready.hard.vote != member.voted:
            member.voted = ready.hard.vote
            self._tell("vote", name, ready.hard.vote)
        if ready.entries:
            self._appended(member, ready.entries)
            if member.node.role is not Role.LEADER:
                self._tell("append", name)
        self.counts["chunks received"] += len(ready.chunks)

    def _leads(self, member: Tapped, term: int) -> None:
        who = (member.host.name, member.host.boot)
        known = self.leaders.setdefault(term, who)
        if known != who:
            self.broken("one leader per term", f"{_boot(known)} and {_boot(who)} both lead in term {term}")
        self.counts["elections"] += 1
        self._tell("leader", who[0])
        log = member.node._state.log
        index = self.last
        while index and self.applied[index][3] >= term:
            index -= 1
        if index >= log.first and log.term(index) != self.applied[index][0]:
            text = f"{who[0]} leads in term {term} without entry {index}, which was applied"
            self.broken("committed is never lost", text)

    def _appended(self, member: Tapped, entries: Sequence[Entry]) -> None:
        before = member.node._state.log.term(entries[0].index - 1)
        for entry in entries:
            known = self.logged.setdefault((entry.index, entry.term), (before, entry))
            if known[1] != entry or (before is not None and known[0] is not None and known[0] != before):
                text = f"entry {entry.index} of term {entry.term} stands in two logs that differ there or before"
                self.broken("log matching", text)
            before = entry.term

    # ── what is applied ──────────────────────────────────────────────────────────────────────────────────────

    def has_applied(self, member: Tapped, before: int, revision: int, committed: Sequence[Entry]) -> None:
        name, term = member.host.name, member.node.term
        for expected, entry in enumerate(committed, before + 1):
            mine = (entry.term, entry.kind, entry.data, term)
            if entry.index != expected:
                self.broken("applied in order", f"{name} applied entry {entry.index} where {expected} was due")
            known = self.applied.setdefault(entry.index, mine)
            if known[:3] != mine[:3]:
                text = f"{name} applied another entry {entry.index} (term {entry.term}) than was applied before"
                self.broken("state machine safety", f"{text} (term {known[0]})")
        if committed[-1].index > self.last:
            self.last = committed[-1].index
            self._tell("commit", name)
        space = member.machine.space
        self.compacted[space.compacted] = None
        if space.revision > revision:
            self._changed(name, space.rows_since(max(revision, space.compacted) + 1), space.revision)

    def _changed(self, name: str, rows: Sequence[EventRow], revision: int) -> None:
        grouped: dict[int, list[EventRow]] = {}
        for row in rows:
            grouped.setdefault(row[0][3], []).append(row)
        for at, events in grouped.items():
            known = self.events.get(at)
            if known is None and at > self.revision:
                self._first_seen(name, at, events)
            elif known is not None and known != events:
                self.broken("equal states", f"revision {at} is {events} on {name}, and {known} elsewhere")
        if revision > self.revision:
            self.complete = False
            self.revision = revision

    def _first_seen(self, name: str, at: int, events: list[EventRow]) -> None:
        if at != self.revision + 1:
            self.complete = False
        self.revision, self.events[at], self.times[at] = at, events, self._now()
        for kv, prev in events:
            history = self.by_key.setdefault(kv[0], [])
            if self.complete and (history[-1] if history and history[-1][4] else None) != prev:
                self.broken("previous value", f"{name} replaced {prev} by {kv} at {at}; there was {history[-1:]}")
            history.append(kv)
            if kv[4] and kv[1]:
                first = self.values.setdefault((kv[0], kv[1]), at)
                if first != at:
                    self.broken("exactly once", f"the write of {kv[1]!r} to {kv[0]!r} happened at {first} and at {at}")

    def at(self, key: bytes, revision: int) -> KeyRow | None:
        """The key as it was at a revision, if that is known."""
        for kv in reversed(self.by_key.get(key, ())):
            if kv[3] <= revision:
                return kv if kv[4] else None
        return None

    # ── for the nemesis ──────────────────────────────────────────────────────────────────────────────────────

    def leader(self, up: Callable[[Tapped], bool]) -> Tapped | None:
        """Who leads in the highest term, of those that run."""
        leading = [m for _, m in sorted(self.members.items()) if m.node.role is Role.LEADER and up(m)]
        return max(leading, key=lambda m: m.node.term, default=None)


def _boot(who: tuple[str, int]) -> str:
    return f"{who[0]} (boot {who[1]})"


class Tapped(Member):
    """A member that shows its witness what it does."""

    witness: Witness
    voted = ""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.context = copy_context()
        """What is called from outside must run in it, or it would be the scenario's and not this host's."""
        self.witness.members[self.host.name] = self
        self.witness.counts["boots"] += 1

    def _carry_out(self, ready: Ready) -> None:
        self.witness.ready(self, ready)
        super()._carry_out(ready)

    def _apply(self, committed: Sequence[Entry]) -> None:
        before, revision = self.applied, self.machine.space.revision
        super()._apply(committed)
        self.witness.has_applied(self, before, revision, committed)

    def lease_read(self, read: Read) -> None:
        self.witness.counts["reads under a lease"] += self.node.lease_read(self._now()) is not None
        super().lease_read(read)

    def _installed(self, meta: SnapshotMeta) -> None:
        super()._installed(meta)
        self.witness.counts["snapshots installed"] += 1


def tapped(witness: Witness) -> type[Tapped]:
    return type("Tapped", (Tapped,), {"witness": witness})
