"""Violations laid out to be drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.history.checks import Ask, judge
from cluster.history.finding import Finding
from cluster.history.record import NEVER, Operation
from cluster.history.run import Run, WatchSeen
from cluster.report.counterexample import Limits, Table, drawings
from cluster.report.graph import Graph
from cluster.report.lanes import Lanes, short
from tests.cluster.report.runs import cluster_run, store_run

LIMITS = Limits()


def draw(evidence: dict[str, Any], run: Run, limits: Limits = LIMITS) -> list[Any]:
    return drawings(Finding("check", "violated", "wrong", 1, evidence=evidence), run, limits)


def violating() -> tuple[Run, Finding]:
    """A run whose serializable reads are passed off as linearizable ones."""
    for seed in range(20):
        run = store_run(seed)
        told = tuple(replace(o, mode="linearizable" if o.mode else "") for o in run.operations)
        run = replace(run, operations=told)
        finding = judge(run, [Ask("linearizable")]).judged[0].finding
        if finding.said == "violated":
            return run, finding
    raise AssertionError("no seed reads anything stale")


def test_the_operation_that_fits_nowhere_is_drawn_among_its_neighbours() -> None:
    run, finding = violating()
    (lanes,) = drawings(finding, run, LIMITS)
    assert isinstance(lanes, Lanes)
    bars = [bar for lane in lanes.lanes for bar in lane.bars]
    assert sum(bar.look == "stuck" for bar in bars) == 1
    placed = [bar for bar in bars if bar.look == "placed"]
    assert placed
    assert len(bars) <= LIMITS.operations
    assert max(bar.place for bar in placed) == len(finding.evidence["order"])
    assert lanes.skipped == len(finding.evidence["order"]) - len(lanes.path)
    assert [lane.name for lane in lanes.lanes] == sorted(lane.name for lane in lanes.lanes)
    times = [x for x, _ in lanes.path]
    assert times == sorted(times)
    for bar in placed:
        assert bar.point is not None
        assert bar.left - 0.01 <= bar.point <= bar.left + bar.width + 0.01


def test_everything_drawn_is_within_the_picture() -> None:
    run, finding = violating()
    for picture in drawings(finding, run, LIMITS):
        assert isinstance(picture, Lanes)
        for lane in picture.lanes:
            for bar in lane.bars:
                assert 0 <= bar.left <= 100
                assert bar.left + bar.width <= 100.5
        assert [x for x, _ in picture.ticks()] == [0, 25, 50, 75, 100]


@given(st.lists(st.one_of(st.integers(-5, 10_000), st.text(), st.none()), max_size=5))
def test_evidence_that_points_nowhere_is_passed_over(numbers: list[Any]) -> None:
    run = store_run()
    for picture in draw({"operations": numbers, "records": numbers, "watches": numbers, "order": numbers}, run):
        assert isinstance(picture, Lanes | Table)
    assert draw({"operations": [10**9], "records": [-1]}, run) == []


@pytest.mark.parametrize(
    "cycle",
    [
        [[0, 1, "wr"], [1, 2, "ww"], [2, 0, "rw"]],
        [{"from": 0, "to": 1, "type": "wr", "because": "b"}, {"from": 1, "to": 2}, {"from": 2, "to": 0}],
        [0, 1, 2],
        [0, 1, 2, 0],
    ],
)
def test_a_cycle_is_a_ring_of_its_transactions(cycle: list[Any]) -> None:
    (graph, *_) = draw({"cycle": cycle}, store_run())
    assert isinstance(graph, Graph)
    assert [(e.source, e.target) for e in graph.edges] == [(0, 1), (1, 2), (2, 0)]
    assert [node.label for node in graph.nodes] == ["T1", "T2", "T3"]
    assert graph.nodes[0].told == store_run().operations[0].sentence()
    left, top, width, height = graph.frame
    for node in graph.nodes:
        assert left < node.x < left + width
        assert top < node.y < top + height


def test_a_cycle_of_names_and_of_two_keeps_its_ways_apart() -> None:
    (graph,) = draw({"cycle": ["a", "b"]}, store_run())
    there, back = graph.edges
    assert [node.label for node in graph.nodes] == ["a", "b"]
    assert (there.x1, there.y1) != (back.x2, back.y2)


def test_overlapping_intervals_stand_below_each_other() -> None:
    spans = [{"what": "web-0", "where": "w-1", "since": 1.0, "until": 3.0}, ["web-0 on w-2", 2.0, None]]
    (lanes,) = draw({"intervals": spans}, store_run())
    first, second = lanes.lanes
    assert (first.name, second.name) == ("web-0 on w-1", "web-0 on w-2")
    assert first.bars[0].left + first.bars[0].width > second.bars[0].left
    assert (first.bars[0].open, second.bars[0].open) == (False, True)


def test_the_life_of_a_pod_is_drawn_with_the_versions_named_and_with_what_ran() -> None:
    run = cluster_run()
    pod = next(e for e in run.events if e.kind == "Pod" and e.type == "MODIFIED" and e.object["spec"].get("nodeName"))
    meta = pod.object["metadata"]
    key = f"{meta['namespace']}/{meta['name']}"
    (lanes,) = draw({"objects": [["Pod", key, meta["resourceVersion"]], ["Pod", "default/gone", "1"]]}, run)
    api, *real = lanes.lanes
    assert api.name == f"Pod {key}"
    assert sum(bar.look == "wrong" for bar in api.bars) == 1
    assert [lane.name for lane in real] == [f"{meta['name']} on {pod.object['spec']['nodeName']}"]


def test_lines_of_the_journal_and_events_of_watches_are_told() -> None:
    run = replace(store_run(), watches=(WatchSeen(1.0, "w", 7, "k", "put"),))
    number = next(n for n, r in enumerate(run.records) if r[4] == "role")
    journal, watch = draw({"records": [number], "watches": [0]}, run)
    assert journal.rows[0][1].startswith("store-")
    assert "leader" in journal.rows[0][2]
    assert watch.rows == [(1.0, "w", "put k, revision 7")]


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        (Operation("c", 0, "read", "k", None, 0, 1, "ok", "v"), "r v"),
        (Operation("c", 0, "read", "k", None, 0, 1, "ok", None), "r nothing"),
        (Operation("c", 0, "read", "k", None, 0, NEVER, "unknown"), "r ?"),
        (Operation("c", 0, "write", "k", 3, 0, 1, "ok"), "w 3"),
        (Operation("c", 0, "write", "k", 3, 0, NEVER, "unknown"), "w 3 ?"),
        (Operation("c", 0, "cas", "k", (None, 2), 0, 1, "ok", True), "cas nothing 2"),
        (Operation("c", 0, "cas", "k", (1, 2), 0, 1, "ok", False), "cas 1 2 no"),
    ],
)
def test_operations_in_a_few_characters(operation: Operation, told: str) -> None:
    assert short(operation) == told
