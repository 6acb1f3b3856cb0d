"""What streams through the second door on a whole cluster in the sim: port-forward, logs, metrics, a debugger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Duplex, Tunnel
from cluster.apiserver.rest.handlers import Handlers
from cluster.world.faults import Partition
from tests.cluster.apiserver.rest.test_spdy import Peer, data, frames
from tests.scenarios.clusters import NGINX, Cluster, tell
from tests.scenarios.test_rest import ADMIN, opened, text_of

PODS = "/api/v1/namespaces/default/pods"


@asynccontextmanager
async def served(c: Cluster) -> Any:
    handlers, running = await opened(c)
    try:
        yield handlers
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def asked(handlers: Handlers, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    headers = {"content-type": "application/strategic-merge-patch+json"}
    sent = b"" if body is None else json.dumps(body).encode()
    answer = await handlers.handle(Http(method, path, query, headers, sent, who=ADMIN))
    assert isinstance(answer, Answer)
    return answer.status, json.loads(answer.body)


async def forwarded(handlers: Handlers, pod: str, protocol: str, **query: str) -> Any:
    headers = {"upgrade": "websocket", "sec-websocket-protocol": protocol}
    values = {name: (value,) for name, value in query.items()}
    return await handlers.handle(Http("GET", f"{PODS}/{pod}/portforward", query, headers, who=ADMIN, values=values))


class Wire:
    """A client of either protocol: what it says is put in, what it hears gathers. `say(None)`: it has left."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.heard: list[Any] = []
        self.news = asyncio.Event()
        self.slow = 0.0

    async def receive(self) -> Any:
        return await self.said.get()

    async def send(self, *message: Any) -> None:
        await asyncio.sleep(self.slow)
        self.heard.append(message if len(message) > 1 else message[0])
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self.news.clear()
                await self.news.wait()


def nginx(story: Callable[[Cluster, Handlers, str], Awaitable[None]]) -> None:
    async def told(c: Cluster) -> None:
        await c.apply("deployment-nginx", replicas=1)
        await c.until(lambda: c.settled(NGINX, 1), "nginx runs")
        async with served(c) as handlers:
            await story(c, handlers, c.names()[0])

    tell(told)


def test_a_port_is_forwarded_in_channels() -> None:
    """A simulated container gives back what it gets; both channels of a port begin with its number."""

    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        answer = await forwarded(handlers, pod, "v4.channel.k8s.io", ports="80")
        assert isinstance(answer, Duplex)
        wire = Wire()
        running = asyncio.ensure_future(answer.run(wire))
        payload = bytes(range(256)) * 20_000  # more than may be on its way at once
        for start in range(0, len(payload), 100_000):
            wire.said.put_nowait((0, payload[start : start + 100_000]))

        def back() -> bytes:
            return b"".join(part for channel, part in wire.heard[2:] if channel == 0)

        await wire.until(lambda: len(back()) >= len(payload))
        assert wire.heard[:2] == [(0, b"\x50\0"), (1, b"\x50\0")]
        assert back() == payload
        wire.said.put_nowait(None)
        await running

    nginx(story)


def text(found: list[Any], stream: int) -> bytes:
    """What came on one stream of SPDY."""
    all_of = frames(b"".join(found))
    return b"".join(body[4:] for kind, _, body in all_of if kind == 0 and body[:4] == stream.to_bytes(4, "big"))


def test_many_connections_go_over_one_spdy_connection_and_end_apart() -> None:
    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        answer = await forwarded(handlers, pod, "SPDY/3.1+portforward.k8s.io")
        assert isinstance(answer, Tunnel)
        wire, peer = Wire(), Peer()
        running = asyncio.ensure_future(answer.run(wire))
        for number in range(5):
            for stream, kind in ((4 * number + 1, "error"), (4 * number + 3, "data")):
                wire.said.put_nowait(peer.open(stream, streamtype=kind, port="80", requestid=str(number)))
            wire.said.put_nowait(data(4 * number + 1, b"", fin=True))
            wire.said.put_nowait(data(4 * number + 3, b"%d" % number * 50_000, fin=number != 0))
        streams = [4 * number + 3 for number in range(5)]
        await wire.until(lambda: all(len(text(wire.heard, stream)) == 50_000 for stream in streams))
        for number, stream in enumerate(streams):
            assert text(wire.heard, stream) == b"%d" % number * 50_000

        def ended() -> set[int]:
            return {int.from_bytes(b[:4], "big") for k, f, b in frames(b"".join(wire.heard)) if k == 0 and f & 1}

        await wire.until(lambda: set(streams[1:]) <= ended())
        assert streams[0] not in ended(), "its client has not ended"
        wire.said.put_nowait(data(streams[0], b"more"))
        await wire.until(lambda: text(wire.heard, streams[0]).endswith(b"more"))
        wire.said.put_nowait(None)
        await running

    nginx(story)


def test_why_there_is_no_connection_stands_on_the_error_stream() -> None:
    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        node = c.placed()[0]
        answer = await forwarded(handlers, pod, "SPDY/3.1+portforward.k8s.io")
        wire, peer = Wire(), Peer()
        running = asyncio.ensure_future(answer.run(wire))
        await c.world.fault(Partition((node,)))
        wire.said.put_nowait(peer.open(1, streamtype="error", port="80", requestid="0"))
        wire.said.put_nowait(peer.open(3, streamtype="data", port="80", requestid="0"))
        await wire.until(lambda: b"silent" in text(wire.heard, 1))
        wire.said.put_nowait(None)
        await running

    nginx(story)


@pytest.mark.parametrize(
    ("protocol", "query", "why"),
    [
        ("v4.channel.k8s.io", {}, "query parameter 'ports' is required"),
        ("v4.channel.k8s.io", {"ports": "80,http"}, "unable to parse 'http' as a port"),
        ("v4.channel.k8s.io", {"ports": "70000"}, "unable to parse '70000' as a port"),
        ("made-up", {"ports": "80"}, "none of the protocols made-up is known; SPDY/3.1+portforward.k8s.io is"),
    ],
)
def test_a_forward_that_means_nothing_is_refused(protocol: str, query: dict[str, str], why: str) -> None:
    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        answer = await forwarded(handlers, pod, protocol, **query)
        assert isinstance(answer, Answer)
        assert json.loads(answer.body)["message"] == why

    nginx(story)


def test_logs_have_times_and_begin_where_they_are_asked_to() -> None:
    async def story(c: Cluster) -> None:
        command = ["sh", "-c", "echo one; echo two; sleep 600"]
        spec = {"containers": [{"name": "c", "image": "busybox", "command": command}]}
        meta = {"name": "says", "namespace": "default"}
        await c.seen(await c.client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))
        await c.until(lambda: c.get("Pod", "says").get("status", {}).get("phase") == "Running", "it runs")
        async with served(c) as handlers:
            path = f"{PODS}/says/log"
            assert await text_of(handlers, path) == "one\ntwo\n"
            lines = (await text_of(handlers, path, timestamps="true")).splitlines()
            assert [line.partition(" ")[2] for line in lines] == ["one", "two"]
            stamp = lines[0].partition(" ")[0]
            assert len(stamp) == len("2026-11-29T02:29:21.730463095Z")
            assert await text_of(handlers, path, sinceTime=stamp) == "one\ntwo\n"
            await asyncio.sleep(10)
            assert await text_of(handlers, path, sinceSeconds="5") == ""
            assert await text_of(handlers, path, sinceSeconds="600", tailLines="1") == "two\n"
            begin = 'PodLogOptions "says" is invalid: '
            for query, why in (
                ({"tailLines": "-1"}, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
                ({"limitBytes": "0"}, "limitBytes: Invalid value: 0: must be greater than 0"),
                ({"sinceSeconds": "0"}, "sinceSeconds: Invalid value: 0: must be greater than 0"),
            ):
                assert await text_of(handlers, path, **query) == begin + why
            both = await text_of(handlers, path, sinceSeconds="1", sinceTime=stamp)
            assert "at most one of `sinceTime` or `sinceSeconds` may be specified" in both

    tell(story)


def test_metrics_are_what_the_kubelets_measure() -> None:
    """Simulated containers use a thousandth of a core and ten megabytes, unless their row says otherwise."""

    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        base = "/apis/metrics.k8s.io/v1beta1"
        await asyncio.sleep(10)
        code, found = await asked(handlers, "GET", f"{base}/namespaces/default/pods/{pod}")
        assert code == 200
        (container,) = found["containers"]
        assert container["usage"]["memory"] == "9766Ki"
        assert 900_000 < int(container["usage"]["cpu"].removesuffix("n")) < 1_100_000
        code, nodes = await asked(handlers, "GET", f"{base}/nodes")
        assert [item["metadata"]["name"] for item in nodes["items"]] == ["worker-0", "worker-1", "worker-2"]
        code, none = await asked(handlers, "GET", f"{base}/pods", labelSelector="app=nothing")
        assert (code, none["items"]) == (200, [])
        code, status = await asked(handlers, "GET", f"{base}/namespaces/default/pods/nobody")
        assert (code, status["message"]) == (404, 'pods.metrics.k8s.io "default/nobody" not found')
        await c.world.crash(f"kubelet-{c.placed()[0].rpartition('-')[2]}")
        code, nodes = await asked(handlers, "GET", f"{base}/nodes")
        assert len(nodes["items"]) == 2, "who does not answer has no metrics"

    nginx(story)


def test_an_ephemeral_container_is_started_once_and_does_not_count() -> None:
    async def story(c: Cluster, handlers: Handlers, pod: str) -> None:
        path = f"{PODS}/{pod}/ephemeralcontainers"
        main = c.get("Pod", pod)["spec"]["containers"][0]["name"]
        debugger = {"name": "debugger", "image": "busybox", "command": ["sleep", "1"], "targetContainerName": main}
        code, found = await asked(handlers, "PATCH", path, {"spec": {"ephemeralContainers": [debugger]}})
        assert code == 200, found["message"]

        def state() -> Any:
            entries = c.get("Pod", pod)["status"].get("ephemeralContainerStatuses") or [{}]
            return entries[0].get("state", {})

        await c.until(lambda: "terminated" in state(), "the debugger has ended", within=30.0)
        await asyncio.sleep(20)
        status = c.get("Pod", pod)["status"]
        assert status["phase"] == "Running"
        assert status["ephemeralContainerStatuses"][0]["restartCount"] == 0
        assert [entry["restartCount"] for entry in status["containerStatuses"]] == [0]
        for wrong, why in (
            ({"name": "debugger", "image": "other"}, 'existing ephemeral containers "debugger" may not be changed'),
            ({"name": main, "image": "busybox"}, f'.name: Duplicate value: "{main}"'),
            ({"name": "d", "image": "busybox", "targetContainerName": "no"}, 'targetContainerName: Not found: "no"'),
            ({"name": "d", "image": "busybox", "ports": [{"containerPort": 1}]}, "cannot be set for an Ephemeral"),
        ):
            code, refused = await asked(handlers, "PATCH", path, {"spec": {"ephemeralContainers": [wrong]}})
            assert (code, why in refused["message"]) == (422, True), refused["message"]

    nginx(story)
