"""Snapshots in chunks (thesis 5.1): flow, loss, restart of either side, damage, and what the log keeps meanwhile."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from store.raft.messages import (
    Append,
    AppendReply,
    Configuration,
    Entry,
    HardState,
    InstallSnapshot,
    Message,
    SnapshotMeta,
    SnapshotReply,
    Vote,
    VoteReply,
)
from store.raft.node import Node, Ready, Role, Stored
from store.raft.progress import Pace
from tests.store.raft.network import Network, commands
from tests.store.raft.test_paper import IDS, THREE, log, member, turn

ABC = Configuration(THREE, (), (), IDS)
META = SnapshotMeta(9, 1, ABC)


def chunk(offset: int, size: int, done: bool = False, src: str = "b", term: int = 1, index: int = 9) -> Message:
    return InstallSnapshot(src, "a", term, index, 1, ABC, offset, size, b"x" * size, done)


def step(node: Node, *messages: Message) -> Ready:
    for message in messages:
        node.step(message, 0.0)
    ready = node.ready()
    assert ready is not None
    return ready


def wants(offset: int, dst: str = "b", index: int = 9, term: int = 1) -> SnapshotReply:
    return SnapshotReply("a", dst, term, index, offset, False, 1)


def follower(partial: tuple[SnapshotMeta, int] | None = None) -> Node:
    return member(Stored(HardState(1), entries=log(1), partial=partial))


def lagging(**options: Any) -> Network:
    """c is down, and a's log no longer has what it needs."""
    network = Network(THREE, snapshot_chunk_bytes=20, retain_entries=0, **options)
    network.elect("a")
    network.crash("c")
    network.propose(*(b"%d" % i for i in range(20)))
    network.members["a"].compact()
    network.boot("c")
    return network


def test_5_1_chunks_are_kept_in_order_and_each_is_answered_with_what_is_wanted_next() -> None:
    node = follower()
    ready = step(node, chunk(0, 10), chunk(10, 10))
    assert list(ready.chunks) == [(META, 0, b"x" * 10), (META, 10, b"x" * 10)]
    assert list(ready.early) == [wants(10), wants(20)]
    assert not ready.must_sync, "what is lost is asked for again"
    gap = step(node, chunk(30, 10))
    assert not gap.chunks
    assert list(gap.early) == [wants(20)]
    doubled = step(node, chunk(10, 10))
    assert not doubled.chunks
    assert list(doubled.early) == [wants(20)]


def test_5_1_a_chunk_that_is_not_whole_is_not_kept() -> None:
    node = follower()
    torn = chunk(0, 10)
    assert isinstance(torn, InstallSnapshot)
    torn.data = b"x"
    ready = step(node, torn)
    assert not ready.chunks
    assert list(ready.early) == [wants(0)]


def test_5_1_the_last_chunk_is_answered_done_when_all_is_durable_and_loaded() -> None:
    node = follower()
    ready = step(node, chunk(0, 10), chunk(10, 5, done=True))
    assert ready.install == META
    assert ready.must_sync
    assert node.status().last == 1, "the log is replaced when the snapshot is durable"
    assert step(node, chunk(10, 5, done=True)).early[-1] == wants(15)
    node.durable(ready)
    assert turn(node) == [SnapshotReply("a", "b", 1, 9, 0, True, 1)]
    status = node.status()
    assert (status.first, status.last, status.commit, status.applied) == (10, 9, 9, 9)
    assert status.configuration == ABC


def test_5_1_a_snapshot_brings_the_configuration_of_its_place_in_the_log() -> None:
    node = follower()
    message = chunk(0, 10, done=True)
    assert isinstance(message, InstallSnapshot)
    message.configuration = Configuration(("a", "b", "d"), (), (), (1, 2, 4))
    node.durable(step(node, message))
    assert node.status().configuration == message.configuration


def test_5_1_while_a_snapshot_is_installed_nothing_is_added_to_the_log_it_replaces() -> None:
    node = follower()
    ready = step(node, chunk(0, 10, done=True))
    heartbeat = step(node, Append("b", "a", 1, 1, 1, (), 1, 7))
    assert list(heartbeat.early) == [AppendReply("a", "b", 1, 0, round=7, src_id=1)]
    entries = step(node, Append("b", "a", 1, 1, 1, (Entry(1, 2, b"x"),), 2, 8))
    assert not entries.entries
    assert not entries.committed
    assert list(entries.messages) == [AppendReply("a", "b", 1, 0, round=8, src_id=1)]
    later = step(node, chunk(0, 10, src="c", index=12))
    assert not later.chunks, "nor is another one begun"
    node.durable(ready)
    assert node.status().first == 10


def test_5_1_an_install_is_done_when_a_later_ready_is_durable() -> None:
    node = follower()
    step(node, chunk(0, 10, done=True))
    later = step(node, Append("b", "a", 1, 1, 1, (), 1, 7))
    node.durable(later)
    assert node.status().first == 10


def test_5_1_a_damaged_file_is_received_again_from_its_beginning() -> None:
    node = follower()
    ready = step(node, chunk(0, 10, done=True))
    node.snapshot_failed(SnapshotMeta(8, 1, ABC))
    node.snapshot_failed(META)
    again = node.ready()
    assert again is not None
    assert list(again.early) == [wants(0)]
    node.durable(ready)
    assert node.status().last == 1, "it was not installed"
    ready = step(node, chunk(0, 10, done=True))
    assert ready.install == META
    node.durable(ready)
    node.snapshot_failed(META)
    assert node.status().last == 9


def test_5_1_a_restarted_follower_goes_on_where_it_was() -> None:
    node = follower((META, 20))
    ready = step(node, chunk(0, 10))
    assert list(ready.early) == [wants(20)]
    ready = step(node, chunk(20, 5, done=True))
    assert ready.install == META


def test_5_1_a_restarted_follower_that_had_it_all_installs_it_when_the_last_chunk_comes_again() -> None:
    node = follower((META, 20))
    ready = step(node, chunk(10, 10, done=True))
    assert not ready.chunks
    assert ready.install == META


def test_5_1_the_file_of_another_leader_or_of_another_index_is_begun_anew() -> None:
    node = follower()
    step(node, chunk(0, 10))
    ready = step(node, chunk(10, 10, index=12))
    assert list(ready.early) == [wants(0, index=12)]
    step(node, chunk(0, 10, index=12))
    ready = step(node, chunk(10, 10, src="c", term=2, index=12))
    assert not ready.chunks
    assert wants(0, "c", 12, 2) in ready.messages


def test_5_1_a_snapshot_that_the_log_has_overtaken_is_dropped() -> None:
    node = follower()
    step(node, chunk(0, 10))
    entries = tuple(Entry(1, index, b"x") for index in range(2, 11))
    node.durable(step(node, Append("b", "a", 1, 1, 1, entries, 10, 7)))
    ready = step(node, chunk(10, 10, done=True))
    assert ready.install is None
    assert not ready.chunks
    assert list(ready.messages) == [SnapshotReply("a", "b", 1, 9, 0, True, 1)]


@pytest.mark.parametrize("window", [1, 4])
def test_5_1_several_chunks_are_under_way_up_to_the_window(window: int) -> None:
    network = lagging(snapshot_window=window)
    network.now += 0.1
    network["a"].tick(network.now)
    most = 0
    for _ in range(200):
        for name in THREE:
            network.run_shell(name)
        most = max(most, sum(isinstance(message, InstallSnapshot) for message in network.wires))
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
    assert most == window
    assert len(network.members["c"].applied) == 21


def test_5_1_writes_go_on_while_a_snapshot_is_sent() -> None:
    network = lagging(snapshot_window=1)
    leader = network["a"]
    for count in range(40):
        leader.propose([b"w%d" % count], network.now)
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
        network.now += 0.02
        leader.tick(network.now)
    assert leader.status().commit > 40
    network.run(0.5)
    assert network.members["c"].applied == network.members["a"].applied


@pytest.mark.parametrize("seed_of_loss", range(5))
def test_5_1_lost_doubled_and_late_chunks_only_cost_time(seed_of_loss: int) -> None:
    network, dice = lagging(), Random(seed_of_loss)
    for _ in range(600):
        network.now += 0.01
        if network["a"].deadline() <= network.now:
            network["a"].tick(network.now)
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            if not isinstance(message, InstallSnapshot | SnapshotReply):
                network.deliver(message)
            elif dice.random() < 0.1:
                network.wires.append(message)
            elif dice.random() > 0.2:
                network.deliver(message)
                if dice.random() < 0.2:
                    network.deliver(message)
        if dice.random() < 0.02:
            network.crash("c")
            network.boot("c")
    assert len(network.members["c"].applied) == 21


def test_5_1_a_new_leader_sends_its_own_file() -> None:
    network = lagging(snapshot_window=1)
    network.members["b"].compact()
    network.now += 0.1
    network["a"].tick(network.now)
    while not network.members["c"].disk.partial:
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
    network.crash("a")
    network.wires = []
    network.run(4.0)
    assert network["b"].role is Role.LEADER
    assert network.members["c"].applied == network.members["b"].applied


def test_5_1_the_log_keeps_what_the_follower_needs_after_the_snapshot() -> None:
    network = lagging(snapshot_window=1)
    leader = network["a"]
    network.now += 0.1
    leader.tick(network.now)
    for count in range(4):
        leader.propose([b"w%d" % count], network.now)
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
    assert [f.pace for f in leader.status().followers if f.id == "c"] == [Pace.SNAPSHOT]
    network.members["a"].compact()
    assert leader._state.outgoing is not None
    assert leader.status().first == leader._state.outgoing.meta.index + 1
    network.run(0.5)
    assert commands(network.members["c"].applied)[-1] == b"w3"


def test_5_1_answers_that_make_no_sense_for_the_snapshot_change_nothing() -> None:
    network = lagging(snapshot_window=1)
    leader = network["a"]
    network.now += 0.1
    leader.tick(network.now)
    for _ in range(4):
        for name in THREE:
            network.run_shell(name)
        wires, network.wires = network.wires, []
        for message in wires:
            network.deliver(message)
    before = next(f for f in leader.status().followers if f.id == "c")
    assert before.pace is Pace.SNAPSHOT
    id = network["c"]._state.disk_id
    leader.step(SnapshotReply("c", "a", 1, 21, 1 << 40, False, id), network.now)
    leader.step(SnapshotReply("c", "a", 1, 20, 0, True, id), network.now)
    after = next(f for f in leader.status().followers if f.id == "c")
    assert (after.pace, after.arrived) == (before.pace, before.arrived)


def test_5_1_who_votes_while_it_installs_forgets_neither() -> None:
    node = follower()
    ready = step(node, chunk(0, 10, done=True))
    node.step(Vote("c", "a", 2, 99, 1), 1.0)
    vote = node.ready()
    assert vote is not None
    assert vote.hard == HardState(2, "c", 0, 1)
    node.durable(ready)
    node.durable(vote)
    assert list(vote.messages) == [VoteReply("a", "c", 2, True, 1)]
    assert (node.term, node.status().first) == (2, 10)
