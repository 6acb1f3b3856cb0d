"""A tiny apiserver on a seat of the simulated world: enough verbs for a kubelet, objects in a dict, watches by push.

Must not validate or default: what kubelets may rely on is the client's protocol and Kubernetes' pod deletion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cluster.api import meta
from cluster.api.selectors import parse_field_selector
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc, Sender
from cluster.wire import pack
from cluster.world.host import Host

Object = dict[str, Any]
KINDS = ("Pod", "Node", "Lease", "ConfigMap", "Secret", "Service", "Event")


class FakeApi:
    """`objects`: (kind, "ns/name") to object. `calls`: every write as (kind of message, name)."""

    def __init__(self, host: Host, keepalive: float) -> None:
        self.host = host
        self.objects: dict[tuple[str, str], Object] = {}
        self.revision = 1
        self.calls: list[tuple[str, str]] = []
        self._history: list[tuple[int, str, Object]] = []
        self._watches: list[tuple[str, str, asyncio.Queue[list[bytes]]]] = []
        self.rpc = Rpc(host, keepalive=keepalive)
        self.kinds = {kind.lower(): kind for kind in KINDS}
        for verb in ("get", "list", "create", "update", "renew", "patch", "patch-status", "delete"):
            self.rpc.serve(f"*.{verb}", self._serve)
        self.rpc.serve_stream("*.watch", self._watch)

    def of(self, kind: str, key: str) -> Object:
        return self.objects[kind, key]

    def list(self, kind: str) -> list[Object]:
        return [obj for (k, _), obj in sorted(self.objects.items()) if k == kind]

    def put(self, obj: Object) -> Object:
        """Write as any other client would; a uid is made up."""
        kind, key = obj["kind"], meta.key_of(obj)
        before = self.objects.get((kind, key))
        self.revision += 1
        metadata = {"uid": f"uid-{self.revision}", **obj["metadata"], "resourceVersion": str(self.revision)}
        fresh = {**obj, "metadata": metadata}
        self.objects[kind, key] = fresh
        self._tell("MODIFIED" if before else "ADDED", fresh)
        return fresh

    def drop(self, kind: str, key: str) -> Object:
        gone = self.objects.pop((kind, key))
        self.revision += 1
        last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.revision)}}
        self._tell("DELETED", last)
        return last

    def delete_pod(self, key: str, grace: int = 30) -> None:
        """A graceful deletion: marked, for the kubelet to carry out."""
        pod = self.of("Pod", key)
        stamp = meta.timestamp(self.host.clock.now() + grace)
        marks = {"deletionTimestamp": stamp, "deletionGracePeriodSeconds": grace}
        self.put({**pod, "metadata": {**pod["metadata"], **marks}})

    def _tell(self, type: str, obj: Object) -> None:
        self._history.append((self.revision, type, obj))
        for kind, fields, queue in self._watches:
            selector = parse_field_selector(fields)
            if kind == obj["kind"] and selector.matches(obj):
                queue.put_nowait([pack({"type": type, "object": obj})])

    async def _serve(self, request: Request) -> Any:
        word, _, verb = request.kind.partition(".")
        kind, body = self.kinds[word], request.body
        key = f"{body['namespace']}/{body.get('name')}" if body.get("namespace") else str(body.get("name", ""))
        if verb == "list":
            selector = parse_field_selector(body.get("fields", ""))
            found = [obj for obj in self.list(kind) if selector.matches(obj)]
            return {"metadata": {"resourceVersion": str(self.revision)}, "items": [pack(obj) for obj in found]}
        if verb in ("create", "update", "renew"):
            key = meta.key_of(body["object"])
        if verb not in ("get", "create") and kind != "Event":
            self.calls.append((request.kind, key))
        old = self.objects.get((kind, key))
        if verb == "create":
            if old is not None:
                raise StatusError("AlreadyExists", key)
            made: Object = body["object"]
            return self.put({k: v for k, v in made.items() if k != "status"} if kind == "Node" else made)
        if old is None:
            raise StatusError("NotFound", f"{kind} {key} not found")
        return old if verb == "get" else self._change(verb, old, body)

    def _change(self, verb: str, old: Object, body: Mapping[str, Any]) -> Object:
        if verb == "delete":
            if body.get("uid") and body["uid"] != meta.uid_of(old):
                raise StatusError("Conflict", "uid")
            assert body.get("grace") == 0, "a kubelet deletes for good"
            return self.drop(old["kind"], meta.key_of(old))
        if verb in ("update", "renew"):
            version = body["object"]["metadata"].get("resourceVersion")
            if version and version != old["metadata"]["resourceVersion"]:
                raise StatusError("Conflict", "resourceVersion")
            return self.put({**body["object"], "metadata": {**old["metadata"], **body["object"]["metadata"]}})
        patch = body["patch"]
        if patch.get("metadata", {}).get("uid", meta.uid_of(old)) != meta.uid_of(old):
            raise StatusError("Conflict", "uid")
        parts = ("status",) if verb == "patch-status" else ("spec", "metadata")
        changed = {part: {**old.get(part, {}), **patch[part]} for part in parts if part in patch}
        return self.put({**old, **changed})

    async def _watch(self, request: Request, sender: Sender) -> None:
        kind = self.kinds[request.kind.partition(".")[0]]
        queue: asyncio.Queue[list[bytes]] = asyncio.Queue()
        fields = request.body.get("fields", "")
        since = int(request.body.get("resourceVersion") or 0)
        for revision, type, obj in self._history:
            if revision > since and obj["kind"] == kind and parse_field_selector(fields).matches(obj):
                queue.put_nowait([pack({"type": type, "object": obj})])
        entry = (kind, fields, queue)
        self._watches.append(entry)
        try:
            while True:
                sender.send(await queue.get())
        finally:
            self._watches.remove(entry)
