"""The disk: what is durable, what may be lost, and what is all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from cluster.rpc import Rpc
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


def test_what_was_synced_survives_and_the_rest_is_a_prefix(play: Play) -> None:
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
        assert b"onetwothree".startswith(kept)
        assert b"never synced".startswith(await do("read", "wal/2") or b"")

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
