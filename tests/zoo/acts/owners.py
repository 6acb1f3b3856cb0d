"""What owns what, and goes with it: owners and their dependents, namespaces and what is in them. Must not judge."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import Any

from cluster.api.meta import name_of, owner_reference, uid_of
from cluster.client.client import Client
from tests.zoo.acts.api import side_by_side
from tests.zoo.objects import Object, config_map, pod, priority_class, workload
from tests.zoo.stage import Stage, tried

WAYS = ("Background", "Background", "Foreground", "Orphan")


async def families(stage: Stage, dice: Random) -> None:
    """Owners with dependents; the owner is deleted in one of the ways, and its name soon has another owner."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            name = f"owner-{client.user}-{dice.randrange(2)}"
            owner = await tried(client.create(config_map(name)))
            if owner is None:
                await asyncio.sleep(0.2)
                continue
            for child in range(dice.randrange(1, 4)):
                kind = dice.choice(("ConfigMap", "ControllerRevision"))
                await tried(client.create(child_of(owner, f"child-{client.user}-{number}-{child}", kind)))
            # A dependent that is made at the moment when its owner begins to go may be missed, as in Kubernetes.
            await asyncio.sleep(dice.uniform(0.05, 0.8))
            how: Any = dice.choice(WAYS)
            await tried(client.delete("ConfigMap", name, "default", propagation=how, uid=uid_of(owner)))
            await asyncio.sleep(dice.uniform(0.0, 0.3))

    await side_by_side(stage, "family", work)


def child_of(owner: Object, name: str, kind: str = "ConfigMap") -> Object:
    """The controllers hear of ConfigMaps and of ControllerRevisions by different watches."""
    child = config_map(name, ownerReferences=[owner_reference(owner)])
    if kind == "ConfigMap":
        return child
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": child["metadata"], "revision": 1, "data": {}}


async def successors(stage: Stage, dice: Random) -> None:
    """A dependent whose owner goes is deleted at the same moment by its maker, who makes another of its name that
    belongs to nobody: that one is nobody else's to delete."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            names = [f"heir-{client.user}-{number}-{i}" for i in range(4)]
            owner = await tried(client.create(config_map(f"testator-{client.user}-{number}")))
            if owner is None:
                continue
            children = [await tried(client.create(child_of(owner, name))) for name in names]
            await asyncio.sleep(dice.uniform(0.1, 0.5))
            await tried(client.delete("ConfigMap", name_of(owner), "default", uid=uid_of(owner)))
            await asyncio.sleep(dice.uniform(0.0, 0.03))
            for child in (c for c in children if c is not None):
                await tried(client.delete("ConfigMap", name_of(child), "default", uid=uid_of(child)))
                await tried(client.create(config_map(name_of(child))))

    await side_by_side(stage, "successor", work)


async def namespaces(stage: Stage, dice: Random) -> None:
    """Namespaces are filled by several, and deleted while that goes on."""

    async def work(client: Client, dice: Random) -> None:
        for number in range(1000):
            name = f"space-{number}"
            if client.user.endswith("-0"):
                meta = {"name": name}
                await tried(client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}))
                await asyncio.sleep(dice.uniform(0.3, 0.8))
                await tried(client.delete("Namespace", name))
                await asyncio.sleep(0.2)
                continue
            await stage.until(partial(_is_there, stage, name), within=3.0)
            for item in range(100):
                if await tried(client.create(config_map(f"{client.user}-{item}", name))) is None:
                    break
                await asyncio.sleep(dice.uniform(0.0, 0.1))

    await side_by_side(stage, "settler", work)


def _is_there(stage: Stage, namespace: str) -> bool:
    return namespace in stage.truth.of("Namespace")


async def sets(stage: Stage, dice: Random) -> None:
    """ReplicaSets that are scaled all the time: they keep the controllers writing. No node is needed."""

    async def work(client: Client, dice: Random) -> None:
        name = f"set-{client.user}"
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": pod("x")["spec"]}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        meta = {"name": name, "namespace": "default"}
        await tried(client.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": spec}))
        while True:
            await asyncio.sleep(dice.uniform(0.05, 0.4))
            await tried(client.scale("ReplicaSet", name, "default", dice.randrange(8)))

    await side_by_side(stage, "sets", work)


async def refused_sets(stage: Stage, dice: Random) -> None:
    """ReplicaSets whose pods name a PriorityClass that is there only at times: what was refused is tried again, and
    goes well, at times that nothing but a clock decides."""

    async def work(client: Client, dice: Random) -> None:
        for i in range(4):
            spec = pod("x", priorityClassName="zoo")["spec"]
            await tried(client.create(workload("ReplicaSet", f"{client.user}-{i}", replicas=2, pod=spec)))
        while True:
            if client.user.endswith("-0"):
                await tried(client.create(priority_class("zoo", 1)))
                await asyncio.sleep(dice.uniform(0.05, 0.3))
                await tried(client.delete("PriorityClass", "zoo"))
                await asyncio.sleep(dice.uniform(0.3, 1.0))
                continue
            await tried(client.scale("ReplicaSet", f"{client.user}-{dice.randrange(4)}", "default", dice.randrange(6)))
            await asyncio.sleep(dice.uniform(0.1, 0.5))

    await side_by_side(stage, "refused", work)
