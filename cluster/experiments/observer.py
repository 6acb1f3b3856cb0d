"""The run's own eyes: the API's objects as watches tell them, what the store's members say, which hosts run.

Must not act, and must not decide whether a condition holds (`conditions.py`). Objects come from whichever apiserver
lives; who waits for a change is woken by it, and asks again by the clock only for what nobody tells by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from cluster.api.meta import key_of, namespace_of
from cluster.client.cache import Cache
from cluster.client.client import Client
from cluster.client.informer import Informer
from cluster.errors import StatusError
from cluster.experiments.book import Book
from cluster.experiments.stage import OBSERVER, Stage
from cluster.world.host import Address
from cluster.world.scenario import Standing
from store.client import MemberStatus

KINDS = (
    "Node",
    "Pod",
    "Lease",
    "Deployment",
    "ReplicaSet",
    "DaemonSet",
    "Service",
    "Endpoints",
    "EndpointSlice",
    "Namespace",
    "ConfigMap",
    "Event",
)
"""What is watched for conditions, roles and the Kubernetes promises."""
STATUS = 1.0
"""Seconds that a member of the store has to say how it is."""
LOOK = 0.05
"""Seconds between two looks at what nobody tells by itself."""


class Observer:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.cache = Cache()
        self._informers: list[Recording] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: list[asyncio.Future[None]] = []
        stage.book.on_operation.append(self.pulse)

    async def begin(self) -> None:
        """Watch all kinds, in a whole cluster."""
        if not self.stage.whole:
            return
        client = await self.stage.client()
        self._informers = [Recording(client, kind, self.stage.book, OBSERVER, self.cache) for kind in KINDS]
        for kind in KINDS:
            self.cache.on_change(kind, lambda old, new: self.pulse())
        self._look()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(informer.run(), name=f"observe {informer.kind}") for informer in self._informers
        ]

    async def end(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, StatusError):
                await task

    async def avoid(self, servers: Sequence[Address]) -> None:
        """These apiservers are about to misbehave: look through another one, from where we are, if there is one."""
        client = await self.stage.client()
        others = [name for name in client.servers.names if name not in servers]
        if not others or not servers or client.server not in servers:
            return
        await self.end()
        while client.server in servers:
            client.servers.leave(client.server)
        self._look()

    # ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────

    def pulse(self) -> None:
        """Something that somebody may wait for has changed."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def change(self, timeout: float) -> None:
        """Until something changes, for at most so long."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await asyncio.wait((future,), timeout=max(0.0, timeout))

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────────────

    async def statuses(self) -> Mapping[Address, MemberStatus]:
        """Of the members that answer. All that run are asked at once: no fault comes between them and us, so that who
        is silent is slow."""
        store, hosts = await self.stage.store(), await self.census()
        ours = [name for name in self.stage.members if name in hosts]
        names = [n for n in ours if hosts[n].state == "running"] if ours else list(self.stage.members)
        answers = await asyncio.gather(*(store.status(m, timeout=STATUS) for m in names), return_exceptions=True)
        found = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, MemberStatus):
                found[name] = answer
            elif not isinstance(answer, StatusError):
                raise answer
        return found

    async def census(self) -> Mapping[Address, Standing]:
        return await self.stage.world.census()

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[dict[str, Any]]:
        return self.cache.list(kind, namespace)

    def object(self, kind: str, key: str, namespace: str = "default") -> dict[str, Any] | None:
        """`key` is NAME or NAMESPACE/NAME; `namespace` where it does not say ("" for kinds without)."""
        where, _, name = key.rpartition("/")
        return self.cache.get(kind, where or namespace, name)


class Recording(Informer):
    """One that writes down every event as it came, and what a list tells beyond what was known."""

    def __init__(self, client: Client, kind: str, book: Book, observer: str, cache: Cache) -> None:
        super().__init__(client, kind, cache=cache)
        self._book = book
        self._observer = observer
        self._listing = False
        self.on_change(self._found)

    async def _list(self) -> None:
        self._listing = True
        try:
            await super()._list()
        finally:
            self._listing = False

    def _found(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        if not self._listing:
            return
        if new is not None:
            self._book.saw(self.kind, "ADDED" if old is None else "MODIFIED", new, self._observer)
        elif old is not None:
            self._book.saw(self.kind, "DELETED", old, self._observer)

    def _take(self, type: str, obj: dict[str, Any]) -> None:
        if type != "BOOKMARK":
            self._book.saw(self.kind, type, obj, self._observer)
        super()._take(type, obj)


def leader_of(statuses: Mapping[Address, MemberStatus]) -> Address:
    """The leader of the newest term that a majority of the members follows, "" if there is none. Where nobody leads
    (engine `eventual`) the first member stands for it."""
    if statuses and all(status.role == "replica" for status in statuses.values()):
        return ""
    leading = [s for s in statuses.values() if s.role == "leader"]
    if not leading:
        return ""
    newest = max(leading, key=lambda status: status.term)
    voters = newest.members
    following = [n for n, s in statuses.items() if n in voters and s.term == newest.term and s.leader == newest.name]
    return newest.name if 2 * len(following) > len(voters) else ""


def label_of(obj: Mapping[str, Any]) -> str:
    """Its key, for sentences."""
    return key_of(obj) if namespace_of(obj) else str(obj["metadata"]["name"])
