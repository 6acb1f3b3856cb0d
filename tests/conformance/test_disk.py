"""The disk: what is durable, what may be lost, and what is all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from cluster.rpc import Rpc
from cluster.world.faults import DiskFault
from cluster.world.scenario import Spec, World
from tests.conformance.conftest import Play

PROBE = Spec("tests.conformance.probe:run")

Do = Callable[..., Awaitable[Any]]


async def probe(world: World) -> Do:
    await world.start("p", "m", PROBE)
    rpc = Rpc(await world.join("seat", "m"))

    async def do(*what: Any) -> Any:
        return await rpc.call("p", "do", list(what), timeout=5)

    return do


def part_of(kept: bytes, written: bytes) -> bool:
    """Each byte as written, or zero in a sector that was lost."""
    return len(kept) <= len(written) and all(a in (0, b) for a, b in zip(kept, written, strict=False))


def test_what_was_synced_survives_and_of_the_rest_a_part(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("append", "wal/1", b"one")
        await do("append", "wal/1", b"two")
        assert await do("read", "wal/1") == b"onetwo"
        await do("sync", "wal/1")
        await do("append", "wal/1", b"three")
        await do("append", "wal/2", b"never synced")
        await world.restart("p")
        kept = await do("read", "wal/1")
        assert kept.startswith(b"onetwo")
        assert part_of(kept, b"onetwothree")
        assert part_of(await do("read", "wal/2") or b"", b"never synced")

    play(scenario)


def test_replace_is_durable_and_whole(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("append", "state", b"old and unsynced")
        await do("replace", "state", b"first")
        await do("replace", "state", b"second")
        await world.restart("p")
        assert await do("read", "state") == b"second"
        await do("append", "state", b"+")
        await do("sync", "state")
        await world.restart("p")
        assert await do("read", "state") == b"second+"

    play(scenario)


def test_truncate_and_remove_are_durable(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("append", "log", b"0123456789")
        await do("sync", "log")
        await do("truncate", "log", 4)
        await do("append", "log", b"x")
        await do("sync", "log")
        await do("append", "gone", b"1")
        await do("sync", "gone")
        await do("remove", "gone")
        await do("remove", "never was")
        await world.restart("p")
        assert await do("read", "log") == b"0123x"
        assert await do("read", "gone") is None

    play(scenario)


def test_names_are_sorted_and_selected_by_prefix(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        for name in ("wal/2", "snap/1", "wal/10", "meta"):
            await do("replace", name, b"")
        assert await do("names", "") == ["meta", "snap/1", "wal/10", "wal/2"]
        assert await do("names", "wal/") == ["wal/10", "wal/2"]
        assert await do("read", "wal/3") is None

    play(scenario)


def test_a_removed_host_has_no_disk_when_it_comes_again(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("replace", "state", b"x")
        await world.remove("p")
        await world.start("p", "m", PROBE)
        assert await do("names", "") == []

    play(scenario)


def test_a_sync_within_the_turn_is_as_good_as_the_other(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        written = b""
        for _ in range(5):
            await do("append", "log", b"12345")
            written += b"12345"
            if not await do("try_sync", "log"):
                await do("sync", "log")
            await do("append", "log", b"?")
            written += b"?"
        await do("sync", "log")
        await world.restart("p")
        assert await do("read", "log") == written

    play(scenario)


def test_a_piece_of_a_file_and_its_size(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("append", "f", b"01234")
        await do("sync", "f")
        await do("append", "f", b"56789")
        assert [await do("read_at", "f", at, 4) for at in (0, 3, 8, 10)] == [b"0123", b"3456", b"89", b""]
        assert await do("size", "f") == 10
        await do("sync", "f")
        await world.restart("p")
        assert [await do("read_at", "f", at, 4) for at in (0, 3, 8, 10)] == [b"0123", b"3456", b"89", b""]
        assert await do("size", "f") == 10

    play(scenario)


def test_what_was_reserved_is_zeros_in_the_next_boot_until_it_is_cut(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("reserve", "wal/1", 900)
        await do("append", "wal/1", b"record")
        assert await do("read", "wal/1") == b"record"
        await do("sync", "wal/1")
        await world.restart("p")
        data = await do("read", "wal/1")
        assert data == b"record" + bytes(len(data) - 6)
        assert len(data) == 900
        await do("truncate", "wal/1", 6)
        await do("append", "wal/1", b"+more")
        await do("sync", "wal/1")
        await world.restart("p")
        assert await do("read", "wal/1") == b"record+more"

    play(scenario)


def test_rename_replaces_and_is_durable(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("replace", "snapshot/1", b"old")
        await do("append", "aside/1", b"new")
        await do("sync", "aside/1")
        await do("rename", "aside/1", "snapshot/1")
        await world.restart("p")
        assert await do("names", "") == ["snapshot/1"]
        assert await do("read", "snapshot/1") == b"new"

    play(scenario)


def test_a_disk_that_fails_is_never_synced_again(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        for way, says in (("full", "No space"), ("write-error", "Input/output"), ("sync-error", "Input/output")):
            name = f"log/{way}"
            await do("append", name, b"good")
            await do("sync", name)
            await world.fault(DiskFault(src=("p",), kinds=(name,), way=way))
            await do("append", name, b"bad")
            assert not await do("try_sync", name)
            assert says in await do("sync", name)
            await world.heal()
            assert "an earlier sync failed" in await do("sync", name)
            await do("append", "other", b"1")
            assert await do("sync", "other") is None
        await world.restart("p")
        for way in ("full", "write-error", "sync-error"):
            kept = await do("read", f"log/{way}")
            assert kept[:4] == b"good"
            assert part_of(kept, b"goodbad")

    play(scenario)


def test_disks_that_lie_flip_and_tear(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        for way in ("lie", "flip", "tear"):
            await do("append", way, b"synced")
            await do("sync", way)
            await world.fault(DiskFault(src=("m",), way=way))
            await do("append", way, bytes(300))
            assert (await do("sync", way) is None) == (way != "tear")
            await world.heal()
        await world.restart("p")
        kept = {way: await do("read", way) for way in ("lie", "flip", "tear")}
        assert all(data[:6] == b"synced" for data in kept.values())
        assert sum(byte.bit_count() for byte in kept["flip"][6:]) == 1
        assert part_of(kept["lie"], b"synced" + bytes(300))
        assert part_of(kept["tear"], b"synced" + bytes(300))

    play(scenario)


def test_a_slow_disk_keeps_who_waits_for_it_waiting(play: Play) -> None:
    async def scenario(world: World) -> None:
        do = await probe(world)
        await do("append", "f", b"1")
        await do("sync", "f")
        await world.fault(DiskFault(way="slow", seconds=0.2), lasting=60)
        await do("append", "f", b"2")
        start = world.time()
        assert await do("sync", "f") is None
        assert world.time() - start >= 0.2
        await world.heal()

    play(scenario)
