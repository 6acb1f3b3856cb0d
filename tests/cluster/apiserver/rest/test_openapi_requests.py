"""Ten thousand requests made from the OpenAPI documents that the door serves, to a cluster that is at work meanwhile.

None gets a 5xx, none an error that is no Status, none waits for ever, none raises; and the cluster goes on. A failure
names the seed, the number of the request, and the request.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from pathlib import Path
from random import Random
from typing import Any

from cluster.api.kinds import KINDS
from cluster.api.versions import served
from cluster.apiserver import component
from cluster.apiserver.auth.access import Access
from cluster.apiserver.component import Apiserver
from cluster.apiserver.encryption import Encryption
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.apiserver.rest.handlers import Handlers
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import REASONS
from cluster.experiments.assembly import assemble, nodes_ready, seat
from cluster.pki.keyring import signing_key
from cluster.topology import EXERCISE_KEYS, members, workers
from cluster.world.sim import SimWorld
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.rest.requestmaker import ADMIN, Maker
from tests.cluster.apiserver.rest.soundobjects import SOUND

Object = dict[str, Any]
EACH = 1000
"""Requests of one seed; ten seeds unless `--seeds` says otherwise."""
PATIENCE = 70.0
"""Seconds of the cluster's time: the door itself gives up after 60."""
ENOUGH = 20
"""Failures after which one has seen enough."""


class Stranger:
    """Somebody at a WebSocket who says a few things and leaves."""

    def __init__(self, dice: Random, *, raw: bool) -> None:
        self._dice = dice
        self._raw = raw
        self._left = dice.randrange(4)

    async def receive(self) -> Any:
        await asyncio.sleep(0.1)
        self._left -= 1
        if self._left < 0:
            return None
        data = self._dice.choice(
            (b"", b"\0", b"ls\n", b"{}", b'{"Width":"x"}', b"\x80\x03\0\x01\0\0\0\x04\0\0\0\0", bytes(70_000))
        )
        return data if self._raw else (self._dice.choice((0, 1, 2, 3, 4, 255, 9)), data)

    async def send(self, *said: Any) -> None:
        await asyncio.sleep(0)


def problem_of(answer: Answer) -> str:
    """What is wrong with an answer; "" if nothing is."""
    answer.body += b"".join(answer.parts or ())
    for name, value in answer.headers.items():
        if len(value) > 10_000 or any(ord(letter) < 32 for letter in name + value):
            return f"a header that is none: {name}: {value[:300]!r}"
    if answer.status == 504 and b"Too large resource version" in answer.body:
        return ""  # as Kubernetes has it: the state that was asked for has not been yet
    if answer.status == 503 and b"does not answer: kubelet-" in answer.body and b"kubelet-0" not in answer.body:
        return ""  # a pod on a node that somebody has made up
    if answer.status >= 500:
        return f"{answer.status} {answer.body[:500]!r}"
    if answer.status < 400:
        if answer.content_type.startswith("application/json") and answer.body:
            json.loads(answer.body)
        return ""
    status = json.loads(answer.body)
    if status.get("kind") != "Status" or status.get("status") != "Failure" or status.get("code") != answer.status:
        return f"no Status: {answer.body[:500]!r}"
    if not status.get("message") or not status.get("reason"):
        return f"an error that says nothing: {status}"
    if answer.status == 400 and status["message"] in REASONS:
        return f"a message that is only a reason: {status}"
    return ""


async def problem_with(handlers: Handlers, http: Http, dice: Random) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await handlers.handle(http)
            if isinstance(answer, Answer):
                return problem_of(answer)
            return await _followed(answer, dice)
    except TimeoutError:
        return "no answer"
    except Exception:
        return traceback.format_exc(limit=-6)


async def _followed(answer: Flow | Duplex | Tunnel, dice: Random) -> str:
    """What is wrong with an answer that goes on, in its first two seconds."""
    if isinstance(answer, Duplex):
        await answer.run(Stranger(dice, raw=False))
        return ""
    if isinstance(answer, Tunnel):
        await answer.run(Stranger(dice, raw=True))
        return ""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(dice.choice((0.2, 2.0))):
            await answer.run(parts.append)
    except TimeoutError:
        pass  # the reader has left
    for line in b"".join(parts).splitlines() if answer.content_type.startswith("application/json") else ():
        event = json.loads(line)
        if event["type"] == "ERROR" and event["object"]["code"] >= 500:
            return f"a watch that ends with {event['object']}"
    return ""


def shown(http: Http) -> str:
    who = http.who.name if http.who is not ADMIN else ""
    return f"{http.method} {http.uri} {dict(http.headers)} {who} {http.body[:1500]!r}"


async def everything_can_be_shown(handlers: Handlers, documents: list[Object]) -> list[str]:
    """Whatever is in the cluster by now can be listed in each form."""
    problems = []
    for document in documents:
        for path, item in document["paths"].items():
            if item.get("get", {}).get("x-kubernetes-action") != "list":
                continue
            for accept in ("application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io"):
                http = Http("GET", path.replace("/namespaces/{namespace}", ""), {}, {"accept": accept}, who=ADMIN)
                problem = await problem_with(handlers, http, Random(0))
                if problem:
                    problems.append(f"{shown(http)}\n    {problem}")
    return problems


def test_no_request_breaks_the_door_or_the_cluster(seed: int, tmp_path: Path) -> None:
    (tmp_path / "sa.key").write_bytes(signing_key())
    problems: list[str] = []
    spec = ClusterSpec(masters=1, workers=1, timing=PROFILES["fast"], runtime="simulated")

    async def story(world: SimWorld) -> None:
        await assemble(world, spec)
        client = await seat(world, spec)
        await nodes_ready(client, workers(spec))
        config = component.Config(
            store=members(spec),
            prefer="store-0",
            timing=spec.timing,
            access=Access(str(tmp_path / "sa.key")),
            encryption=Encryption(configuration=dict(EXERCISE_KEYS)),
            audit={"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "RequestResponse"}]},
            disable_admission=(),
        )
        server = Apiserver(await world.join("apiserver-9", "master-0"), config)
        running = asyncio.ensure_future(server.run())
        await server.settled()
        handlers = Handlers(server, "127.0.0.1:6443")
        await furnish(handlers)
        documents = [json.loads(answer.body) for answer in await documents_of(handlers)]
        dice = Random(f"requests {seed}")
        maker = Maker(dice, documents, SOUND)
        for at in range(EACH):
            http = maker.request(seed * EACH + at)
            problem = await problem_with(handlers, http, dice)
            if problem:
                problems.append(f"seed {seed}, request {at}: {shown(http)}\n    {problem}")
            if len(problems) >= ENOUGH:
                break
        problems.extend(await everything_can_be_shown(handlers, documents))
        await client.create(config_map("afterwards", "kube-public"))
        assert len((await client.list("Namespace"))["items"]) >= 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with SimWorld(seed) as world:
        world.run(story(world))
    assert not problems, "\n".join(problems)


async def furnish(handlers: Handlers) -> None:
    """Something of nearly every kind is there from the start."""
    refused = []
    for obj in SOUND:
        answer = await posted(handlers, obj)
        while answer.status == 404 and obj["kind"] == "Widget":  # its definition is about to be served
            await asyncio.sleep(0.1)
            answer = await posted(handlers, obj)
        if answer.status not in (201, 409):
            refused.append(f"{obj['kind']}: {answer.body.decode()}")
    assert not refused, "\n".join(refused)


async def posted(handlers: Handlers, obj: Object) -> Answer:
    version, meta = obj["apiVersion"], obj["metadata"]
    kind = next((kind for kind in served() if (kind.api_version, kind.kind) == (version, obj["kind"])), None)
    path = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if kind is None or kind.namespaced:
        path, meta = f"{path}/namespaces/default", {**meta, "namespace": "default"}
    path = f"{path}/{'widgets' if kind is None else kind.plural}"
    body = json.dumps({**obj, "metadata": meta}).encode()
    answer = await handlers.handle(Http("POST", path, {}, {"content-type": "application/json"}, body, ADMIN))
    assert isinstance(answer, Answer)
    return answer


async def documents_of(handlers: Handlers) -> list[Answer]:
    """What the door says that it serves."""
    index = await handlers.handle(Http("GET", "/openapi/v3", who=ADMIN))
    assert isinstance(index, Answer)
    found = []
    for path in json.loads(index.body)["paths"]:
        answer = await handlers.handle(Http("GET", f"/openapi/v3/{path}", who=ADMIN))
        assert isinstance(answer, Answer)
        assert answer.status == 200
        found.append(answer)
    return found


def test_every_operation_of_every_kind_is_asked(tmp_path: Path) -> None:
    from cluster.apiserver.rest import openapi

    documents = [json.loads(openapi.document(path)) for path in openapi.index()["paths"]]
    asked = Maker(Random(0), documents, SOUND).operations
    assert len(asked) < EACH, "each seed asks each at least once"
    kinds = {operation.kind["kind"] for operation in asked}
    assert {kind.kind for kind in KINDS.values()} <= kinds
