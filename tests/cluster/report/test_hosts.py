"""Hosts over time, strikes as bands, and what of it goes into a page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.history.run import LinkCount, Meta, Run, Seen, Strike
from cluster.report import embedded
from cluster.report.bands import FAMILIES, bands
from cluster.report.hosts import DOWN, PAUSED, UP, hosts, terms
from cluster.report.latency import series
from cluster.report.messages import match
from cluster.scenario.actions import ACTIONS
from cluster.world.journal import Record
from tests.cluster.report.runs import cluster_run, store_run

META = Meta("s", "S", "sim", 1, "raft", 10.0, "", "", machines={"store-0": "master-0", "kubelet-0": "worker-0"})


def run(*records: Record, strikes: tuple[Strike, ...] = ()) -> Run:
    return Run(META, "", records=records, strikes=strikes)


def test_a_hosts_life_is_told_in_the_order_of_time_whatever_the_lines_order() -> None:
    lines: tuple[Record, ...] = (
        (5.0, 1, "store-0", 2, "boot", {}),
        (0.0, 1, "store-0", 1, "boot", {}),
        (2.0, 9, "store-0", 1, "pause", {}),
        (3.0, 9, "store-0", 1, "resume", {}),
        (4.0, 9, "store-0", 1, "crash", {}),
        (4.0, 9, "store-0", 1, "exit", {"error": ""}),
    )
    story = hosts(run(*lines))[0]
    assert story.life == [(0.0, UP), (2.0, PAUSED), (3.0, UP), (4.0, DOWN), (5.0, UP)]
    assert (story.machine, story.component, story.member) == ("master-0", "store", True)


def test_roles_of_the_store_and_offices_by_lease_are_kept_apart() -> None:
    story = hosts(
        run(
            (1.0, 1, "store-0", 1, "role", {"term": 3, "role": "leader", "leader": "store-0"}),
            (1.5, 2, "store-0", 1, "log", {"term": 3, "last": 9, "commit": 8, "applied": 7, "snapshot": 0}),
            (2.0, 3, "store-0", 1, "role", {"name": "kube-scheduler", "role": "leader", "holder": "x"}),
            (2.5, 4, "store-0", 1, "log", {"term": 3, "last": "nine"}),
            (3.0, 5, "store-0", 1, "disk-failed", {"error": "EIO"}),
        )
    )[0]
    assert story.roles == [(1.0, 3, "leader", "store-0")]
    assert story.logs == [(1.5, 3, 9, 8, 7, 0)]
    assert story.offices == [(2.0, "kube-scheduler", "leader", "x")]
    assert story.notes == [(3.0, "disk-failed", {"error": "EIO"})]


def test_terms_have_the_first_leader_that_told_of_them() -> None:
    found = terms(hosts(store_run()))
    assert [term for term, _, _ in found] == sorted({term for term, _, _ in found})
    assert len(found) >= 2  # the cut leader was replaced
    assert all(leader.startswith("store-") for _, _, leader in found)


def test_every_apiserver_tells_how_far_its_cache_is() -> None:
    run = cluster_run()
    newest = max(int(row[4]) for row in embedded.writes(run) if row[0] < run.meta.seconds - 1)
    servers = [story for story in hosts(run) if story.component == "apiserver"]
    assert len(servers) == 3
    for story in servers:
        revisions = [revision for _, revision in story.cached]
        assert revisions == sorted(revisions)
        assert revisions[-1] >= newest


def test_the_store_comes_first_then_masters_workers_and_seats() -> None:
    names = [story.name for story in hosts(cluster_run())]
    assert names[:4] == ["store-0", "store-1", "store-2", "apiserver-0"]
    assert names.index("kubelet-0") < names.index("proxy-0") < names.index("observer")


# -- bands ------------------------------------------------------------------------------------------------------------


def strike(**more: object) -> Strike:
    values: dict[str, object] = {"proof": "confirmed", **more}
    return Strike("s1", "partition", "cut", "f:3", 1.0, 2.0, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (strike(links=(LinkCount("a", "b", 3, 1), LinkCount("b", "a", 2, 0))), "confirmed: 5 hit, 1 let through"),
        (strike(proof="not confirmed", links=(LinkCount("a", "b", 0, 4),)), "not confirmed: 0 hit, 4 let through"),
        (strike(proof="nothing to hit"), "nothing to hit: nothing came its way"),
        (strike(error="no such machine"), "could not be carried out: no such machine"),
        (strike(), "confirmed"),
    ],
)
def test_a_bands_evidence_in_words(given: Strike, told: str) -> None:
    (band,) = bands(run(strikes=(given,)))
    assert band.sentence == told
    assert band.data()["proof"] == ("failed" if given.error else given.proof)


def test_a_strike_that_was_never_undone_lasts_to_the_end() -> None:
    (band,) = bands(run(strikes=(replace(strike(), until=None),)))
    assert (band.until, band.open) == (10.0, True)


def test_every_action_that_strikes_has_a_colour() -> None:
    known = {action for actions in FAMILIES.values() for action in actions}
    assert {name for name, action in ACTIONS.items() if action.group not in ("objects", "control")} <= known


# -- what goes into a page --------------------------------------------------------------------------------------------


def header_of(given: Run) -> tuple[dict[str, object], embedded.Tables]:
    plots = series(given.operations, given.meta.seconds)
    return embedded.embedded(given, match(given.records), hosts(given), bands(given), plots)


def test_all_operations_and_messages_are_in_the_page() -> None:
    given = store_run()
    header, tables = header_of(given)
    operations = tables["operations"]
    assert sorted(operations["+number"]) == list(range(len(given.operations)))
    assert operations["+start"] == sorted(operations["+start"])
    unknown = [o.outcome == "unknown" for o in given.operations]
    assert operations["took"].count(-1) == sum(unknown) > 0
    assert len(tables["messages"]["+sent"]) == len(match(given.records))
    fates = header["fates"]
    assert isinstance(fates, list)
    assert fates[0] == ""
    assert "f1" in fates


def test_writes_and_objects_of_a_cluster_are_in_the_page() -> None:
    header, _ = header_of(cluster_run())
    writes = embedded.writes(cluster_run())
    assert {"Pod", "Node", "Lease", "Deployment"} <= {row[2] for row in writes}
    assert all(row[7] is not None and len(row[7]) == 3 for row in writes if row[2] == "Pod")
    found = embedded.objects(cluster_run().events)
    pods = [o for o in found if o["kind"] == "Pod"]
    assert any(change[2] and change[2]["ready"] for pod in pods for change in pod["changes"])
    nodes = {o["key"]: [c[2]["ready"] for c in o["changes"] if c[2]] for o in found if o["kind"] == "Node"}
    assert any("Unknown" in told for told in nodes.values())
    assert header["containers"]


def test_what_a_second_observer_saw_does_not_change_an_objects_life() -> None:
    node = {"kind": "Node", "metadata": {"name": "n", "resourceVersion": "5"}}
    stale = {"kind": "Node", "metadata": {"name": "n", "resourceVersion": "2"}}
    (life,) = embedded.objects([Seen(1.0, "Node", "ADDED", node), Seen(2.0, "Node", "MODIFIED", stale, "watcher-1")])
    assert [change[:2] for change in life["changes"]] == [[1.0, "5"]]


def test_a_deleted_object_is_told_as_gone() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "d", "resourceVersion": "5"}}
    (life,) = embedded.objects([Seen(1.0, "Pod", "ADDED", pod), Seen(2.0, "Pod", "DELETED", pod)])
    assert life["key"] == "d/p"
    assert life["changes"][1] == [2.0, "5", None]


def test_long_values_are_cut_and_bytes_are_text() -> None:
    assert embedded.text_of("x" * 500).endswith("...")
    assert len(embedded.text_of("x" * 500)) == embedded.LONGEST
    assert embedded.text_of({"a": b"\xff"}) == '{"a": "\ufffd"}'
    assert embedded.text_of(None) == ""
