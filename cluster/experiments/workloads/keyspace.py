"""Puts, deletes, reads and compare-and-sets with the revisions that a revisioned store answers.

Must not check: `linearizable` with model keyspace does.
"""

from __future__ import annotations

from functools import partial

from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.experiments.workloads.register import name_of, read, swap, write
from store.engines import Store
from store.mvcc.values import DeleteResult


async def play(player: Player) -> None:
    store = player.store()
    shares = [float(player.option(name, default)) for name, default in OPTIONS.items()]
    while True:
        await player.pace()
        key = player.key()
        match player.dice.choices(list(OPTIONS), shares)[0]:
            case "reads":
                mode = player.workload.reads
                await player.perform("read", key, None, partial(read, store, key, mode), mode)
            case "writes":
                value = player.unique()
                await player.perform("write", key, value, partial(write, store, key, value))
            case "deletes":
                await player.perform("delete", key, None, partial(delete, store, key))
            case _:
                await swap(player, store, key)


async def delete(store: Store, key: str) -> Answer:
    done = await store.delete(name_of(key))
    count = sum(response.deleted for response in done.responses if isinstance(response, DeleteResult))
    return Answer(count > 0, done.revision)


OPTIONS = {"reads": 0.4, "writes": 0.3, "deletes": 0.15, "swaps": 0.15}
KEYSPACE = Kindred(play, "puts, deletes, reads and compare-and-sets, with revisions", OPTIONS)
