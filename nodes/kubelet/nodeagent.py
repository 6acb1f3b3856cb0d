"""Shell: the node's own objects: registration, the Lease that says it lives, the status that says how.

Must not know pods.

Kubernetes: a Lease in kube-node-lease every renewal interval; the Node's status when it changes, unchanged rarely.
"""

from __future__ import annotations

import asyncio

from cluster.api import meta
from cluster.errors import StatusError
from nodes.kubelet.facts import Object
from nodes.kubelet.kit import Kit
from nodes.kubelet.nodestatus import (
    LEASE_NAMESPACE,
    Machine,
    adoption,
    differs,
    lease,
    new_node,
    node_status,
)

HEARTBEAT = 30
"""An unchanged status is written every so-many-th time."""
RETRY = 0.2
"""Seconds before the first retry, doubled each time, to a renewal interval at most."""


class NodeAgent:
    def __init__(self, kit: Kit, boot_id: str) -> None:
        self._kit = kit
        self._boot_id = boot_id
        self._name = kit.config.node
        timing = kit.config.timing
        self._client = kit.client.with_timeout(min(timing.request_timeout, max(timing.node_monitor_grace / 4, 0.25)))
        self._news = asyncio.Event()
        self._lease: Object | None = None
        self._registered = asyncio.Event()

    async def run(self) -> None:
        """Register, then report for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_for_ever())
            await self._register()
            await self._report_for_ever()

    def observe(self, node: Object | None) -> None:
        """The watch's word on our Node. What others wrote over our conditions (Ready=Unknown) is written again."""
        if node is None:
            return
        self._kit.node = node
        if self._registered.is_set() and differs(self._wanted(), node.get("status") or {}):
            self._news.set()

    # ── registration ─────────────────────────────────────────────────────────────────────────────────────────

    async def _register(self) -> None:
        pause = RETRY
        while True:
            try:
                node = await self._own_node()
                patch = adoption(self._kit.config, node)
                if patch is not None:
                    node = await self._client.patch("Node", self._name, patch)
                self._kit.node = node
                await self._write_status()
                break
            except StatusError as error:
                self._kit.host.note("register-failed", {"node": self._name, "error": str(error)})
                await asyncio.sleep(pause * self._kit.host.rng.uniform(0.5, 1.0))
                pause = min(2 * pause, 5.0)
        self._registered.set()
        self._kit.host.note("registered", {"node": self._name})
        self._kit.client.event(self._kit.node, "Normal", "Starting", "Starting kubelet.")

    async def _own_node(self) -> Object:
        """Create first: most boots are first boots, and it is one round trip less."""
        try:
            return await self._client.create(new_node(self._kit.config))
        except StatusError as error:
            if error.reason != "AlreadyExists":
                raise
        return await self._client.get("Node", self._name)

    # ── status ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _report_for_ever(self) -> None:
        quiet, pause = 0, RETRY
        while True:
            wait = self._kit.config.timing.node_status_update
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                quiet += 1
            self._news.clear()
            if quiet < HEARTBEAT and not differs(self._wanted(), self._kit.node.get("status") or {}):
                continue
            try:
                await self._write_status()
                quiet, pause = 0, RETRY
            except StatusError as error:
                if error.reason == "NotFound":  # Kubernetes: a node that was deleted comes back with a new kubelet
                    continue
                self._news.set()
                await asyncio.sleep(pause * self._kit.host.rng.uniform(0.5, 1.0))
                pause = min(2 * pause, wait)

    def _wanted(self) -> Object:
        machine = Machine(self._boot_id, self._kit.runtime.images())
        return node_status(self._kit.config, self._kit.node, machine, self._kit.host.clock.now())

    async def _write_status(self) -> None:
        answer = await self._client.patch("Node", self._name, {"status": self._wanted()}, subresource="status")
        if meta.revision_of(answer) >= meta.revision_of(self._kit.node):
            self._kit.node = answer

    # ── lease ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _renew_for_ever(self) -> None:
        every = self._kit.config.timing.node_lease_renew
        clock = self._kit.host.clock
        due, pause, lost = clock.monotonic(), min(RETRY, every), False
        while True:
            try:
                await self._renew()
                if lost:
                    await self._look_again()
                    lost = False
                pause = min(RETRY, every)
                due += every
                if due < clock.monotonic():  # stood still, or could not reach anybody: no hurry to catch up
                    due = clock.monotonic() + every
            except StatusError as error:
                self._kit.host.note("renew-failed", {"node": self._name, "error": str(error)})
                lost = True
                if error.reason in ("Conflict", "NotFound", "AlreadyExists"):
                    self._lease = None
                due = clock.monotonic() + pause * self._kit.host.rng.uniform(0.5, 1.0)
                pause = min(2 * pause, every)
            await asyncio.sleep(max(due - clock.monotonic(), 0.0))

    async def _look_again(self) -> None:
        """Back in touch: others may have called the node lost, and its watch takes its time to find out that it was cut
        off (Kubernetes: tryUpdateNodeStatus reads the Node each time)."""
        if self._registered.is_set():
            self.observe(await self._client.get("Node", self._name))

    async def _renew(self) -> None:
        owner = self._kit.node if meta.uid_of(self._kit.node) else None
        fresh = lease(self._kit.config, owner, self._kit.host.clock.now())
        if self._lease is None:
            try:
                self._lease = await self._client.get("Lease", self._name, LEASE_NAMESPACE)
            except StatusError as error:
                if error.reason != "NotFound":
                    raise
                self._lease = await self._client.create(fresh)
                return
        old = self._lease.get("metadata") or {}
        fresh["metadata"]["resourceVersion"] = old.get("resourceVersion", "")
        if old.get("ownerReferences") and owner is None:
            fresh["metadata"]["ownerReferences"] = old["ownerReferences"]
        if "uid" in old:
            fresh["metadata"]["uid"] = old["uid"]
        self._lease = await self._client.update(fresh)
