"""The CAP ledger: fates of operations, what was lost, and the latencies, from histories written by hand."""

from __future__ import annotations

from typing import Any

from cluster.history.record import NEVER, Operation
from cluster.report.caplatency import latencies, percentile
from cluster.report.capreport import CapReport
from cluster.report.ledger import fate, ledger, lost_writes


def write(site: str, value: str, start: float, end: float = 0.0, outcome: str = "ok", key: str = "r") -> Operation:
    end = NEVER if outcome == "unknown" else end or start + 0.1
    return Operation(site, 0, "write", key, value, start, end, outcome, site=site)  # type: ignore[arg-type]


def read(
    site: str, said: Any, start: float, mode: str = "linearizable", outcome: str = "ok", key: str = "r"
) -> Operation:
    end = NEVER if outcome == "unknown" else start + 0.1
    return Operation(site, 1, "read", key, None, start, end, outcome, said, mode, site)  # type: ignore[arg-type]


ORDER = ["v0", "v1", "x1", "v2"]
WRITES = [
    write("majority", "v0", 0),
    write("majority", "v1", 1),
    write("minority", "x1", 2),
    write("majority", "v2", 3),
]


def test_a_read_is_stale_if_something_newer_was_acknowledged_before_it_began() -> None:
    def of(operation: Operation) -> str:
        return fate(operation, WRITES, ORDER, {"x1"})

    assert of(read("minority", "v0", 0.5)) == "fresh"
    assert of(read("minority", "v0", 1.05)) == "fresh", "v1 is not acknowledged yet"
    assert of(read("minority", "v0", 1.2)) == "stale"
    assert of(read("minority", None, 0.5)) == "stale"
    assert of(read("minority", "v2", 3.2)) == "fresh"
    assert of(read("minority", "v0", 3.2, key="other")) == "fresh", "nothing was written there"
    assert of(read("minority", None, 3.2, outcome="fail")) == "refused"
    assert of(read("minority", None, 3.2, outcome="unknown")) == "unanswered"
    assert [of(w) for w in WRITES] == ["written", "written", "lost", "written"]
    assert of(write("majority", "x1", 4, outcome="unknown")) == "unanswered"


def test_a_row_per_side_and_way_of_asking_counts_each_operation_once() -> None:
    history = [
        *WRITES,
        read("minority", "v0", 1.2),
        read("minority", "v1", 1.3),
        read("minority", None, 2, outcome="fail"),
    ]
    rows = {(row.side, row.what): row for row in ledger(history, ORDER, {"x1"})}
    assert set(rows) == {("majority", "write"), ("minority", "write"), ("minority", "linearizable read")}
    reads = rows["minority", "linearizable read"]
    assert (reads.tried, reads.answered, reads.refused, reads.unanswered, reads.stale, reads.lost) == (3, 2, 1, 0, 1, 0)
    assert rows["minority", "write"].lost == 1
    assert rows["majority", "write"].lost == 0
    assert rows["minority", "write"].share(1) == "100 %"


def test_what_is_lost_is_what_the_surviving_value_cannot_have_known() -> None:
    assert lost_writes(WRITES, WRITES, "v2") == ["x1"], "the other side's"
    assert lost_writes(WRITES, WRITES, "x1") == ["v0", "v1", "v2"]
    assert lost_writes(WRITES, WRITES, "v1") == ["x1", "v2"], "the other side's, and what its own side wrote later"
    assert lost_writes(WRITES, WRITES, None) == ["v0", "v1", "x1", "v2"], "nothing is left"
    unsure = [*WRITES, write("majority", "v3", 4, outcome="unknown")]
    assert lost_writes(unsure, unsure, "v3") == ["x1"], "a write that nobody acknowledged may be the one that is left"
    assert lost_writes(unsure, unsure, "v2") == ["x1"], "and is not lost if it is not"


def test_the_partition_s_operations_end_before_it_is_healed() -> None:
    report = CapReport(cut_from=1.0, cut_until=3.0)
    late = read("minority", "v2", 2.95)
    waiting = write("minority", "x2", 2.9, outcome="unknown")
    report.history = (*WRITES, late, waiting)
    assert [o.value for o in report.during()] == ["v1", "x1", "x2"], "v0 came before, v2 and the late answer after"


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) is None


def test_latencies_are_of_answers_only() -> None:
    history = [*WRITES, write("minority", "x9", 5, outcome="unknown"), read("minority", "v0", 1.2, "serializable")]
    rows = {(row.side, row.what): row for row in latencies(history, ORDER)}
    mine = rows["minority", "write"]
    assert (mine.tried, mine.answered) == (2, 1)
    assert mine.p50 is not None
    assert round(mine.p50, 6) == 0.1
    assert rows["minority", "serializable read"].stale == 1
    silent = latencies([write("minority", "x", 1, outcome="unknown")], ["x"])[0]
    assert (silent.p50, silent.p99, silent.answered) == (None, None, 0)
