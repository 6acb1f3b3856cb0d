"""The CAP ledger of any run: who asked on which side, and how old what was read was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.history.record import NEVER, Operation
from cluster.history.run import Meta, Run, Strike
from cluster.report.bands import bands
from cluster.report.sides import EVERYWHERE, QUIET, Freshness, layout, sides, what_of
from tests.cluster.report.runs import store_run

MACHINES = {f"store-{n}": f"master-{n}" for n in range(3)} | {"kubelet-0": "worker-0"}
META = Meta("s", "S", "sim", 1, "raft", 10.0, "", "", machines=MACHINES)


def write(value: Any, start: float, end: float, **more: Any) -> Operation:
    return Operation("w", 0, "write", "k", value, start, end, **{"outcome": "ok", **more})


def read(result: Any, start: float, end: float = 0.0, **more: Any) -> Operation:
    return Operation(
        "r", 1, "read", "k", None, start, end or start + 0.1, **{"outcome": "ok", "result": result, **more}
    )


def cut(**more: Any) -> Strike:
    groups = (("master-0",), ("master-1", "master-2"))
    return Strike("s1", "partition", "the cut", "f:1", 2.0, 4.0, groups=groups, proof="confirmed", **more)


def run(*operations: Operation, strikes: tuple[Strike, ...] = ()) -> Run:
    return Run(META, "", operations, strikes)


# -- staleness --------------------------------------------------------------------------------------------------------


def test_a_read_of_what_was_overwritten_before_it_was_called_is_stale_since_then() -> None:
    fresh = Freshness([write(1, 0.0, 1.0), write(2, 2.0, 3.0)])
    assert fresh.staleness(read(1, 5.0)) == pytest.approx(2.0)
    assert fresh.staleness(read(2, 5.0)) == 0.0


def test_what_was_written_at_the_same_time_is_not_stale() -> None:
    fresh = Freshness([write(1, 0.0, 2.5), write(2, 2.0, 3.0)])
    assert fresh.staleness(read(1, 5.0)) == 0.0


def test_a_read_that_was_called_before_the_write_returned_is_not_stale() -> None:
    assert Freshness([write(1, 0.0, 1.0), write(2, 2.0, 3.0)]).staleness(read(1, 2.9)) == 0.0


def test_nothing_where_something_was_acknowledged_is_stale() -> None:
    assert Freshness([write(1, 0.0, 1.0)]).staleness(read(None, 4.0)) == pytest.approx(3.0)


def test_a_write_of_unknown_outcome_neither_overwrites_nor_ages() -> None:
    lost = write(2, 2.0, NEVER, outcome="unknown")
    fresh = Freshness([write(1, 0.0, 1.0), lost, write(3, 5.0, 6.0)])
    assert fresh.staleness(read(1, 4.0)) == 0.0
    assert fresh.staleness(read(2, 9.0)) == 0.0  # it may have taken effect after the other one


def test_a_swap_that_happened_is_a_write_and_one_that_did_not_is_none() -> None:
    did = Operation("c", 2, "cas", "k", (1, 2), 2.0, 3.0, "ok", True)
    assert Freshness([write(1, 0.0, 1.0), did]).staleness(read(1, 5.0)) == pytest.approx(2.0)
    assert Freshness([write(1, 0.0, 1.0), replace(did, result=False)]).staleness(read(1, 5.0)) == 0.0


def test_a_value_that_nobody_wrote_is_not_called_stale() -> None:
    assert Freshness([write(1, 0.0, 1.0)]).staleness(read("from elsewhere", 5.0)) == 0.0


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 3)), min_size=1, max_size=12), st.floats(0, 14))
def test_staleness_is_what_its_definition_says(spans: list[tuple[float, float]], at: float) -> None:
    writes = [write(n, start, start + took) for n, (start, took) in enumerate(spans)]
    fresh = Freshness(writes)
    for w in writes:
        over = [o.end for o in writes if o.start > w.end and o.end < at]
        assert fresh.staleness(read(w.value, at)) == pytest.approx(max(0.0, at - min(over)) if over else 0.0)


# -- sides ------------------------------------------------------------------------------------------------------------


def test_operations_belong_to_a_side_and_to_when_they_were_called() -> None:
    rows = sides(
        run(
            write(1, 0.5, 0.6, site="master-0"),
            write(2, 2.5, 2.6, site="master-1"),
            write(3, 2.5, NEVER, site="store-0", outcome="unknown"),
            read(1, 3.5, site="master-0", mode="serializable"),
            read(2, 4.5, site="master-0", mode="linearizable"),
            strikes=(cut(),),
        )
    )
    told = [(r.period, r.side, r.what, r.tried, r.answered, r.refused, r.unanswered, r.stale) for r in rows]
    assert told == [
        ("the cut", "majority: master-1, master-2", "write", 1, 1, 0, 0, 0),
        ("the cut", "minority: master-0", "write", 1, 0, 0, 1, 0),
        ("the cut", "minority: master-0", "serializable read", 1, 1, 0, 0, 1),
        (QUIET, EVERYWHERE, "write", 1, 1, 0, 0, 0),
        (QUIET, EVERYWHERE, "linearizable read", 1, 1, 0, 0, 0),
    ]
    assert rows[2].quantiles == {name: pytest.approx(0.9) for name in ("p50", "p95", "max")}


def test_an_isolated_machine_is_a_side_and_the_rest_the_other() -> None:
    alone = Strike("s1", "isolate", "", "f:1", 0.0, None, targets=("store-0",))
    (band,) = bands(run(strikes=(alone,)))
    assert layout(band, run()) == {
        "minority: store-0": ("store-0",),
        "majority: master-1, master-2, worker-0": ("master-1", "master-2", "worker-0"),
    }


def test_a_side_without_members_and_a_client_on_no_side_are_told() -> None:
    strike = replace(cut(), groups=(("worker-0",), ("master-0", "master-1", "master-2")))
    rows = sides(run(read(None, 3.0, site="worker-0"), read(None, 3.0, site="elsewhere"), strikes=(strike,)))
    assert [r.side for r in rows] == ["at elsewhere, on no side", "without the store: worker-0"]


def test_a_cut_that_was_not_carried_out_is_no_period() -> None:
    (row,) = sides(run(read(None, 3.0, site="master-0"), strikes=(cut(error="no such machine"),)))
    assert row.period == QUIET


def test_the_words_for_ways_of_asking() -> None:
    assert what_of(read(1, 0.0, mode="lease")) == "lease read"
    assert what_of(write(1, 0.0, 1.0)) == "write"


def test_a_leader_alone_acknowledges_nothing_while_the_others_go_on() -> None:
    rows = {(r.side.partition(":")[0], r.what): r for r in sides(store_run()) if r.strike == "s1"}
    assert rows["minority", "write"].answered == 0 < rows["minority", "write"].tried
    assert rows["majority", "write"].answered > 10
    assert sum(r.tried for r in sides(store_run())) == len(store_run().operations)
