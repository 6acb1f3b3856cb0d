"""What clients saw: sessions, staleness, latency, availability, and what became of writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.history.latency import over_time, percentile
from cluster.history.record import Operation
from cluster.history.staleness import ages
from tests.cluster.history.runs import cut, op, read, run, say, watched, write

# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────

OLD_NEW = [write(1, 0, 1, client="w"), write(2, 2, 3, client="w")]
SESSIONS: list[tuple[str, str, list[Operation], bool]] = [
    ("monotonic-reads", "an older value", [*OLD_NEW, read(2, 4, 5), read(1, 6, 7)], False),
    ("monotonic-reads", "the same, then newer", [*OLD_NEW, read(1, 4, 5), read(1, 6, 7), read(2, 8, 9)], True),
    ("monotonic-reads", "two clients", [*OLD_NEW, read(2, 4, 5), read(2, 5, 6), read(1, 6, 7, client="d")], True),
    ("monotonic-reads", "nothing after something", [*OLD_NEW, read(2, 4, 5), read(None, 6, 7)], False),
    (
        "monotonic-reads",
        "nothing after a delete",
        [*OLD_NEW, read(2, 4, 5), op("delete", None, 5, 6, client="w"), read(None, 6, 7)],
        True,
    ),
    ("monotonic-reads", "an older revision", [read(1, 0, 1, revision=5), read(1, 2, 3, revision=4)], False),
    ("monotonic-reads", "of another key too", [read(1, 0, 1, revision=5), read(1, 2, 3, revision=4, key="y")], False),
    ("read-your-writes", "own write missed", [write(1, 0, 1, client="w"), write(2, 2, 3), read(1, 4, 5)], False),
    ("read-your-writes", "own write seen", [write(2, 2, 3), read(2, 4, 5)], True),
    ("read-your-writes", "somebody's newer", [write(2, 2, 3), write(3, 4, 5, client="w"), read(3, 6, 7)], True),
    ("read-your-writes", "own write gone", [write(2, 2, 3), read(None, 4, 5)], False),
    ("read-your-writes", "before its revision", [write(2, 2, 3, revision=7), read(9, 4, 5, revision=6)], False),
    (
        "read-your-writes",
        "unknown is no promise",
        [write(2, 2, 3, outcome="unknown"), write(1, 0, 1), read(1, 4, 5)],
        True,
    ),
    ("monotonic-writes", "in order", [write(1, 0, 1, revision=3), write(2, 2, 3, revision=4)], True),
    ("monotonic-writes", "swapped", [write(1, 0, 1, revision=4), write(2, 2, 3, revision=3)], False),
    ("writes-follow-reads", "after", [read(1, 0, 1, revision=3), write(2, 2, 3, revision=4)], True),
    ("writes-follow-reads", "before", [read(1, 0, 1, revision=3), write(2, 2, 3, revision=3)], False),
]


@pytest.mark.parametrize(
    ("guarantee", "story", "history", "holds"), SESSIONS, ids=[f"{s[0]}: {s[1]}" for s in SESSIONS]
)
def test_a_session_guarantee(guarantee: str, story: str, history: list[Operation], holds: bool) -> None:
    finding = say(guarantee, run(operations=history))
    assert finding.said == ("ok" if holds else "violated")
    together = say("serializable-sessions", run(operations=history), guarantees=[guarantee])
    assert together.said == finding.said
    if not holds:
        assert "c: after the " in finding.summary
        first, second = finding.evidence["operations"]
        assert history[first].start < history[second].start


def test_without_revisions_the_order_of_writes_is_unknown() -> None:
    assert say("monotonic-writes", run(operations=[write(1, 0, 1), write(2, 2, 3)])).said == "unknown"


# ── staleness ────────────────────────────────────────────────────────────────────────────────────────────────


def slow_ages(history: list[Operation]) -> list[tuple[int, float, int]]:
    """By looking at every write for every read."""
    found = []
    for number, o in enumerate(history):
        if o.kind != "read" or o.outcome != "ok":
            continue
        writes = [w for w in history if w.kind == "write" and w.outcome != "fail" and w.key == o.key]
        makers = [w for w in writes if w.value == o.result and w.start <= o.end]
        if not makers and o.result is not None:
            continue
        since = max((w.end for w in makers), default=-1.0)
        missed = [w for w in writes if w.outcome == "ok" and w.start > since and w.end < o.start]
        found.append((number, o.start - min(w.end for w in missed) if missed else 0.0, len(missed)))
    return found


@st.composite
def registers(draw: st.DrawFn) -> Operation:
    start, length = draw(st.integers(0, 20)), draw(st.integers(0, 4))
    if draw(st.booleans()):
        return read(draw(st.one_of(st.none(), st.integers(0, 6))), start, start + length)
    outcome = draw(st.sampled_from(["ok", "ok", "ok", "unknown", "fail"]))
    return write(draw(st.integers(0, 6)), start, start + length, outcome=outcome)


@settings(max_examples=400, deadline=None)
@given(st.lists(registers(), max_size=14))
def test_ages_agree_with_looking_at_everything(history: list[Operation]) -> None:
    assert [(a.number, a.seconds, a.versions) for a in ages(history)] == slow_ages(history)


def test_staleness_is_held_against_its_bounds() -> None:
    history = [*OLD_NEW, read(1, 5, 6, mode="serializable"), read(2, 5, 6, mode="linearizable", client="d")]
    story = run(operations=history)
    assert say("staleness", story).said == "unknown"
    assert say("staleness", story, atMost=2).said == "ok"
    late = say("staleness", story, atMost="1500ms")
    assert late.said == "violated"
    assert "began 2.000 s after the write of 2" in late.summary
    assert late.evidence["operations"] == [2, 1]
    assert "serializable reads: 1 of 1 stale, the oldest by 2.000 s and 1 writes" in late.because
    assert say("staleness", story, versions=0).said == "violated"
    assert say("staleness", story, share="50%").said == "ok"
    assert say("staleness", story, mode="linearizable", versions=0).said == "ok"
    assert say("staleness", story, site="nowhere", versions=0).said == "unknown"


# ── latency and availability ─────────────────────────────────────────────────────────────────────────────────


def test_percentiles_are_nearest_rank() -> None:
    values = [float(v) for v in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99, 100, 0.5)] == [50, 95, 99, 100, 1]
    assert percentile([3.0], 99) == 3.0


def test_latency_is_held_against_its_bound_and_over_time() -> None:
    history = [read(1, i, i + (2 if i == 5 else 0.5), client=f"c{i}") for i in range(10)]
    story = run(operations=history, strikes=[cut(5, 6)])
    assert say("latency", story, percentile=50, atMost="600ms").said == "ok"
    slow = say("latency", story, percentile=99, atMost=1)
    assert (slow.said, slow.evidence["operations"][0]) == ("violated", 5)
    assert say("latency", story, percentile=99, atMost=1, during="partition").figures["max"] == 2.0
    assert say("latency", story).said == "unknown"
    windows = over_time(history, 5.0)
    assert [(w.since, w.count, w.percentiles[-1]) for w in windows] == [(0.0, 5, 0.5), (5.0, 5, 2.0)]
    assert over_time([], 1.0) == []


def asked(site: str, outcome: Any, start: float, **more: Any) -> Operation:
    return write(
        start, start, start + 0.1, site=site, outcome=outcome, error="" if outcome == "ok" else "NoQuorum", **more
    )


def test_availability_is_told_per_side() -> None:
    history = [
        asked("master-0", "ok", 1),
        asked("store-0", "fail", 6),
        asked("master-0", "unknown", 7),
        asked("master-1", "ok", 6),
        asked("master-2", "ok", 7),
    ]
    story = run(operations=history, strikes=[cut(5, 10)])
    minority = say("availability", story, site="minority", during="partition", atMost=0)
    assert (minority.said, minority.looked_at) == ("ok", 2)
    assert minority.figures == {"answered": 0.0, "refused": 0.5, "unanswered": 0.5}
    majority = say("availability", story, site="majority", during="partition", atLeast="100%")
    assert (majority.said, majority.looked_at) == ("ok", 2)
    low = say("availability", story, during="fault", atLeast=0.9)
    assert low.said == "violated"
    assert "50.0% of 4 operations were answered" in low.summary
    assert "write (minority): 0 of 2 answered, 1 refused, 1 left without an answer" in low.because
    assert "2 times NoQuorum" in low.because
    assert say("availability", story, kind="read", atLeast=1).said == "unknown"


# ── writes ───────────────────────────────────────────────────────────────────────────────────────────────────

LOST: list[tuple[str, dict[str, Any], str]] = [
    ("kept", {"operations": [*OLD_NEW, read(2, 4, 5)]}, ""),
    (
        "an acknowledged write is gone",
        {"operations": [*OLD_NEW, read(1, 4, 5)]},
        'write of 2 to "x" by w (2.000 to 3.000) was acknowledged after',
    ),
    ("gone from the last state", {"operations": OLD_NEW, "finals": {"keys": {"x": 1}}}, 'in the end "x" is 1'),
    ("all gone", {"operations": OLD_NEW, "finals": {"keys": {"x": None}}}, 'in the end there is no "x"'),
    ("concurrent: either may stay", {"operations": [write(1, 0, 3), write(2, 2, 4), read(1, 5, 6)]}, ""),
    (
        "unknown: it may be newer",
        {"operations": [write(1, 0, 1, outcome="unknown"), write(2, 2, 3), read(1, 5, 6)]},
        "",
    ),
    (
        "by revision",
        {"operations": [write(1, 0, 3, revision=4), write(2, 2, 4, revision=5), read(1, 5, 6)]},
        "was acknowledged after",
    ),
    (
        "a serializable read says nothing",
        {"operations": [*OLD_NEW, read(2, 4, 5), read(1, 6, 7, mode="serializable")]},
        "",
    ),
    (
        "a list's element",
        {
            "operations": [
                op("txn", (("append", "l", 1),), 0, 1, (("append", "l", 1),), key=""),
                op("txn", (("r", "l", None),), 2, 3, (("r", "l", ()),), key=""),
            ]
        },
        'the last read of "l" has no 1',
    ),
    (
        "the store says so",
        {"operations": OLD_NEW, "finals": {"conflicts": [{"key": "x", "writes": 3}]}},
        "dropped 3 writes",
    ),
]


@pytest.mark.parametrize(("story", "parts", "said"), LOST, ids=[s[0] for s in LOST])
def test_lost_writes(story: str, parts: dict[str, Any], said: str) -> None:
    finding = say("lost-writes", run(**parts))
    assert finding.said == ("violated" if said else "ok")
    assert said in finding.summary


PHANTOM: list[tuple[str, list[Operation], str]] = [
    ("written", [write(1, 0, 1), read(1, 2, 3)], ""),
    ("by a swap", [op("cas", (None, 1), 0, 1, True), read(1, 2, 3)], ""),
    ("by nobody", [write(1, 0, 1), read(2, 2, 3)], "nobody wrote 2"),
    ("refused", [write(1, 0, 1, outcome="fail", error="Conflict"), read(1, 2, 3)], "which was refused (Conflict)"),
    ("by a swap that did not", [op("cas", (5, 1), 0, 1, False), read(1, 2, 3)], "nobody wrote 1"),
    ("unknown may be seen", [write(1, 0, 1, outcome="unknown"), read(1, 2, 3)], ""),
    ("later", [read(1, 0, 1), write(1, 2, 3)], "was only written later"),
]


@pytest.mark.parametrize(("story", "history", "said"), PHANTOM, ids=[s[0] for s in PHANTOM])
def test_phantom_writes(story: str, history: list[Operation], said: str) -> None:
    finding = say("phantom-writes", run(operations=history))
    assert finding.said == ("violated" if said else "ok")
    assert said in finding.summary


DUPLICATED: list[tuple[str, dict[str, Any], str]] = [
    ("once", {"operations": [*OLD_NEW, read(1, 1.1, 1.2), read(2, 4, 5)]}, ""),
    (
        "back again",
        {"operations": [*OLD_NEW, read(1, 1.1, 1.2), read(2, 4, 5), read(1, 6, 7)]},
        "was there again after 2",
    ),
    (
        "only stale",
        {
            "operations": [
                *OLD_NEW,
                read(1, 1.1, 1.2, revision=1),
                read(2, 4, 5, revision=2),
                read(1, 6, 7, revision=1),
            ]
        },
        "",
    ),
    ("written twice", {"operations": [*OLD_NEW, write(1, 5, 6), read(1, 1.1, 1.2), read(2, 4, 5), read(1, 7, 8)]}, ""),
    (
        "watched twice",
        {"operations": OLD_NEW, "watches": [watched("a", 3, 1), watched("a", 4, 2), watched("a", 5, 1)]},
        "took effect at revision 3 and again at 5",
    ),
    (
        "twice in a list",
        {"operations": [op("txn", (("r", "l", None),), 2, 3, (("r", "l", (1, 1)),), key="")]},
        "is there twice",
    ),
]


@pytest.mark.parametrize(("story", "parts", "said"), DUPLICATED, ids=[s[0] for s in DUPLICATED])
def test_duplicated_writes(story: str, parts: dict[str, Any], said: str) -> None:
    finding = say("duplicated-writes", run(**parts))
    assert finding.said == ("violated" if said else "ok")
    assert said in finding.summary


def test_a_conflict_that_several_replicas_name_counts_once() -> None:
    rows = [{"key": "x", "stamp": [1, 0, "a"], "writes": n, "replica": f"store-{n}"} for n in (1, 3)]
    finding = say("lost-writes", run(finals={"conflicts": [*rows, {"key": "y", "stamp": [2, 0, "b"], "writes": 1}]}))
    assert (finding.looked_at, len(finding.because)) == (4, 2)
    assert 'dropped 3 writes of "x"' in finding.summary
