"""Leases: what all members know of them, and the leader's clock (etcd: lease/lessor.go)."""

from __future__ import annotations

from math import inf
from random import Random

import pytest

from cluster.errors import StatusError
from store.mvcc.lessor import MOST, RETRY, Lessor
from store.mvcc.space import Space
from store.mvcc.values import Delete, Put


def space_with(*leases: int) -> Space:
    space = Space()
    for lease in leases:
        space.leases.grant(lease, 10)
    return space


def keys(space: Space, lease: int) -> list[bytes]:
    return sorted(space.leases.get(lease).keys)


# ── what is replicated ───────────────────────────────────────────────────────────────────────────────────────


def test_an_id_of_zero_gets_one_that_is_free() -> None:
    space = space_with(1, 2)
    assert [space.leases.grant(0, 5).id for _ in range(2)] == [3, 4]
    space.revoke(4)
    assert space.leases.grant(0, 5).id == 5
    again = Space.load(space.dump())
    assert again.leases.grant(0, 5).id == 6


def test_an_id_that_is_taken_is_refused() -> None:
    """etcd: ErrLeaseExists."""
    with pytest.raises(StatusError) as caught:
        space_with(7).leases.grant(7, 5)
    assert caught.value.reason == "AlreadyExists"


def test_all_keys_attached_to_the_lease_expire_and_are_deleted() -> None:
    """etcd: LeaseRevoke revokes a lease; in sorted order, at one revision."""
    space = space_with(7, 8)
    for key, lease in ((b"c", 7), (b"a", 7), (b"b", 8), (b"d", 0)):
        space.put(key, b"", lease)
    assert space.revoke(7) == 2
    assert [(event.kv.key, event.kv.mod_revision) for event in space.events_since(6)] == [(b"a", 6), (b"c", 6)]
    assert [kv[0] for kv in space.walk(b"a", b"z")] == [b"b", b"d"]
    with pytest.raises(StatusError) as caught:
        space.revoke(7)
    assert caught.value.reason == "NotFound"


def test_revoking_a_lease_without_keys_makes_no_revision() -> None:
    space = space_with(7)
    assert space.revoke(7) == 0
    assert space.revision == 1


def test_a_key_hangs_on_its_newest_lease_only() -> None:
    space = space_with(7, 8)
    space.put(b"a", b"", 7)
    space.put(b"a", b"", 7)
    assert keys(space, 7) == [b"a"]
    space.put(b"a", b"", 8)
    assert (keys(space, 7), keys(space, 8)) == ([], [b"a"])
    space.put(b"a", b"")
    assert keys(space, 8) == []
    space.put(b"a", b"", 7)
    space.txn((), (Delete(b"a"),))
    assert keys(space, 7) == []
    space.put(b"a", b"")
    assert space.revoke(7) == 0
    assert space.get(b"a") is not None


def test_leases_survive_a_dump_with_their_keys() -> None:
    space = space_with(7, 8)
    space.txn((), (Put(b"a", b"", lease=7), Put(b"b", b"", lease=7)))
    copy = Space.load(space.dump())
    assert [(lease.id, lease.ttl) for lease in copy.leases] == [(7, 10), (8, 10)]
    assert (keys(copy, 7), keys(copy, 8)) == ([b"a", b"b"], [])


def test_changes_are_told_once() -> None:
    space = space_with(7, 8)
    space.revoke(8)
    assert space.leases.take_changes() == [(7, 10), (8, 0)]
    assert space.leases.take_changes() == []


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────


def lessor(now: float = 0.0, **ttl: int) -> Lessor:
    leading = Lessor()
    leading.promote([(int(id[1:]), seconds) for id, seconds in ttl.items()], now)
    return leading


def test_a_lease_expires_if_the_leader_does_not_receive_a_keepalive_within_its_ttl() -> None:
    clock = lessor()
    clock.update([(1, 10), (2, 5)], 100.0)
    assert (clock.deadline(), clock.expired(104.9)) == (105.0, [])
    assert clock.expired(105.0) == [2]
    clock.update([(2, 0)], 105.1)
    assert clock.keepalive(1, 106.0) == 10
    assert clock.expired(115.9) == []
    assert clock.remaining(1, 115.0) == 1.0
    assert clock.expired(116.0) == [1]
    assert clock.remaining(1, 120.0) == 0.0


def test_what_was_not_revoked_is_named_again() -> None:
    clock = lessor(_1=10)
    assert clock.expired(10.0) == [1]
    assert clock.expired(10.0 + RETRY / 2) == []
    assert clock.expired(10.0 + RETRY) == [1]
    clock.update([(1, 0)], 20.0)
    assert clock.expired(1000.0) == []
    assert clock.deadline() == inf


def test_a_lease_that_is_over_cannot_be_kept_alive() -> None:
    """Its revocation may be in the log already."""
    clock = lessor(_1=10)
    for now in (10.0, 11.0):
        with pytest.raises(StatusError) as caught:
            clock.keepalive(1, now)
        assert caught.value.reason == "NotFound"
        clock.expired(now)


def test_a_keepalive_from_before_the_end_is_too_late_once_the_end_is_on_its_way() -> None:
    """It waited for the confirmation of the leadership meanwhile; what it would promise is about to be revoked."""
    clock = lessor(_1=10)
    assert clock.expired(10.1) == [1]
    with pytest.raises(StatusError) as caught:
        clock.keepalive(1, 9.9)
    assert caught.value.reason == "NotFound"


def test_a_new_leader_extends_and_never_shortens() -> None:
    """etcd: Promote refreshes every lease to its full TTL."""
    old = lessor(_1=10)
    old.keepalive(1, 8.0)
    new = lessor(9.0, _1=10)
    assert new.deadline() >= old.deadline()
    new.promote([(1, 10)], 9.0, extend=1.5)
    assert new.deadline() == 20.5
    assert new.keepalive(1, 9.5) == 10
    assert new.remaining(1, 9.5) == 11.0, "what another one was promised stays promised"


def test_only_the_leader_knows_how_long_a_lease_lasts() -> None:
    clock = lessor(_1=10)
    clock.demote()
    assert not clock.leading
    clock.update([(2, 10)], 0.0)
    assert (clock.deadline(), clock.expired(1000.0)) == (inf, [])
    for ask in (clock.keepalive, clock.remaining):
        with pytest.raises(StatusError) as caught:
            ask(1, 0.0)
        assert caught.value.reason == "NotLeader"


def test_a_lease_granted_anew_under_its_old_id_has_its_own_time() -> None:
    clock = lessor(_1=10)
    assert clock.expired(10.0) == [1]
    clock.update([(1, 0)], 10.0)
    clock.update([(1, 50)], 10.5)
    assert clock.expired(59.0) == []
    assert clock.expired(60.5) == [1]


def test_only_so_many_are_named_at_once() -> None:
    clock = Lessor()
    clock.promote([(id, 1) for id in range(MOST + 5)], 0.0)
    assert [len(clock.expired(1.0)) for _ in range(3)] == [MOST, 5, 0]


def test_no_lease_is_named_early_and_each_is_named_in_time(seed: int) -> None:
    rng, clock, now = Random(seed), lessor(), 0.0
    due: dict[int, float] = {}
    ttls: dict[int, int] = {}
    for _ in range(500):
        now += rng.random()
        id = rng.randrange(20)
        named = clock.expired(now)
        assert all(due[id] <= now for id in named)
        assert all(due[id] > now or id in named for id in due)
        for gone in named:
            clock.update([(gone, 0)], now)
            del due[gone]
        if id in due and rng.random() < 0.5:
            clock.keepalive(id, now)
            due[id] = max(due[id], now + ttls[id])
        elif id not in due:
            ttls[id] = rng.randint(1, 8)
            clock.update([(id, ttls[id])], now)
            due[id] = now + ttls[id]
        assert clock.deadline() <= min(due.values(), default=inf)
