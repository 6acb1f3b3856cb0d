"""What clients of the API do: registers, names that several want, statuses, bindings, watches.

Must not judge. An act goes on until it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any

from cluster.api.meta import key_of, revision_of
from cluster.client.client import Client
from cluster.client.informer import Informer
from cluster.errors import StatusError
from tests.zoo.objects import Object, config_map, pod, without_revision, workload
from tests.zoo.stage import Stage, looks_on, tried

CLIENTS = 3


async def side_by_side(stage: Stage, name: str, work: Callable[[Client, Random], Coroutine[Any, Any, None]]) -> None:
    """`CLIENTS` of them, each with a seat and dice of its own, the i-th at apiserver i."""
    async with asyncio.TaskGroup() as group:
        for i in range(CLIENTS):
            client = await stage.seat(f"{name}-{i}", i)
            group.create_task(work(client, stage.dice(f"{name}-{i}")))


# ── registers: a number in a ConfigMap, changed only by who has read what it was ─────────────────────────────


async def registers(stage: Stage, dice: Random) -> None:
    for key in ("r0", "r1"):
        number = stage.history.invoke("admin", "write", key, 0, stage.world.time())
        await stage.admin.create(config_map(key, data={"value": "0"}))
        stage.history.ok(number, stage.world.time())
    await side_by_side(stage, "register", lambda client, dice: _register(stage, client, dice))


async def _register(stage: Stage, client: Client, dice: Random) -> None:
    values = 0
    while True:
        key = dice.choice(("r0", "r1"))
        if dice.random() < 0.5:
            values += 1
            await _change(stage, client, key, f"{client.user}.{values}")
        else:
            await _read(stage, client, key, by_list=dice.random() < 0.7)
        await asyncio.sleep(dice.uniform(0.0, 0.1))


async def _change(stage: Stage, client: Client, key: str, value: str) -> None:
    try:
        found = await client.get("ConfigMap", key, "default")
    except StatusError:
        return
    old = found["data"]["value"]
    wanted = {**found, "data": {"value": value}}
    number = stage.history.invoke(
        client.user, "cas", key, (0 if old == "0" else old, value), stage.world.time(), site=client.server
    )
    try:
        await client.update(wanted)
    except StatusError as error:
        stage.history.failed(number, stage.world.time(), definite=error.definite, error=error.reason)
    else:
        stage.history.ok(number, stage.world.time(), True)


async def _read(stage: Stage, client: Client, key: str, *, by_list: bool) -> None:
    number = stage.history.invoke(client.user, "read", key, None, stage.world.time(), site=client.server)
    found: Object | None
    try:
        if by_list:
            items = (await client.list("ConfigMap", "default"))["items"]
            found = next((item for item in items if item["metadata"]["name"] == key), None)
        else:
            found = await client.get("ConfigMap", key, "default")
    except StatusError as error:
        stage.history.fail(number, stage.world.time(), error.reason)
        return
    value = found["data"]["value"] if found is not None else None
    stage.history.ok(number, stage.world.time(), 0 if value == "0" else value)


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────


async def names(stage: Stage, dice: Random) -> None:
    """Several want to have the same names; who has one gives it up again."""

    async def work(client: Client, dice: Random) -> None:
        while True:
            name = f"name-{dice.randrange(3)}"
            made = await tried(client.create(config_map(name, data={"owner": client.user})))
            await asyncio.sleep(dice.uniform(0.0, 0.3))
            if made is not None:
                await tried(client.delete("ConfigMap", name, "default", uid=made["metadata"]["uid"]))

    await side_by_side(stage, "names", work)


async def finalizers(stage: Stage, dice: Random) -> None:
    """Objects that somebody has to finish with before they may go; somebody does, after a while."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            name = f"{client.user}-{number}"
            made = await tried(client.create(config_map(name, finalizers=["zoo.capstan/hold"])))
            await asyncio.sleep(dice.uniform(0.0, 0.2))
            if made is not None and await tried(client.delete("ConfigMap", name, "default")) is not None:
                await asyncio.sleep(dice.uniform(0.1, 0.4))
                patch = {"metadata": {"finalizers": None}}
                await tried(client.patch("ConfigMap", name, patch, namespace="default"))

    await side_by_side(stage, "finalizers", work)


async def statuses(stage: Stage, dice: Random) -> None:
    """One scales; others write a status to what they have read a while ago, without minding the version."""
    await stage.admin.create(workload("Deployment", "tug", replicas=1, paused=True))

    async def work(client: Client, dice: Random) -> None:
        while True:
            if client.user.endswith("-0"):
                await tried(client.scale("Deployment", "tug", "default", dice.randrange(4)))
                await asyncio.sleep(dice.uniform(0.0, 0.2))
                continue
            old = await tried(client.get("Deployment", "tug", "default"))
            await asyncio.sleep(dice.uniform(0.0, 0.3))
            if old is not None:
                fresh = {
                    **without_revision(old),
                    "status": {**old.get("status", {}), "collisionCount": dice.randrange(9)},
                }
                await tried(client.update(fresh, subresource="status"))

    await side_by_side(stage, "status", work)


async def bindings(stage: Stage, dice: Random) -> None:
    """Pods of nobody's scheduler, which several bind, each to a node of its choice."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            name = f"tugged-{number % 20}"
            if client.user.endswith("-0"):
                await tried(client.create(pod(name, schedulerName="by-hand")))
            await asyncio.sleep(0.1 + dice.uniform(0.0, 0.005))
            node = f"node-of-{client.user}"
            await tried(client.bind("default", name, node))

    await side_by_side(stage, "binder", work)


# ── watching ─────────────────────────────────────────────────────────────────────────────────────────────────


async def churn(stage: Stage, dice: Random) -> None:
    """ConfigMaps come, change and go."""

    async def work(client: Client, dice: Random) -> None:
        while True:
            name = f"{client.user}-{dice.randrange(5)}"
            what = dice.random()
            if what < 0.3:
                await tried(client.delete("ConfigMap", name, "default"))
            elif await tried(client.create(config_map(name, data={"n": str(dice.randrange(100))}))) is None:
                patch = {"data": {"n": str(dice.randrange(1000))}}
                await tried(client.patch("ConfigMap", name, patch, namespace="default"))
            await asyncio.sleep(dice.uniform(0.0, 0.15))

    await side_by_side(stage, "churn", work)


@looks_on
async def watchers(stage: Stage, dice: Random) -> None:
    """Each follows the ConfigMaps as clients do: lists once, watches, watches on where that broke, and lists again only
    when it is told to. What each stretch of watching was told is a note "watched"."""
    async with asyncio.TaskGroup() as group:
        for i in range(CLIENTS):
            client = await stage.seat(f"viewer-{i}", i, machine=f"desk-{i}")
            group.create_task(_follow(client))


@looks_on
async def caches(stage: Stage, dice: Random) -> None:
    """Each keeps a cache of the ConfigMaps, as components do (`cluster.client.informer`). What changes in it is a note
    "cached", from its first list on."""
    async with asyncio.TaskGroup() as group:
        for i in range(CLIENTS):
            client = await stage.seat(f"keeper-{i}", i, machine=f"desk-{i}")
            informer = Informer(client, "ConfigMap")
            informer.on_change(partial(_note_change, client))
            group.create_task(informer.run())


def _note_change(client: Client, old: Object | None, new: Object | None) -> None:
    shown = new or old or {}
    data = {"kind": "ConfigMap", "key": key_of(shown), "revision": revision_of(shown), "gone": new is None}
    client.rpc.host.note("cached", data)


async def _follow(client: Client) -> None:
    revision = ""
    while True:
        told: list[list[Any]] = []
        begun = revision
        try:
            if not revision:
                revision = begun = (await client.list("ConfigMap"))["metadata"]["resourceVersion"]
            async with client.watch("ConfigMap", resource_version=revision) as events:
                async for event in events:
                    obj: Object = event["object"]
                    revision = obj["metadata"]["resourceVersion"]
                    told.append([int(revision), event["type"], "" if event["type"] == "BOOKMARK" else key_of(obj)])
        except StatusError as error:
            if error.reason == "Expired":
                revision = ""
            await asyncio.sleep(0.05)
        finally:
            if begun and told:
                data = {"kind": "ConfigMap", "server": client.server, "since": int(begun), "told": told}
                client.rpc.host.note("watched", data)
