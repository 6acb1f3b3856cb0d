"""The door: order of calls, deadlines, what is refused; and what the paper has no sentence for."""

from __future__ import annotations

from math import inf
from random import Random
from typing import Any

import pytest

from cluster.errors import InvariantViolation, UsageError
from store.raft.config import Config
from store.raft.messages import (
    MESSAGES,
    Append,
    AppendReply,
    Configuration,
    Entry,
    HardState,
    InstallSnapshot,
    SnapshotMeta,
    SnapshotReply,
    Vote,
    VoteReply,
)
from store.raft.node import HANDLERS, ChangeRefusedError, Node, NotLeaderError, Role, Stored
from store.raft.progress import Pace
from tests.store.raft.network import Network, commands, names
from tests.store.raft.test_paper import IDS, lead, log, member, turn
from tests.store.raft.test_paper_later import learned

THREE = ("a", "b", "c")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"id": ""}, "id"),
        ({"members": ("a", "a")}, "members"),
        ({"heartbeat_seconds": 0.0}, "heartbeat_seconds"),
        ({"election_seconds": 0.1}, "election_seconds"),
        ({"max_append_bytes": 0}, "max_append_bytes"),
        ({"max_inflight": 0}, "max_inflight"),
        ({"max_inflight_bytes": 0}, "max_inflight_bytes"),
        ({"snapshot_window": 0}, "snapshot_window"),
        ({"lease_clock_error": 1.0}, "lease_clock_error"),
        ({"snapshot_chunk_bytes": 0}, "snapshot_chunk_bytes"),
        ({"retain_entries": -1}, "retain_entries"),
    ],
)
def test_config_refuses_nonsense(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Config(**{"id": "a", "members": THREE} | options)


def test_every_message_has_one_handler() -> None:
    assert tuple(sorted(HANDLERS, key=str)) == tuple(sorted(MESSAGES, key=str))


def test_a_fresh_cluster_has_a_leader_within_a_few_heartbeats() -> None:
    for seed in range(20):
        network = Network(THREE, seed)
        network.run(0.5)
        assert network.leader().status().commit == 1


def test_a_member_of_an_old_cluster_waits_a_whole_election_timeout() -> None:
    node = Node(Config("a", THREE), Stored(HardState(1, id=1), entries=log(1)), Random(1), 5.0)
    assert 6.0 <= node.deadline() < 7.0


def test_who_is_no_voter_waits_for_ever() -> None:
    node = Node(Config("d", ()), Stored(HardState(id=4)), Random(1), 0.0)
    assert node.deadline() == inf
    node.tick(99.0)
    assert node.role is Role.FOLLOWER
    assert node.ready() is None


def test_durable_and_applied_tell_only_of_what_was_handed_out() -> None:
    node = Node(Config("a", ("a",)), Stored(), Random(1), 0.0)
    node.tick(1.0)
    ready = node.ready()
    assert ready is not None
    assert node.ready() is None
    with pytest.raises(InvariantViolation, match=r"applied\(1\), but only 0 was given"):
        node.applied(1)
    node.durable(ready)
    node.durable(ready)
    again = node.ready()
    assert again is not None
    assert [entry.index for entry in again.committed] == [1]
    node.applied(1)
    assert node.status().applied == 1
    again.number += 1
    with pytest.raises(InvariantViolation, match=r"durable\(\) with Ready 3, but 2 is the last one"):
        node.durable(again)


def test_messages_for_others_and_late_answers_change_nothing() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    for message in (
        Vote("b", "x", 9, 9, 9),
        VoteReply("b", "a", 1, True),
        AppendReply("z", "a", 1, 1),
        SnapshotReply("z", "a", 1, 9, 9),
        SnapshotReply("b", "a", 1, 9, 9),
    ):
        leader.step(message, network.now)
    assert leader.ready() is None
    network["b"].step(AppendReply("c", "b", 1, 1), network.now)
    network["b"].step(VoteReply("c", "b", 1, True), network.now)
    network["b"].step(SnapshotReply("c", "b", 1, 1, 1), network.now)
    assert network["b"].ready() is None


def test_only_the_leader_takes_requests() -> None:
    network = Network(THREE)
    network.elect("a")
    b = network["b"]
    for request in (
        lambda: b.propose([b"x"], 0.0),
        lambda: b.read_index(1, 0.0),
        lambda: b.transfer_leader("c", 0.0),
        lambda: b.propose_configuration(Configuration(("b",)), 0.0),
    ):
        with pytest.raises(NotLeaderError) as refused:
            request()
        assert refused.value.leader == "a"


def test_a_transfer_ends_when_its_target_is_removed() -> None:
    network = learned("d", "e")
    leader = network["a"]
    network.change(("a", "d", "e"))
    leader.transfer_leader("b", network.now)
    with pytest.raises(NotLeaderError):
        leader.propose([b"x"], network.now)
    for name in ("d", "e", "c"):
        network.run_shell("a")
        for _ in range(4):
            for message in [m for m in network.wires if name in (m.src, m.dst)]:
                network.wires.remove(message)
                network.deliver(message)
            network.run_shell(name)
            network.run_shell("a")
    assert names(leader.status().configuration) == Configuration(("a", "d", "e"))
    assert leader.propose([b"x"], network.now) > 0


def test_no_change_before_the_first_commit_of_the_term() -> None:
    node = member(Stored(HardState(1, commit=1), entries=log(1)))
    lead(node)
    with pytest.raises(ChangeRefusedError, match="nothing of this term"):
        node.propose_configuration(Configuration(("a", "b")), 10.0)


def test_deadline_waits_for_the_shell_once_heartbeats_are_due() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    at = leader.deadline()
    leader.tick(at)
    assert leader.deadline() == inf
    network.now = at
    network.run_shell("a")
    assert leader.deadline() == pytest.approx(at + 0.1)


def test_an_idle_leader_wakes_once_a_heartbeat_for_all_followers() -> None:
    network = Network(("a", "b", "c", "d", "e"))
    leader = network.elect("a")
    ticks = 0
    end = network.now + 10
    while network.now < end:
        network.now = leader.deadline()
        leader.tick(network.now)
        network.settle()
        ticks += 1
    assert ticks <= 101
    assert leader.role is Role.LEADER


def test_a_silent_follower_gets_only_heartbeats() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    network.crash("c")
    network.run(1.2)
    network.propose(*[b"x" * 1000] * 50)
    sent: list[Append] = []
    network.now = leader.deadline()
    leader.tick(network.now)
    ready = leader.ready()
    assert ready is not None
    sent = [m for m in ready.early if isinstance(m, Append) and m.dst == "c"]
    assert [m.entries for m in sent] == [()]
    network.boot("c")
    network.run(0.5)
    assert len(network.members["c"].applied) == 51


def test_an_append_lost_on_the_way_is_found_by_the_next_heartbeat() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    leader.propose([b"one"], network.now)
    network.run_shell("a")
    network.wires = []
    network.run(0.25)
    assert commands(network.members["b"].applied) == [b"one"]


def test_a_lost_or_doubled_chunk_only_costs_time() -> None:
    network = Network(THREE, snapshot_chunk_bytes=20, retain_entries=0)
    network.elect("a")
    network.crash("c")
    network.propose(*(b"%d" % i for i in range(20)))
    network.members["a"].compact()
    network.boot("c")
    lose = 0
    for _ in range(400):
        network.now += 0.02
        network["a"].tick(network.now)
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            lose += isinstance(message, InstallSnapshot | SnapshotReply)
            if lose % 5 == 1:
                continue
            network.deliver(message)
            if lose % 5 == 3:
                network.deliver(message)
    assert len(network.members["c"].applied) == 21


def test_compaction_waits_for_a_snapshot_that_is_being_sent() -> None:
    network = Network(THREE, snapshot_chunk_bytes=20, retain_entries=0)
    leader = network.elect("a")
    network.crash("c")
    network.propose(*(b"%d" % i for i in range(20)))
    network.members["a"].compact()
    network.boot("c")
    for _ in range(8):
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
        network.now = max(network.now, min(leader.deadline(), network.now + 0.1))
        leader.tick(network.now)
    assert [f.pace for f in leader.status().followers if f.id == "c"] == [Pace.SNAPSHOT]
    leader.propose([b"more"], network.now)
    network.run_shell("a")
    for message in [m for m in network.wires if m.dst == "b"]:
        network.deliver(message)
    network.run_shell("b")
    for message in [m for m in network.wires if m.src == "b"]:
        network.deliver(message)
    network.run_shell("a")
    assert network.members["a"].applied[-1].data == b"more"
    network.members["a"].compact()
    assert leader.status().first == 22
    network.run(2.0)
    network.members["a"].compact()
    assert network.members["c"].applied == network.members["a"].applied


def chunk(index: int, term: int = 1) -> InstallSnapshot:
    return InstallSnapshot("b", "a", term, index, 1, Configuration(THREE, (), (), IDS), 0, 1, b"?", True)


def test_a_snapshot_of_what_the_follower_has_is_not_installed() -> None:
    node = member(Stored(HardState(1, commit=2), entries=log(1, 1)))
    node.step(chunk(2), 0.0)
    ready = node.ready()
    assert ready is not None
    assert ready.install is None
    assert not ready.chunks
    assert list(ready.messages) == [SnapshotReply("a", "b", 1, 2, 0, True, src_id=1)]


def test_a_snapshot_tells_a_follower_that_what_it_has_is_committed() -> None:
    node = member(Stored(HardState(1), entries=log(1, 1)))
    node.step(chunk(2), 0.0)
    assert node.status().commit == 2
    assert node.term_at(2) == 1


def test_an_older_snapshot_changes_nothing_and_only_a_leader_holds_one_for_others() -> None:
    network = Network(THREE, retain_entries=0)
    network.elect("a")
    network.propose(b"one")
    b = network.members["b"]
    b.compact()
    assert b.up.status().first == 3
    assert b.up.term_at(1) == 0
    b.up.compact(SnapshotMeta(1, 1, Configuration(THREE)))
    assert b.up.status().first == 3
    b.up.provide_snapshot(SnapshotMeta(2, 1, Configuration(THREE)), 9)
    assert b.up._state.outgoing is None
    with pytest.raises(InvariantViolation, match="a snapshot of 0 bytes"):
        b.up.provide_snapshot(SnapshotMeta(2, 1, Configuration(THREE)), 0)


def test_the_commit_that_is_stored_never_passes_what_was_durable_before() -> None:
    node = member(Stored(HardState(2), entries=log(1)))
    new = (Entry(1, 2, b"x"), Entry(2, 3, b"x"))
    node.step(Append("b", "a", 2, 1, 1, new, 3, 1), 0.0)
    ready = node.ready()
    assert ready is not None
    assert [entry.index for entry in ready.committed] == [1, 2, 3]
    assert ready.hard == HardState(2, "", 1, 1)
    node.durable(ready)
    assert node.ready() is None, "a better hint alone is not worth a write"
    node.step(Append("b", "a", 2, 3, 2, (Entry(2, 4, b"x"),), 3, 2), 0.0)
    later = node.ready()
    assert later is not None
    assert later.hard == HardState(2, "", 3, 1)


def test_news_of_the_commit_index_alone_are_not_answered() -> None:
    network = Network(THREE)
    leader = network.elect("a")
    leader.propose([b"one"], network.now)
    network.run_shell("a")
    sent = 0
    while network.wires:
        wires, network.wires = network.wires, []
        sent += len(wires)
        for message in wires:
            network.deliver(message)
        for name in THREE:
            network.run_shell(name)
    assert sent == 6, "an Append, its answer, and the commit index, for two followers"
    assert commands(network.members["b"].applied) == [b"one"]


def test_the_last_of_several_answers_says_what_all_of_them_say() -> None:
    node = member(Stored(HardState(1), entries=log(1)))
    for index in (2, 3, 4):
        node.step(Append("b", "a", 1, index - 1, 1, (Entry(1, index, b"x"),), 0, index), 0.0)
    node.step(Append("b", "a", 1, 1, 1, (Entry(1, 2, b"x"),), 0, 1), 0.0)
    node.step(Append("c", "a", 2, 1, 1, (Entry(1, 2, b"x"),), 0, 1), 0.0)
    assert turn(node) == [
        AppendReply("a", "b", 1, 4, round=4, src_id=1),
        AppendReply("a", "b", 1, 2, round=1, src_id=1),
        AppendReply("a", "c", 2, 2, round=1, src_id=1),
    ]
