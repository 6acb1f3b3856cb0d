"""The second door on a whole cluster in the sim: what needs kubelets behind it."""

from __future__ import annotations

import asyncio
import json

from cluster.api.meta import name_of
from cluster.api.views import pod_node, pod_terminal
from cluster.apiserver import component
from cluster.apiserver.component import Apiserver
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Duplex, Flow
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.identity import AUTHENTICATED, Who
from cluster.topology import members
from tests.scenarios.clusters import NGINX, Cluster, tell

ADMIN = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))


async def opened(c: Cluster) -> tuple[Handlers, asyncio.Task[None]]:
    """The handlers of one more apiserver, on a seat of the story's own."""
    host = await c.world.join("apiserver-9", "master-0")
    settings = component.Config(store=members(c.spec), prefer="store-0", timing=c.spec.timing)
    server = Apiserver(host, settings)
    running = asyncio.ensure_future(server.run())
    await server.opened()
    return Handlers(server, ""), running


async def text_of(handlers: Handlers, path: str, **query: str) -> str:
    """All of a flow that ends by itself; of an error, its message."""
    answer = await handlers.handle(Http("GET", path, query, who=ADMIN))
    if isinstance(answer, Answer):
        status: str = json.loads(answer.body)["message"]
        return status
    assert isinstance(answer, Flow)
    parts: list[bytes] = []
    await answer.run(parts.append)
    return b"".join(parts).decode()


def test_logs_come_from_the_kubelet_that_has_the_pod() -> None:
    async def story(c: Cluster) -> None:
        hello = {"containers": [{"name": "hello", "image": "hello-world"}], "restartPolicy": "Never"}
        meta = {"name": "hello", "namespace": "default"}
        made = await c.client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": hello})
        await c.seen(made)
        await c.until(lambda: pod_terminal(c.get("Pod", "hello")), "it has said hello", within=30.0)
        handlers, running = await opened(c)
        pod = name_of(made)
        path = f"/api/v1/namespaces/default/pods/{pod}/log"
        whole = await text_of(handlers, path)
        assert whole == "Hello from Capstan!\n"
        assert await text_of(handlers, path, limitBytes="3") == whole[:3]
        assert await text_of(handlers, path, container="nope") == f"container nope is not valid for pod {pod}"
        previous = await text_of(handlers, path, previous="true")
        assert previous == f'previous terminated container "hello" in pod "{pod}" not found'
        assert "not found" in await text_of(handlers, path.replace(pod, "nobody"))
        node = pod_node(c.get("Pod", pod))
        await c.world.crash(f"kubelet-{node.rpartition('-')[2]}")
        assert "does not answer" in await text_of(handlers, path)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    tell(story)


class Talker:
    """A client of exec that says what it was given, and then nothing more."""

    def __init__(self, *says: tuple[int, bytes]) -> None:
        self.says = list(says)
        self.heard: list[tuple[int, bytes]] = []

    async def receive(self) -> tuple[int, bytes] | None:
        if self.says:
            return self.says.pop(0)
        await asyncio.get_running_loop().create_future()
        return None

    async def send(self, channel: int, data: bytes) -> None:
        self.heard.append((channel, data))


async def executed(handlers: Handlers, pod: str, *command: str) -> list[tuple[int, bytes]]:
    headers = {"upgrade": "websocket", "sec-websocket-protocol": "v5.channel.k8s.io"}
    query = {"command": command[0], "stdin": "true", "stdout": "true", "stderr": "true"}
    path = f"/api/v1/namespaces/default/pods/{pod}/exec"
    answer = await handlers.handle(Http("GET", path, query, headers, who=ADMIN, values={"command": command}))
    assert isinstance(answer, Duplex)
    talker = Talker((0, b"said at once"), (255, b"\0"))
    await answer.run(talker)
    return talker.heard


def test_a_command_is_run_by_the_kubelet_that_has_the_pod() -> None:
    async def story(c: Cluster) -> None:
        await c.apply("deployment-nginx", replicas=1)
        await c.until(lambda: c.settled(NGINX, 1), "nginx runs")
        handlers, running = await opened(c)
        pod = c.names()[0]
        *said, (channel, status) = await executed(handlers, pod, "echo", "hello")
        assert said == [(1, b"hello\n")]
        assert (channel, json.loads(status)["status"]) == (3, "Success")
        *said, (channel, status) = await executed(handlers, pod, "nosuch")
        assert channel == 3
        assert json.loads(status)["reason"] == "NonZeroExitCode"
        refused = await text_of(handlers, f"/api/v1/namespaces/default/pods/{pod}/exec", command="date", stdout="1")
        assert refused.startswith("Upgrade request required")
        await c.world.crash(f"kubelet-{c.placed()[0].rpartition('-')[2]}")
        ((channel, status),) = await executed(handlers, pod, "echo", "hello")
        assert json.loads(status)["reason"] == "ServiceUnavailable"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    tell(story)
