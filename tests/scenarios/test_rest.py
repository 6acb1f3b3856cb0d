"""The second door on a whole cluster in the sim: what needs kubelets behind it."""

from __future__ import annotations

import asyncio
import json

from cluster.api.meta import name_of
from cluster.api.views import pod_node, pod_terminal
from cluster.apiserver import component
from cluster.apiserver.component import Apiserver
from cluster.apiserver.rest.handlers import Answer, Flow, Handlers, Http
from cluster.apiserver.rest.identity import AUTHENTICATED, Who
from cluster.topology import members
from tests.scenarios.clusters import Cluster, tell

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
