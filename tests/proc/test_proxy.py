"""A Service's addresses over TCP with real processes: store, apiserver and proxy; the endpoints are this test's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from cluster.addresses import machine_ip, service_cidr
from cluster.client.client import Client
from cluster.config import PROFILES
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.faults import Partition
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec, eventually
from nodes.network.ports import here
from tests.proc.trees import play, tree

pytestmark = pytest.mark.proc

SUBNET = 123
NODE_IP = machine_ip(SUBNET, "worker-0")
PODS = {"a": (f"127.{SUBNET}.16.9", "worker-0"), "b": (f"127.{SUBNET}.17.9", "worker-1")}
"""Pods of two workers. The proxy is worker-0's."""
PRELOAD = ["store.member", "cluster.apiserver.component", "nodes.proxy.component", "nodes.proxy.forward"]
FAST = PROFILES["fast"]


@dataclass
class Place:
    """A Service "web" with a ClusterIP and a NodePort."""

    world: ProcWorld
    client: Client
    port: int = 0
    addresses: list[tuple[str, int]] = field(default_factory=list)

    async def proxy(self, mode: str) -> None:
        config = {
            "apiservers": ["apiserver-0"],
            "node": "worker-0",
            "node_ip": NODE_IP,
            "timing": asdict(FAST),
            "forward": True,
            "mode": mode,
        }
        await self.world.start("proxy-0", "worker-0", Spec("nodes.proxy.component:run", config))

    async def expose(self) -> None:
        ports = [{"name": "http", "port": 8080, "targetPort": self.port}]
        meta = {"name": "web", "namespace": "default"}
        spec = {"type": "NodePort", "ports": ports}
        made = await self.client.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
        number = made["spec"]["ports"][0]["nodePort"]
        self.addresses = [(made["spec"]["clusterIP"], here(8080)), (NODE_IP, here(number))]

    async def route(self, **ready: bool) -> None:
        """The slice has these pods, ready or not."""
        endpoints = [
            {"addresses": [PODS[name][0]], "nodeName": PODS[name][1], "conditions": {"ready": is_ready}}
            for name, is_ready in ready.items()
        ]
        labels = {"kubernetes.io/service-name": "web"}
        obj: dict[str, Any] = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "namespace": "default", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": self.port, "protocol": "TCP"}],
            "endpoints": endpoints,
        }
        try:
            await self.client.update(obj)
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            await self.client.create(obj)

    async def ask(self, at: int = 0) -> str:
        """Who answers: a pod's name, "refused" or "reset"."""
        try:
            reader, writer = await asyncio.open_connection(*self.addresses[at])
            writer.write(b"?\n")
            answer = await reader.readline()
            writer.close()
        except ConnectionRefusedError:
            return "refused"
        except ConnectionError:
            return "reset"
        return answer.decode().partition(":")[0]

    async def until_all(self, *expected: str) -> None:
        """Until both addresses answer as exactly these do."""

        async def holds() -> bool:
            return {await self.ask(at) for at in (0, 1) for _ in range(4)} == set(expected)

        await eventually(holds, within=10, what=f"answers of {expected}")


@asynccontextmanager
async def pods(port: int = 0) -> AsyncIterator[int]:
    """Servers of both pods on one port; each line is answered with the pod's name before it."""
    servers: list[asyncio.Server] = []

    def answering(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while line := await reader.readline():
                    writer.write(f"{name}:".encode() + line)
                    await writer.drain()
            writer.close()

        return answer

    for name, (ip, _) in PODS.items():
        servers.append(await asyncio.start_server(answering(name), ip, port))
        port = servers[0].sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        for server in servers:
            server.close()


def on_a_tree(story: Callable[[Place], Awaitable[None]]) -> None:
    async def scenario(world: ProcWorld) -> None:
        timing = asdict(FAST)
        await world.start("store-0", "master-0", Spec("store.member:run", {"members": ["store-0"]}))
        config = {"store": ["store-0"], "timing": timing, "service_cidr": service_cidr(SUBNET)}
        await world.start("apiserver-0", "master-0", Spec("cluster.apiserver.component:run", config))
        client = Client(Rpc(await world.join("desk", "desk")), ("apiserver-0",), timeout=5.0)
        async with pods() as port:
            place = Place(world, client, port)

            async def serves() -> bool:
                with suppress(StatusError):
                    return await client.ready()
                return False

            await eventually(serves, within=10)
            await story(place)

    with tree(subnet=SUBNET, preload=PRELOAD) as directory:
        play(directory, scenario)


def test_a_service_over_tcp_from_its_first_endpoint_to_its_end() -> None:
    """ClusterIP and NodePort: refused, in turn, at random, cut off, drained, gone."""

    async def story(place: Place) -> None:
        await place.proxy("round-robin")
        await place.expose()
        await place.route(a=False)
        await asyncio.sleep(0.3)
        assert [await place.ask(at) for at in (0, 1)] == ["refused", "refused"], "no pod is ready"

        await place.route(a=True, b=True)
        await place.until_all("a", "b")
        for at in (0, 1):
            turn = "".join([await place.ask(at) for _ in range(10)])
            assert turn in ("ab" * 5, "ba" * 5)

        await _cut(place)
        await _drain(place)

        await place.world.remove("proxy-0")
        assert await place.ask() == "refused", "nobody listens"
        await place.proxy("random")
        await place.route(a=True, b=True)
        await place.until_all("a", "b")
        drawn = [await place.ask() for _ in range(60)]
        assert min(Counter(drawn).values()) > 10
        assert "aa" in "".join(drawn)

        await place.client.delete("Service", "web", "default")
        await place.until_all("refused")

    on_a_tree(story)


async def _cut(place: Place) -> None:
    """The link between the workers is cut: what is open to b is reset, what is new hangs until it heals; a serves."""
    reader, writer, rest = await _open_to(place, "b")
    id = await place.world.fault(Partition(src=("worker-0",), dst=("worker-1",)))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    asking = [asyncio.create_task(place.ask()) for _ in range(4)]
    done, waiting = await asyncio.wait(asking, timeout=0.5)
    assert sorted(task.result() for task in done) == ["a", "a"]
    assert len(waiting) == 2
    await place.world.heal(id)
    assert [await task for task in waiting] == ["b", "b"]
    for each in rest:
        each.close()


async def _drain(place: Place) -> None:
    """Pods leave one by one: connections that they have run to their end, and nothing new comes."""
    reader, writer, rest = await _open_to(place, "a")
    await place.route(b=True)
    await place.until_all("b")
    writer.write(b"still there?\n")
    assert await reader.readline() == b"a:still there?\n"
    await place.route(a=False, b=False)
    await place.until_all("refused")
    writer.write(b"and now?\n")
    assert await reader.readline() == b"a:and now?\n"
    for each in (writer, *rest):
        each.close()


async def _open_to(
    place: Place, name: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, list[asyncio.StreamWriter]]:
    """A connection that this pod answers; those that others answered are the rest."""
    rest: list[asyncio.StreamWriter] = []
    while True:
        reader, writer = await asyncio.open_connection(*place.addresses[0])
        writer.write(b"hello\n")
        if (await reader.readline()) == f"{name}:hello\n".encode():
            return reader, writer, rest
        rest.append(writer)
