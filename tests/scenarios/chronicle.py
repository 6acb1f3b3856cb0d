"""What a watcher saw of a cluster: each event of some kinds in the order of revisions, and the objects as they are.

Must not write anything to the cluster, and must not know stories.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.api.meta import key_of, labels_of, revision_of
from cluster.client.client import Client
from cluster.errors import StatusError

Object = dict[str, Any]
Rule = Callable[[str, str, Object], str]
"""(kind, type, object) after each event: "" or what is wrong."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event with the world's time at which it arrived."""

    time: float
    kind: str
    type: str
    object: Object


@dataclass(slots=True)
class Chronicle:
    """Follows kinds on a client. `events` has all that was seen; `objects` what there is, kind -> key -> object."""

    client: Client
    events: list[Seen] = field(default_factory=list)
    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def follow(self, *kinds: str) -> None:
        """Begin; on return each kind has been listed once."""
        for kind in kinds:
            revision = await self._relist(kind)
            self._tasks.append(asyncio.create_task(self._watch(kind, revision)))

    def kind(self, kind: str, labels: dict[str, str] | None = None, namespace: str = "") -> list[Object]:
        """Objects of a kind as they now are, sorted by key, those that have these labels."""
        found = [obj for _, obj in sorted(self.objects[kind].items())]
        return [
            obj
            for obj in found
            if (labels or {}).items() <= labels_of(obj).items()
            and (not namespace or obj["metadata"].get("namespace") == namespace)
        ]

    def one(self, kind: str, key: str) -> Object | None:
        return self.objects[kind].get(key)

    async def until(self, holds: Callable[[], Any], within: float, what: str) -> None:
        """Wait until `holds()`, asked again at each event; AssertionError naming `what` after `within` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while not holds():
            for task in self._tasks:
                if task.done():
                    task.result()
            self._changed.clear()
            try:
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            except TimeoutError:
                if holds():
                    return
                raise AssertionError(f"not within {within:g} s: {what}") from None

    async def _watch(self, kind: str, revision: str) -> None:
        while True:
            try:
                async with self.client.watch(kind, resource_version=revision) as events:
                    async for event in events:
                        revision = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            self._take(kind, event["type"], event["object"])
            except StatusError as error:
                # A restarted apiserver knows nothing older than its start.
                if error.reason == "Expired":
                    revision = await self._relist(kind)
                else:
                    await asyncio.sleep(0.05)

    async def _relist(self, kind: str) -> str:
        while True:
            try:
                listed = await self.client.list(kind)
                break
            except StatusError:
                await asyncio.sleep(0.05)
        shelf = self.objects.setdefault(kind, {})
        found = {key_of(obj): obj for obj in listed["items"]}
        for key in [key for key in shelf if key not in found]:
            self._take(kind, "DELETED", shelf[key])
        for key, obj in found.items():
            old = shelf.get(key)
            if old is None or revision_of(old) < revision_of(obj):
                self._take(kind, "ADDED" if old is None else "MODIFIED", obj)
        return str(listed["metadata"]["resourceVersion"])

    def _take(self, kind: str, type: str, obj: Object) -> None:
        shelf = self.objects.setdefault(kind, {})
        if type == "DELETED":
            shelf.pop(key_of(obj), None)
        else:
            shelf[key_of(obj)] = obj
        now = asyncio.get_running_loop().time()
        self.events.append(Seen(now, kind, type, obj))
        for rule in self.rules:
            wrong = rule(kind, type, obj)
            if wrong:
                self.violations.append(f"{now:.3f} s, {kind} {key_of(obj)} {type}: {wrong}")
        self._changed.set()
