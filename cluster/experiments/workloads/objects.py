"""API objects that come, change and go under optimistic concurrency, and observers on each apiserver.

Must not check. What clients do is recorded as operations on a register (a create is a compare-and-set of nothing, an
update one of what was read), so that `linearizable` judges the API as well. The first `observers` clients only look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cluster.api.meta import annotations_of, key_of, revision_of
from cluster.client.client import Client
from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.topology import apiservers

KIND, NAMESPACE, LABEL = "ConfigMap", "default", "experiments"
VALUE = "experiments/value"
"""The annotation that holds an object's value."""
PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the objects are, and by whom they are asked for."""

    client: Client
    kind: str
    namespace: str


async def play(player: Player) -> None:
    observers = int(player.option("observers", 1))
    servers = apiservers(player.stage.spec, player.number)
    if player.number < observers:
        servers = servers[:1]
    shelf = Shelf(player.stage.api_client(player.rpc, servers, player.workload.timeout), KIND, NAMESPACE)
    if player.number < observers:
        await observe(player, shelf)
    while True:
        await player.pace()
        await _act(player, shelf, player.key())


async def _act(player: Player, shelf: Shelf, key: str) -> None:
    mode = player.workload.reads
    what = player.dice.random()
    if what < 0.15:
        await player.perform("delete", key, None, partial(delete, shelf, key))
        return
    found: list[dict[str, Any]] = []
    seen = await player.perform("read", key, None, partial(read, shelf, key, mode, found), mode)
    if seen is None or what < 0.4:
        return
    pair = (seen.result, player.unique())
    work = partial(update, shelf, found[0], pair[1]) if found else partial(create, shelf, key, pair[1])
    await player.perform("cas", key, pair, work)


async def read(shelf: Shelf, key: str, mode: str, found: list[dict[str, Any]]) -> Answer:
    version = "0" if mode == "serializable" else ""
    try:
        obj = await shelf.client.get(shelf.kind, key, shelf.namespace, resource_version=version)
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(None)
        raise
    found.append(obj)
    return Answer(int(annotations_of(obj).get(VALUE, 0)))


async def create(shelf: Shelf, key: str, value: int) -> Answer:
    meta = {"name": key, "namespace": shelf.namespace, "annotations": {VALUE: str(value)}, "labels": {LABEL: "objects"}}
    return await _swapped(shelf.client.create({"apiVersion": "v1", "kind": shelf.kind, "metadata": meta}))


async def update(shelf: Shelf, obj: dict[str, Any], value: int) -> Answer:
    """Only if it is still the version that was read."""
    meta = {**obj["metadata"], "annotations": {VALUE: str(value)}}
    return await _swapped(shelf.client.update({**obj, "metadata": meta}))


async def _swapped(work: Awaitable[dict[str, Any]]) -> Answer:
    try:
        obj = await work
    except StatusError as error:
        if error.reason in ("Conflict", "AlreadyExists", "NotFound"):
            return Answer(False)
        raise
    return Answer(True, revision_of(obj))


async def delete(shelf: Shelf, key: str) -> Answer:
    try:
        obj = await shelf.client.delete(shelf.kind, key, shelf.namespace)
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(False)
        raise
    return Answer(True, revision_of(obj))


async def observe(player: Player, shelf: Shelf) -> None:
    """What one apiserver tells one watcher: into the run's events, and each stretch into the journal as "watched"."""
    since = 0
    while True:
        try:
            if not since:
                since = revision_of(await shelf.client.list(shelf.kind, shelf.namespace))
            since = await _stretch(player, shelf, since)
        except StatusError as error:
            if error.reason == "Expired":
                since = 0
            await asyncio.sleep(PAUSE)


async def _stretch(player: Player, shelf: Shelf, since: int) -> int:
    """One watch, until it breaks; up to which version it has told."""
    told: list[list[Any]] = []
    book, at = player.stage.book, since
    watch = shelf.client.watch(shelf.kind, shelf.namespace, resource_version=str(since))
    try:
        async with watch as events:
            async for event in events:
                obj, type = event["object"], event["type"]
                at = max(at, revision_of(obj))
                told.append([revision_of(obj), type, "" if type == "BOOKMARK" else key_of(obj)])
                if type != "BOOKMARK":
                    book.saw(shelf.kind, type, obj, player.name)
    except StatusError as error:
        if error.reason == "Expired":
            raise
    finally:
        if told:
            note = {"kind": shelf.kind, "server": watch.server, "since": since, "told": told}
            player.rpc.host.note("watched", note)
    return at


OPTIONS = {"observers": 1}
OBJECTS = Kindred(play, "API objects created, updated and deleted; observers", OPTIONS, needs="cluster")
