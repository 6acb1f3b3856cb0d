"""GETs at the second door come from the watch cache, and are as new as the store when they are asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from cluster.apiserver import component
from cluster.apiserver.component import Apiserver
from cluster.apiserver.rest.handlers import Handlers
from cluster.client.client import Client
from cluster.world.faults import ApiFault, Partition
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.real import Real, on_real_store
from tests.cluster.apiserver.rest.test_handlers import Browser

Object = dict[str, Any]
PATH = "/api/v1/namespaces/default/configmaps"


def told(story: Callable[[Real, Browser, Client, str], Awaitable[None]], stores: int = 1) -> None:
    """`story(world, browser, client, member)`: the browser's apiserver watches `member`, which does not lead if there
    are others; the client writes by way of another apiserver."""

    async def whole(real: Real) -> None:
        leader = await real.leader(await real.scout())
        member = next((name for name in real.stores if name != leader), leader)
        host = await real.world.join("apiserver-9", "door")
        server = Apiserver(host, component.Config(store=real.stores, prefer=member, timing=real.timing))
        running = asyncio.ensure_future(server.run())
        await server.opened()
        client = await real.client()
        await client.create({**config_map("x"), "data": {"n": "0"}})
        await story(real, Browser(Handlers(server, "127.0.0.1:6443")), client, member)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    on_real_store(whole, stores=stores)


async def _write(client: Client, n: int) -> None:
    obj = await client.get("ConfigMap", "x", "default")
    await client.update({**obj, "data": {"n": str(n)}})


async def _read(browser: Browser) -> str:
    answer = await browser.raw("GET", f"{PATH}/x")
    assert answer.status == 200, answer.body
    return str(json.loads(answer.body)["data"]["n"])


def test_what_was_written_through_another_apiserver_is_seen_at_once() -> None:
    async def story(real: Real, browser: Browser, client: Client, member: str) -> None:
        for n in range(1, 30):
            await _write(client, n)
            found = await asyncio.gather(*(_read(browser) for _ in range(4)))
            assert found == [str(n)] * 4

    told(story, stores=3)


def test_an_apiserver_that_takes_the_past_for_the_present_still_reads_objects_from_the_store() -> None:
    async def story(real: Real, browser: Browser, client: Client, member: str) -> None:
        rule = await real.world.fault(ApiFault(way="stale", src=("apiserver-9",)))
        await _write(client, 7)
        assert await _read(browser) == "7"
        listed = await browser.ask("GET", PATH)
        assert [item["data"]["n"] for item in listed["items"] if item["metadata"]["name"] == "x"] == ["0"]
        await real.world.heal(rule)

    told(story)


def test_a_cache_that_is_cut_off_is_not_waited_for() -> None:
    async def story(real: Real, browser: Browser, client: Client, member: str) -> None:
        await real.world.fault(Partition(src=("apiserver-9",), dst=(member,)))
        await _write(client, 8)
        began = asyncio.get_running_loop().time()
        assert await _read(browser) == "8"
        assert asyncio.get_running_loop().time() - began < 1.0

    told(story, stores=3)


def test_an_object_that_is_gone_is_not_found_at_once() -> None:
    async def story(real: Real, browser: Browser, client: Client, member: str) -> None:
        await client.delete("ConfigMap", "x", "default")
        assert (await browser.raw("GET", f"{PATH}/x")).status == 404

    told(story)
