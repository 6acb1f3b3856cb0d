"""One command's way to a running cluster: its folder, its world, a seat on the bus, an API client.

Must not know what a command does with them.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from cluster.client.client import Client
from cluster.config import ClusterSpec, parse
from cluster.errors import StatusError, UsageError
from cluster.rpc import Rpc
from cluster.topology import apiservers, members
from cluster.world.proc.world import ProcWorld

if TYPE_CHECKING:
    from store.engines import Store

STATE = ".capstan"
CLIENT_MACHINE = "client"
"""The machine that commands sit on: outside of the cluster, so no partition between its machines cuts it off."""

PATIENCE = 5.0
"""Seconds for one answer of an apiserver."""
ANSWER = 0.3
"""Seconds that a member of the store has to say whom it follows."""

ANEW = "`launch.py down --wipe` and `up` begin anew"


def folder(name: str) -> Path:
    """Where cluster `name` keeps everything."""
    if not name or not all(c.isalnum() or c in "-_" for c in name):
        raise UsageError(f"{name!r} is not a cluster's name", place="--name", remedy="letters, digits, - and _")
    return Path.cwd() / STATE / name


def load_spec(path: Path) -> ClusterSpec:
    """The spec that `up` wrote."""
    file = path / "cluster.json"
    try:
        data = json.loads(file.read_text())
    except FileNotFoundError:
        raise UsageError(
            f"there is no cluster {path.name!r} here", remedy="start one with `launch.py up`", status=1
        ) from None
    except ValueError as error:
        raise UsageError(f"not JSON: {error}", place=str(file), remedy=ANEW, status=1) from None
    try:
        return parse(ClusterSpec, data, place=str(file))
    except UsageError as error:
        raise UsageError(f"of another version: {error}", remedy=ANEW, status=1) from None


def save_spec(path: Path, spec: ClusterSpec) -> None:
    """All or nothing: what the next `up`, and every command, goes by."""
    aside = path / "cluster.json.aside"
    aside.write_text(json.dumps(asdict(spec), indent=1))
    aside.replace(path / "cluster.json")


class Session:
    """async with Session("dev") as s: await s.client.list("Pod")"""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = folder(name)
        self.spec = load_spec(self.folder)
        self._stack = AsyncExitStack()
        self._world: ProcWorld | None = None
        self._rpc: Rpc | None = None
        self._client: Client | None = None
        self._store: Store | None = None

    async def __aenter__(self) -> Session:
        self._world = await ProcWorld.connect(self.folder)
        self._stack.push_async_callback(self._world.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def world(self) -> ProcWorld:
        assert self._world is not None
        return self._world

    async def rpc(self) -> Rpc:
        """This command's seat on the bus."""
        if self._rpc is None:
            host = await self.world.join(f"cli-{os.getpid()}", CLIENT_MACHINE)
            self._rpc = Rpc(host, keepalive=self.spec.timing.watch_keepalive)
        return self._rpc

    async def client(self) -> Client:
        """Of the apiservers that a load balancer's health check would let through, the healthiest first; UsageError
        when none runs. This command sits outside of the cluster: it may as well ask one that can answer."""
        if self._client is None:
            self._client = Client(await self.rpc(), await self._servers(), timeout=PATIENCE, user="admin")
        return self._client

    async def store(self) -> Store:
        """The store's members, asked from this command's seat."""
        if self._store is None:
            from store.engines import engine

            self._store = engine(self.spec.engine, self.spec.etcd).client(await self.rpc(), members(self.spec), None)
        return self._store

    async def _servers(self) -> list[str]:
        status = await self.world.status()
        hosts = status["hosts"]
        running = [a for a in apiservers(self.spec) if hosts.get(a, {}).get("state") == "running"]
        if not running:
            remedy = "`launch.py restart apiserver-0`"
            raise UsageError("no apiserver runs", place=self.name, remedy=remedy, status=1)
        if len(running) == 1 or not status["rules"]:
            return running
        led = await asyncio.gather(*(self._sees_leader(hosts, hosts[a]["machine"]) for a in running))
        return [a for a, sees in zip(running, led, strict=True) if sees] + [
            a for a, sees in zip(running, led, strict=True) if not sees
        ]

    async def _sees_leader(self, hosts: Mapping[str, Any], machine: str) -> bool:
        """Whether the store's member on that machine knows a leader; one that is cut off from a majority does not."""
        names = members(self.spec)
        here = next((m for m in names if m in hosts and hosts[m]["machine"] == machine), None)
        if here is None or hosts[here]["state"] != "running":
            return False
        try:
            return bool((await (await self.store()).status(here, timeout=ANSWER)).leader)
        except StatusError:
            return False

    async def must_run(self, host: str) -> None:
        """UsageError when `host` cannot answer: better than waiting for it."""
        state = (await self.world.call("hosts")).get(host, {}).get("state", "gone")
        if state != "running":
            raise UsageError(f"{host} does not run ({state})", remedy="see `launch.py status`", status=1)


def command(function: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., int]:
    """An async function as a click command's body, with `--name`."""

    @click.option("--name", "cluster", default="dev", show_default=True, help="Which cluster.")
    @wraps(function)
    def body(**options: Any) -> int:
        return asyncio.run(function(**options)) or 0

    return body
