"""Quotas on apiservers in the sim: those at the same time never use more than there is, and what fails uses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.client.client import Client
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import Cluster, config_map, simulate

Object = dict[str, Any]
ALLOWED = 5


async def quota(client: Client, **hard: str) -> None:
    meta = {"name": "q", "namespace": "default"}
    made = await client.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": hard}})
    await client.update({**made, "status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}, subresource="status")


async def used(client: Client) -> Object:
    return dict((await client.get("ResourceQuota", "q", "default"))["status"]["used"])


async def tried(client: Client, obj: Object) -> str:
    """ "made", or what the refusal says."""
    try:
        await client.create(obj)
    except StatusError as error:
        return error.message
    return "made"


@pytest.mark.parametrize("luck", range(5))
def test_creates_at_the_same_time_never_exceed_the_quota(luck: int) -> None:
    async def story(cluster: Cluster) -> None:
        clients = [await cluster.client(f"tester-{i}", first=i) for i in range(2)]
        await quota(clients[0], configmaps=str(ALLOWED))
        await asyncio.sleep(1)
        answers = await asyncio.gather(*(tried(clients[i % 2], config_map(f"c{i}")) for i in range(16)))
        assert answers.count("made") == ALLOWED
        refused = [answer for answer in answers if answer != "made"]
        assert all(
            "exceeded quota: q, requested: configmaps=1, used: configmaps=5, limited: configmaps=5" in a
            for a in refused
        )
        assert await used(clients[0]) == {"configmaps": str(ALLOWED)}
        assert len((await clients[1].list("ConfigMap", "default"))["items"]) == ALLOWED

    simulate(story, apiservers=2, seed=luck)


def test_what_is_not_made_uses_nothing() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await quota(client, configmaps="2")
        await asyncio.sleep(1)
        assert await tried(client, config_map("a")) == "made"
        assert await tried(client, config_map("a")) == 'configmaps "a" already exists'
        await client.create(config_map("b"), dry_run=True)
        assert await used(client) == {"configmaps": "1"}
        await client.create(config_map("b"))
        with pytest.raises(StatusError, match="exceeded quota"):
            await client.create(config_map("c"), dry_run=True)

    simulate(story)


def test_what_was_given_back_counts_before_the_cache_has_heard_of_it() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await quota(client, configmaps="1")
        await asyncio.sleep(1)
        await client.create(config_map("a"))
        held = await client.get("ResourceQuota", "q", "default")
        await client.update({**held, "status": {**held["status"], "used": {"configmaps": "0"}}}, subresource="status")
        await client.create(config_map("b"))
        assert await used(client) == {"configmaps": "1"}

    simulate(story)


def test_a_quota_that_goes_lets_everything_in() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await quota(client, configmaps="0")
        await asyncio.sleep(1)
        assert "exceeded" in await tried(client, config_map("a"))
        await client.delete("ResourceQuota", "q", "default")
        assert await tried(client, config_map("a")) == "made"

    simulate(story)
