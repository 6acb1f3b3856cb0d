"""What happened, in order: one event per written key, in segments that are dropped whole when they are compacted.

Pure. Must not know what is live now: it tells what was there before.

It is the only place where old versions are kept: the state at a revision is the state of now with everything after it
taken back. A segment's index (key -> what was there before its first event in the segment) is made when somebody
first looks into the past across it, and turns most of that into C-speed dict updates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

from store.mvcc.rows import EventRow, KeyRow

SEGMENT = 4096
"""Events after which a new segment begins, with the next revision."""
VIEWS = 4
"""Revisions whose difference to now is kept at hand, for those who read page after page at one of them."""

_revision = itemgetter(3)


class Segment:
    """`kvs` are the versions that were written, `prevs` what each replaced. `base`: the number of its first event,
    counted since ever."""

    __slots__ = ("base", "indexed", "kvs", "past", "prevs", "weight")

    def __init__(self, base: int) -> None:
        self.base = base
        self.kvs: list[KeyRow] = []
        self.prevs: list[KeyRow | None] = []
        self.past: dict[bytes, KeyRow | None] = {}
        self.indexed = 0
        self.weight = -1

    def index(self) -> dict[bytes, KeyRow | None]:
        past, kvs, prevs = self.past, self.kvs, self.prevs
        if self.indexed < len(kvs):
            for at in range(self.indexed, len(kvs)):
                past.setdefault(kvs[at][0], prevs[at])
            self.indexed = len(kvs)
        return past

    def weigh(self) -> int:
        """Bytes that are gone when all of it is compacted."""
        if self.weight >= 0:
            return self.weight
        return sum(map(_replaced, self.prevs)) + sum(map(_tombstone, self.kvs))

    def shorten(self, count: int) -> None:
        """Drop the first `count` events."""
        del self.kvs[:count], self.prevs[:count]
        self.base += count
        self.past, self.indexed, self.weight = {}, 0, -1


def _replaced(prev: KeyRow | None) -> int:
    return 0 if prev is None else len(prev[0]) + len(prev[1])


def _tombstone(kv: KeyRow) -> int:
    return 0 if kv[4] else len(kv[0])


class History:
    """`kvs` and `prevs` are the newest segment's: the key space appends to both, after `roll` when a revision begins
    and they have `segment` events."""

    def __init__(self, segment: int = SEGMENT) -> None:
        self.segment = segment
        tail = Segment(0)
        self.segments: deque[Segment] = deque((tail,))
        self.kvs, self.prevs = tail.kvs, tail.prevs
        self._views: dict[int, tuple[dict[bytes, KeyRow | None], int]] = {}

    def __len__(self) -> int:
        return self.end - self.segments[0].base

    @property
    def end(self) -> int:
        """How many events there have ever been."""
        return self.segments[-1].base + len(self.kvs)

    def roll(self) -> None:
        """Begin a new segment."""
        full = self.segments[-1]
        full.weight = full.weigh()
        tail = Segment(self.end)
        self.segments.append(tail)
        self.kvs, self.prevs = tail.kvs, tail.prevs

    # ── the past ─────────────────────────────────────────────────────────────────────────────────────────────

    def _locate(self, revision: int) -> tuple[int, int]:
        """(segment, place in it) of the first event at `revision` or later; the place may be the segment's end."""
        segments = self.segments
        number = len(segments) - 1
        while number and not (segments[number].kvs and segments[number].kvs[0][3] < revision):
            number -= 1
        return number, bisect_left(segments[number].kvs, revision, key=_revision)

    def before(self, key: bytes, revision: int, now: KeyRow | None) -> KeyRow | None:
        """What `key` was at `revision`, given what it is `now`."""
        if now is not None and now[3] <= revision:
            return now
        number, at = self._locate(revision + 1)
        segment = self.segments[number]
        for kv, prev in zip(islice(segment.kvs, at, None), islice(segment.prevs, at, None), strict=True):
            if kv[0] == key:
                return prev
        for segment in islice(self.segments, number + 1, None):
            past = segment.index()
            if key in past:
                return past[key]
        return now

    def undo(self, revision: int) -> dict[bytes, KeyRow | None]:
        """Of every key that was written after `revision`: what it was then. Not to be changed."""
        known = self._views.pop(revision, None)
        if known is None:
            undo = self.taken_back(revision)
        else:
            undo, seen = known
            for kv, prev in self._from(seen):
                undo.setdefault(kv[0], prev)
        self._views[revision] = (undo, self.end)
        if len(self._views) > VIEWS:
            del self._views[next(iter(self._views))]
        return undo

    def taken_back(self, revision: int) -> dict[bytes, KeyRow | None]:
        """The same, made anew."""
        undo: dict[bytes, KeyRow | None] = {}
        number, at = self._locate(revision + 1)
        for later in range(len(self.segments) - 1, number, -1):
            undo.update(self.segments[later].index())
        segment = self.segments[number]
        for place in range(len(segment.kvs) - 1, at - 1, -1):
            undo[segment.kvs[place][0]] = segment.prevs[place]
        return undo

    def _from(self, number: int) -> Iterator[EventRow]:
        """Events by their number since ever."""
        for segment in self.segments:
            skip = max(0, number - segment.base)
            if skip < len(segment.kvs):
                yield from zip(segment.kvs[skip:], segment.prevs[skip:], strict=True)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────

    def since(self, revision: int, compacted: int, limit: int = 0) -> list[EventRow]:
        """Events from `revision` on; with `limit` about so many, but always whole revisions. Those at the compacted
        revision do not tell what was before."""
        kvs = self.kvs
        if kvs and kvs[0][3] < revision and revision > compacted:
            at = bisect_left(kvs, revision, key=_revision)
            if not limit or len(kvs) - at <= limit:
                return list(zip(kvs[at:], self.prevs[at:], strict=True))
        number, at = self._locate(revision)
        found: list[EventRow] = []
        for segment in islice(self.segments, number, None):
            if limit and len(found) >= limit:
                break
            stop = len(segment.kvs)
            if limit and stop - at > limit - len(found):
                last = segment.kvs[max(0, at + limit - len(found) - 1)][3]
                stop = bisect_left(segment.kvs, last + 1, key=_revision)
            found.extend(zip(segment.kvs[at:stop], segment.prevs[at:stop], strict=True))
            at = 0
        if revision <= compacted:
            return [(kv, None) if kv[3] <= compacted else (kv, prev) for kv, prev in found]
        return found

    # ── forgetting ───────────────────────────────────────────────────────────────────────────────────────────

    def weigh(self, old: int, new: int) -> int:
        """Bytes that go when the compacted revision moves from `old` to `new`: what was replaced after `old` and up
        to `new`, and tombstones from `old` to before `new`."""
        total = 0
        for segment in self.segments:
            kvs = segment.kvs
            if not kvs or kvs[-1][3] < old:
                continue
            if kvs[0][3] > new:
                break
            if kvs[0][3] > old and kvs[-1][3] < new:
                total += segment.weigh()
                continue
            for kv, prev in zip(kvs, segment.prevs, strict=True):
                if old < kv[3] <= new:
                    total += _replaced(prev)
                if old <= kv[3] < new:
                    total += _tombstone(kv)
        return total

    def forget_views(self, compacted: int) -> None:
        self._views = {revision: view for revision, view in self._views.items() if revision >= compacted}

    def scrub(self, compacted: int, budget: int) -> bool:
        """Let go of about `budget` events before `compacted`. Is there more to do?"""
        while budget > 0:
            segment = self.segments[0]
            kvs = segment.kvs
            if not kvs or kvs[0][3] >= compacted:
                return False
            if len(kvs) <= budget and kvs[-1][3] < compacted and len(self.segments) > 1:
                budget -= len(kvs)
                self.segments.popleft()
                continue
            count = min(budget, bisect_left(kvs, compacted, key=_revision))
            segment.shorten(count)
            budget -= count
        kvs = self.segments[0].kvs
        return bool(kvs) and kvs[0][3] < compacted
