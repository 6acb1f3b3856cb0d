"""Secrets in the store: encrypted there, plain for those who may read them, and what happens without the key."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from cluster.apiserver import component
from cluster.apiserver.encryption import Encryption
from cluster.client.client import Client
from cluster.config import PROFILES, ClusterSpec
from cluster.experiments.assembly import assemble, seat
from cluster.pki.vault import configuration, sealed_with
from cluster.rpc import Rpc
from cluster.topology import members
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store.client import StoreClient
from store.mvcc.values import prefix_end
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.real import Real, on_real_store, pause, refused

Object = dict[str, Any]
OLD, NEW = ("old", bytes(32)), ("new", bytes(range(32)))
WORD = "correct-horse-battery"


def keyed(*keys: tuple[str, bytes]) -> Encryption:
    return Encryption(configuration=configuration(keys))


def secret(name: str, word: str = WORD, namespace: str = "default") -> Object:
    data = {"word": base64.b64encode(word.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "data": data}


async def stored(scout: StoreClient) -> dict[str, bytes]:
    start = b"/registry/"
    return {kv.key.decode(): kv.value for kv in (await scout.range(start, prefix_end(start))).kvs}


def with_keys(story: Callable[[Real], Awaitable[None]], *keys: tuple[str, bytes]) -> None:
    on_real_store(story, encryption=keyed(*keys))


async def other(real: Real, name: str, *keys: tuple[str, bytes]) -> Client:
    """Of one more apiserver, with keys of its own."""
    config = component.Config(store=real.stores, prefer=real.stores[0], timing=real.timing, encryption=keyed(*keys))
    real.world.add(name, "master-9", partial(component.run, config=config))
    host = await real.world.join(f"{name}-user", "desk")
    client = Client(Rpc(host, keepalive=real.timing.watch_keepalive), (name,), timeout=real.timing.request_timeout)
    await pause(1.0)
    return client


def test_only_secrets_are_encrypted_and_everybody_reads_them_as_before() -> None:
    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        made = await client.create(secret("x"))
        await client.create(config_map("x", word=WORD))
        values = await stored(scout)
        assert sealed_with(values["/registry/secrets/default/x"]) == "new"
        encoded = secret("x")["data"]["word"].encode()
        assert encoded not in values["/registry/secrets/default/x"]
        assert not any(encoded in value for value in values.values())
        assert WORD.encode() in values["/registry/configmaps/default/x"]
        assert await client.get("Secret", "x", "default") == made
        assert await client.get("Secret", "x", "default", resource_version="0") == made
        async with client.watch("Secret", "default") as events:
            changed = await client.patch("Secret", "x", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
            told = [await anext(events), await anext(events)]
        assert [event["object"] for event in told] == [made, changed]
        await client.delete("Secret", "x", "default")
        assert "/registry/secrets/default/x" not in await stored(scout)

    with_keys(story, NEW)


def test_a_new_key_is_added_first_and_everything_is_sealed_anew() -> None:
    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        for name in ("x", "y"):
            await client.create(secret(name))
        later = await other(real, "apiserver-7", NEW, OLD)
        assert (await later.get("Secret", "x", "default"))["data"] == secret("x")["data"]
        await later.create(secret("z"))
        keys = await later.rpc.call("apiserver-7", "encryption.keys", {}, timeout=2.0)
        assert keys == {
            "resources": {"secrets": {"first": "new", "sealed": {"old": 2, "new": 1}}},
            "known": ["new", "old"],
        }
        assert await later.rpc.call("apiserver-7", "encryption.reseal", {}, timeout=2.0) == {"resealed": 2}
        assert await later.rpc.call("apiserver-7", "encryption.reseal", {}, timeout=2.0) == {"resealed": 0}
        values = await stored(scout)
        assert {sealed_with(values[f"/registry/secrets/default/{name}"]) for name in "xyz"} == {"new"}
        assert [obj["data"] for obj in (await later.list("Secret", "default"))["items"]] == [secret("x")["data"]] * 3

    with_keys(story, OLD)


def test_without_the_key_secrets_say_which_is_missing_and_the_rest_goes_on() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await client.create(secret("x"))
        await client.create(config_map("x"))
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        blind = await other(real, "apiserver-7", NEW)
        for work in (
            blind.get("Secret", "x", "default"),
            blind.get("Secret", "x", "default", resource_version="0"),
            blind.list("Secret"),
            blind.list("Secret", "default"),
            blind.patch("Secret", "x", {"data": {}}, namespace="default"),
            blind.delete("Secret", "x", "default"),
            blind.delete_collection("Secret", "default"),
        ):
            error = await refused(work, "InternalError")
            assert "encrypted with the key 'old', which is not in" in error.message
            assert error.message.startswith('Secret "default/x" cannot be read')
        assert (await blind.list("Secret", "team"))["items"] == []
        assert (await blind.get("ConfigMap", "x", "default"))["data"] == {}
        await blind.create(secret("mine", namespace="team"))
        assert (await blind.get("Secret", "mine", "team"))["data"]
        assert (await client.get("Secret", "x", "default"))["data"] == secret("x")["data"], "nothing was harmed"

    with_keys(story, OLD)


def test_a_secret_that_becomes_unreadable_ends_watches_instead_of_looking_deleted() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await client.create(secret("x"))
        other_client = await other(real, "apiserver-7", NEW, OLD)
        events: list[str] = []

        async def watch() -> None:
            async with client.watch("Secret", "default") as seen:
                async for event in seen:
                    events.append(event["type"])

        watching = asyncio.ensure_future(watch())
        await pause()
        await other_client.patch("Secret", "x", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
        await refused(asyncio.wait_for(watching, 5), "InternalError")
        assert events == ["ADDED"]
        await refused(client.list("Secret", "default"), "InternalError")
        await other_client.delete("Secret", "x", "default")
        await pause()
        assert (await client.list("Secret", "default"))["items"] == []

    with_keys(story, OLD)


def test_an_apiserver_that_has_no_keys_at_all() -> None:
    async def story(real: Real) -> None:
        seeing = await other(real, "apiserver-7", NEW)
        await seeing.create(secret("x"))
        client = await real.client()
        assert "has no keys" in (await refused(client.list("Secret"), "InternalError")).message
        await refused(client.rpc.call("apiserver-0", "encryption.keys", {}, timeout=2.0), "NotFound")

    on_real_store(story)


def test_a_simulated_cluster_encrypts_too_and_does_it_the_same_way_again() -> None:
    """Nonces come from the hosts' dice: the same seed gives the same bytes in the store, another seed others."""

    def run(seed: int) -> tuple[bytes, str]:
        spec = ClusterSpec(masters=1, workers=0, timing=PROFILES["fast"], runtime="simulated")
        found: list[bytes] = []

        async def story() -> None:
            await assemble(world, spec)
            client = await seat(world, spec)
            await eventually(client.ready, within=30, what="an apiserver that serves")
            await client.create(secret("x"))
            scout = StoreClient(Rpc(await world.join("scout", "desk")), members(spec))
            found.append((await stored(scout))["/registry/secrets/default/x"])

        with SimWorld(seed) as world:
            world.run(story())
        return found[0], world.digest()

    first = run(1)
    assert sealed_with(first[0]) == "exercise"
    assert run(1) == first
    assert run(2)[0] != first[0]
