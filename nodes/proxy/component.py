"""The proxy's shell: Services and EndpointSlices in, the table kept, and its rules handed to the forwarder if any.

Must not work out rules (the table does) nor open sockets (the forwarder does, in the proc world only).

The journal gets "endpoints" {"service": "ns/name", "ready": [ip, ...]} whenever a Service's ready addresses change in
this node's table: the failover clock reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.client.client import Client
from cluster.client.informer import InformerSet
from cluster.config import Timing
from cluster.errors import UsageError
from cluster.rpc import Rpc
from cluster.world.host import Host
from nodes.proxy.balance import MODES, Balancer
from nodes.proxy.table import Changes, Table

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    apiservers: tuple[str, ...]
    node: str
    """The name of this machine's Node."""
    node_ip: str = ""
    """Where NodePorts are served; "": there are none here."""
    timing: Timing = field(default_factory=Timing)
    forward: bool = False
    """Open sockets (proc world), or only keep the table (sim)."""
    mode: str = "random"
    machines: Mapping[str, str] = field(default_factory=dict)
    """Node name to machine, where they differ."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"unknown mode {self.mode!r}", place="proxy", remedy=f"one of {', '.join(MODES)}")
        if self.forward and not self.node_ip:
            raise UsageError("forwarding needs a node_ip", place="proxy")


async def run(host: Host, config: Config) -> None:
    """For ever: keep the table, and forward by it if the config says so."""
    client = Client(
        Rpc(host, keepalive=config.timing.watch_keepalive),
        config.apiservers,
        timeout=config.timing.request_timeout,
        user="system:kube-proxy",
    )
    informers = InformerSet(client, config.timing)
    informers.add("Service")
    informers.add("EndpointSlice")
    proxy = Proxy(host, config)
    informers.cache.on_change("Service", proxy.service_changed)
    informers.cache.on_change("EndpointSlice", proxy.slice_changed)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(informers.run())
            await informers.wait_synced()
            proxy.start()
    finally:
        proxy.close()


class Proxy:
    """The table, and who is told of its changes."""

    def __init__(self, host: Host, config: Config) -> None:
        self.table = Table(config.node, config.node_ip)
        self._host = host
        self._config = config
        self._balancer = Balancer(config.mode, host.rng)
        self._apply: Callable[[], None] | None = None
        self._close: Callable[[], None] | None = None
        self._due = False

    def start(self) -> None:
        """The table is complete: forward from now on, if that is wanted."""
        if not self._config.forward:
            return
        from nodes.proxy.forward import Forwarder  # sockets are loaded only where they are real

        machines = self._config.machines
        forwarder = Forwarder(self._host, self._balancer, lambda node: machines.get(node, node), self._config.node_ip)
        self._apply = lambda: forwarder.apply(self.table.rules)
        self._close = forwarder.close
        self._apply()

    def close(self) -> None:
        if self._close is not None:
            self._close()

    def service_changed(self, old: Object | None, new: Object | None) -> None:
        self._take(self.table.service(old, new))

    def slice_changed(self, old: Object | None, new: Object | None) -> None:
        self._take(self.table.slice(old, new))

    def _take(self, changes: Changes) -> None:
        for service, ready in changes.ready.items():
            self._host.note("endpoints", {"service": service, "ready": ready})
        for key in changes.removed:
            self._balancer.forget(key)
        if self._apply is not None and (changes.set or changes.removed) and not self._due:
            # All changes of one turn are applied together: a Service that moves frees its port before it is taken.
            self._due = True
            asyncio.get_running_loop().call_soon(self._apply_now)

    def _apply_now(self) -> None:
        self._due = False
        if self._apply is not None:
            self._apply()
