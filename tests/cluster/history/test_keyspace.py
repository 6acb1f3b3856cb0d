"""The key space judged by its revisions, against a twin that tries every place for what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.history.keyspace import CHANGES, has_revisions, misfits
from cluster.history.record import NEVER, Kind, Operation, Outcome


def op(
    kind: Kind, key: str, value: Any, times: tuple[float, float], revision: int = 0, result: Any = None, mode: str = ""
) -> Operation:
    outcome: Outcome = "ok" if revision else "unknown"
    end = times[1] if revision else NEVER
    return Operation("c", 0, kind, key, value, times[0], end, outcome, result, mode, revision=revision)


def brute_force(history: Sequence[Operation]) -> bool:
    """Every place, between two revisions or none, and every order there, for each change of unknown outcome."""
    loose = [o for o in history if o.outcome == "unknown" and o.kind in CHANGES]
    known = [o for o in history if o.outcome == "ok"]
    highest = max((o.revision for o in known), default=0)
    spots = [0.0, *(r - 0.5 for r in range(1, highest + 1))]
    return any(
        _explains(known, [(spot, o) for spot, o in zip(chosen, order, strict=True) if spot])
        for order in permutations(loose)
        for chosen in product(spots, repeat=len(loose))
    )


def _explains(known: Sequence[Operation], placed: Sequence[tuple[float, Operation]]) -> bool:
    made = [(float(o.revision), o) for o in known if _changes(o)]
    if len({at for at, _ in made}) != len(made):
        return False
    line = sorted([*made, *placed], key=lambda pair: pair[0])
    for a in known:
        for at, b in [*((float(o.revision), o) for o in known), *placed]:
            strict = _changes(b) or b.outcome == "unknown"
            exempt = b.mode == "serializable"
            late = at <= a.revision if strict else at < a.revision
            if a.end < b.start and late and not exempt:
                return False
    for at, o in placed:
        if any(r.key == o.key and r.end < o.start and r.revision >= at for r in known):
            return False
    return all(_fits(o, line) for o in known)


def _changes(o: Operation) -> bool:
    return o.kind == "write" or (o.kind in ("cas", "delete") and o.result is True)


def _fits(o: Operation, line: Sequence[tuple[float, Operation]]) -> bool:
    upto = o.revision - 1 if o.kind in ("cas", "delete") and o.result else o.revision
    value = None
    for at, change in line:
        if change.key == o.key and at <= upto:
            if change.outcome == "unknown" and change.start > o.end:
                return False  # it would have been seen before it began
            value = change.value if change.kind != "delete" else None
    if o.kind == "read":
        return bool(o.result == value)
    if o.kind == "cas":
        return (o.value[0] == value) is o.result
    return True


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    kind: Kind = draw(st.sampled_from(["read", "read", "write", "delete"]))
    key = draw(st.sampled_from(["x", "y"]))
    start = draw(st.integers(0, 6))
    revision = draw(st.integers(1, 4))
    known = draw(st.booleans()) or kind == "read"
    value = draw(st.integers(0, 1)) if kind == "write" else None
    result = draw(st.one_of(st.none(), st.integers(0, 1))) if kind == "read" else None
    mode = draw(st.sampled_from(["", "serializable"])) if kind == "read" else ""
    if kind == "delete":
        known = False
    return op(kind, key, value, (start, start + draw(st.integers(0, 4))), revision if known else 0, result, mode)


@settings(max_examples=500, deadline=None)
@given(st.lists(operations(), max_size=5))
def test_it_agrees_with_every_way_of_placing_the_unknown(history: list[Operation]) -> None:
    assert (not misfits(history)) == brute_force(history)


def test_one_revision_has_one_value() -> None:
    reads = [op("read", "x", None, (0, 0), 1, found) for found in (None, None, 0)]
    lost = op("write", "x", 0, (0, 0), 0)
    assert misfits([*reads, lost])
    assert not misfits([reads[0], op("read", "x", None, (0, 0), 2, 0), lost])


STORIES: list[tuple[str, list[Operation], str]] = [
    ("clean", [op("write", "x", 1, (0, 1), 1), op("read", "x", None, (2, 3), 1, 1)], ""),
    ("stale read", [
        op("write", "x", 1, (0, 1), 1), op("write", "y", 2, (2, 3), 2), op("read", "x", None, (4, 5), 1, 1)
    ], "is at revision 1, though"),
    ("a serializable read may be old", [
        op("write", "x", 1, (0, 1), 1), op("write", "x", 2, (2, 3), 2),
        op("read", "x", None, (4, 5), 1, 1, "serializable")
    ], ""),
    ("but not wrong", [
        op("write", "x", 1, (0, 1), 1), op("read", "x", None, (4, 5), 1, 7, "serializable")
    ], "the value at revision 1 is 7, but it is 1"),
    ("lost write", [
        op("write", "x", 1, (0, 1), 1), op("write", "x", 2, (2, 3), 2), op("read", "x", None, (4, 5), 3, 1)
    ], "is 1, but it is 2, by the write of 2"),
    ("one revision twice", [op("write", "x", 1, (0, 1), 1), op("write", "y", 1, (0, 1), 1)], "both made revision 1"),
    ("a swap over another value", [
        op("write", "x", 1, (0, 1), 1), op("cas", "x", (5, 6), (2, 3), 2, True)
    ], "the value at revision 1 is 5, but it is 1"),
    ("no swap over the value it wanted", [
        op("write", "x", 1, (0, 1), 1), op("cas", "x", (1, 6), (2, 3), 1, False)
    ], "is not 1, but it is"),
    ("a delete that found nothing", [
        op("write", "x", 1, (0, 1), 1), op("delete", "x", None, (2, 3), 1, False)
    ], "is None, but it is 1"),
    ("a delete that found something", [op("delete", "x", None, (2, 3), 1, True)], "is not None, but it is"),
    ("an unknown write explains a read", [op("write", "x", 1, (0, 1)), op("read", "x", None, (4, 5), 3, 1)], ""),
    ("but not one before it", [op("write", "x", 1, (6, 7)), op("read", "x", None, (4, 5), 3, 1)], "nobody had written"),
    ("nor one that began when its revision was past", [
        op("write", "y", 1, (0, 1), 3), op("write", "x", 1, (2, 3)), op("read", "x", None, (4, 5), 2, 1, "serializable")
    ], "nobody had written"),
    ("nor twice", [
        op("write", "x", 1, (0, 1)), op("read", "x", None, (1, 2), 1, 1), op("write", "x", 2, (2, 3), 2),
        op("read", "x", None, (4, 5), 3, 1)
    ], "is 1, but it is 2"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "history", "said"), STORIES, ids=[s[0] for s in STORIES])
def test_a_story(name: str, history: list[Operation], said: str) -> None:
    found = misfits(history)
    assert has_revisions(history)
    assert [said in found[0].sentence] == [True] if said else found == []


def test_a_refused_write_explains_nothing() -> None:
    refused = Operation("c", 0, "write", "x", 1, 0, 1, "fail")
    (found,) = misfits([refused, op("read", "x", None, (2, 3), 1, 1)])
    assert "but it is None: nobody had written it" in found.sentence
