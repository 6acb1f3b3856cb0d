"""API objects that come, change and go: ConfigMaps under optimistic concurrency, and observers on each apiserver.

Must not check. What clients do is recorded as operations on a register (a create is a compare-and-set of nothing, an
update one of what was read), so that `linearizable` judges the API as well. The first `observers` clients only look.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from cluster.api.meta import key_of, revision_of
from cluster.client.client import Client
from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player
from cluster.topology import apiservers

KIND, NAMESPACE = "ConfigMap", "default"
PAUSE = 0.1
LABEL = "experiments"


async def play(player: Player) -> None:
    observers = int(player.option("observers", 1))
    servers = apiservers(player.stage.spec, player.number)
    if player.number < observers:
        await observe(player, player.stage.api_client(player.rpc, servers[:1], player.workload.timeout))
        return
    client = player.stage.api_client(player.rpc, servers, player.workload.timeout)
    while True:
        await player.pace()
        key = player.key()
        await _act(player, client, key)


async def _act(player: Player, client: Client, key: str) -> None:
    mode = player.workload.reads
    what = player.dice.random()
    if what < 0.15:
        await player.perform("delete", key, None, partial(delete, client, key))
        return
    found: list[dict[str, Any]] = []
    seen = await player.perform("read", key, None, partial(read, client, key, mode, found), mode)
    if seen is None or what < 0.4:
        return
    pair = (seen.result, player.unique())
    work = partial(update, client, found[0], pair[1]) if found else partial(create, client, key, pair[1])
    await player.perform("cas", key, pair, work)


async def read(client: Client, key: str, mode: str, found: list[dict[str, Any]]) -> Answer:
    version = "0" if mode == "serializable" else ""
    try:
        obj = await client.get(KIND, key, NAMESPACE, resource_version=version)
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(None)
        raise
    found.append(obj)
    return Answer(int(obj["data"]["value"]))


async def create(client: Client, key: str, value: int) -> Answer:
    meta = {"name": key, "namespace": NAMESPACE, "labels": {LABEL: "objects"}}
    obj = {"apiVersion": "v1", "kind": KIND, "metadata": meta, "data": {"value": str(value)}}
    return await _swapped(client.create(obj))


async def update(client: Client, obj: dict[str, Any], value: int) -> Answer:
    """Only if it is still the version that was read."""
    return await _swapped(client.update({**obj, "data": {"value": str(value)}}))


async def _swapped(work: Any) -> Answer:
    try:
        obj = await work
    except StatusError as error:
        if error.reason in ("Conflict", "AlreadyExists", "NotFound"):
            return Answer(False)
        raise
    return Answer(True, revision_of(obj))


async def delete(client: Client, key: str) -> Answer:
    try:
        obj = await client.delete(KIND, key, NAMESPACE)
    except StatusError as error:
        if error.reason == "NotFound":
            return Answer(False)
        raise
    return Answer(True, revision_of(obj))


async def observe(player: Player, client: Client) -> None:
    """What one apiserver tells one watcher: into the run's events, and each stretch into the journal as "watched"."""
    since = 0
    while True:
        try:
            if not since:
                since = revision_of(await client.list(KIND, NAMESPACE))
            since = await _stretch(player, client, since)
        except StatusError as error:
            if error.reason == "Expired":
                since = 0
            await asyncio.sleep(PAUSE)


async def _stretch(player: Player, client: Client, since: int) -> int:
    """One watch, until it breaks; up to which version it has told."""
    told: list[list[Any]] = []
    book, at = player.stage.book, since
    watch = client.watch(KIND, NAMESPACE, resource_version=str(since))
    try:
        async with watch as events:
            async for event in events:
                obj, type = event["object"], event["type"]
                at = max(at, revision_of(obj))
                told.append([revision_of(obj), type, "" if type == "BOOKMARK" else key_of(obj)])
                if type != "BOOKMARK":
                    book.saw(KIND, type, obj, player.name)
    except StatusError as error:
        if error.reason == "Expired":
            raise
    finally:
        if told:
            note = {"kind": KIND, "server": watch.server, "since": since, "told": told}
            player.rpc.host.note("watched", note)
    return at


OBJECTS = Kindred(play, "API objects created, updated and deleted; observers", {"observers": 1}, needs="cluster")
