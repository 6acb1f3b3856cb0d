"""Watchers of the store's own watch, and writers that give them something to see.

Must not check. The first `writers` clients write; the others watch all keys of the run's workloads, each from where its
last batch ended.
"""

from __future__ import annotations

import asyncio
from functools import partial

from cluster.errors import StatusError
from cluster.experiments.workloads.keyspace import delete
from cluster.experiments.workloads.player import Kindred, Player
from cluster.experiments.workloads.register import PREFIX, write
from cluster.history.run import WatchSeen
from store.client import WatchBatch, prefix_end
from store.engines import Store

PAUSE = 0.05
"""Seconds before a broken watch is opened again."""


async def play(player: Player) -> None:
    if player.number < int(player.option("writers", 1)):
        await _write(player, player.store())
    else:
        await _watch(player, player.store())


async def _write(player: Player, store: Store) -> None:
    while True:
        await player.pace()
        key = player.key()
        if player.dice.random() < float(player.option("deletes", 0.2)):
            await player.perform("delete", key, None, partial(delete, store, key))
        else:
            value = player.unique()
            await player.perform("write", key, value, partial(write, store, key, value))


async def _watch(player: Player, store: Store) -> None:
    start = PREFIX.encode()
    revision = await _now(store)
    _note(player, revision, "began")
    while True:
        try:
            async with store.watch(start, prefix_end(start), revision=revision + 1) as batches:
                async for batch in batches:
                    _saw(player, batch)
                    revision = max(revision, batch.revision)
        except StatusError as error:
            if error.reason == "Compacted":
                revision = int(error.details.get("compacted", revision))
                _note(player, revision, "lost")
            await asyncio.sleep(PAUSE)


async def _now(store: Store) -> int:
    while True:
        try:
            return await store.revision()
        except StatusError:
            await asyncio.sleep(PAUSE)


def _saw(player: Player, batch: WatchBatch) -> None:
    book = player.stage.book
    for event in batch.events:
        kv, key = event.kv, event.kv.key.decode().removeprefix(PREFIX)
        value = None if event.deleted else _value(kv.value)
        what = "delete" if event.deleted else "put"
        book.watched(WatchSeen(book.now(), player.name, kv.mod_revision, key, what, value))


def _note(player: Player, revision: int, mode: str) -> None:
    book = player.stage.book
    book.watched(WatchSeen(book.now(), player.name, revision, "", "", None, mode))


def _value(data: bytes) -> int | str:
    return int(data) if data.isdigit() and len(data) < 16 else data.decode("utf-8", "replace")


WATCH = Kindred(play, "watchers of the store, and writers for them", {"writers": 1, "deletes": 0.2})
