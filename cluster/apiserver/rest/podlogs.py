"""A container's log over HTTP: asked of the kubelet that has it, handed on as it comes.

Shell without sockets. Must not know runtimes. Source: Kubernetes API, "read log of the specified Pod".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cluster.api.meta import name_of, namespace_of, parse_time
from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest.requests import flag, number
from cluster.errors import StatusError
from cluster.rpc import Rpc, Stream

Object = dict[str, Any]
FIRST = 0.5
"""Seconds to wait for the first bytes of a log that is followed, or for the reason why there are none: then the answer
begins all the same. One that is not followed has bytes, an end or a reason soon."""


def kubelet_of(pod: Object) -> str:
    """The host that runs the pod. BadRequest for a pod without a node."""
    node = (pod.get("spec") or {}).get("nodeName") or ""
    if not node:
        raise bad_request(f"pod {name_of(pod)} does not have a host assigned")
    return f"kubelet-{node.rpartition('-')[2]}"


def container_of(pod: Object, asked: str) -> str:
    """The container that is meant. BadRequest, as Kubernetes words it, if that is not clear or it is none."""
    spec = pod.get("spec") or {}
    own = [str(c["name"]) for c in spec.get("containers") or ()]
    names = own + [str(c["name"]) for key in ("initContainers", "ephemeralContainers") for c in spec.get(key) or ()]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name_of(pod)}")
        return asked
    if len(own) != 1:
        text = f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(own)}]"
        raise bad_request(text)
    return own[0]


def query_of(pod: Object, query: Mapping[str, str]) -> Object:
    """What the kubelet is asked. Invalid, as Kubernetes words it, for a query that makes no sense."""
    numbers = {name: number(query, name) for name in ("tailLines", "sinceSeconds", "limitBytes")}
    for name, least in (("tailLines", 0), ("sinceSeconds", 1), ("limitBytes", 1)):
        given = numbers[name]
        if given is not None and given < least:
            bound = "greater than or equal to 0" if least == 0 else "greater than 0"
            raise _invalid(pod, name, "FieldValueInvalid", f"Invalid value: {given}: must be {bound}")
    since = None
    if query.get("sinceTime"):
        if numbers["sinceSeconds"] is not None:
            why = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
            raise _invalid(pod, "sinceSeconds", "FieldValueForbidden", why)
        try:
            since = parse_time(query["sinceTime"])
        except ValueError as error:
            raise bad_request(f"sinceTime: {error}") from None
    return {
        "namespace": namespace_of(pod),
        "pod": name_of(pod),
        "container": container_of(pod, query.get("container", "")),
        "tail": numbers["tailLines"],
        "previous": flag(query, "previous"),
        "follow": flag(query, "follow"),
        "timestamps": flag(query, "timestamps"),
        "since": since,
        "within": numbers["sinceSeconds"],
    }


def _invalid(pod: Object, field: str, reason: str, why: str) -> StatusError:
    text = f'PodLogOptions "{name_of(pod)}" is invalid: {field}: {why}'
    causes = [{"field": field, "reason": reason, "message": why}]
    return StatusError("Invalid", text, {"name": name_of(pod), "kind": "PodLogOptions", "causes": causes})


class Log:
    """One log on its way: `begin` raises what there is to raise, `run` writes all of it."""

    def __init__(self, rpc: Rpc, pod: Object, query: Mapping[str, str]) -> None:
        """StatusError for what cannot be meant."""
        body = query_of(pod, query)
        self._kubelet = kubelet_of(pod)
        self._stream: Stream = rpc.stream(self._kubelet, "kubelet.logs", body)
        self._left = number(query, "limitBytes")
        self._follows = bool(body["follow"])
        self._first: asyncio.Task[bytes | None] | None = None

    async def begin(self) -> None:
        """StatusError as the kubelet says, ServiceUnavailable when it does not answer."""
        await self._stream.__aenter__()
        self._first = asyncio.ensure_future(self._next())
        done, _ = await asyncio.wait((self._first,), timeout=FIRST if self._follows else None)
        if done and self._first.exception() is not None:
            await self._stream.__aexit__(None, None, None)
            self._first.result()

    async def run(self, write: Any) -> None:
        assert self._first is not None
        try:
            chunk = await self._first
            while chunk is not None and self._left != 0:
                if self._left is not None:
                    chunk = chunk[: self._left]
                    self._left -= len(chunk)
                write(chunk)
                chunk = await self._next()
        except StatusError:
            return  # what came has been written; a log that breaks off ends
        finally:
            self._first.cancel()
            await self._stream.__aexit__(None, None, None)

    async def _next(self) -> bytes | None:
        try:
            chunk: bytes = await self._stream.__anext__()
        except StopAsyncIteration:
            return None
        except StatusError as error:
            if error.reason == "StreamBroken":
                text = f"{self._kubelet} does not answer: {error.message}"
                raise StatusError("ServiceUnavailable", text) from None
            raise
        return chunk
