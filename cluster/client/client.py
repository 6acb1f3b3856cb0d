"""Typed verbs on objects, over the bus: one apiserver is used until it fails to answer, then the next.

Must not keep objects (informers do) nor know what an apiserver does with a verb.

Bus kinds are `<kind in small letters>.<verb>`: pod.get, pod.list, pod.watch, pod.table, pod.create, pod.update,
pod.update-status, pod.patch, pod.patch-status, pod.delete, pod.delete-collection, pod.bind, deployment.get-scale, ...
An update of a Lease is `lease.renew`. Bodies are maps with the keys that `_body` makes. Kinds that are defined while
the cluster runs ("Widget.example.com") have one set for all of them: custom.get, ... with the kind, and
the version if it is not the stored one, in the body.
`object.*` is for all kinds at once.

Retries: what certainly did not happen and may be tried again (`definite` and `retry`: ServiceUnavailable,
TooManyRequests) is, until the timeout; a read is also tried on the next apiserver when one does not answer. A write
without an answer raises Timeout at once: it may or may not have happened, and only the caller knows how to find out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypedDict, Unpack

from cluster.api.kinds import kind_key
from cluster.client.events import EventRecorder
from cluster.errors import StatusError
from cluster.rpc import Rpc, Stream
from cluster.wire import unpack
from cluster.world.host import Address

Object = dict[str, Any]
Fence = Callable[[], str]

MOVE_ON = frozenset({"Timeout", "StreamBroken", "ServiceUnavailable"})
"""Errors after which the next apiserver is used."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between rounds of tries."""


class ListOptions(TypedDict, total=False):
    """`labels`, `fields`: selectors as kubectl takes them. `resource_version`: "" as fresh as the store, "0" whatever
    the apiserver has, else not older than that. `limit` and `continue_`: pages of one snapshot."""

    labels: str
    fields: str
    limit: int
    continue_: str
    resource_version: str


class DeleteOptions(TypedDict, total=False):
    """`uid`, `resource_version`: only if it still is that object. `grace`: seconds, None for the object's own.
    `propagation`: "Background", "Foreground", "Orphan" or "" for the kind's own."""

    uid: str
    resource_version: str
    grace: int | None
    propagation: str
    dry_run: bool


class WatchOptions(TypedDict, total=False):
    """`resource_version`: events after that revision; "" or "0": first everything there is, as ADDED."""

    resource_version: str
    labels: str
    fields: str


class PatchOptions(TypedDict, total=False):
    """`type`: json, merge or strategic."""

    type: str
    namespace: str
    subresource: str
    dry_run: bool


class Servers:
    """Which apiserver is in use; shared by a client and those made from it."""

    def __init__(self, names: Sequence[Address]) -> None:
        if not names:
            raise ValueError("a client needs at least one apiserver")
        self.names = tuple(names)
        self._at = 0

    @property
    def current(self) -> Address:
        return self.names[self._at]

    def leave(self, server: Address) -> None:
        """`server` did not serve: use the next from now on, unless somebody has moved on already."""
        if self.current == server:
            self._at = (self._at + 1) % len(self.names)


class Client:
    """All verbs raise StatusError. Objects that come back are the caller's own. `kind` is the kind's key ("Pod",
    "Widget.example.com"; "Widget.example.com/v1": its columns and checks are that version's, objects come as stored).

    `timeout`: seconds for one try; a write gets no more in all, a read that much of each apiserver."""

    def __init__(self, rpc: Rpc, apiservers: Sequence[Address], *, timeout: float, user: str = "") -> None:
        self.rpc = rpc
        self.timeout = timeout
        self.user = user
        self.servers = Servers(apiservers)
        self.fence: Fence | None = None
        """Why nothing may be written now, "" if it may; asked right before each request that writes."""
        self._recorder: EventRecorder | None = None

    @property
    def server(self) -> Address:
        """The apiserver in use."""
        return self.servers.current

    def with_timeout(self, seconds: float) -> Client:
        """The same client with another patience; both move on together."""
        other = Client(self.rpc, self.servers.names, timeout=seconds, user=self.user)
        other.servers = self.servers
        other.fence = self.fence
        return other

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    async def get(self, kind: str, name: str, namespace: str = "", *, resource_version: str = "") -> Object:
        """The object. Linearizable; with resource_version="0" from the apiserver's cache."""
        return await self._read(kind, "get", name=name, namespace=namespace, resourceVersion=resource_version)

    async def list(self, kind: str, namespace: str = "", **options: Unpack[ListOptions]) -> Object:
        """{"kind": "PodList", "metadata": {"resourceVersion", "continue"?, "remainingItemCount"?}, "items": [...]}
        of one namespace, or "" for all."""
        answer = await self._read(kind, "list", namespace=namespace, **_list_body(options))
        answer["items"] = [unpack(item) for item in answer["items"]]
        return answer

    async def table(
        self, kind: str, namespace: str = "", *, name: str = "", wide: bool = False, **options: Unpack[ListOptions]
    ) -> Object:
        """Printed by the server: {"columns": [str], "rows": [[str]], "objects": [{kind, name, namespace, labels,
        uid}], "metadata": {...}}, a row an object. `name`: that one only, NotFound if there is none."""
        body = _list_body(options)
        return await self._read(kind, "table", namespace=namespace, name=name, wide=wide, **body)

    def watch(self, kind: str, namespace: str = "", **options: Unpack[WatchOptions]) -> Watch:
        """`async with client.watch(...) as events: async for event in events`; event is {"type": ADDED, MODIFIED,
        DELETED or BOOKMARK, "object": ...}. Raises StatusError: Expired (list again), StreamBroken (watch again)."""
        body = _body(
            namespace=namespace,
            resourceVersion=options.get("resource_version", ""),
            labels=options.get("labels", ""),
            fields=options.get("fields", ""),
        )
        server = self.servers.current
        name, body = _addressed(kind, "watch", body)
        return Watch(self.servers, server, self.rpc.stream(server, name, body))

    async def list_all(self, but: Sequence[str] = (), *, resource_version: str = "") -> Object:
        """The metadata of all objects of all kinds but these: {"metadata": {"resourceVersion"}, "items": [{apiVersion,
        kind, metadata}]}. Definitions of kinds are whole."""
        body = _body(but=list(but), resourceVersion=resource_version)
        answer: Object = await self._call("object.list", body, read=True)
        answer["items"] = [unpack(item) for item in answer["items"]]
        return answer

    def watch_all(self, but: Sequence[str] = (), *, resource_version: str) -> Watch:
        """As `watch`, of all kinds but these, in the store's order; objects as in `list_all`. Kinds that come later are
        told of too."""
        server = self.servers.current
        body = _body(but=list(but), resourceVersion=resource_version)
        return Watch(self.servers, server, self.rpc.stream(server, "object.watch", body))

    async def get_scale(self, kind: str, name: str, namespace: str) -> Object:
        """The autoscaling/v1 Scale of a Deployment or ReplicaSet."""
        return await self._read(kind, "get-scale", name=name, namespace=namespace)

    async def ready(self) -> bool:
        """Whether the apiserver in use has filled its cache."""
        return bool(await self._call("apiserver.ready", {}, read=True))

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    async def create(self, obj: Object, *, dry_run: bool = False, validation: str = "") -> Object:
        """The object as it now is. `validation` of unknown fields: "Strict" (as ""), "Warn" or "Ignore"."""
        return await self._write(kind_key(obj), "create", object=obj, dryRun=dry_run, fieldValidation=validation)

    async def update(
        self, obj: Object, *, subresource: str = "", dry_run: bool = False, validation: str = ""
    ) -> Object:
        """Replace; metadata.resourceVersion is the precondition, none for whatever there is. `subresource`: "status",
        "scale" (obj is a Scale with `kind` of its owner) or "finalize"."""
        kind = kind_key(obj)
        verb = f"update-{subresource}" if subresource else "renew" if kind == "Lease" else "update"
        return await self._write(kind, verb, object=obj, dryRun=dry_run, fieldValidation=validation)

    async def scale(self, kind: str, name: str, namespace: str, replicas: int, *, resource_version: str = "") -> Object:
        """Set spec.replicas; the new Scale."""
        meta = {"name": name, "namespace": namespace, "resourceVersion": resource_version}
        scale = {"kind": kind, "metadata": meta, "spec": {"replicas": replicas}}
        return await self.update(scale, subresource="scale")

    async def patch(self, kind: str, name: str, patch: Any, **options: Unpack[PatchOptions]) -> Object:
        """`patch` is a map, or a list of operations for type "json". A resourceVersion in it is a precondition."""
        subresource = options.get("subresource", "")
        return await self._write(
            kind,
            f"patch-{subresource}" if subresource else "patch",
            name=name,
            namespace=options.get("namespace", ""),
            patch=patch,
            type=options.get("type", "merge"),
            dryRun=options.get("dry_run", False),
        )

    async def delete(self, kind: str, name: str, namespace: str = "", **options: Unpack[DeleteOptions]) -> Object:
        """The object as this left it; `cache.gone(obj)` tells whether it is removed or waits for finalizers or its
        grace period."""
        return await self._write(kind, "delete", name=name, namespace=namespace, **_delete_body(options))

    async def delete_collection(
        self, kind: str, namespace: str = "", *, labels: str = "", fields: str = "", **options: Unpack[DeleteOptions]
    ) -> Sequence[Object]:
        """Delete each object that matches; what `delete` answered for each."""
        body = _delete_body(options)
        body = _body(namespace=namespace, labels=labels, fields=fields, **body)
        answer = await self._call(*_addressed(kind, "delete-collection", body))
        return list(answer["items"])

    async def purge(self, namespace: str) -> Mapping[str, int]:
        """Delete everything in a namespace, of whatever kind: how many of each were found there. None: it is empty."""
        answer: Mapping[str, int] = (await self._call("object.purge", _body(namespace=namespace)))["found"]
        return answer

    async def bind(self, namespace: str, pod: str, node: str, uid: str = "") -> Object:
        """Bind a pod to a node, once: Conflict if it is bound. The pod as it now is."""
        return await self._write("Pod", "bind", namespace=namespace, name=pod, node=node, uid=uid)

    async def token(self, namespace: str, account: str, spec: Object) -> Object:
        """The TokenRequest with a token of a ServiceAccount in its status; `spec` as the API has it."""
        return await self._write("ServiceAccount", "token", namespace=namespace, name=account, object={"spec": spec})

    async def evict(self, namespace: str, pod: str, *, grace: int | None = None) -> Object:
        """Delete the pod as an eviction does; the pod as this left it."""
        return await self._write("Pod", "evict", namespace=namespace, name=pod, grace=grace)

    def event(self, about: Object, type: str, reason: str, message: str) -> None:
        """Record an Event about an object: at once, in the background; equal ones become one with a count. `type` is
        Normal or Warning. An Event that cannot be written is lost, as in Kubernetes."""
        if self._recorder is None:
            self._recorder = EventRecorder(self, self.rpc.host)
        self._recorder.record(about, type, reason, message)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _read(self, kind: str, verb: str, **body: Any) -> Object:
        answer: Object = await self._call(*_addressed(kind, verb, _body(**body)), read=True)
        return answer

    async def _write(self, kind: str, verb: str, **body: Any) -> Object:
        if self.user:
            body["user"] = self.user
        answer: Object = await self._call(*_addressed(kind, verb, _body(**body)))
        return answer

    async def _call(self, kind: str, body: Mapping[str, Any], *, read: bool = False) -> Any:
        loop = asyncio.get_running_loop()
        count = len(self.servers.names)
        end = loop.time() + self.timeout * (count if read else 1)
        pause, tries = FIRST_PAUSE, 0
        while True:
            if not read and self.fence is not None and (why := self.fence()):
                raise StatusError("ServiceUnavailable", why)
            server = self.servers.current
            patience = min(self.timeout, end - loop.time())
            try:
                return await self.rpc.call(server, kind, body, timeout=patience)
            except StatusError as error:
                tries += 1
                # An apiserver that names the store's new leader has just learned it; the others may not have yet.
                if error.reason in MOVE_ON and not error.details.get("leader"):
                    self.servers.leave(server)
                if not (error.definite and error.retry) and not (read and error.reason in MOVE_ON):
                    raise
                if error.details.get("retryAfterSeconds") == 0:
                    raise  # it will not change by itself: the caller decides
                # Every apiserver has been asked: wait, so that they can do something about it.
                wait = pause if tries % count == 0 or error.reason == "TooManyRequests" else 0.0
                if loop.time() + wait >= end:
                    raise
                if wait:
                    await asyncio.sleep(wait)
                    pause = min(2 * pause, LONGEST_PAUSE)


class Watch:
    """One watch stream: an async context manager and iterator of events."""

    def __init__(self, servers: Servers, server: Address, stream: Stream) -> None:
        self.server = server
        self._servers = servers
        self._stream = stream
        self._events: deque[Any] = deque()

    async def __aenter__(self) -> Watch:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Object:
        while not self._events:
            try:
                self._events.extend(await anext(self._stream))
            except StatusError as error:
                if error.reason in MOVE_ON:
                    self._servers.leave(self.server)
                raise
        event: Object = unpack(self._events.popleft())
        return event


def _addressed(kind: str, verb: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is asked on the bus, and with which body."""
    if "." in kind:
        key, _, version = kind.partition("/")
        return f"custom.{verb}", {**body, "kind": key, **({"version": version} if version else {})}
    return f"{kind.lower()}.{verb}", body


def _body(**values: Any) -> dict[str, Any]:
    """What is "", False, 0 or None is left out; `grace` 0 means something, and stays."""
    return {k: v for k, v in values.items() if v or (k == "grace" and v is not None) or k == "patch"}


def _list_body(options: ListOptions) -> dict[str, Any]:
    return {
        "labels": options.get("labels", ""),
        "fields": options.get("fields", ""),
        "limit": options.get("limit", 0),
        "continue": options.get("continue_", ""),
        "resourceVersion": options.get("resource_version", ""),
    }


def _delete_body(options: DeleteOptions) -> dict[str, Any]:
    return {
        "uid": options.get("uid", ""),
        "resourceVersion": options.get("resource_version", ""),
        "grace": options.get("grace"),
        "propagation": options.get("propagation", ""),
        "dryRun": options.get("dry_run", False),
    }
