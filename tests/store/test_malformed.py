"""Whatever a body is: BadRequest, and nothing is harmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.wire import pack, unpack
from cluster.world.sim import SimWorld
from store import codec, commands, requests
from store.client import Compare, Put, Range, StoreClient
from tests.store.workload import agree, leader, members, start

KINDS = (*commands.CODES, "store.range", "store.hash", "store.watch", "store.happened")
KINDS += ("store.lease.ttl", "store.lease.keepalive")
GOOD: dict[str, Any] = {
    "store.range": requests.range_request(Range(b"k", b"z"), 0, "linearizable"),
    "store.put": requests.put_request(1 << 40, b"k", b""),
    "store.delete": requests.delete_request(1 << 40, b"k", b"z", False),
    "store.txn": requests.txn_request(1 << 40, (Compare(b"k", "mod", "=", 0),), (Put(b"k", b""),), (Range(b"k"),)),
    "store.update": (0, 1 << 41, b"k", 1, b"", 0, True),
    "store.quota": (0, 1 << 41, 0),
    "store.compact": (0, 1 << 41, 1),
    "store.lease.grant": (0, 1 << 41, 0, 10),
    "store.lease.revoke": (0, 1 << 41, 1),
    "store.lease.ttl": (1, True),
    "store.lease.keepalive": (1,),
    "store.alarm": (0, 1 << 41, "list", "NOSPACE"),
    "store.happened": ("client", 7),
    "store.hash": (0,),
    "store.watch": (b"k", None, 0, False, False),
}
JUNK: tuple[Any, ...] = (None, True, -1, 1.5, "text", b"", [], {}, [[]], {"a": [1]}, 1 << 63, [None] * 4)


def spoilt(kind: str, rng: Random) -> Any:
    """A good body with one part, at any depth, replaced by junk; or junk."""
    body = list(GOOD[kind])
    if rng.random() < 0.1:
        return rng.choice([junk for junk in JUNK if type(junk) is not list or junk])
    at: list[Any] = body
    while True:
        index = rng.randrange(len(at))
        if isinstance(at[index], list | tuple) and at[index] and rng.random() < 0.7:
            at[index] = list(at[index])
            at = at[index]
            continue
        at[index] = rng.choice([junk for junk in JUNK if type(junk) is not type(at[index])])
        return body


READERS: dict[str, Callable[[Any], Any]] = {
    **{kind: check for kind, (_, check) in commands.CODES.items()},
    "store.range": commands.check_range,
    "store.hash": commands.revision_of,
    "store.watch": commands.watch_of,
    "store.happened": commands.check_happened,
    "store.lease.ttl": commands.check_ttl,
    "store.lease.keepalive": commands.check_keepalive,
}


def well_formed(kind: str, body: Any) -> bool:
    """Junk fits by chance now and then: None is an `end`."""
    try:
        READERS[kind](unpack(pack(body)))
    except StatusError:
        return False
    return True


async def ask(rpc: Rpc, name: str, kind: str, body: Any) -> None:
    if kind == "store.watch":
        async with rpc.stream(name, kind, body) as batches:
            await anext(batches)
    else:
        await rpc.call(name, kind, body, timeout=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_bodies_are_refused_and_harm_nothing(kind: str) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        rpc = Rpc(await world.join("seat", "desk"), keepalive=0.5)
        store = StoreClient(rpc, members(3))
        await store.put(b"k", b"1")
        first = await leader(store)
        before = await store.status(first)
        rng = Random(kind)
        for _ in range(150):
            body = spoilt(kind, rng)
            if well_formed(kind, body):
                continue
            name = rng.choice(names) if kind == "store.watch" else first
            with pytest.raises(StatusError) as caught:
                await ask(rpc, name, kind, body)
            assert caught.value.reason == "BadRequest", (body, caught.value)
        after = await store.status(first)
        assert (after.revision, after.term, after.commit) == (before.revision, before.term, before.commit)
        assert (await store.range(b"k")).kvs[0].value == b"1"
        await agree(store)

    with SimWorld(2) as world:
        world.run(asyncio.wait_for(scenario(world), 600))


@pytest.mark.parametrize("kind", [*codec.RAFT_KINDS, "store.nonsense"])
def test_strangers_do_not_talk_raft(kind: str) -> None:
    async def scenario(world: SimWorld) -> None:
        names = await start(world)
        rpc = Rpc(await world.join("seat", "desk"))
        store = StoreClient(rpc, members(3))
        await store.put(b"k", b"1")
        before = [await store.status(name) for name in names]
        for name in names:
            for body in (*JUNK, (99, 0, 0, 0, 0, []), (99, 9, 9), (99, True), (99,)):
                rpc.cast(name, kind, body)
        await asyncio.sleep(0.5)
        assert [(s.term, s.leader) for s in before] == [
            (s.term, s.leader) for s in [await store.status(name) for name in names]
        ]

    with SimWorld(3) as world:
        world.run(scenario(world))
