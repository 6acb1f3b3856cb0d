"""The scheduler's shell: informers in, one decision after the other while it leads, bindings and conditions out.

Must not know why a pod fits or which node is best: that is the cycle's. Every scheduler keeps its cache warm; only the
holder of the Lease kube-system/kube-scheduler decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.client.client import Client
from cluster.client.election import lead
from cluster.client.informer import InformerSet
from cluster.config import Timing
from cluster.errors import StatusError, UsageError
from cluster.rpc import Rpc
from cluster.scheduler.cycle import Cycle
from cluster.scheduler.queue import SchedulingQueue
from cluster.scheduler.scores import STRATEGIES
from cluster.scheduler.snapshot import PodInfo, Snapshot
from cluster.world.host import Host

Object = dict[str, Any]

LEASE = "kube-scheduler"
LIVE_PODS = "status.phase!=Succeeded,status.phase!=Failed"
IN_FLIGHT = 32
"""Bindings and conditions that may be on their way at once."""
TURN = 16
"""Decisions after which others on this loop get their turn."""


@dataclass(frozen=True, slots=True)
class Config:
    apiservers: tuple[str, ...]
    timing: Timing = field(default_factory=Timing)
    name: str = "default-scheduler"
    """Pods with this spec.schedulerName are ours."""
    score_strategy: str = "least"
    """`least`: spread by free room; `most`: pack nodes full."""

    def __post_init__(self) -> None:
        if self.score_strategy not in STRATEGIES:
            raise UsageError(
                f"unknown score_strategy {self.score_strategy!r}",
                place="scheduler",
                remedy=f"one of {', '.join(STRATEGIES)}",
            )


async def run(host: Host, config: Config) -> None:
    """For ever: follow pods and nodes, and schedule while leading."""
    client = Client(
        Rpc(host, keepalive=config.timing.watch_keepalive),
        config.apiservers,
        timeout=config.timing.request_timeout,
        user="system:kube-scheduler",
    )
    informers = InformerSet(client, config.timing)
    informers.add("Pod", fields=LIVE_PODS)
    informers.add("Node")
    scheduler = Scheduler(host, config, client, informers)
    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run())
        group.create_task(lead(client, host, LEASE, config.timing, scheduler.work))


class Scheduler:
    """Routes what the informers see to the session that leads, if any."""

    def __init__(self, host: Host, config: Config, client: Client, informers: InformerSet) -> None:
        self._host = host
        self._config = config
        self._client = client
        self._informers = informers
        self._session: Session | None = None
        informers.cache.on_change("Pod", self._pod_changed)
        informers.cache.on_change("Node", self._node_changed)

    async def work(self) -> None:
        """One time of leading, from nothing but the cache: what another leader assumed is bound or was not."""
        await self._informers.wait_synced()
        session = self._session = Session(self._host, self._config, self._client, self._informers)
        try:
            await session.run()
        finally:
            self._session = None

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if self._session is not None:
            self._session.pod_changed(old, new)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if self._session is not None:
            self._session.node_changed(old, new)


class Session:
    """The state of one time of leading."""

    def __init__(self, host: Host, config: Config, client: Client, informers: InformerSet) -> None:
        timing = config.timing
        self._host = host
        self._config = config
        self._client = client
        self._cache = informers.cache
        self._snapshot = Snapshot()
        self._cycle = Cycle(self._snapshot, host.rng, config.score_strategy)
        self._queue = SchedulingQueue(
            backoff_start=timing.scheduler_backoff_start,
            backoff_max=timing.scheduler_backoff_max,
            retry=timing.unschedulable_retry,
        )
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._loop = asyncio.get_running_loop()
        self._attracted: dict[str, None] = {}
        """Waiting pods that another pod's arrival may help: with pod affinity or a spread."""

    async def run(self) -> None:
        for node in self._cache.list("Node"):
            self.node_changed(None, node)
        for pod in self._cache.list("Pod"):
            self.pod_changed(None, pod)
        async with asyncio.TaskGroup() as group:
            decisions = 0
            while True:
                key = self._queue.pop(self._loop.time())
                if key is None:
                    await self._idle()
                    continue
                await self._slots.acquire()
                errand = self._decide(key)
                if errand is None:
                    self._slots.release()
                else:
                    group.create_task(self._carry_out(errand))
                decisions += 1
                if decisions % TURN == 0:
                    await asyncio.sleep(0)

    async def _idle(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._queue.next_deadline()):
                await self._wake.wait()
        except TimeoutError:
            return

    # ── what the watches tell ────────────────────────────────────────────────────────────────────────────────

    def node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            if old is not None:
                self._snapshot.remove_node(meta.name_of(old))
            return
        # Heartbeats change a node's status every few seconds, and nothing that matters here.
        if old is not None and _node_facts(old) == _node_facts(new):
            return
        self._snapshot.set_node(new)
        self._cluster_changed()

    def pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            if old is not None:
                self._pod_gone(meta.key_of(old))
            return
        key = meta.key_of(new)
        newly_bound = bool(views.pod_node(new)) and self._snapshot.placed(key) is None
        self._snapshot.set_pod(new)
        if views.pod_node(new):
            self._queue.remove(key)
            self._attracted.pop(key, None)
            if views.pod_terminal(new):
                self._cluster_changed()
            elif newly_bound:
                self._arrived()
        elif not self._wanted(new):
            self._queue.remove(key)
            self._attracted.pop(key, None)
        elif not self._snapshot.assumed(key, meta.uid_of(new)):
            priority = int(new["spec"].get("priority") or 0)
            if old is None or _pod_facts(old) != _pod_facts(new):
                self._queue.updated(key, priority, self._loop.time())
            else:
                self._queue.add(key, priority, self._loop.time())
            self._wake.set()

    def _pod_gone(self, key: str) -> None:
        self._queue.remove(key)
        self._attracted.pop(key, None)
        if self._snapshot.placed(key) is not None:
            self._snapshot.remove_pod(key)
            self._cluster_changed()

    def _cluster_changed(self) -> None:
        self._queue.cluster_changed(self._loop.time())
        self._wake.set()

    def _arrived(self) -> None:
        """A pod came to a node: those that want company are worth another look."""
        for key in self._attracted:
            pod = self._cache.get("Pod", *meta.split_key(key))
            if pod is not None:
                self._queue.updated(key, int(pod["spec"].get("priority") or 0), self._loop.time())
        self._attracted.clear()
        self._wake.set()

    def _wanted(self, pod: Object) -> bool:
        spec = pod["spec"]
        return (
            not views.pod_node(pod)
            and not meta.deleting(pod)
            and not views.pod_terminal(pod)
            and not spec.get("schedulingGates")
            and (spec.get("schedulerName") or "default-scheduler") == self._config.name
        )

    # ── one pod ──────────────────────────────────────────────────────────────────────────────────────────────

    def _decide(self, key: str) -> Coroutine[Any, Any, None] | None:
        """The errand that follows from the decision about this pod, None if there is none."""
        pod = self._cache.get("Pod", *meta.split_key(key))
        if pod is None or not self._wanted(pod):
            self._queue.remove(key)
            return None
        info = PodInfo.of(pod)
        decision = self._cycle.schedule(info)
        if decision.node:
            self._snapshot.assume(info, decision.node)
            self._arrived()
            return self._bind(info, pod, decision.node)
        self._queue.fits_nowhere(key, self._loop.time())
        if _wants_company(pod):
            self._attracted[key] = None
        self._client.event(pod, "Warning", "FailedScheduling", decision.message)
        return self._say_unschedulable(pod, decision.message)

    async def _carry_out(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        finally:
            self._slots.release()

    async def _bind(self, info: PodInfo, pod: Object, node: str) -> None:
        """Bind, or undo what was assumed. After an indefinite failure the pod itself says which."""
        namespace, name = meta.split_key(info.key)
        try:
            bound = await self._client.bind(namespace, name, node, info.uid)
        except StatusError as error:
            if error.definite:
                self._undo(info)
                return
            found = await self._look(namespace, name)
            if found is None or meta.uid_of(found) != info.uid or views.pod_node(found) != node:
                # A binding that is still under way will find the pod as it then is: bound elsewhere, or by us again.
                self._undo(info)
                return
            bound = found
        self._host.note("bound", {"pod": info.key, "node": node})
        self._client.event(pod, "Normal", "Scheduled", f"Successfully assigned {info.key} to {node}")
        self._cache.written(bound)
        current = self._cache.get("Pod", namespace, name)
        if current is not None and self._wanted(current):
            # It was deleted and made anew before our answer came: the new one has not been tried.
            self._queue.failed(info.key, self._loop.time())
            self._wake.set()
        else:
            self._queue.remove(info.key)

    def _undo(self, info: PodInfo) -> None:
        self._snapshot.forget(info.key, info.uid)
        self._queue.failed(info.key, self._loop.time())
        self._cluster_changed()

    async def _look(self, namespace: str, name: str) -> Object | None:
        """The pod as it is now, None if it is gone; asks until somebody knows."""
        while True:
            try:
                return await self._client.get("Pod", name, namespace)
            except StatusError as error:
                if error.reason == "NotFound":
                    return None
            await asyncio.sleep(self._config.timing.scheduler_backoff_start)

    async def _say_unschedulable(self, pod: Object, message: str) -> None:
        """Condition PodScheduled False, Unschedulable; written only if it says something new."""
        old = meta.condition(pod, "PodScheduled") or {}
        if (old.get("status"), old.get("reason"), old.get("message")) == ("False", "Unschedulable", message):
            return
        before = (pod.get("status") or {}).get("conditions") or []
        now = meta.timestamp(self._host.clock.now())
        after = meta.set_condition(before, "PodScheduled", "False", "Unschedulable", message, now)
        changed = [c for c in after if c["type"] == "PodScheduled"]
        namespace, name = meta.namespace_of(pod), meta.name_of(pod)
        patch = {"metadata": {"uid": meta.uid_of(pod)}, "status": {"conditions": changed}}
        try:
            await self._client.patch("Pod", name, patch, type="strategic", namespace=namespace, subresource="status")
        except StatusError as error:
            # It is written at the next try, and for a pod that is gone never.
            self._host.note("condition-failed", {"pod": f"{namespace}/{name}", "error": str(error)})


def _node_facts(node: Object) -> tuple[Any, ...]:
    status = node.get("status") or {}
    return (
        node["metadata"].get("uid"),
        meta.labels_of(node),
        node.get("spec"),
        status.get("allocatable"),
        status.get("capacity"),
        status.get("images"),
    )


def _pod_facts(pod: Object) -> tuple[Any, ...]:
    return pod["metadata"].get("uid"), meta.labels_of(pod), pod.get("spec")


def _wants_company(pod: Object) -> bool:
    spec = pod["spec"]
    return bool((spec.get("affinity") or {}).get("podAffinity") or spec.get("topologySpreadConstraints"))
