"""One HTTP request to one answer, by the same handlers that serve the bus.

Shell without sockets: `door` hands requests in and writes answers out, tests do it in the sim. Must not decide anything
about objects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from cluster.api.kinds import KINDS, Kind
from cluster.apiserver import refusals
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.auditlog import AuditLog
from cluster.apiserver.auth.authentication import without_bearer
from cluster.apiserver.auth.gate import Gate
from cluster.apiserver.customs import Customs
from cluster.apiserver.fairness import Fairness, width_of_list
from cluster.apiserver.measures import Measures
from cluster.apiserver.reads import Reads
from cluster.apiserver.request import SHARE, Call
from cluster.apiserver.rest import (
    answers,
    bodies,
    negotiation,
    podstreams,
    requests,
    reviews,
    statuses,
    tokenreviews,
)
from cluster.apiserver.rest.answers import INCLUDE
from cluster.apiserver.rest.catalog import Catalog
from cluster.apiserver.rest.documents import HEALTH, Documents
from cluster.apiserver.rest.exchange import Answer, Http, failed, warnings
from cluster.apiserver.rest.flows import Duplex, Flow, Tunnel
from cluster.apiserver.rest.identity import (
    AUTHORIZERS,
    Attributes,
    Authorizer,
    attributes,
    authorize,
    impersonated,
    impersonates,
)
from cluster.apiserver.rest.negotiation import JSON, Form
from cluster.apiserver.rest.passage import Passage, Turnstile
from cluster.apiserver.rest.paths import UNKNOWN, Document, Measure, Named, Question, Resource, parse
from cluster.apiserver.rest.patience import PATIENCE, patience
from cluster.apiserver.rest.requests import Ask
from cluster.apiserver.rest.watches import watch
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.host import Host

Object = dict[str, Any]
T = TypeVar("T")

MOST_MANAGER = 128
"""Letters of a field manager's name."""
MOST_LISTED = 50_000
"""Objects of one list; who wants more asks for pages."""
CONNECTS = ("exec", "attach", "portforward")
OBJECT_ON_DELETE = ("Pod", "Service", "ServiceAccount", "PersistentVolume", "PersistentVolumeClaim", "PodTemplate",
                    "ResourceQuota", "StorageClass", "VolumeAttachment", "CSINode", "CSIDriver")  # fmt: skip
"""Kinds of which a DELETE answers the object even when it is gone."""


class Server(Protocol):
    """What the door needs of its apiserver."""

    host: Host
    rpc: Rpc
    reads: Reads
    customs: Customs
    measures: Measures
    fairness: Fairness
    audit: AuditLog | None

    def works_of(self, kind: Kind) -> Mapping[str, Callable[[Kind, Call], Awaitable[Any]]]: ...

    async def connect(self, kind: Kind, subresource: str, pod: Object, call: Call) -> None:
        """Whether admission lets somebody talk to a pod."""

    async def opened(self) -> None:
        """Wait until requests may be served."""

    def is_open(self) -> bool: ...

    async def settled(self) -> None:
        """Wait until it knows the roles."""

    def is_settled(self) -> bool: ...

    gate: Gate | None
    """None: authorization is by client certificate only, and knows no roles."""

    def checks(self) -> Mapping[str, bool]:
        """What readiness asks, by name."""


class Handlers:
    def __init__(self, server: Server, address: str, authorizers: Sequence[Authorizer] = ()) -> None:
        """`address`: "127.77.0.1:6443", for those who ask where it is. `authorizers`: others than its gate has."""
        self._server = server
        self._catalog = Catalog(server.customs)
        self._turnstile = Turnstile(server.host, server.fairness, server.audit)
        self._gate = server.gate
        self._authorizers = authorizers or (AUTHORIZERS if server.gate is None else server.gate.authorizers)
        self.documents = Documents(self._catalog, address, server.checks, server.gate)

    async def handle(self, http: Http) -> Answer | Flow | Duplex | Tunnel:
        """Never raises StatusError: that is a Status."""
        passage = self._turnstile.begin(http.method, http.uri or http.path, http.headers, http.source)
        answer: Answer | Flow | Duplex | Tunnel
        try:
            http.passage = passage
            answer = await self._handled(http, passage)
        except StatusError as error:
            answer = failed(error)
            passage.refused(http.who, statuses.failure(error))
        finally:
            passage.leave()
        if isinstance(answer, Answer):
            passage.complete(answer.status)
            if passage.id:
                answer.headers = {**answer.headers, "Audit-Id": passage.id}
        return answer

    async def _handled(self, http: Http, passage: Passage) -> Answer | Flow | Duplex | Tunnel:
        named = http.named = parse(http.path, self._catalog)
        if self._gate is not None:
            http.who = await self._gate.who(http.headers, http.who, PATIENCE)
            http.headers = without_bearer(http.headers)
        passage.authenticated(http.who)
        if impersonates(http.headers):
            who = http.who
            http.who = await self._permitted(lambda: impersonated(who, http.headers, self._authorizers))
        if not (isinstance(named, Document) and http.path.startswith(HEALTH)):
            await passage.sit(http.who, self._width(named, http))
        if isinstance(named, Question):
            return await self._review(named, http)
        if isinstance(named, Measure):
            return await self._measure(named, http)
        if isinstance(named, Document):
            await self._authorize(http, attributes(http.method, named, path=http.path))
            return self.documents.answer(named, http)
        return await self._resource(named, http)

    def _width(self, named: Named, http: Http) -> int:
        """A list takes as many seats as it is long."""
        if not isinstance(named, Resource) or named.name or http.method != "GET":
            return 1
        return width_of_list(self._server.reads.count(named.kind))

    async def _authorize(self, http: Http, asked: Attributes, version: str = "") -> None:
        """Forbidden; not before the roles are known that may allow it."""
        who, passage = http.who, http.passage
        if passage is not None:
            passage.named(who, asked, version)
        if not self._server.is_settled() and not any(one.allows(who, asked) for one in self._authorizers):
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._server.settled()
            except TimeoutError:
                raise refusals.not_ready() from None
        await self._permitted(lambda: authorize(who, asked, self._authorizers))
        if passage is not None:
            passage.allowed()

    async def _permitted(self, decide: Callable[[], T]) -> T:
        """Nobody is turned away by what this server has not heard of yet: a right that was given a moment ago counts,
        whichever apiserver it was given through. (In Kubernetes it takes until the watch has told of it.)"""
        try:
            return decide()
        except StatusError as error:
            if self._gate is None or error.reason != "Forbidden":
                raise
        await self._gate.catch_up()
        return decide()

    # ── questions ────────────────────────────────────────────────────────────────────────────────────────────

    async def _review(self, asked: Question, http: Http) -> Answer:
        if http.method != "POST":
            raise StatusError("MethodNotAllowed", requests.NOT_ALLOWED)
        form = negotiation.form_of(http.headers.get("accept", ""))
        await self._authorize(http, attributes(http.method, asked))
        body = bodies.decode(http.body, http.headers.get("content-type", ""))
        if asked.kind.kind == "TokenReview":
            found = await tokenreviews.answer(body, self._gate, PATIENCE)
        else:
            found = reviews.answer(asked, body, http.who, self._authorizers)
            if self._gate is not None and found["status"].get("allowed") is False:
                await self._gate.catch_up()
                found = reviews.answer(asked, body, http.who, self._authorizers)
        return Answer(201, answers.body_of(form, found), form.content_type)

    async def _measure(self, asked: Measure, http: Http) -> Answer:
        if http.method not in ("GET", "HEAD"):
            raise StatusError("MethodNotAllowed", requests.NOT_ALLOWED)
        form = negotiation.form_of(http.headers.get("accept", ""))
        await self._permitted(lambda: authorize(http.who, attributes(http.method, asked), self._authorizers))
        measures, kind = self._server.measures, asked.kind.kind.removesuffix("Metrics")
        await self._server.opened()
        if asked.name:
            found = await measures.one(kind, asked.namespace, asked.name)
        else:
            found = await measures.all(kind, asked.namespace, http.query.get("labelSelector", ""))
        return Answer(200, answers.body_of(form, found), form.content_type)

    # ── resources ────────────────────────────────────────────────────────────────────────────────────────────

    async def _resource(self, resource: Resource, http: Http) -> Answer | Flow | Duplex | Tunnel:
        form = negotiation.form_of(http.headers.get("accept", ""))
        content_type = http.headers.get("content-type", "")
        body = bodies.decode(http.body, content_type) if http.method in ("POST", "PUT", "PATCH", "DELETE") else None
        asked = requests.ask(http.method, resource, http.query, body, content_type)
        about = attributes(http.method, resource, asked.verb, query=http.query)
        await self._authorize(http, about, resource.kind.version)
        if http.passage is not None:
            http.passage.sent(body)
        _complete(asked, http)
        include = http.query.get("includeObject", "Metadata")
        if include not in INCLUDE:
            raise refusals.bad_request(f"unrecognized includeObject value: {include!r}")
        if asked.verb == "watch":
            how = (form, include)
            flow = Flow(JSON, lambda write: watch(self._server, resource.kind, asked, how, write))
            return _flowing(_carried(flow, http), http)
        if asked.verb in podstreams.STREAMS:
            return _flowing(await self._stream(asked, http), http)
        if asked.verb == "list":
            return await self._list(resource.kind, asked, (form, include), http)
        if asked.verb == "get" and resource.kind.model is None:
            return await self._get(resource.kind, asked, (form, include), http)
        work = self._server.works_of(resource.kind).get(asked.verb)
        if work is None:
            raise StatusError("NotFound", UNKNOWN)
        call = self._call_of(asked, http)
        answer = await self._called(call, lambda call: work(resource.kind, call))
        if http.passage is not None:
            http.passage.answered(answer)
        return self._answer(resource, (asked, call), (form, include), answer)

    def _call_of(self, asked: Ask, http: Http) -> Call:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SHARE * patience(http.query.get("timeout", ""))
        call = Call(Arguments(asked.args), deadline, who=http.who)
        if http.passage is not None and http.passage.record is not None:
            call.annotations = http.passage.record.annotations
        return call

    async def _call(self, asked: Ask, http: Http, work: Callable[[Call], Awaitable[Any]]) -> Any:
        return await self._called(self._call_of(asked, http), work)

    async def _called(self, call: Call, work: Callable[[Call], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout_at(call.deadline):
                await self._server.opened()
                return await work(call)
        except TimeoutError:
            if not self._server.is_open():
                raise refusals.not_ready() from None
            raise refusals.timed_out(written=call.wrote) from None

    async def _get(self, kind: Kind, asked: Ask, how: tuple[Form, str], http: Http) -> Answer:
        """An object as it is kept: its bytes are made once, however many ask for it."""
        stored = await self._call(asked, http, lambda call: self._server.reads.one(kind, call))
        if http.passage is not None:
            http.passage.answered(stored.obj)
        body = answers.stored_body(kind, how[0], stored, self._server.host.clock.now(), how[1])
        return Answer(200, body, how[0].content_type)

    async def _list(self, kind: Kind, asked: Ask, how: tuple[Form, str], http: Http) -> Answer:
        if asked.args["exact"]:
            asked.args["continue"] = asked.args["continue"] or f"{asked.args['resourceVersion']}:\0"
        page = await self._call(asked, http, lambda call: self._server.reads.page(kind, call))
        if len(page.items) > MOST_LISTED:
            text = f"the list has {len(page.items)} objects, more than {MOST_LISTED}: ask for pages of it (limit=500)"
            raise StatusError("TooLarge", text)
        form = how[0]
        if (parts := answers.list_parts(kind, form, page)) is not None:
            return Answer(200, b"", form.content_type, parts=parts)
        return Answer(
            200, answers.list_body(kind, form, page, self._server.host.clock.now(), how[1]), form.content_type
        )

    def _answer(self, resource: Resource, done: tuple[Ask, Call], how: tuple[Form, str], answer: Any) -> Answer:
        kind, form, (asked, call) = resource.kind, how[0], done
        if asked.verb == "delete-collection":
            answer = {"kind": kind.kind + "List", "apiVersion": kind.api_version, "metadata": {}, **answer}
        elif asked.verb == "delete" and kind.kind not in OBJECT_ON_DELETE and not stays(answer):
            answer = statuses.success(kind, answer)
        elif asked.verb in ("bind", "evict"):
            answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        body = answers.object_body(kind, form, answer, self._server.host.clock.now(), how[1])
        status = 201 if call.made else asked.status
        return Answer(status, body, form.content_type, warnings(call.warnings))

    # ── streams ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _stream(self, asked: Ask, http: Http) -> Flow | Duplex | Tunnel:
        pod = await self._call(asked, http, lambda call: self._server.reads.get(KINDS["Pod"], call))
        if asked.verb in CONNECTS:
            await self._call(asked, http, lambda call: self._server.connect(KINDS["Pod"], asked.verb, pod, call))
        about = podstreams.Asked(http.query, http.values, http.headers)
        flow = await podstreams.serve(asked.verb, self._server.rpc, pod, about)
        return replace(flow, protocol=about.carrier()) if isinstance(flow, Flow) else flow


def _carried(flow: Flow, http: Http) -> Flow:
    """The same, over a WebSocket if one is asked for. BadRequest for a protocol that nobody knows."""
    return replace(flow, protocol=podstreams.Asked(http.query, http.values, http.headers).carrier())


def _flowing(flow: Flow | Duplex | Tunnel, http: Http) -> Flow | Duplex | Tunnel:
    """The same, counted while it goes on."""
    if http.passage is None:
        return flow
    watches = isinstance(flow, Flow) and flow.content_type == JSON
    return replace(flow, run=http.passage.flowing(flow.run, http.who, watch=watches))


def _complete(asked: Ask, http: Http) -> None:
    """What of a write's arguments stands in the headers and between the lines of the body."""
    if "fieldManager" not in asked.args:
        return
    agent = http.headers.get("user-agent", "")
    asked.args["fieldManager"] = asked.args["fieldManager"] or agent.partition("/")[0][:MOST_MANAGER] or "unknown"
    if http.query.get("fieldValidation") in ("Strict", "Warn"):
        asked.args["duplicates"] = bodies.duplicates(http.body, http.headers.get("content-type", ""))


def stays(obj: Object) -> bool:
    """Is an object that was deleted still there, until somebody lets it go?"""
    meta = obj.get("metadata") or {}
    held = meta.get("finalizers") or (obj.get("spec") or {}).get("finalizers")
    return bool(meta.get("deletionTimestamp")) and bool(held or meta.get("deletionGracePeriodSeconds"))
