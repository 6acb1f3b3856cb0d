"""News of a commit waits for the next Append, and goes alone when there is none in time; what a compaction keeps."""

from __future__ import annotations

from math import inf

from store.raft.log import Log
from store.raft.messages import Append, Entry, Message, SnapshotMeta
from store.raft.node import Role
from tests.store.raft.network import Network

DELAY = 0.001


def appends(messages: list[Message]) -> list[tuple[str, int, int]]:
    return [(m.dst, len(m.entries), m.commit) for m in messages if type(m) is Append]


def test_a_log_keeps_a_tail_of_so_many_entries_and_bytes() -> None:
    log = Log(SnapshotMeta(), [Entry(1, index, bytes(10)) for index in range(1, 11)], 10)
    assert log.tail(10, 3, 1000) == 8
    assert log.tail(10, 100, 1000) == 1
    assert log.tail(10, 100, 25) == 9
    assert log.tail(10, 100, 5) == 11
    assert log.tail(7, 2, 1000) == 6


def cluster() -> Network:
    network = Network(["a", "b", "c"], commit_delay_seconds=DELAY)
    network.elect("a")
    network.run(0.3)
    return network


def commits(network: Network) -> list[int]:
    return [network[name].status().commit for name in ("a", "b", "c")]


def test_the_news_of_a_commit_goes_alone_when_nothing_else_is_sent() -> None:
    network = cluster()
    index = network.propose(b"x")
    network.settle()
    leader = network["a"]
    assert commits(network) == [index, index - 1, index - 1]
    assert leader.deadline() <= network.now + DELAY
    network.run(2 * DELAY)
    assert commits(network) == [index] * 3
    assert leader._state.news_at == inf


def test_the_news_is_not_put_off_by_whatever_else_happens() -> None:
    network = cluster()
    network.propose(b"x")
    network.settle()
    leader = network["a"]
    due = leader._state.news_at
    leader.tick(network.now + DELAY / 2)
    assert leader.ready() is None
    assert leader._state.news_at == due


def test_the_news_of_a_commit_goes_with_the_next_append() -> None:
    network = cluster()
    first = network.propose(b"x")
    network.settle()
    leader = network["a"]
    leader.propose([b"y"], network.now)
    ready = leader.ready()
    assert ready is not None
    assert appends(list(ready.early)) == [("b", 1, first), ("c", 1, first)]
    assert leader._state.news_at == inf


def test_a_new_leader_has_no_old_news() -> None:
    network = cluster()
    network.propose(b"x")
    network.settle()
    assert network["a"]._state.news_at < inf
    network.elect("b")
    assert network["b"].role is Role.LEADER
    network.run(0.3)
    assert len(set(commits(network))) == 1
