"""GETs at a Service, as anybody outside of the cluster would send them: to its ClusterIP, through the real proxies.

Must not know proxies. Each is recorded as a read; its result is the HTTP status, or the name of the pod that answered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from cluster.errors import StatusError
from cluster.experiments.workloads.player import Answer, Kindred, Player

LINE = 64 * 1024


async def play(player: Player) -> None:
    service = str(player.option("service", "nginx"))
    client = player.stage.api_client(player.rpc)
    while True:
        await player.pace()
        work = partial(get, player, client, service)
        await player.perform("read", f"http/{service}", None, work, "serializable")


async def get(player: Player, client: Any, service: str) -> Answer:
    """ServiceUnavailable, definite, when nobody takes the connection; Timeout when nobody answers."""
    address: tuple[str, int] | None = player.shared.get(service)
    if address is None:
        found = await client.get("Service", service, str(player.option("namespace", "default")))
        address = (str(found["spec"]["clusterIP"]), int(found["spec"]["ports"][0]["port"]))
        player.shared[service] = address
    try:
        async with asyncio.timeout(player.workload.timeout):
            return await _ask(address, str(player.option("path", "/")))
    except ConnectionRefusedError as error:
        raise StatusError("ServiceUnavailable", str(error)) from None
    except TimeoutError:
        raise StatusError("Timeout", f"no answer within {player.workload.timeout:g} s") from None
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise StatusError("StreamBroken", f"{type(error).__name__}: {error}") from None


async def _ask(address: tuple[str, int], path: str) -> Answer:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        words = (await reader.readline()).split()
        if len(words) < 2:
            raise ValueError("no HTTP answer")
        return Answer(int(words[1]))
    finally:
        writer.close()


HTTP = Kindred(
    play,
    "GETs at a Service's address, through the real proxies",
    {"service": "nginx", "namespace": "default", "path": "/"},
    needs="cluster",
    worlds=("proc",),
    only_because="a Service's address is served by real sockets, and a simulated proxy keeps only its table",
)
