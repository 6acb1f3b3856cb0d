"""A whole cluster in any world: every host of a ClusterSpec started, and waiting until its nodes are Ready.

Must not know which world it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cluster.api.meta import condition, name_of
from cluster.client.client import Client
from cluster.config import ClusterSpec
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.topology import Folders, apiservers, placements
from cluster.world.scenario import World


async def assemble(world: World, spec: ClusterSpec, folders: Folders | None = None) -> None:
    """Start every host; they find each other by themselves."""
    for placement in placements(spec, folders):
        await world.start(placement.name, placement.machine, placement.spec)


async def seat(world: World, spec: ClusterSpec, name: str = "observer", machine: str = "client") -> Client:
    """An API client on a seat of the scenario's own."""
    rpc = Rpc(await world.join(name, machine), keepalive=spec.timing.watch_keepalive)
    return Client(rpc, apiservers(spec), timeout=5.0, user="admin")


async def nodes_ready(client: Client, names: Sequence[str], within: float = 60.0) -> None:
    """Watch until all of these nodes are Ready; TimeoutError names those that are not."""
    missing = dict.fromkeys(names)
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while missing:
        if loop.time() >= end:
            raise TimeoutError(f"not Ready within {within:g} s: {', '.join(missing)}")
        try:
            async with asyncio.timeout(max(0.05, end - loop.time())), client.watch("Node") as events:
                async for event in events:
                    ready = condition(event["object"], "Ready") if event["type"] != "BOOKMARK" else None
                    if ready and ready["status"] == "True":
                        missing.pop(name_of(event["object"]), None)
                        if not missing:
                            return
        except (StatusError, TimeoutError):
            await asyncio.sleep(0.02)
