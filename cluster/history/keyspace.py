"""Is a whole revisioned key space linearizable? With a revision in every answer the one order is known: linear time.

Must not search. What has to hold: no two changes have one revision; nothing that began after another was answered is
at a revision before it; and every answer fits the state at its revision. Changes of unknown outcome may have happened
at any revision after their start, or never; each is used at most once, and only where an answer needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.history.record import Operation

CHANGES = ("write", "cas", "delete")
KINDS = ("read", *CHANGES)


@dataclass(frozen=True, slots=True)
class Misfit:
    """`numbers`: of the operations, in the history, that contradict each other."""

    sentence: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Sight:
    """What an answer says about a key at a revision: its value is this, or (`equal` False) is not."""

    revision: int
    value: Any
    number: int
    equal: bool = True


@dataclass(slots=True)
class _Key:
    changes: list[tuple[int, int]] = field(default_factory=list)
    """(revision, number)."""
    sights: list[_Sight] = field(default_factory=list)
    loose: list[int] = field(default_factory=list)
    """Changes whose revision is not known."""


def has_revisions(history: Iterable[Operation]) -> bool:
    return any(o.revision for o in history)


def misfits(history: Sequence[Operation]) -> list[Misfit]:
    """Everything that contradicts a single order, in the order of revisions; reads without a revision are not judged.
    Only changes that were answered and reads; serializable reads may be old, but must fit their revision."""
    keys: dict[str, _Key] = {}
    for number, operation in enumerate(history):
        if operation.kind in KINDS and operation.outcome != "fail":
            _sort_in(keys.setdefault(operation.key, _Key()), number, operation)
    floors = _floors(history)
    found = [*_twice(history, keys.values()), *_back_in_time(history, floors)]
    for key in keys.values():
        found += _KeyCheck(history, key, floors).run()
    return sorted(found, key=lambda m: max(history[n].revision for n in m.numbers))


def _sort_in(key: _Key, number: int, o: Operation) -> None:
    if o.outcome == "unknown" or not o.revision:
        if o.kind != "read" and o.result is not False:
            key.loose.append(number)
        return
    if o.kind == "read":
        key.sights.append(_Sight(o.revision, o.result, number))
    elif o.kind == "write":
        key.changes.append((o.revision, number))
    elif o.kind == "cas" and o.result is False:
        key.sights.append(_Sight(o.revision, o.value[0], number, equal=False))
    elif o.kind == "cas":
        key.changes.append((o.revision, number))
        key.sights.append(_Sight(o.revision - 1, o.value[0], number))
    elif o.result is False:
        key.sights.append(_Sight(o.revision, None, number))
    elif o.result is True:
        key.changes.append((o.revision, number))
        key.sights.append(_Sight(o.revision - 1, None, number, equal=False))
    else:
        key.loose.append(number)


def _changed(o: Operation) -> bool:
    """Did this answered operation certainly make its revision?"""
    return o.kind == "write" or (o.kind == "cas" and o.result is not False) or (o.kind == "delete" and o.result is True)


def _made(o: Operation) -> Any:
    """The key's value after this change."""
    return {"write": o.value, "delete": None}.get(o.kind) if o.kind != "cas" else o.value[1]


def _twice(history: Sequence[Operation], keys: Iterable[_Key]) -> Iterator[Misfit]:
    owner: dict[int, int] = {}
    for revision, number in sorted(change for key in keys for change in key.changes):
        first = owner.setdefault(revision, number)
        if first != number:
            sentence = f"{history[first].sentence()} and {history[number].sentence()} both made revision {revision}"
            yield Misfit(sentence, (first, number))


def _floors(history: Sequence[Operation]) -> list[int]:
    """For each operation the number of the one with the highest revision of those that were answered before it began
    (-1: none)."""
    answered = [n for n, o in enumerate(history) if o.outcome == "ok" and o.revision]
    answered.sort(key=lambda n: history[n].end)
    floors = [-1] * len(history)
    newest, place = -1, 0
    for number in sorted(range(len(history)), key=lambda n: history[n].start):
        while place < len(answered) and history[answered[place]].end < history[number].start:
            if newest < 0 or history[answered[place]].revision > history[newest].revision:
                newest = answered[place]
            place += 1
        floors[number] = newest
    return floors


def _back_in_time(history: Sequence[Operation], floors: Sequence[int]) -> Iterator[Misfit]:
    for number, operation in enumerate(history):
        floor = floors[number]
        if floor < 0 or operation.outcome != "ok" or not operation.revision or operation.mode == "serializable":
            continue
        before = history[floor]
        made = operation.kind in CHANGES and _changed(operation)
        if operation.revision < before.revision or (made and operation.revision == before.revision):
            sentence = (
                f"{operation.sentence()} is at revision {operation.revision}, though {before.sentence()}, which was "
                f"answered before it began, is at revision {before.revision}"
            )
            yield Misfit(sentence, (floor, number))


class _KeyCheck:
    """One key: its answers in the order of revisions, against the changes before each."""

    def __init__(self, history: Sequence[Operation], key: _Key, floors: Sequence[int]) -> None:
        self._history = history
        self._changes = sorted(key.changes)
        self._sights = sorted(key.sights, key=lambda s: (s.revision, s.number))
        self._floors = floors
        self._loose: dict[Any, list[int]] = {}
        for number in key.loose:
            self._loose.setdefault(_made(history[number]), []).append(number)

    def run(self) -> Iterator[Misfit]:
        value: Any = None
        by, at = -1, 0
        """Who made `value`, and from which revision on it is known to be there."""
        place = 0
        for sight in self._sights:
            while place < len(self._changes) and self._changes[place][0] <= sight.revision:
                at, by = self._changes[place]
                value = _made(self._history[by])
                place += 1
            if sight.equal and sight.value != value:
                number = self._take(sight, at)
                if number is None:
                    yield self._misfit(sight, value, by)
                    continue
                value, by, at = sight.value, number, sight.revision
            elif sight.equal:
                at = sight.revision  # nobody has changed it up to there
            elif sight.value == value and not self._could_hide(sight, at):
                yield self._misfit(sight, value, by)

    def _take(self, sight: _Sight, after: int) -> int | None:
        """A change of unknown revision that may have made this value after revision `after`, used up."""
        for number in self._loose.get(sight.value, ()):
            if self._fits(number, sight, after):
                self._loose[sight.value].remove(number)
                return number
        return None

    def _could_hide(self, sight: _Sight, after: int) -> bool:
        return any(
            self._fits(number, sight, after)
            for value, numbers in self._loose.items()
            if value != sight.value
            for number in numbers
        )

    def _fits(self, number: int, sight: _Sight, after: int) -> bool:
        floor = self._floors[number]
        earliest = self._history[floor].revision if floor >= 0 else 0
        begun = self._history[number].start <= self._history[sight.number].end
        return begun and max(earliest, after) < sight.revision and number != sight.number

    def _misfit(self, sight: _Sight, value: Any, by: int) -> Misfit:
        said = self._history[sight.number].sentence()
        since = f", by the {self._history[by].sentence()}" if by >= 0 else ": nobody had written it"
        which = f"revision {sight.revision}"
        if not sight.equal:
            sentence = f"{said} says that the value at {which} is not {sight.value!r}, but it is{since}"
        else:
            sentence = f"{said} says that the value at {which} is {sight.value!r}, but it is {value!r}{since}"
        return Misfit(sentence, (sight.number,) if by < 0 else (by, sight.number))
