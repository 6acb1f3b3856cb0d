"""Members in the simulator: what they promise when machines die, links are cut and disks lie."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.errors import HaltError, StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Delay, Duplicate, Partition, partition_groups
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from cluster.world.sim.host import Machine, SimClock
from cluster.world.sim.loop import SimLoop
from store import requests
from store.client import Compare, Delete, Put, StoreClient, WatchBatch, prefix_end
from store.engines import engine
from store.snapshot import SnapshotError
from store.storage import Storage
from store.wal import WalError, segment_name
from tests.store.workload import agree, leader, seat, start, statuses

Scenario = Callable[[SimWorld], Awaitable[None]]


def play(scenario: Scenario, seed: int = 1, *, tolerate_exits: bool = False) -> SimWorld:
    with SimWorld(seed, tolerate_exits=tolerate_exits) as world:

        async def main() -> None:
            await scenario(world)

        world.run(main())
        return world


def clock_runs(patch: pytest.MonkeyPatch) -> None:
    """Each look at the clock takes time, as on a real machine; in the sim it stands for a whole turn of the loop."""
    right = SimClock.__init__

    def init(self: SimClock, loop: SimLoop, machine: Machine) -> None:
        right(self, loop, machine)
        looks = itertools.count()
        self.monotonic = lambda: loop.time() + next(looks) * 1e-9

    patch.setattr(SimClock, "__init__", init)


async def refused(call: Awaitable[Any]) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await call
    return caught.value


async def fill(store: StoreClient, count: int, prefix: str = "k") -> None:
    for i in range(count):
        await store.put(f"{prefix}{i:04}".encode(), str(i).encode())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_any_number_of_members_agree(count: int) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, count)
        store = await seat(world, "seat", count)
        assert (await store.put(b"k", b"1")).revision == 2
        assert world.time() < 0.2, "a new cluster elects within one heartbeat"
        result = await store.txn((Compare(b"k", "mod", "=", 2),), (Put(b"k", b"2"), Delete(b"x")), ())
        assert (result.succeeded, result.revision) == (True, 3)
        read = await store.range(b"k")
        assert [(kv.value, kv.version) for kv in read.kvs] == [(b"2", 2)]
        assert await store.revision() == 3
        await store.delete(b"k")
        assert (await store.range(b"a", b"z", count_only=True)).count == 0
        assert (await store.range(b"k", revision=3)).count == 1
        await agree(store)

    play(scenario)


@pytest.mark.parametrize("count", [3, 5])
def test_the_leaders_death_loses_nothing_and_is_short(seed: int, count: int) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, count)
        store = await seat(world, "seat", count)
        await fill(store, 20)
        dead = await leader(store)
        await world.crash(dead)
        died = world.time()
        while (error := await refused_or(store.put(b"after", b"1"))) is not None:
            assert (error.reason, error.definite) == ("Timeout", False)
        assert world.time() - died < 1.0
        assert (await store.range(b"k", b"l")).count == 20
        await world.restart(dead)
        await agree(store)

    play(scenario, seed)


def test_a_cut_off_leader_serves_nothing_but_what_says_it_may_be_stale() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=2.0)
        await store.put(b"r", b"v0")
        old = await leader(store)
        machine = f"master-{names.index(old)}"
        inside = await seat(world, "inside", machine=machine, prefer=old)
        outside = await seat(world, "outside", machine=f"master-{(names.index(old) + 1) % 3}", timeout=3.0)
        others = tuple(f"master-{i}" for i in range(3) if f"master-{i}" != machine)
        for rule in partition_groups([(machine,), (*others, "desk")]):
            await world.fault(rule)
        assert (await inside.range(b"r", read="serializable")).kvs[0].value == b"v0"
        error = await refused(inside.put(b"r", b"lost?"))
        assert (error.reason, error.definite) == ("Timeout", False)
        assert (await refused(inside.range(b"r"))).reason in ("Timeout", "NotLeader", "NoQuorum")
        while (await refused_or(outside.put(b"r", b"v1"))) is not None:
            pass
        assert (await inside.range(b"r", read="serializable", member=old)).kvs[0].value == b"v0"
        assert (await refused(inside.range(b"r", member=old))).reason in ("NotLeader", "NoQuorum", "Timeout")
        await world.heal()
        assert (await inside.range(b"r", timeout=5.0)).kvs[0].value == b"v1"
        await agree(store)

    play(scenario)


async def refused_or(call: Awaitable[Any]) -> StatusError | None:
    try:
        await call
    except StatusError as error:
        return error
    return None


def test_what_was_acknowledged_survives_all_machines_losing_power(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, snapshot_entries=7, retain_entries=2, wal_segment_bytes=500)
        store = await seat(world, "seat", timeout=5.0)
        for round in range(4):
            await fill(store, 9, f"round{round}-")
            for name in names:
                world.platter(name).crash(lose_all=True)
                await world.crash(name)
            for name in names:
                await world.restart(name)
        assert (await store.range(b"round", b"s")).count == 36
        await agree(store)

    play(scenario, seed)


def test_a_member_that_was_away_too_long_gets_a_snapshot() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, snapshot_entries=10, retain_entries=2, snapshot_chunk_bytes=100)
        store = await seat(world, "seat")
        await fill(store, 5)
        first = await leader(store)
        away = next(name for name in names if name != first)
        await world.crash(away)
        await fill(store, 40)
        await world.restart(away)
        await agree(store)
        assert (await store.range(b"k0039", member=away, read="serializable")).count == 1

    world = play(scenario)
    assert len(world.notes("installed")) == 1
    assert world.notes("snapshot")


def test_a_watch_tells_every_member_the_same_from_any_revision() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, watch_chunk=4)
        store = await seat(world, "seat")
        await fill(store, 10)
        tasks = [asyncio.ensure_future(listen(store, name, since)) for name in names for since in (2, 7, 15)]
        await asyncio.sleep(0.05)
        await fill(store, 10)
        for at, told in enumerate([await task for task in tasks]):
            revisions = [event.kv.mod_revision for batch in told for event in batch.events]
            assert revisions == list(range((2, 7, 15)[at % 3], 22))
            assert [batch.revision for batch in told] == sorted({batch.revision for batch in told})

    async def listen(store: StoreClient, name: str, since: int) -> list[WatchBatch]:
        told = []
        async with store.watch(b"k", prefix_end(b"k"), revision=since, member=name) as batches:
            async for batch in batches:
                told.append(batch)
                if batch.revision >= 21:
                    break
        return told

    play(scenario)


def test_a_watch_reports_progress_previous_values_and_its_servers_death() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat", prefer="store-1")
        await store.put(b"k", b"1")
        await agree(store)
        watch = store.watch(b"k", prev=True)
        assert watch.member == "store-1"
        async with watch as batches:
            await asyncio.sleep(0.05)
            await store.put(b"other", b"")
            await store.put(b"k", b"2")
            progress = await anext(batches)
            assert (progress.revision, progress.events) == (3, ())
            (event,) = (await anext(batches)).events
            assert event.prev is not None
            assert (event.kv.value, event.prev.value, event.deleted) == (b"2", b"1", False)
            await store.delete(b"k")
            assert (await anext(batches)).events[0].deleted
            await world.restart("store-1")
            assert (await refused(anext(batches))).reason == "StreamBroken"
        assert store.watch(b"k").member == "store-2"

    play(scenario)


def test_history_is_compacted_by_itself_and_watchers_are_told() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, keep_revisions=20)
        store = await seat(world, "seat")
        await fill(store, 60)
        await agree(store)
        compacted = {status.compacted for status in await statuses(store)}
        assert len(compacted) == 1
        assert 61 - 26 <= compacted.pop() <= 61 - 20
        for name in names:
            async with store.watch(b"k", b"l", revision=2, member=name) as batches:
                error = await refused(anext(batches))
                assert error.reason == "Compacted"
                assert error.details["compacted"] > 2
        assert (await refused(store.range(b"k0001", revision=2))).reason == "Compacted"
        assert (await refused(store.range(b"k0001", revision=999))).reason == "FutureRevision"
        await store.compact(60)
        assert (await refused(store.compact(60))).reason == "Compacted"

    play(scenario)


@pytest.mark.parametrize("runs", [False, True], ids=["a clock that stands for a turn", "one that runs"])
def test_history_is_compacted_by_age_also_when_nothing_is_written_and_by_a_new_leader(
    runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if runs:
        clock_runs(monkeypatch)

    async def scenario(world: SimWorld) -> None:
        await start(world, keep_revisions=0, keep_seconds=10.0)
        store = await seat(world, "seat", timeout=3.0)
        await fill(store, 20)
        await asyncio.sleep(5)
        await fill(store, 20)
        middle = await store.revision()
        await agree(store)
        assert {status.compacted for status in await statuses(store)} == {0}, "nothing is ten seconds old"
        await asyncio.sleep(5.5)
        (compacted,) = {status.compacted for status in await statuses(store)}
        assert 21 <= compacted < middle - 10, "the first twenty are, the second are not"
        old = await leader(store)
        await world.crash(old)
        await asyncio.sleep(3)
        await world.restart(old)
        assert await leader(store) != old
        await store.put(b"k", b"")
        await asyncio.sleep(5)
        found = {status.compacted for status in await statuses(store)}
        assert found == {compacted}, "a new leader does not know how old they are, and waits"
        await asyncio.sleep(10)
        assert {status.compacted for status in await statuses(store)} == {middle + 1}
        assert (await refused(store.range(b"k0001", revision=middle))).reason == "Compacted"
        assert len((await store.range(b"k", b"l", revision=middle + 1)).kvs) == 21

    play(scenario)


def test_a_disk_that_fails_stops_its_member_and_only_that() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        broken = await leader(store)
        world.platter(broken).failing = "no space left on device"
        assert (await refused(store.put(b"k", b"2"))).definite is False
        assert not world.running(broken)
        await store.put(b"k", b"3")
        world.platter(broken).failing = ""
        await world.restart(broken)
        await agree(store)

    world = play(scenario, tolerate_exits=True)
    assert [record[5]["error"] for record in world.notes("disk-failed")] == ["no space left on device"]
    ((name, error),) = world.exits.items()
    assert isinstance(error, HaltError), "its log says it in one line"
    assert str(error).startswith(f"the disk of {name} failed: no space left on device")
    assert f"`restart {name}`" in str(error)


@pytest.mark.parametrize("kind", ["wal", "snapshot"])
def test_damaged_storage_refuses_to_start_and_says_where(kind: str) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, snapshot_entries=10, retain_entries=2)
        store = await seat(world, "seat", timeout=3.0)
        await fill(store, 15)
        await agree(store)
        await eventually(lambda: len(world.notes("snapshot")) == 3, within=5)
        victim = names[2]
        await world.crash(victim)
        files = world.platter(victim).files
        name = next(name for name in sorted(files, reverse=True) if name.startswith(kind))
        files[name].data[len(files[name].data.rstrip(b"\0")) // 2] ^= 4
        await world.restart(victim)
        await asyncio.sleep(0.1)
        assert not world.running(victim)
        assert isinstance(world.exits[victim], (WalError, SnapshotError))
        assert isinstance(world.exits[victim], HaltError)
        assert name in str(world.exits[victim])
        assert name in world.notes("refused-to-start")[0][5]["error"]
        await store.put(b"others", b"go on")

    play(scenario, tolerate_exits=True)


def test_a_torn_tail_is_cut_and_noted() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat")
        await store.put(b"k", b"1")
        await world.crash(names[0])
        data = world.platter(names[0]).files[segment_name(1)].data
        end = len(data.rstrip(b"\0"))
        data[end : end + 5] = b"\1torn"
        await world.restart(names[0])
        await agree(store)

    assert [record[5]["torn"] for record in play(scenario).notes("recovered")] == [0, 0, 0, 5]


def test_followers_name_the_leader() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat")
        await store.put(b"k", b"1")
        await agree(store)
        first = await leader(store)
        follower = next(name for name in names if name != first)
        error = await refused(store.range(b"k", member=follower))
        status = await store.status(follower)
        assert (error.reason, error.definite) == ("NotLeader", True)
        assert error.details == {"leader": first, "term": status.term}
        assert (status.role, status.leader, status.members, status.revision) == ("follower", first, names, 2)

    play(scenario)


def test_a_proposal_that_another_leader_overwrote_certainly_did_not_happen() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        rpc = Rpc(await world.join("near", "master-x"))
        store = await seat(world, "seat", timeout=5.0)
        await store.put(b"k", b"1")
        old = await leader(store)
        others = tuple(name for name in names if name != old)
        term = (await store.status(old)).term
        await world.fault(Partition(src=(old,), dst=(*others, "seat"), id="cut"))
        body = requests.addressed(term, requests.txn_request(rpc.serial(), (), (Put(b"k", b"overwritten"),), ()))
        waiting = asyncio.ensure_future(rpc.call(old, "store.txn", body, timeout=5.0))
        while await refused_or(store.put(b"k", b"2")):
            pass
        await world.heal("cut")
        error = await refused(waiting)
        assert (error.reason, error.definite) == ("NotLeader", True)
        assert (await store.range(b"k")).kvs[0].value == b"2"
        await agree(store)

    play(scenario)


def test_a_request_that_the_bus_repeats_happens_once() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat")
        await world.fault(Duplicate(src=("seat",), probability=1.0, spread=0.5))
        for value in (b"1", b"2", b"3"):
            await store.put(b"k", value)
        await asyncio.sleep(1)
        (kv,) = (await store.range(b"k")).kvs
        assert (kv.value, kv.version) == (b"3", 3)

    play(scenario)


def test_the_late_copy_of_a_refused_write_does_not_happen() -> None:
    """NotLeader is definite: it must stay true when the copy arrives at a member that leads by then."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        rpc = Rpc(await world.join("twice", "desk"))
        await store.put(b"k", b"1")
        await agree(store)
        old = await leader(store)
        heir, behind = (name for name in names if name != old)
        await world.fault(Partition(src=(behind,), dst=(old, heir), id="cut"))
        await store.put(b"k", b"2")
        await world.fault(Duplicate(src=("twice",), kinds=("store.txn",), probability=1.0, spread=8.0, id="twice"))
        term = (await store.status(old)).term
        body = requests.addressed(term, requests.txn_request(rpc.serial(), (), (Put(b"k", b"refused"),), ()))
        assert (await refused(rpc.call(heir, "store.txn", body, timeout=0.5))).reason == "NotLeader"
        await world.crash(old)
        await world.heal("cut")
        await eventually(lambda: copies(world, heir) == 1 and led(world) == heir, within=3)
        await eventually(lambda: copies(world, heir) == 2, within=9)
        assert led(world) == heir
        while await refused_or(store.put(b"other", b"")):
            pass
        assert (await store.range(b"k")).kvs[0].value == b"2"

    def copies(world: SimWorld, name: str) -> int:
        return sum(r[4:7] == ("deliver", "store.txn", "twice") for r in world.board.records if r[2] == name)

    def led(world: SimWorld) -> str:
        return str([r[2] for r in world.notes("role") if r[5]["role"] == "leader"][-1])

    play(scenario)


def test_too_much_is_refused() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, max_pending=5, max_request_bytes=1000)
        store = await seat(world, "seat")
        assert (await refused(store.put(b"k", bytes(1000)))).reason == "TooLarge"
        await store.put(b"k", b"")
        first = await leader(store)
        rpc = Rpc(await world.join("pusher", "desk"))
        await world.fault(Delay(kinds=("raft.append-reply",), seconds=0.15))
        term = (await store.status(first)).term
        asked = [requests.txn_request(rpc.serial(), (), (Put(b"k", b"%d" % i),), ()) for i in range(8)]
        bodies = [requests.addressed(term, request) for request in asked]
        calls = [asyncio.ensure_future(rpc.call(first, "store.txn", body, timeout=2.0)) for body in bodies]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, StatusError)]
        assert reasons == ["TooManyRequests"] * 3

    play(scenario)


def test_snapshots_and_requests_in_every_state_leave_the_same_bytes() -> None:
    """One seed, one history: run twice, the journals have the same digest."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world, snapshot_entries=5)
        store = await seat(world, "seat", timeout=3.0)
        await fill(store, 12)
        await world.restart(names[0])
        await agree(store)

    assert len({play(scenario, seed=9).digest() for _ in range(2)}) == 1


def test_the_engine_seam_starts_what_it_names() -> None:
    from cluster.config import PROFILES
    from cluster.world.scenario import Spec

    async def scenario(world: SimWorld) -> None:
        raft = engine("raft")
        await world.start("store-0", "master-0", Spec(raft.target, raft.config(("store-0",), PROFILES["fast"])))
        store = raft.client(Rpc(await world.join("seat", "desk")), ("store-0",), "store-0")
        assert (await store.txn((), (Put(b"k", b""),))).revision == 2

    play(scenario)


def test_recovery_reads_what_was_written_by_a_member() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat")
        await fill(store, 5)
        await agree(store)
        await world.crash(names[1])
        from cluster.world.sim.disk import SimDisk

        _, recovered = await Storage.open(SimDisk(world.platter(names[1])), 1000)
        assert [entry.index for entry in recovered.entries] == list(range(1, len(recovered.entries) + 1))
        assert len(recovered.entries) >= 6

    play(scenario)


def test_a_machine_that_stood_still_as_a_whole_holds_no_election(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        await agree(store)
        before = await store.status(await leader(store))
        for _ in range(3):
            for name in names:
                await world.pause(name)
            await asyncio.sleep(2)
            for name in names:
                await world.resume(name)
            await asyncio.sleep(1)
        after = await store.status(await leader(store))
        assert (after.term, after.name) == (before.term, before.name)
        await store.put(b"k", b"2")

    play(scenario, seed)


def test_who_stood_still_alone_has_missed_an_election(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world)
        store = await seat(world, "seat", timeout=3.0)
        await store.put(b"k", b"1")
        old = await leader(store)
        await world.pause(old)
        while await refused_or(store.put(b"k", b"2")):
            pass
        await world.resume(old)
        await agree(store)
        assert await leader(store) != old

    play(scenario, seed)
