"""What is done to API objects: apply, delete, scale, patch, a new image. By an API client of the run's own, as anybody
would do it.

Must not write past an apiserver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api.kinds import KINDS, Kind, lookup
from cluster.api.meta import name_of, namespace_of
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError
from cluster.experiments.cast import drawn
from cluster.experiments.strikes.deed import Act, Deed
from cluster.scenario.model import Target
from cluster.scenario.target import parse_amount

Object = Mapping[str, Any]


async def apply_all(client: Client, objects: Sequence[Object], place: str) -> list[str]:
    """Create each, or make what is there like it; "kind/name" of each."""
    done = []
    for obj in objects:
        kind = KINDS.get(str(obj.get("kind")))
        if kind is None:
            raise UsageError(f"no kind {obj.get('kind')!r}", place=place, remedy=f"one of {', '.join(KINDS)}")
        try:
            await client.create(dict(obj))
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
            namespace = (namespace_of(obj) or "default") if kind.namespaced else ""
            await client.patch(kind.kind, name_of(obj), dict(obj), namespace=namespace, type="strategic")
        done.append(f"{kind.singular}/{name_of(obj)}")
    return done


async def apply(act: Act) -> Deed:
    given = act.arg("object")
    objects = [given] if isinstance(given, Mapping) else list(given)
    done = await apply_all(await act.stage.client(), objects, act.step.place)
    return Deed(f"apply {', '.join(done)}")


async def delete(act: Act) -> Deed:
    kind, namespace, grace = lookup(act.arg("kind")), act.arg("namespace"), act.arg("grace")
    client, seconds = await act.stage.client(), None if grace < 0 else round(grace)
    where = namespace if kind.namespaced else ""
    if act.arg("name"):
        await client.delete(kind.kind, act.arg("name"), where, grace=seconds)
        return Deed(f"delete {kind.singular}/{act.arg('name')}")
    if not act.arg("labels"):
        raise act.refuse("delete does not say which", "name, or labels")
    if act.arg("amount") != "all":
        return await _delete_some(act, client, kind, where, seconds)
    gone = await client.delete_collection(kind.kind, where, labels=act.arg("labels"), grace=seconds)
    return Deed(f"delete {len(gone)} {kind.plural} with {act.arg('labels')}")


async def _delete_some(act: Act, client: Client, kind: Kind, where: str, grace: int | None) -> Deed:
    """So many of those with the labels, drawn by the entry's own dice."""
    labels, word = act.arg("labels"), act.arg("amount")
    there = sorted(name_of(obj) for obj in (await client.list(kind.kind, where, labels=labels))["items"])
    if not there:
        return Deed(f"delete 0 {kind.plural} with {labels}")
    amount, number = parse_amount(word, word)
    chosen = drawn(there, Target(f"{word} of {kind.plural} with {labels}", (), (), amount, number), act.dice)
    for name in chosen:
        await client.delete(kind.kind, name, where, grace=grace)
    return Deed(f"delete {', '.join(f'{kind.singular}/{name}' for name in chosen)}")


def _object(act: Act) -> tuple[Kind, str]:
    word, slash, name = str(act.arg("object")).partition("/")
    if not slash or not name:
        raise act.refuse(f"{act.arg('object')!r} is not an object", "KIND/NAME, as deployment/nginx")
    return lookup(word), name


async def scale(act: Act) -> Deed:
    kind, name = _object(act)
    replicas = act.arg("replicas")
    await (await act.stage.client()).scale(kind.kind, name, act.arg("namespace"), replicas)
    return Deed(f"scale {kind.singular}/{name} to {replicas}")


async def patch(act: Act) -> Deed:
    kind, name = _object(act)
    namespace = act.arg("namespace") if kind.namespaced else ""
    client = await act.stage.client()
    await client.patch(kind.kind, name, dict(act.arg("patch")), namespace=namespace, type="strategic")
    return Deed(f"patch {kind.singular}/{name}")


async def set_image(act: Act) -> Deed:
    kind, name = _object(act)
    client, image = await act.stage.client(), act.arg("image")
    obj = await client.get(kind.kind, name, act.arg("namespace"))
    template = obj["spec"].get("template", obj)
    containers = [str(c["name"]) for c in template["spec"]["containers"]]
    container = act.arg("container") or containers[0]
    if container not in containers:
        raise act.refuse(f"{kind.singular}/{name} has no container {container!r}", f"one of {', '.join(containers)}")
    pod: dict[str, Any] = {"spec": {"containers": [{"name": container, "image": image}]}}
    change = pod if kind.kind == "Pod" else {"spec": {"template": pod}}
    await client.patch(kind.kind, name, change, namespace=act.arg("namespace"), type="strategic")
    return Deed(f"set image of {kind.singular}/{name} to {image}")
