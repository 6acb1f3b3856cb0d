"""The log in memory: terms and entries above the last compaction, what is durable, committed and applied.

Must not decide anything about elections or replication; it answers questions and refuses what would break it.

    first - 1 <= applied <= given <= commit <= last;  first - 1 <= stable <= handed <= last

What the shell was handed to write (up to `handed`) is durable only up to `stable`; what it was given to apply (up to
`given`) has been applied up to `applied`. What is committed need not be stable here: others have it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from cluster.errors import InvariantViolation
from store.raft.messages import Entry, SnapshotMeta

_TERM = attrgetter("term")


class Log:
    """`snapshot` is the newest one; entries just below it may still be here, for followers that lag."""

    def __init__(self, snapshot: SnapshotMeta, entries: Sequence[Entry], commit: int) -> None:
        """`entries` as stored: those at or below the snapshot are skipped, the rest must follow it without a gap."""
        self.snapshot = snapshot
        self.first = snapshot.index + 1
        self.base_term = snapshot.term
        self.entries = [entry for entry in entries if entry.index > snapshot.index]
        for expected, entry in enumerate(self.entries, self.first):
            if entry.index != expected:
                raise InvariantViolation(f"stored log: entry {entry.index} where {expected} is due")
        self.last = self.first + len(self.entries) - 1
        """Index of the last entry, or of the compaction when there is none: asked all the time, so it is kept."""
        self.stable = self.handed = self.last
        self._writes: deque[list[int]] = deque()
        """[number, last]: entries up to `last` will be durable, by this or an earlier write, when that write is."""
        if commit > self.last:
            raise InvariantViolation(f"stored log ends at {self.last}, but {commit} was committed and durable here")
        self.commit = max(snapshot.index, commit)
        self.applied = self.given = snapshot.index

    @property
    def last_term(self) -> int:
        return self.entries[-1].term if self.entries else self.base_term

    def term(self, index: int) -> int | None:
        """None: compacted away, or not here yet. Before the first entry of all, at index 0, the term is 0."""
        place = index - self.first
        if place >= 0:
            return self.entries[place].term if index <= self.last else None
        return self.base_term if place == -1 else None

    def up_to_date(self, last_index: int, last_term: int) -> bool:
        """Is a log with that end at least as up-to-date as this one (3.6.1)?"""
        return (last_term, last_index) >= (self.last_term, self.last)

    def conflict(self, index: int, term: int) -> tuple[int, int]:
        """The last place at or before `index` whose term is not above `term`, and its term: where two logs may
        agree, whole terms skipped (3.5). At worst the place just below the log."""
        end = min(index, self.last) - self.first + 1
        if end <= 0:
            return min(index, self.first - 1), self.base_term if index >= self.first - 1 else 0
        place = bisect_right(self.entries, term, 0, end, key=_TERM)
        return self.first + place - 1, self.entries[place - 1].term if place else self.base_term

    def append(self, entries: Sequence[Entry]) -> None:
        """A leader's own entries, at the end."""
        if entries and entries[0].index != self.last + 1:
            raise InvariantViolation(f"appending entry {entries[0].index} after {self.last}")
        self.entries.extend(entries)
        self.last += len(entries)

    def matches(self, prev_index: int, prev_term: int) -> bool:
        """The consistency check (3.5)."""
        return self.term(prev_index) == prev_term

    def match(self, prev_index: int, prev_term: int, entries: Sequence[Entry]) -> Sequence[Entry] | None:
        """A leader's entries: None when the place before them does not match; else what was new here. An entry that
        contradicts one of ours cuts the log there; one that is here already is never cut off (3.5)."""
        if not self.matches(prev_index, prev_term):
            return None
        if entries and (entries[0].index != prev_index + 1 or entries[-1].index != prev_index + len(entries)):
            raise InvariantViolation(f"entries {entries[0].index}..{entries[-1].index} sent to follow {prev_index}")
        new = entries[self._matching(entries) :] if prev_index < self.last else entries
        if new:
            if new[0].index <= self.last:
                self._cut(new[0].index)
            self.entries.extend(new)
            self.last += len(new)
        return new

    def _matching(self, entries: Sequence[Entry]) -> int:
        """How many of `entries` are here already."""
        here = min(len(entries), self.last - entries[0].index + 1) if entries else 0
        # Log Matching: if the last of them is here, so are all before it.
        if here and self.term(entries[here - 1].index) == entries[here - 1].term:
            return here
        for place in range(here):
            if self.term(entries[place].index) != entries[place].term:
                return place
        return here

    def _cut(self, index: int) -> None:
        if index <= self.commit:
            raise InvariantViolation(f"cutting the log at {index}, but {self.commit} is committed")
        del self.entries[index - self.first :]
        self.last = index - 1
        self.stable = min(self.stable, index - 1)
        self.handed = min(self.handed, index - 1)
        self._disown(index)

    def _disown(self, index: int) -> None:
        """Writes under way hold entries that are no longer ours: when they are done, these must not count as durable,
        even if the same entries come back meanwhile (a later write may have cut them off on disk)."""
        for write in self._writes:
            write[1] = min(write[1], index - 1)

    def batch(self, low: int, most_bytes: int) -> tuple[tuple[Entry, ...], int]:
        """Entries from `low` on, at most so many bytes of data, but at least one; and how many bytes they are."""
        entries, start = self.entries, low - self.first
        size, end = len(entries[start].data), start + 1
        while end < len(entries):
            more = size + len(entries[end].data)
            if more > most_bytes:
                break
            size, end = more, end + 1
        return tuple(entries[start:end]), size

    def commit_to(self, index: int) -> None:
        """Never backwards."""
        if index > self.last:
            raise InvariantViolation(f"committing {index}, but the log ends at {self.last}")
        self.commit = max(self.commit, index)

    def hand_out(self, number: int) -> list[Entry]:
        """What no write holds yet, for the shell to write under that number; numbers count up."""
        new = self.entries[self.handed + 1 - self.first :]
        self.handed = self.last
        self._writes.append([number, self.last])
        return new

    def settled(self, number: int) -> None:
        """Writes up to that number are durable."""
        writes = self._writes
        while writes and writes[0][0] <= number:
            self.stable = max(self.stable, writes.popleft()[1])

    def give(self) -> list[Entry]:
        """What is committed and was not given to the shell yet, to apply."""
        given, self.given = self.given, self.commit
        return self.entries[given + 1 - self.first : self.commit + 1 - self.first]

    def compact(self, snapshot: SnapshotMeta, keep_from: int) -> None:
        """A durable snapshot exists: drop entries below `keep_from` (at most snapshot.index + 1)."""
        if snapshot.index > self.applied or self.term(snapshot.index) != snapshot.term:
            raise InvariantViolation(
                f"snapshot at {snapshot.index} of term {snapshot.term}, but applied is {self.applied} "
                f"and the term there {self.term(snapshot.index)}"
            )
        self.snapshot = snapshot
        self.stable = max(self.stable, snapshot.index)
        base = min(keep_from, snapshot.index + 1) - 1
        term = self.term(base)
        if term is not None and base >= self.first:
            del self.entries[: base - self.first + 1]
            self.first, self.base_term = base + 1, term

    def tail(self, index: int, most: int, most_bytes: int) -> int:
        """Where the last `most` entries up to `index` begin, or fewer that are together not over so many bytes."""
        start = index + 1
        lowest = max(self.first, index + 1 - most)
        while start > lowest:
            most_bytes -= len(self.entries[start - 1 - self.first].data)
            if most_bytes < 0:
                break
            start -= 1
        return start

    def restore(self, snapshot: SnapshotMeta) -> None:
        """A received snapshot replaces everything."""
        if snapshot.index <= self.commit:
            raise InvariantViolation(f"restoring a snapshot at {snapshot.index}, but {self.commit} is committed")
        self.snapshot = snapshot
        self.entries = []
        self.first, self.base_term = snapshot.index + 1, snapshot.term
        self.last = self.stable = self.handed = self.commit = self.given = self.applied = snapshot.index
        self._writes.clear()
