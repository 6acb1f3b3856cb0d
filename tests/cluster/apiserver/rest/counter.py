"""An apiserver of a test's own, in the sim, with what the test wants: a caller of webhooks, an audit log, few seats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cluster.apiserver import component
from cluster.apiserver.admitting import Caller
from cluster.apiserver.auditlog import FILE, FLUSH
from cluster.apiserver.auth.rules import AUTHENTICATED, Who
from cluster.apiserver.component import Apiserver
from cluster.apiserver.fairness import Fairness
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Flow
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.identity import Grant, Rule
from cluster.client.client import Client
from cluster.rpc import Rpc
from cluster.world.host import Host
from tests.cluster.apiserver.real import Real, on_real_store

Object = dict[str, Any]
ADMIN = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))
EVERYTHING = Grant("", (Rule(("*",), ("*",), ("*",)), Rule(("*",), paths=("*",))))


@dataclass
class Counter:
    """`client`: over the bus, to the same apiserver."""

    server: Apiserver
    handlers: Handlers
    client: Client
    host: Host

    async def ask(self, method: str, path: str, body: Any = None, who: Who = ADMIN, **query: str) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        http = Http(method, path, query, {"content-type": kind, "user-agent": "test/1"}, data, who)
        answer = await self.handlers.handle(http)
        assert isinstance(answer, Answer), answer
        return answer

    async def said(self, method: str, path: str, body: Any = None, who: Who = ADMIN, **query: str) -> Object:
        found: Object = json.loads((await self.ask(method, path, body, who, **query)).body)
        return found

    async def watch(self, path: str, who: Who) -> Flow | Answer:
        answer = await self.handlers.handle(Http("GET", path, {"watch": "1"}, who=who))
        assert isinstance(answer, Flow | Answer)
        return answer

    async def lines(self) -> list[Object]:
        """The audit log, once what waits has been written."""
        await asyncio.sleep(2 * FLUSH)
        return [json.loads(line) for line in self.host.disk.read(FILE).splitlines()]


def standing(
    story: Callable[[Counter], Awaitable[None]],
    *,
    caller: Caller | None = None,
    audit: Object | None = None,
    fairness: Fairness | None = None,
) -> None:
    async def whole(real: Real) -> None:
        host = await real.world.join("apiserver-9", "master-0")
        settings = component.Config(store=real.stores, prefer=real.stores[0], timing=real.timing, audit=audit)
        server = Apiserver(host, settings, caller)
        if fairness is not None:
            server.fairness = fairness
        running = asyncio.ensure_future(server.run())
        await server.opened()
        seat = await real.world.join("tester", "desk")
        client = Client(Rpc(seat, keepalive=1.0), ("apiserver-9",), timeout=5.0)
        await story(Counter(server, Handlers(server, "127.0.0.1:6443", (EVERYTHING,)), client, host))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    on_real_store(whole)
