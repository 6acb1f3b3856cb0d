"""Who was held up himself gives the others one more chance before he takes their silence for silence."""

from __future__ import annotations

from store.raft.node import Node, Role
from tests.store.raft.network import Network


def role(node: Node) -> Role:
    return node.role


def cluster() -> Network:
    network = Network(["a", "b", "c"])
    network.elect("a")
    network.run(0.5)
    return network


def test_a_follower_that_was_held_up_waits_two_heartbeats_and_then_campaigns() -> None:
    network = cluster()
    late = network.now + 10
    follower = network["b"]
    follower.tick(late, held_up=True)
    assert role(follower) is Role.FOLLOWER
    assert follower.deadline() == late + 2 * 0.1
    follower.tick(follower.deadline())
    assert role(follower) is Role.PRE_CANDIDATE


def test_one_that_is_always_held_up_campaigns_all_the_same() -> None:
    network = cluster()
    follower = network["b"]
    follower.tick(network.now + 10, held_up=True)
    follower.tick(network.now + 20, held_up=True)
    assert role(follower) is Role.PRE_CANDIDATE


def test_a_leader_that_was_held_up_asks_again_before_it_steps_down() -> None:
    network = cluster()
    leader = network["a"]
    leader.tick(network.now + 10, held_up=True)
    assert role(leader) is Role.LEADER
    assert leader.lease_read(network.now + 10) is None
    leader.tick(network.now + 10.1)
    assert role(leader) is Role.FOLLOWER


def test_before_its_deadline_being_held_up_is_nothing() -> None:
    network = cluster()
    follower = network["b"]
    before = follower.deadline()
    follower.tick(network.now, held_up=True)
    assert follower.deadline() == before
