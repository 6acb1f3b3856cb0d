"""The handlers, with everything that they do counted: requests, how long they take, what goes on.

Shell without sockets. Must not change an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.metering import Labels, Meter
from cluster.apiserver.rest.paths import BUILT_IN, Document, Measure, Named, Question, Resource, parse
from cluster.errors import StatusError

READS = ("GET", "HEAD")
VERBS = {"POST": "POST", "PUT": "PUT", "PATCH": "PATCH", "HEAD": "GET"}
SUBRESOURCES = ("", "status", "scale", "binding", "eviction", "log", "exec", "attach", "portforward", "proxy",
                "finalize", "token", "approval", "ephemeralcontainers")  # fmt: skip
T = TypeVar("T")


class Metered:
    def __init__(self, handlers: Handlers, meter: Meter) -> None:
        self._handlers = handlers
        self._meter = meter

    async def handle(self, http: Http) -> Answer | Flow | Duplex | Tunnel:
        meter, loop = self._meter, asyncio.get_running_loop()
        kind = "readOnly" if http.method in READS else "mutating"
        began = loop.time()
        meter.inflight[kind] += 1
        try:
            answer = await self._handlers.handle(http)
        finally:
            meter.inflight[kind] -= 1
        labels = labels_of(http)
        if isinstance(answer, Answer):
            meter.answered(labels, answer.status, loop.time() - began)
            return answer
        meter.counted(labels, 200 if isinstance(answer, Flow) else 101)
        if isinstance(answer, Flow):
            return replace(answer, run=self._lasting(labels, answer.run))
        if isinstance(answer, Duplex):
            return replace(answer, run=self._lasting(labels, answer.run))
        return replace(answer, run=self._lasting(labels, answer.run))

    def _lasting(self, labels: Labels, run: Callable[[T], Awaitable[None]]) -> Callable[[T], Awaitable[None]]:
        async def counted(whom: T) -> None:
            self._meter.began(labels)
            try:
                await run(whom)
            finally:
                self._meter.ended(labels)

        return counted


def labels_of(http: Http) -> Labels:
    """Kubernetes' verbs are HTTP's, but for LIST, WATCH, CONNECT, APPLY and DELETECOLLECTION. What clients may invent
    (paths of no resource, methods) is not told apart: it would be a line each."""
    try:
        named: Named | None = http.named or parse(http.path)
    except StatusError:
        named = None
    if named is None or (isinstance(named, Resource) and _place(named) not in BUILT_IN):
        return Labels(VERBS.get(http.method, "GET" if http.method == "GET" else "other"))
    if isinstance(named, Document):
        return Labels("GET" if http.method in READS else "other")
    if isinstance(named, Question):
        return Labels("POST", named.kind.group, named.kind.version, named.kind.plural, "", "resource")
    group, version, resource = named.kind.group, named.kind.version, named.kind.plural
    scope = "resource" if named.name else "namespace" if named.namespace else "cluster"
    if isinstance(named, Measure):
        return Labels("GET" if named.name else "LIST", group, version, resource, "", scope)
    return Labels(_verb(http, named.name, named.subresource), group, version, resource, _known(named), scope)


def _place(named: Resource) -> tuple[str, str, str]:
    return named.kind.group, named.kind.version, named.kind.plural


def _known(named: Named) -> str:
    subresource = getattr(named, "subresource", "")
    return subresource if subresource in SUBRESOURCES else "other"


def _verb(http: Http, name: str, subresource: str) -> str:
    if subresource in ("exec", "attach", "portforward", "proxy", "log"):
        return "CONNECT"
    if http.method in READS:
        if http.query.get("watch", "") in ("1", "true"):
            return "WATCH"
        return "GET" if name else "LIST"
    if http.method == "PATCH":
        return "APPLY" if "apply-patch" in http.headers.get("content-type", "") else "PATCH"
    if http.method == "DELETE":
        return "DELETE" if name else "DELETECOLLECTION"
    return VERBS.get(http.method, "other")
