"""A simulated cluster of real store members and real apiservers: what is shown here holds without stand-ins.

Must not fake anything below the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from cluster.apiserver import component
from cluster.client.client import Client
from cluster.config import Timing
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.host import Host
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store import member
from store.client import StoreClient
from store.config import Config as StoreConfig
from tests.cluster.apiserver.cluster import TIMING

Object = dict[str, Any]


@dataclass
class Real:
    """`stores` and `apiservers`: names; store-i and apiserver-i are on master-i."""

    world: SimWorld
    stores: tuple[str, ...]
    apiservers: tuple[str, ...]
    timing: Timing = TIMING

    async def client(
        self, name: str = "tester", *, first: int = 0, only: bool = False, machine: str = "desk"
    ) -> Client:
        return self.seated(await self.world.join(name, machine), first=first, only=only)

    def seated(self, host: Host, *, first: int = 0, only: bool = False) -> Client:
        """`first`: which apiserver it begins with. `only`: it never talks to another."""
        names = self.apiservers[first:] + self.apiservers[:first]
        rpc = Rpc(host, keepalive=self.timing.watch_keepalive)
        return Client(rpc, names[:1] if only else names, timeout=self.timing.request_timeout)

    async def scout(self) -> StoreClient:
        return StoreClient(Rpc(await self.world.join("scout", "desk")), self.stores)

    async def leader(self, scout: StoreClient) -> str:
        """The store member that leads."""
        for name in self.stores:
            try:
                return (await scout.status(name)).leader
            except StatusError:
                continue
        return ""


def on_real_store(
    scenario: Callable[[Real], Awaitable[None]],
    *,
    stores: int = 1,
    apiservers: int = 1,
    seed: int = 0,
    keep_revisions: int = 10_000,
    **config: Any,
) -> SimWorld:
    """Run a scenario when every apiserver serves. `config`: of the apiservers. The world, closed."""
    with SimWorld(seed) as world:
        members = tuple(f"store-{i}" for i in range(stores))
        real = Real(world, members, tuple(f"apiserver-{i}" for i in range(apiservers)))

        async def story() -> None:
            store = StoreConfig(members, keep_revisions=keep_revisions)
            for i, name in enumerate(members):
                world.add(name, f"master-{i}", partial(member.run, config=store))
            for i, name in enumerate(real.apiservers):
                settings = component.Config(store=members, prefer=members[i % stores], timing=TIMING, **config)
                world.add(name, f"master-{i}", partial(component.run, config=settings))
            for i in range(apiservers):
                await _serves(await real.client(f"first-{i}", first=i, only=True))
            await scenario(real)

        world.run(story())
    return world


async def _serves(client: Client) -> None:
    async def ready() -> bool:
        try:
            return await client.ready()
        except StatusError:
            return False

    await eventually(ready, within=30, every=0.1, what="an apiserver that serves")


async def refused(work: Awaitable[Any], reason: str) -> StatusError:
    """The error that `work` ends with; the test fails if it is another one, or none."""
    with pytest.raises(StatusError) as caught:
        await work
    assert caught.value.reason == reason, str(caught.value)
    return caught.value


async def pause(seconds: float = 0.2) -> None:
    """Long enough for what was written to reach every cache."""
    await asyncio.sleep(seconds)
