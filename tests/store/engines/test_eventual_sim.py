"""Replicas of the engine `eventual` in the simulator: what they promise when machines die and clocks err."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.errors import StatusError
from cluster.world.faults import Duplicate, Partition
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store.client import Compare, Put, StoreClient
from store.refusal import DiskFailedError
from store.wal import WalError
from tests.store.engines.replicas import Tale, converged, lost_writes, seat, start

Scenario = Callable[[SimWorld], Awaitable[None]]


def play(scenario: Scenario, seed: int = 1, *, tolerate_exits: bool = False) -> SimWorld:
    with SimWorld(seed, tolerate_exits=tolerate_exits) as world:

        async def main() -> None:
            await scenario(world)

        world.run(main())
        return world


@pytest.mark.parametrize("snapshots", [5, 10_000])
def test_no_acknowledged_write_vanishes_and_replicas_converge(seed: int, snapshots: int) -> None:
    tale = Tale(seed, options={"snapshot_batches": snapshots, "wal_segment_bytes": 2000}).run()
    assert tale.problems == []
    assert tale.acknowledged > 50
    assert sum(len(told) for told in tale.seen.values()) > 100


def test_tombstones_of_short_grace_and_few_hints_change_nothing(seed: int) -> None:
    tale = Tale(seed, options={"grace": 1.5, "max_hints": 2}).run()
    assert tale.problems == []


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("dice", range(3))
def test_any_number_of_replicas(dice: int, count: int) -> None:
    assert Tale(dice, count=count, seconds=4.0).run().problems == []


def test_one_seed_is_one_story() -> None:
    assert len({Tale(5, seconds=3.0).run().digest for _ in range(2)}) == 1


def cut(index: int, count: int = 3) -> Partition:
    return Partition(src=(f"master-{index}",), dst=tuple(f"master-{i}" for i in range(count) if i != index))


def test_both_sides_of_a_partition_answer_and_the_loser_is_named_with_all_its_branch() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        one, two = await seat(world, "one", members[:1]), await seat(world, "two", members[1:2])
        both = await seat(world, "scout", members)
        await one.put(b"k", b"before")
        await converged(both)
        await world.fault(cut(0))
        for i in range(3):
            await one.put(b"k", b"x%d" % i)
        await asyncio.sleep(0.1)
        for i in range(4):
            await two.put(b"k", b"v%d" % i)
        await two.put(b"alone", b"1")
        assert (await one.range(b"k")).kvs[0].value == b"x2"
        assert (await two.range(b"k", read="linearizable")).kvs[0].value == b"v3"
        assert (await both.status(members[0])).role == "replica"
        await world.heal()
        assert await converged(both) < 1.0
        assert (await one.range(b"k")).kvs[0].value == b"v3"
        (lost,) = (await lost_writes(both)).values()
        assert (lost.key, lost.stamp[2], lost.lost_to[2], lost.writes) == (b"k", "store-0.1", "store-1.1", 3)

    play(scenario)


def test_a_write_after_one_that_was_seen_is_no_conflict() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        stores = [await seat(world, f"seat-{i}", (name,)) for i, name in enumerate(members)]
        both = await seat(world, "scout", members)
        for i in range(9):
            await world.skew(f"master-{i % 3}", offset=-3.0 if i % 2 else 3.0)
            await stores[i % 3].put(b"k", b"%d" % i)
            await converged(both)
            assert (await stores[(i + 1) % 3].range(b"k")).kvs[0].value == b"%d" % i
        assert await lost_writes(both) == {}

    play(scenario)


def test_hints_survive_a_crash_and_bring_a_dead_peer_up_to_date_at_once() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world, gossip=1000.0)  # only hints can tell
        store = await seat(world, "seat", members[:1])
        await converged(await seat(world, "scout", members))
        await world.crash(members[2])
        for i in range(50):
            await store.put(b"k%d" % i, b"%d" % i)
        await hinted(store, members[0], {members[1]: 0, members[2]: 50})
        await asyncio.sleep(1.0)
        await world.restart(members[0])
        assert (await store.conflicts(members[0])).hints[members[2]] == 50
        await world.restart(members[2])
        scout = await seat(world, "late", members)
        assert await converged(scout) < 2.0
        await hinted(store, members[0], {members[1]: 0, members[2]: 0})
        await asyncio.sleep(0.2)
        assert not [name for name in world.platter(members[0]).files if name.startswith("hints/")]

    play(scenario)


async def hinted(store: StoreClient, member: str, hints: dict[str, int]) -> None:
    async def so_many() -> bool:
        return (await store.conflicts(member)).hints == hints

    await eventually(so_many, within=5, what=f"hints: {hints}")


def test_more_hints_than_may_be_kept_are_dropped_and_gossip_finds_the_rest() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world, max_hints=10)
        store = await seat(world, "seat", members[:1])
        await converged(await seat(world, "scout", members))
        await world.crash(members[2])
        await store.put(b"first", b"")
        await asyncio.sleep(0.5)
        for i in range(300):
            await store.put(b"k%d" % i, b"%d" % i)
        assert (await store.conflicts(members[0])).hints[members[2]] <= 10
        await world.restart(members[2])
        assert await converged(await seat(world, "late", members)) < 3.0

    play(scenario)


def test_a_clock_too_far_ahead_is_refused_by_the_others_until_its_time_has_come() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world, max_ahead=5.0)
        await world.skew("master-0", offset=30.0)
        one, scout = await seat(world, "one", members[:1]), await seat(world, "scout", members)
        await one.put(b"k", b"future")
        await scout.put(b"l", b"now")
        await asyncio.sleep(2.0)
        assert (await scout.range(b"k", member=members[1])).kvs == ()
        assert (await scout.conflicts(members[1])).refused > 0
        assert (await one.range(b"k")).kvs[0].value == b"future"
        await asyncio.sleep(26.0)
        assert await converged(scout) < 2.0
        assert (await scout.range(b"k", member=members[1])).kvs[0].value == b"future"

    play(scenario)


def test_tombstones_are_forgotten_everywhere_and_a_late_peer_brings_nothing_back() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world, grace=1.0)
        store, scout = await seat(world, "seat", members[:1]), await seat(world, "scout", members)
        for i in range(20):
            await store.put(b"k%d" % i, b"")
        await converged(scout)
        await world.crash(members[2])
        await store.delete(b"k", b"l")
        await asyncio.sleep(5.0)
        await world.restart(members[2])
        await converged(scout)
        assert (await scout.range(b"\0", b"\0", member=members[2])).count == 0
        await asyncio.sleep(5.0)
        for name in members:
            assert (await scout.range(b"\0", b"\0", member=name)).count == 0
        await store.put(b"k1", b"again")
        await converged(scout)
        assert await lost_writes(scout) == {}
        for name in members:  # forgotten for good: not in the journal's sum either
            await world.restart(name)
        await converged(scout)
        assert (await scout.range(b"\0", b"\0", member=members[1])).count == 1

    play(scenario)


def test_a_replica_with_an_empty_disk_fills_it_from_the_others_and_signs_anew() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        stores = [await seat(world, f"seat-{i}", (name,)) for i, name in enumerate(members)]
        scout = await seat(world, "scout", members)
        for i in range(60):
            await stores[i % 3].put(b"k%d" % i, b"%d" % i)
        await converged(scout)
        await world.crash(members[0])
        world.platter(members[0]).files.clear()
        await world.restart(members[0])
        await stores[0].put(b"k1", b"new")
        assert await converged(scout) < 3.0
        assert (await scout.range(b"\0", b"\0", member=members[0])).count == 60
        assert (await scout.conflicts(members[0])).replica == "store-0.2"

    play(scenario)


def test_a_second_copy_of_a_write_changes_nothing() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        await world.fault(Duplicate(probability=1.0, spread=0.3))
        store = await seat(world, "seat", members[:1])
        for i in range(20):
            await store.put(b"k", b"%d" % i)
            if i == 10:
                await world.restart(members[0])
        await asyncio.sleep(1.0)
        (kv,) = (await store.range(b"k")).kvs
        assert (kv.value, kv.version) == (b"19", 20)

    play(scenario)


def test_of_two_guarded_writes_on_one_replica_one_wins_and_on_two_both_do() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        one, two = await seat(world, "one", members[:1]), await seat(world, "two", members[1:2])
        guard, name = Compare(b"k", "version", "=", 0), b"k"
        results = await asyncio.gather(*(one.txn((guard,), (Put(name, b"%d" % i),)) for i in range(5)))
        assert [result.succeeded for result in results].count(True) == 1
        await world.fault(cut(0))
        guard = Compare(b"l", "version", "=", 0)
        results = await asyncio.gather(*(store.txn((guard,), (Put(b"l", b""),)) for store in (one, two)))
        assert [result.succeeded for result in results] == [True, True]

    play(scenario)


def test_a_failing_disk_stops_the_replica_and_the_others_go_on() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        store = await seat(world, "seat", members, prefer=members[0])
        await store.put(b"k", b"1")
        await converged(store)
        world.platter(members[0]).failing = "no space left on device"
        with pytest.raises(StatusError) as caught:
            await store.put(b"k", b"2")
        assert (caught.value.reason, caught.value.definite) == ("Timeout", False)
        await store.put(b"k", b"3")
        assert not world.running(members[0])
        assert len(world.notes("disk-failed")) == 1

    world = play(scenario, tolerate_exits=True)
    assert isinstance(world.exits["store-0"], DiskFailedError)


def test_a_flipped_bit_in_the_journal_is_found_before_anything_is_served() -> None:
    async def scenario(world: SimWorld) -> None:
        members = await start(world)
        store = await seat(world, "seat", members[:1])
        for i in range(10):
            await store.put(b"k%d" % i, b"0123456789")
        await world.crash(members[0])
        (name,) = [name for name in world.platter(members[0]).files if name.startswith("wal/")]
        world.platter(members[0]).files[name].data[400] ^= 4
        await world.restart(members[0])
        await asyncio.sleep(0.1)
        assert len(world.notes("refused-to-start")) == 1

    world = play(scenario, tolerate_exits=True)
    assert isinstance(world.exits["store-0"], WalError)
