"""Membership, leadership and backups asked of running members, in the simulator, while clients write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Duplicate, Partition
from cluster.world.scenario import Spec, eventually
from cluster.world.sim import SimWorld
from cluster.world.sim.disk import SimDisk
from store.administrator import Administrator
from store.backup import BackupFile, restore, verify
from store.client import StoreClient
from tests.store.crashingdisk import blank
from tests.store.test_member_sim import fill, play, refused
from tests.store.workload import FAST, Ordeal, agree, leader, start, statuses, unless


async def seats(
    world: SimWorld, count: int = 3, name: str = "desk", timeout: float = 2.0
) -> tuple[StoreClient, Administrator]:
    rpc = Rpc(await world.join(name, "desk"), keepalive=0.5)
    store = StoreClient(rpc, tuple(f"store-{i}" for i in range(count)), timeout=timeout)
    return store, Administrator(rpc, store.roster, timeout=2 * timeout)


async def begin(world: SimWorld, name: str, **options: Any) -> None:
    """A process that joins."""
    number = name.rpartition("-")[2]
    await world.start(name, f"master-{number}", Spec("store.member:run", {**FAST, "members": [], **options}))


async def leave(world: SimWorld, admin: Administrator, name: str) -> None:
    await admin.remove(name)
    await world.remove(name)


async def settled(admin: Administrator) -> tuple[str, ...]:
    return tuple(sorted((await admin.members()).voters))


async def write_on(store: StoreClient, acked: list[int], until: Callable[[], bool]) -> None:
    """Write numbers, one key each; what was acknowledged is kept."""
    number = 0
    while not until():
        number += 1
        try:
            await store.put(b"n%06d" % number, b"")
            acked.append(number)
        except StatusError as error:
            if error.reason not in ("Timeout", "NoQuorum", "Dropped"):
                raise


async def under_writes(world: SimWorld, count: int, work: Callable[[], Awaitable[None]]) -> list[int]:
    """`work` while somebody writes; the numbers that were acknowledged."""
    store, _ = await seats(world, count, "writer", timeout=0.5)
    acked: list[int] = []
    over = False
    writing = asyncio.ensure_future(write_on(store, acked, lambda: over))
    await work()
    await asyncio.sleep(0.2)
    over = True
    await writing
    found = {int(kv.key[1:]) for kv in (await store.range(b"n", b"o", timeout=5.0)).kvs}
    assert set(acked) <= found, "an acknowledged write was lost"
    return acked


# ── who is a member ──────────────────────────────────────────────────────────────────────────────────────────


def test_three_grow_to_five_under_writes_while_one_of_them_dies_and_comes_back(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3, snapshot_entries=50, retain_entries=5)
        store, admin = await seats(world)
        rng = Random(f"{seed}/grow")
        await fill(store, 120)

        async def grow() -> None:
            for name in ("store-3", "store-4"):
                victim = rng.choice(names)
                await begin(world, name, snapshot_entries=50, retain_entries=5)
                joining = asyncio.ensure_future(admin.join(name, within=20.0))
                await asyncio.sleep(rng.uniform(0, 0.3))
                await world.crash(victim)
                await asyncio.sleep(rng.uniform(0.1, 1.5))
                await world.restart(victim)
                await joining

        assert len(await under_writes(world, 3, grow)) > 100
        assert await settled(admin) == (*names, "store-3", "store-4")
        assert {row.role for row in (await admin.members()).seats} == {"voter"}
        await asyncio.sleep(6)
        await store.put(b"more", b"")
        await eventually(lambda: len(store.members) == 5, within=10, what="the client knows all five")
        await agree(store)
        for name in names[:2]:
            await world.crash(name)
        await eventually(lambda: writes(store), within=10, what="three of five go on")

    play(scenario, seed)


async def writes(store: StoreClient) -> bool:
    try:
        await store.put(b"probe", b"")
    except StatusError:
        return False
    return True


def test_five_shrink_to_three_under_writes_and_the_leader_goes_too(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 5)
        store, admin = await seats(world, 5)
        await fill(store, 20)

        async def shrink() -> None:
            for _ in range(2):
                await asyncio.sleep(0.3)
                await leave(world, admin, await leader(store))

        assert len(await under_writes(world, 5, shrink)) > 5
        left = await settled(admin)
        assert len(left) == 3
        assert set(left) == set(world.hosts())
        await asyncio.sleep(6)
        await store.put(b"more", b"")
        await eventually(lambda: set(store.members) == set(left), within=10, what="the client knows who is left")
        await agree(store)

    play(scenario, seed)


def test_a_dead_member_is_replaced_in_one_step(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 30)
        dead = Random(seed).choice(names)
        await world.crash(dead)

        async def replace() -> None:
            await begin(world, "store-3")
            await admin.join("store-3", within=20.0, instead_of=dead)

        await under_writes(world, 3, replace)
        await world.remove(dead)
        assert await settled(admin) == tuple(sorted({*names, "store-3"} - {dead}))

    play(scenario, seed)


def test_a_removed_member_that_comes_back_disturbs_nobody_and_is_told(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 10)
        first = await leader(store)
        gone = next(name for name in names if name != first)
        await world.fault(Partition(src=(gone,), dst=tuple(n for n in names if n != gone), id="cut"))
        await admin.remove(gone)
        await world.heal("cut")
        await world.restart(gone)
        before = await store.status(first)
        for _ in range(20):
            await asyncio.sleep(0.25)
            await store.put(b"k", b"")
        after = await store.status(first)
        assert (after.term, after.role) == (before.term, "leader")
        notes = [record for record in world.notes("refused") if record[2] == gone]
        assert len(notes) == 1
        assert f"{gone} was removed from the cluster; add it again" in notes[0][5]["error"]

    play(scenario, seed)


def test_an_empty_disk_under_an_old_name_is_refused_and_comes_back_by_remove_and_add(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 10)
        first = await leader(store)
        lost = next(name for name in names if name != first)
        before = {seat.name: seat.disk_id for seat in (await admin.members()).seats}
        assert [(await store.status(name)).disk_id for name in names] == [before[name] for name in names]
        await world.crash(lost)
        world.platter(lost).files.clear()
        await world.restart(lost)
        await eventually(lambda: bool(world.notes("refused")), within=5)
        remedy = f"`store member remove {lost}`, then `store member add {lost}`"
        assert remedy in world.notes("refused")[0][5]["error"]
        await asyncio.sleep(2)
        found = await store.status(first)
        assert (found.role, found.applied) == ("leader", (await store.status(first)).applied)
        await leave(world, admin, lost)
        await begin(world, lost)
        await admin.join(lost, within=20.0)
        assert await settled(admin) == names
        after = {seat.name: seat.disk_id for seat in (await admin.members()).seats}
        assert [name for name in names if after[name] != before[name]] == [lost]
        await agree(store)

    play(scenario, seed)


def test_who_lags_is_not_promoted_and_the_numbers_are_said() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 100)
        await admin.add("store-3")
        assert (await admin.members()).role("store-3") == "learner"
        error = await refused(admin.promote("store-3"))
        assert (error.reason, error.details["match"]) == ("Conflict", 0)
        assert "store-3 was not heard lately: start it" in error.message
        await begin(world, "store-3")
        await admin.join("store-3", within=10.0)
        await begin(world, "store-4")
        await world.fault(Partition(src=("store-4",), dst=tuple(f"store-{i}" for i in range(4))))
        error = await refused(admin.join("store-4", within=2.0))
        assert (error.reason, error.definite) == ("Timeout", True)
        assert "store-4 is a learner and has not caught up within 2 s" in error.message
        assert error.message.endswith("`store member promote store-4` when it has, or `store member remove store-4`")

    play(scenario)


def test_what_would_leave_too_few_that_answer_is_refused_with_the_numbers(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 5)
        first = await leader(store)
        dead, alive = (name for name in names if name != first)
        await world.crash(dead)
        await asyncio.sleep(1)
        error = await refused(admin.remove(alive))
        assert error.reason == "Conflict"
        assert error.message == (
            f"2 voters would be left, 2 of them must answer and 1 does; {dead} must be started, or removed, first"
        )
        assert (await refused(admin.remove(first))).reason == "Conflict"
        await admin.remove(dead)
        await admin.remove(alive)
        assert (await refused(admin.remove(first))).message.startswith("it is the last voter")
        await store.put(b"alone", b"")

    play(scenario, seed)


def test_a_new_leader_does_not_count_on_whom_it_has_not_heard(seed: int) -> None:
    """One of five is down and the leader dies; at once the heir is asked to remove one of the two that answer."""

    async def scenario(world: SimWorld) -> None:
        names = await start(world, 5)
        store, admin = await seats(world, 5)
        await fill(store, 5)
        first = await leader(store)
        dead = next(name for name in names if name != first)
        await world.crash(dead)
        await asyncio.sleep(1)
        await world.crash(first)
        alive = next(name for name in names if name not in (dead, first))
        known = await store.status(alive)
        store.roster.learn(known._replace(members=tuple(n for n in names if n not in (dead, first))))
        heir = await leader(store)
        other = next(name for name in names if name not in (dead, first, heir))
        error = await refused(admin.remove(other))
        assert (error.reason, error.details["needed"]) == ("Conflict", 3), error
        assert sorted(error.details["answering"]) == sorted(set(names) - {dead, first, other})

    play(scenario, seed)


def test_names_that_are_wrong_are_refused() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 3)
        store, admin = await seats(world)
        await store.put(b"k", b"")
        assert (await refused(admin.add("store-1"))).reason == "AlreadyExists"
        assert (await refused(admin.add("two words"))).reason == "BadRequest"
        assert (await refused(admin.remove("store-9"))).message.startswith("store-9 is no member, they are store-")
        assert (await refused(admin.promote("store-9"))).reason == "NotFound"
        assert (await refused(admin.replace("store-1", "store-9"))).reason == "NotFound"
        assert "store-1 is no learner" in (await refused(admin.replace("store-2", "store-1"))).message

    play(scenario)


def test_a_request_that_the_bus_repeats_is_one_change_and_one_answer() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 3)
        store, admin = await seats(world)
        await store.put(b"k", b"")
        await world.fault(Duplicate(src=("desk",), probability=1.0, spread=0.3))
        await begin(world, "store-3")
        await admin.join("store-3", within=10.0)
        await admin.remove("store-3")
        await asyncio.sleep(1)
        assert await settled(admin) == ("store-0", "store-1", "store-2")

    play(scenario)


# ── who leads ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_leader_that_is_moved_under_writes_loses_nothing(seed: int) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 5)

        async def move() -> None:
            for turn in range(6):
                first = await leader(store)
                to = names[(names.index(first) + 1) % 3] if turn % 2 else ""
                moved = await admin.move_leader(to)
                assert moved != first
                assert to in ("", moved)
                await asyncio.sleep(0.1)

        assert len(await under_writes(world, 3, move)) > 20
        terms = {status.term for status in await statuses(store)}
        assert len(terms) == 1

    play(scenario, seed)


def test_whoever_cannot_take_over_does_not() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 5)
        first = await leader(store)
        other = next(name for name in names if name != first)
        assert await admin.move_leader(first) == first
        assert (await refused(admin.move_leader("store-9"))).reason == "NotFound"
        await world.crash(other)
        await asyncio.sleep(1)
        error = await refused(admin.move_leader(other))
        assert (error.reason, error.message) == ("Conflict", f"{other} does not answer {first}; start it first")
        await store.put(b"k", b"")
        assert await leader(store) == first

    play(scenario)


# ── everything at once ───────────────────────────────────────────────────────────────────────────────────────


class Rebuilding(Ordeal):
    """Members come and go while clients and watchers work, with a crash or a cut in the middle of each change."""

    left: tuple[str, ...] = ()

    async def _trouble(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        store, admin = await seats(world, self.count, "builder", timeout=3.0)
        await asyncio.sleep(0.3)
        for number in range(self.count, self.count + 3):
            new = f"store-{number}"
            voters = await self._insist(admin.members)
            old = rng.choice([name for name in voters.voters if name not in names[:2]] or [""])
            trouble = asyncio.ensure_future(self._upset(world, voters.voters, rng))
            await begin(world, new, **self.options)
            await self._insist(partial(self._joined, admin, new, old))
            if old:
                await world.remove(old)
            await trouble
            if rng.random() < 0.5:
                try:
                    await admin.move_leader()
                except StatusError as error:
                    if error.reason not in ("Conflict", "NoQuorum", "Timeout", "Dropped"):
                        raise
        self.left = (await self._insist(admin.members)).voters

    async def _joined(self, admin: Administrator, new: str, old: str) -> None:
        now = await admin.members()
        if now.role(new) != "voter" or now.role(old):
            await admin.join(new, within=5.0, instead_of=old)

    async def _insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        for _ in range(40):
            try:
                return await ask()
            except StatusError as error:
                if error.reason not in ("Timeout", "NoQuorum", "Dropped", "Conflict", "ServiceUnavailable"):
                    raise
                await asyncio.sleep(0.2)
        raise AssertionError("never answered")

    async def _upset(self, world: SimWorld, names: tuple[str, ...], rng: Random) -> None:
        await asyncio.sleep(rng.uniform(0, 0.5))
        name = rng.choice(names)
        if rng.random() < 0.5:
            if name in world.hosts():
                await world.crash(name)
                await asyncio.sleep(rng.uniform(0.1, 1.0))
                if name in world.hosts():
                    await world.restart(name)
        else:
            await world.fault(Partition(src=(name,), dst=tuple(n for n in world.hosts() if n != name), id="cut"))
            await asyncio.sleep(rng.uniform(0.1, 1.5))
            await world.heal("cut")

    async def _final(self, world: SimWorld, judge: StoreClient) -> int:
        for name in self.left:
            judge.roster.learn(await judge.status(name, timeout=5.0))
        final = await super()._final(world, judge)
        await eventually(lambda: set(judge.members) == set(self.left), within=20, what="the judge knows the members")
        return final


def test_histories_stay_linearizable_while_members_come_and_go(seed: int) -> None:
    ordeal = Rebuilding(seed, options={"snapshot_entries": 40, "retain_entries": 5})
    ordeal.run()
    ordeal.check()
    assert set(ordeal.left) != {"store-0", "store-1", "store-2"}


# ── backups ──────────────────────────────────────────────────────────────────────────────────────────────────


async def take(admin: Administrator, member: str, revision: int) -> bytes:
    backup = await admin.open_backup(member, revision, "demo")
    return b"".join([page async for page in backup.pages()])


def file_of(data: bytes) -> BackupFile:
    return BackupFile("demo.backup", len(data), lambda offset, size: data[offset : offset + size])


def test_a_backup_under_load_becomes_a_new_cluster_whose_revisions_are_higher(seed: int) -> None:
    kept: dict[str, Any] = {}

    async def before(world: SimWorld) -> None:
        names = await start(world, 3)
        store, admin = await seats(world)
        await fill(store, 50)
        for number in range(40):
            await store.put(b"big%d" % number, bytes(100_000))

        async def back_up() -> None:
            first = await leader(store)
            follower = next(name for name in names if name != first)
            kept["revision"] = await store.revision()
            kept["data"] = await take(admin, follower, kept["revision"])

        await under_writes(world, 3, back_up)
        kept["last"] = await store.revision()
        error = await refused(admin.open_backup("store-0", kept["last"] + 1000, "demo"))
        assert error.reason in ("FutureRevision", "Timeout")

    play(before, seed)
    head = verify(file_of(kept["data"]))
    assert head.cluster == "demo"
    assert kept["revision"] <= head.revision <= kept["last"]

    async def after(world: SimWorld) -> None:
        disks = {f"store-{i}": SimDisk(blank()) for i in range(3)}
        restored = await restore(file_of(kept["data"]), disks)
        for name, disk in disks.items():
            await world.start(name, name.replace("store", "master"), Spec("store.member:run", {**FAST, "members": []}))
            await world.crash(name)
            world.platter(name).files.clear()
            world.platter(name).files.update(disk._platter.files)
        for name in disks:
            await world.restart(name)
        store, admin = await seats(world)
        # The hosts of the new cluster count their boots anew, so the names of their operations come again.
        assert (await store.put(b"new", b"")).revision == restored.revision + 1
        assert restored.revision > kept["last"]
        assert (await store.range(b"k", b"l", count_only=True)).count == 50
        assert (await store.range(b"big", b"bih", count_only=True)).count == 40
        async with store.watch(b"k", revision=kept["last"]) as batches:
            error = await refused(anext(batches))
            assert (error.reason, error.details["compacted"]) == ("Compacted", restored.revision)
        await agree(store)
        assert len({seat.disk_id for seat in (await admin.members()).seats}) == 3

    play(after, seed)


def test_a_backup_that_nobody_reads_on_is_given_up() -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 1)
        store, admin = await seats(world, 1)
        await store.put(b"k", b"v" * 1000)
        held = [await admin.open_backup("store-0", 2, "demo") for _ in range(4)]
        assert (await refused(admin.open_backup("store-0", 2, "demo"))).reason == "TooManyRequests"
        pages = held[0].pages()
        assert (await anext(pages)).startswith(b"capst")
        await asyncio.sleep(40)
        assert (await refused(anext(held[1].pages()))).reason == "NotFound"
        await admin.open_backup("store-0", 2, "demo")

    play(scenario)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("store.member.add", []),
        ("store.member.add", [1, 1]),
        ("store.member.add", ["a", "b"]),
        ("store.member.add", ["a"]),
        ("store.member.remove", [1, "a", "b"]),
        ("store.member.replace", [1, "a"]),
        ("store.member.list", [1]),
        ("store.move-leader", [1, None]),
        ("store.backup.open", ["x", 1]),
        ("store.backup.read", [1]),
        ("store.backup.read", {"id": 1}),
    ],
)
def test_a_malformed_request_is_refused(kind: str, body: Any) -> None:
    async def scenario(world: SimWorld) -> None:
        await start(world, 1)
        store, _ = await seats(world, 1)
        await store.put(b"k", b"")
        rpc = Rpc(await world.join("rude", "desk"))
        assert (await refused(rpc.call("store-0", kind, body, timeout=1.0))).reason == "BadRequest"

    play(scenario)


def test_a_status_says_how_a_member_is() -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world, 3, snapshot_entries=20, quota_bytes=5000)
        store, _ = await seats(world)
        await fill(store, 50)
        await agree(store)
        await eventually(lambda: len(world.notes("snapshot")) >= 3, within=5)
        for name in names:
            found = await store.status(name)
            assert (found.name, set(found.members), found.learners) == (name, set(names), ())
            assert 0 < found.snapshot <= found.applied <= found.last
            assert found.snapshot_bytes > 100
            assert (found.quota, found.alarms) == (5000, ())
            assert 0 < found.size < 5000
            assert found.wal_bytes > 1000
            assert found.wal_segments >= 1
        unless(await refused(store.put(b"k", bytes(5000))), "NoSpace")
        await eventually(lambda: alarmed(store, names[0]), within=2)

    play(scenario)


async def alarmed(store: StoreClient, name: str) -> bool:
    return (await store.status(name)).alarms == ("NOSPACE",)
