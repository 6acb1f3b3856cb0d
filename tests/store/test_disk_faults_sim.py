"""Members on disks that fail, lie, flip and tear: the one stops or is refused, the others go on, nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import StatusError
from cluster.world.faults import DiskFault
from cluster.world.sim import SimWorld
from store.client import StoreClient
from store.refusal import DiskFailedError, LostLogError
from store.snapshot import SnapshotError
from store.wal import WalError
from tests.store.workload import agree, leader, seat, start


async def put(store: StoreClient, key: bytes, value: bytes) -> None:
    """Until it is acknowledged; a second time does no harm."""
    while True:
        try:
            await store.put(key, value)
            return
        except StatusError as error:
            if error.definite:
                raise


async def value_of(store: StoreClient, key: bytes) -> bytes:
    return (await store.range(key)).kvs[0].value


@pytest.mark.parametrize("way", ["full", "write-error", "sync-error", "tear"])
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_disk_that_fails_stops_its_member_and_the_others_go_on(way: str, who: str, seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        for n in range(5):
            await store.put(b"k%d" % n, b"old")
        head = await leader(store)
        broken = head if who == "leader" else next(name for name in names if name != head)
        await world.fault(DiskFault(src=(broken,), way=way))
        for n in range(5):
            await put(store, b"k%d" % n, b"new")
        await asyncio.sleep(1)
        assert not world.running(broken)
        await world.heal()
        await world.restart(broken)
        await agree(store)
        assert [await value_of(store, b"k%d" % n) for n in range(5)] == [b"new"] * 5

    with SimWorld(seed, tolerate_exits=True) as world:
        world.run(scenario(world))
        assert len(world.notes("disk-failed")) == 1
        (error,) = world.exits.values()
        assert isinstance(error, DiskFailedError)
        assert "'wal/0000000000000001'; it stops" in str(error)


def test_a_member_whose_disk_lied_loses_at_most_its_own_copy_and_stops_when_it_is_found_out(seed: int) -> None:
    """One disk of three may forget: what a majority holds is not lost, though a second such disk could lose it. The
    leader that it had answered knows, and the member stops, as often as it is started, until it is replaced."""

    async def scenario(world: SimWorld) -> str:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"old")
        head = await leader(store)
        liar = next(name for name in names if name != head)
        await world.fault(DiskFault(src=(liar,), way="lie"))
        for n in range(10):
            await store.put(b"k", b"%d" % n)
        await world.crash(liar, lose_unsynced=True)
        await world.heal()
        for _ in range(2):
            await world.restart(liar)
            await asyncio.sleep(1)
            assert not world.running(liar)
        assert await value_of(store, b"k") == b"9"
        await store.put(b"k", b"10")
        assert await value_of(store, b"k") == b"10"
        assert (await store.status(head)).role == "leader"
        return liar

    with SimWorld(seed, tolerate_exits=True) as world:
        liar = world.run(scenario(world))
        error = world.exits[liar]
        assert isinstance(error, LostLogError)
        assert f"`store member remove {liar}`" in str(error)


def test_a_bit_that_flips_on_its_way_to_the_disk_is_found_at_the_next_start(seed: int) -> None:
    async def scenario(world: SimWorld) -> str:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"old")
        head = await leader(store)
        victim = next(name for name in names if name != head)
        await agree(store)
        flip = await world.fault(DiskFault(src=(victim,), kinds=("wal/*",), way="flip"))
        await store.put(b"k", b"new")
        await agree(store)
        await world.heal(flip)
        await store.put(b"k", b"newer")
        await agree(store)
        await world.crash(victim)
        await world.restart(victim)
        await asyncio.sleep(1)
        assert not world.running(victim)
        await store.put(b"k", b"newest")
        return victim

    with SimWorld(seed, tolerate_exits=True) as world:
        victim = world.run(scenario(world))
        assert isinstance(world.exits[victim], (WalError, SnapshotError))
        assert len(world.notes("refused-to-start")) == 1


def test_a_slow_disk_slows_and_breaks_nothing(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat", timeout=5.0)
        await store.put(b"k", b"0")
        term = (await store.status(await leader(store))).term
        await world.fault(DiskFault(way="slow", seconds=0.15))
        before = world.time()
        for n in range(10):
            await store.put(b"k", b"%d" % n)
        assert world.time() - before > 10 * 0.15
        status = await store.status(await leader(store))
        assert status.term == term, "the leader's heartbeats do not wait for its disk"

    with SimWorld(seed) as world:
        world.run(scenario(world))
