"""One suite for every engine: what a client may rely on whichever is under it, and where they differ, how.

docs/engines.md has the table of promises; each engine's `promises` (store/engines) is what of it is checked here. A
test names those that it needs: it must fail for an engine that does not make them all.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol, cast

import pytest
from _pytest.mark.structures import ParameterSet

from cluster.config import ENGINES as NAMES
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.experiments.cap import Setup, run_cap
from cluster.rpc import Rpc
from cluster.topology import ROAMING, STORES, store_config
from cluster.world.faults import Partition
from cluster.world.host import Host
from cluster.world.scenario import Spec, eventually
from cluster.world.sim import SimWorld
from store.client import (
    Compare,
    Delete,
    DeleteResult,
    Event,
    Put,
    PutResult,
    Range,
    RangeResult,
    StoreClient,
    prefix_end,
)
from store.engines import ENGINES, PROMISES, Store, engine
from store.engines.raftos.member import UnreadableError
from tests.proc.etcd_servers import EtcdServers

MEMBERS = ("store-0", "store-1", "store-2")
MACHINES = {name: f"master-{i}" for i, name in enumerate(MEMBERS)}
TIMING = PROFILES["fast"]

OURS = sorted(set(NAMES) - {"etcd"})
"""Those whose members run in the simulator."""


BREACHES = (AssertionError, StatusError, UnreadableError)
"""How a test fails that needs a promise which the engine does not make."""


def every_engine(*needed: str) -> pytest.MarkDecorator:
    """Runs for each engine; for those that do not promise all of `needed` it must fail."""
    return pytest.mark.parametrize("name", [_param(name, needed) for name in (*OURS, "etcd")])


def every_engine_of_ours(*needed: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", [_param(name, needed) for name in OURS])


def _param(name: str, needed: tuple[str, ...]) -> ParameterSet:
    assert set(needed) <= set(PROMISES)
    missing = [promise for promise in needed if promise not in ENGINES[name].promises]
    broken = pytest.mark.xfail(strict=True, raises=BREACHES, reason=f"{name} does not promise: {', '.join(missing)}")
    return pytest.param(name, marks=[pytest.mark.proc] * (name == "etcd") + [broken] * bool(missing))


class Stage(Protocol):
    """Where members are, in whichever world."""

    members: tuple[str, ...]

    async def crash(self, member: str) -> None: ...

    async def restart(self, member: str) -> None: ...

    async def seat(self, prefer: str, name: str) -> Store:
        """Another client."""


Scenario = Callable[[Stage, Store], Awaitable[None]]


class SimStage:
    def __init__(self, name: str, world: SimWorld) -> None:
        self.members: tuple[str, ...] = MEMBERS
        self.world = world
        self._name = name

    async def crash(self, member: str) -> None:
        await self.world.crash(member)

    async def restart(self, member: str) -> None:
        await self.world.restart(member)

    async def seat(self, prefer: str, name: str) -> Store:
        rpc = Rpc(await self.world.join(name, "desk"), keepalive=0.5)
        return engine(self._name).client(rpc, MEMBERS if "shared" in engine(self._name).promises else (prefer,), prefer)


class EtcdStage:
    """Real processes. One cluster for all tests of this module; each begins with no keys."""

    servers: EtcdServers | None = None

    def __init__(self) -> None:
        if EtcdStage.servers is None:
            EtcdStage.servers = EtcdServers(Path(tempfile.mkdtemp(prefix="capstan-etcd-")))
            EtcdStage.servers.start()
            EtcdStage.servers.wait_healthy()
        self._servers = EtcdStage.servers
        self.members = tuple(f"etcd-{i}" for i in range(3))
        self._open: list[Any] = []

    async def crash(self, member: str) -> None:
        self._servers.crash(self.members.index(member))

    async def restart(self, member: str) -> None:
        self._servers.crash(self.members.index(member))
        self._servers.start(self.members.index(member))

    async def seat(self, prefer: str, name: str) -> Store:
        nothing = cast(Any, None)
        host = Host(name, "desk", 1, nothing, Random(1), nothing, nothing, Whole(), lambda event, data: None)
        store = engine("etcd", self._servers.config).client(cast(Rpc, OnlyHost(host)), self.members, prefer, 5.0)
        self._open.append(store)
        return store

    def close(self) -> None:
        for store in self._open:
            store.close()


class Whole:
    """A network without cuts."""

    def connected(self, machine: str) -> bool:
        return True

    def on_change(self, callback: Callable[[], None]) -> None:
        pass


@dataclass
class OnlyHost:
    """All that this engine wants of an `Rpc`."""

    host: Host


@pytest.fixture(scope="module", autouse=True)
def _no_servers_are_left() -> Iterator[None]:
    yield
    if EtcdStage.servers is not None:
        EtcdStage.servers.close()
        shutil.rmtree(EtcdStage.servers.folder)
        EtcdStage.servers = None


def play(name: str, scenario: Scenario, seed: int = 1) -> None:
    """Three members, and a client that stays with the first: then every engine's revisions are one sequence."""
    if name == "etcd":
        asyncio.run(_play_etcd(scenario))
        return

    async def in_sim(world: SimWorld, store: Store) -> None:
        await scenario(SimStage(name, world), store)

    play_sim(name, in_sim, seed)


def play_sim(name: str, scenario: Callable[[SimWorld, Store], Awaitable[None]], seed: int = 1) -> None:
    with SimWorld(seed) as world:

        async def main() -> None:
            found = engine(name)
            for member, machine in MACHINES.items():
                await world.start(member, machine, Spec(found.target, found.config(MEMBERS, TIMING)))
            store = await SimStage(name, world).seat(MEMBERS[0], "seat")
            await again(store)
            await scenario(world, store)

        world.run(main())


async def _play_etcd(scenario: Scenario) -> None:
    stage = EtcdStage()
    try:
        store = await stage.seat(stage.members[0], "seat")
        await store.delete(b"\0", b"\0", timeout=20.0)
        await scenario(stage, store)
    finally:
        stage.close()
        await asyncio.sleep(0)


async def equal(store: Store, members: tuple[str, ...] = MEMBERS) -> None:
    """Until all members hold the same."""

    async def same() -> bool:
        try:
            revision = await store.revision() if len(store.members) > 1 else 0
            digests = {(await store.hash(member, revision))[1] for member in members}
        except StatusError as error:
            if not error.retry and error.reason not in ("Timeout", "FutureRevision"):
                raise
            return False
        return len(digests) == 1

    await eventually(same, within=10, what="members that are equal")


async def refused(call: Awaitable[object]) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await call
    return caught.value


def test_every_engine_is_in_every_table() -> None:
    assert set(NAMES) == set(ENGINES) == set(STORES)
    for name in NAMES:
        assert ENGINES[name].promises <= set(PROMISES)
        assert ("shared" in ENGINES[name].promises) == (name in ROAMING)
        assert STORES[name] == engine(name).target
        if name in OURS:
            spec = ClusterSpec(engine=name)
            assert {**store_config(spec), "members": list(MEMBERS)} == engine(name).config(MEMBERS, spec.timing)


@every_engine("history")
def test_put_get_and_delete(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        first = await store.put(b"k", b"1")
        second = await store.put(b"k", b"2", prev=True)
        assert second.revision > first.revision > 1
        (response,) = second.responses
        assert isinstance(response, PutResult)
        assert response.prev is not None
        assert (response.prev.value, response.prev.mod_revision) == (b"1", first.revision)
        (kv,) = (await store.range(b"k")).kvs
        assert (kv.value, kv.version) == (b"2", 2)
        assert (kv.create_revision, kv.mod_revision) == (first.revision, second.revision)
        await equal(store, stage.members)
        assert (await store.range(b"k", read="serializable")).kvs == (kv,)
        old = await store.range(b"k", revision=first.revision)
        assert [kv.value for kv in old.kvs] == [b"1"]
        gone = await store.delete(b"k", prev=True)
        assert gone.revision > second.revision
        (answer,) = gone.responses
        assert isinstance(answer, DeleteResult)
        assert (answer.deleted, answer.prev[0].value) == (1, b"2")
        assert (await store.range(b"k")).kvs == ()
        again = await store.delete(b"k")
        assert again.revision == gone.revision, "nothing was there, so nothing happened"
        assert (await refused(store.range(b"k", revision=gone.revision + 1000))).reason == "FutureRevision"

    play(name, scenario)


@every_engine()
def test_ranges(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        for i in range(10):
            await store.put(b"a/%d" % i, b"%d" % i)
        await store.put(b"b", b"")
        end = prefix_end(b"a/")
        page = await store.range(b"a/", end, limit=4)
        assert ([kv.key for kv in page.kvs], page.count, page.more) == ([b"a/%d" % i for i in range(4)], 10, True)
        rest = await store.range(page.kvs[-1].key + b"\0", end, revision=page.revision)
        assert (len(rest.kvs), rest.more) == (6, False)
        assert (await store.range(b"a/", end, count_only=True)).count == 10
        assert {kv.value for kv in (await store.range(b"a/", end, keys_only=True)).kvs} == {b""}
        assert (await store.range(b"\0", b"\0", count_only=True)).count == 11
        assert (await refused(store.range(b""))).reason == "BadRequest"

    play(name, scenario)


@every_engine()
def test_transactions(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        made = await store.txn(
            [Compare(b"k", "version", "=", 0)], [Put(b"k", b"1"), Put(b"l", b"2"), Range(b"k", b"m")], []
        )
        assert made.succeeded
        found = made.responses[2]
        assert isinstance(found, RangeResult)
        assert {kv.mod_revision for kv in found.kvs} == {made.revision}, "one revision for all of it"
        lost = await store.txn([Compare(b"k", "version", "=", 0)], [Put(b"k", b"x")], [Range(b"k")])
        assert (lost.succeeded, lost.revision) == (False, made.revision)
        for compare in (
            Compare(b"k", "mod", "=", made.revision),
            Compare(b"k", "create", "<", made.revision + 1),
            Compare(b"k", "value", "!=", b"x"),
            Compare(b"k", "version", ">", 0),
        ):
            assert (await store.txn([compare], [])).succeeded, compare
        swapped = await store.txn([Compare(b"k", "value", "=", b"1")], [Put(b"k", b"3"), Delete(b"l")])
        assert swapped.succeeded
        assert [kv.key for kv in (await store.range(b"k", b"m")).kvs] == [b"k"]
        assert (await refused(store.txn((), [Put(b"k", b"1"), Put(b"k", b"2")]))).reason == "BadRequest"
        assert (await refused(store.put(b"k", b"x" * (3 << 19)))).reason == "TooLarge"

    play(name, scenario)


@every_engine("transactions", "concurrent")
def test_of_concurrent_guarded_writes_through_one_member_one_wins(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        results = await asyncio.gather(
            *(store.txn([Compare(b"k", "version", "=", 0)], [Put(b"k", b"%d" % i)]) for i in range(20))
        )
        assert [result.succeeded for result in results].count(True) == 1

    play(name, scenario)


@every_engine("leases")
def test_leases_keep_their_keys_and_take_them_along(name: str) -> None:
    async def scenario(stage: Stage, found: Store) -> None:
        store = cast(StoreClient, found)
        long, short = await store.lease_grant(100), await store.lease_grant(2)
        await store.put(b"long", b"1", lease=long.id)
        ended = (await store.put(b"short", b"1", lease=short.id)).revision
        await store.put(b"free", b"1")
        assert (await store.range(b"long")).kvs[0].lease == long.id
        assert (await store.txn([Compare(b"long", "lease", "=", long.id)], [])).succeeded
        assert {long.id, short.id} <= {id for id, _ in await store.leases()}
        assert await store.lease_keepalive(long.id) == 100

        async def gone() -> bool:
            return not (await store.range(b"short")).kvs

        assert not await gone()
        await eventually(gone, within=8, what="the end of a lease of two seconds")
        assert await store.revision() == ended + 2, "the put after it, and a deletion"
        assert (await refused(store.lease_keepalive(short.id))).reason == "NotFound"
        assert (await refused(store.put(b"k", b"", lease=short.id))).reason == "NotFound"
        assert await store.lease_revoke(long.id) == 1
        assert [kv.key for kv in (await store.range(b"\0", b"\0")).kvs] == [b"free"]

    play(name, scenario)


@every_engine("history")
def test_watches_tell_everything_once_and_in_order(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        first = await store.put(b"w/a", b"0")
        told: list[Event] = []
        revisions: list[int] = []

        async def listen(start: int) -> None:
            watch = store.watch(b"w/", prefix_end(b"w/"), revision=start, prev=True, member=stage.members[0])
            async with watch as batches:
                async for batch in batches:
                    revisions.append(batch.revision)
                    told.extend(batch.events)

        task = asyncio.ensure_future(listen(first.revision))
        for i in range(1, 30):
            await store.put(b"w/a", b"%d" % i)
            await store.put(b"elsewhere", b"")
        last = await store.txn((), [Put(b"w/b", b""), Delete(b"w/a")])
        await eventually(lambda: bool(revisions) and revisions[-1] >= last.revision, within=5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert revisions == sorted(set(revisions))
        values = [event.kv.value for event in told if event.kv.key == b"w/a" and not event.deleted]
        assert values == [b"%d" % i for i in range(30)]
        assert [event.prev.value for event in told if event.prev] == [b"%d" % i for i in range(30)]
        assert {event.kv.mod_revision for event in told[-2:]} == {last.revision}
        await store.compact(last.revision)

        async def too_late() -> None:
            async with store.watch(b"w/", prefix_end(b"w/"), revision=first.revision) as batches:
                async for _ in batches:
                    pass

        error = await refused(too_late())
        assert (error.reason, error.details["compacted"]) == ("Compacted", last.revision)
        assert (await refused(store.range(b"w/a", revision=first.revision))).reason == "Compacted"
        assert (await refused(store.compact(last.revision))).reason == "Compacted"

    play(name, scenario)


@every_engine_of_ours("durable", "failover")
def test_what_was_acknowledged_survives_the_loss_of_all_power(name: str, seed: int) -> None:
    play(name, powerless, seed)


@pytest.mark.proc
def test_what_etcd_acknowledged_survives_the_loss_of_all_power() -> None:
    play("etcd", powerless)


async def powerless(stage: Stage, store: Store) -> None:
    acked: dict[bytes, bytes] = {}

    async def write(i: int) -> None:
        key, value = b"k%d" % (i % 7), b"%d" % i
        try:
            await store.put(key, value, timeout=0.5)
        except StatusError as error:
            if error.definite and not error.retry:
                raise
        else:
            acked[key] = value

    for i in range(40):
        await write(i)
    before = await store.range(b"\0", b"\0")
    for member in stage.members:
        await stage.crash(member)
    for member in stage.members:
        await stage.restart(member)
    after = await again(store)
    assert {kv.key: kv.value for kv in after.kvs} == acked
    assert after.kvs == before.kvs, "versions and revisions too"
    assert (await store.put(b"new", b"")).revision > after.revision
    await equal(store, stage.members)


async def surely(store: Store, key: bytes, value: bytes = b"") -> None:
    """Until it is acknowledged: the leader may just have been lost, and what was on its way to it."""
    while True:
        try:
            await store.put(key, value)
            return
        except StatusError as error:
            if not error.retry and error.definite:
                raise


async def again(store: Store) -> RangeResult:
    while True:
        try:
            return await store.range(b"\0", b"\0", timeout=2.0)
        except StatusError as error:
            if not error.retry and error.reason != "Timeout":
                raise


@every_engine("durable")
def test_members_hold_the_same_bytes_in_the_end(name: str) -> None:
    async def scenario(stage: Stage, store: Store) -> None:
        for i in range(30):
            await store.put(b"k%d" % (i % 9), b"%d" % i)
        await store.delete(b"k3")
        await equal(store, stage.members)
        await stage.crash(stage.members[2])
        for i in range(30):
            await surely(store, b"l%d" % i)
        await stage.restart(stage.members[2])
        await equal(store, stage.members)
        last = await stage.seat(stage.members[2], "late")
        assert (await last.range(b"\0", b"\0", read="serializable", member=stage.members[2])).count == 8 + 30

    play(name, scenario)


@every_engine_of_ours("failover")
def test_a_member_that_is_cut_off_does_what_its_engine_promises(name: str) -> None:
    async def scenario(world: SimWorld, store: Store) -> None:
        await store.put(b"k", b"0")
        await equal(store)
        roles = {member: (await store.status(member)).role for member in MEMBERS}
        alone = next((m for m, role in roles.items() if role == "leader"), MEMBERS[0])
        others = tuple(machine for member, machine in MACHINES.items() if member != alone)
        await world.fault(Partition(src=(MACHINES[alone],), dst=others))
        here = StoreClient(Rpc(await world.join("here", MACHINES[alone])), (alone,))
        there = StoreClient(
            Rpc(await world.join("there", others[0])), tuple(m for m in MEMBERS if m != alone), timeout=3.0
        )
        if "failover" in engine(name).promises:
            await surely(there, b"k", b"there")  # a follower may have named the leader that is cut off
        else:
            assert (await there.put(b"k", b"there")).succeeded
        if "minority" in engine(name).promises:
            assert (await here.put(b"k", b"here")).succeeded
            assert (await here.range(b"k")).kvs[0].value == b"here"
        else:
            assert (await refused(here.put(b"k", b"here"))).reason in ("Timeout", "NoQuorum")
            assert (await refused(here.range(b"k"))).reason in ("Timeout", "NoQuorum")
        (kv,) = (await here.range(b"k", read="serializable")).kvs
        assert kv.value == (b"here" if ("minority" in engine(name).promises) else b"0")
        await world.heal()
        await equal(store)

    play_sim(name, scenario)


@every_engine_of_ours("failover")
def test_the_cap_experiment_finds_what_the_engine_promises(name: str) -> None:
    async def scenario(world: SimWorld, store: Store) -> None:
        report = await run_cap(world, Setup(MEMBERS, MACHINES, engine=name))
        assert report.problems() == []
        assert (report.linearizable == "ok") == ("linearizable" in engine(name).promises)
        assert bool(report.lost) == ("minority" in engine(name).promises)
        assert sum(conflict["writes"] for conflict in report.conflicts) == len(report.lost)
        expected = Setup(MEMBERS, MACHINES).engine if ("minority" in engine(name).promises) else "eventual"
        report.engine = expected
        assert report.problems() != [], "it would not pass for the other kind of store"

    play_sim(name, scenario)
