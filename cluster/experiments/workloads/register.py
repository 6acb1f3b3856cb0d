"""Reads, writes and compare-and-sets of a few registers in the store; every value is written once.

Must not check: `linearizable` does.
"""

from __future__ import annotations

from functools import partial

from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player
from store.client import Compare, Put
from store.engines import Store

PREFIX = "/experiments/"


async def play(player: Player) -> None:
    store = player.store()
    shares = [float(player.option(name, default)) for name, default in OPTIONS.items()]
    while True:
        await player.pace()
        key = player.key()
        kind = player.dice.choices(("read", "write", "cas"), shares)[0]
        if kind == "read":
            mode = player.workload.reads
            await player.perform("read", key, None, partial(read, store, key, mode), mode)
        elif kind == "write":
            value = player.unique()
            await player.perform("write", key, value, partial(write, store, key, value))
        else:
            await swap(player, store, key)


async def swap(player: Player, store: Store, key: str) -> None:
    """A read (an operation of its own), then the swap of what it saw."""
    seen = await player.perform("read", key, None, partial(read, store, key, "linearizable"), "linearizable")
    if seen is not None:
        pair = (seen.result, player.unique())
        await player.perform("cas", key, pair, partial(compare_and_set, store, key, pair))


def name_of(key: str) -> bytes:
    return (PREFIX + key).encode()


async def read(store: Store, key: str, mode: str) -> Answer:
    found = await store.range(name_of(key), read=mode)
    if not found.kvs:
        return Answer(None, found.revision)
    try:
        return Answer(int(found.kvs[0].value), found.revision)
    except ValueError:
        raise StatusError("InternalError", f"{key} holds what nobody wrote", definite=True) from None


async def write(store: Store, key: str, value: int) -> Answer:
    return Answer(None, (await store.put(name_of(key), b"%d" % value)).revision)


async def compare_and_set(store: Store, key: str, pair: tuple[int | None, int]) -> Answer:
    expected, new = pair
    name = name_of(key)
    if expected is None:
        compare = Compare(name, "version", "=", 0)
    else:
        compare = Compare(name, "value", "=", b"%d" % expected)
    done = await store.txn([compare], [Put(name, b"%d" % new)])
    return Answer(done.succeeded, done.revision)


OPTIONS = {"reads": 0.5, "writes": 0.25, "swaps": 0.25}
REGISTER = Kindred(play, "reads, writes and compare-and-sets of registers; values are unique", OPTIONS)
