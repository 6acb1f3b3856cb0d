"""The controller manager: informers and queues in, plans out, one leader (Kubernetes: kube-controller-manager).

Must not know what any controller does: it runs the rows of `CONTROLLERS`.

Informers run always, so that a standby takes over with warm caches; queues and workers run only while leading.
After every write the answer goes into the cache, so that the next look sees it: this is what expectations are for
elsewhere. What failed is looked at again with growing waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from cluster.client.client import Client
from cluster.client.election import lead
from cluster.client.informer import InformerSet
from cluster.client.metadata import MetadataInformer
from cluster.client.queue import WorkQueue
from cluster.config import Timing
from cluster.controllers import (
    daemonset,
    deployment,
    disruption,
    endpoints,
    endpointslice,
    garbage,
    namespace,
    nodelifecycle,
    podgc,
    replicaset,
    resourcequota,
    tainteviction,
)
from cluster.controllers.carry import Carrier, Stopped
from cluster.controllers.controller import Context, Controller, Failure
from cluster.controllers.identities import Identity, controllers_of
from cluster.controllers.plan import Object, Plan
from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.host import Host

LEASE = "kube-controller-manager"
NOT_LOOKED_AT = ("Event",)
"""Kinds whose objects come and go by themselves."""
TURN = 32
"""Looks that come to nothing, in one turn of the loop."""
CONTROLLERS = (
    nodelifecycle.CONTROLLER,
    tainteviction.CONTROLLER,
    deployment.CONTROLLER,
    replicaset.CONTROLLER,
    daemonset.CONTROLLER,
    endpointslice.CONTROLLER,
    endpoints.CONTROLLER,
    garbage.CONTROLLER,
    namespace.CONTROLLER,
    podgc.CONTROLLER,
    disruption.CONTROLLER,
    resourcequota.CONTROLLER,
)


@dataclass(frozen=True, slots=True)
class Config:
    """`apiservers`: addresses, the nearest first."""

    apiservers: tuple[str, ...]
    timing: Timing = field(default_factory=Timing)
    identity: Identity | None = None
    """The cluster's keys; without them nobody makes accounts, tokens and certificates."""


async def run(host: Host, config: Config) -> None:
    """For ever: caches warm, and the controllers at work whenever this host holds the lease."""
    timing = config.timing
    client = Client(Rpc(host, keepalive=timing.watch_keepalive), config.apiservers, timeout=timing.request_timeout)
    informers = InformerSet(client, timing)
    controllers = (*CONTROLLERS, *controllers_of(config.identity))
    runners = [Runner(host, timing, client, informers, controller) for controller in controllers]
    if any(controller.all_kinds for controller in controllers):
        rest = informers.add_rest(but=NOT_LOOKED_AT)
        for runner in runners:
            runner.hear_of_the_rest(informers, rest)

    async def work() -> None:
        await informers.wait_synced()
        async with asyncio.TaskGroup() as group:
            for runner in runners:
                group.create_task(runner.lead())

    async with asyncio.TaskGroup() as group:
        group.create_task(informers.run())
        group.create_task(lead(client, host, LEASE, timing, work))


class Runner:
    """One controller: its queue, its workers, and what it remembers."""

    def __init__(
        self, host: Host, timing: Timing, client: Client, informers: InformerSet, controller: Controller
    ) -> None:
        self.controller = controller
        self._host = host
        self._timing = timing
        self._cache = informers.cache
        self._carrier = Carrier(client, informers.cache, client)
        self._memory = controller.memory()
        self._failures: dict[str, Failure] = {}
        self._leading = False
        self._wake = asyncio.Event()
        self._queue = WorkQueue(
            host.rng, backoff_start=timing.queue_backoff_start, backoff_max=timing.queue_backoff_max
        )
        for kind in controller.kinds:
            informers.add(kind).on_change(partial(self._changed, kind))

    def hear_of_the_rest(self, informers: InformerSet, rest: MetadataInformer) -> None:
        """Once all controllers have named their kinds: of the others, for those who look after all kinds."""
        if not self.controller.all_kinds:
            return
        for informer in informers:
            if informer.kind not in self.controller.kinds:
                informer.on_change(partial(self._changed, informer.kind))
        rest.on_change(self._changed)

    def _changed(self, kind: str, old: Object | None, new: Object | None) -> None:
        self.controller.observe(self._memory, kind, old, new, self._host.clock.monotonic())
        if self._leading:
            self._enqueue(kind, old, new)

    def _enqueue(self, kind: str, old: Object | None, new: Object | None) -> None:
        for key in self.controller.keys(self._cache, kind, old, new):
            self._queue.add(key)
        self._wake.set()

    async def lead(self) -> None:
        """Until cancelled: look at everything, then at what changes, and at everything again each resync."""
        self._queue.clear()
        self._failures.clear()
        self._leading = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resync())
                await self._dispatch(group)
        finally:
            self._leading = False

    async def _resync(self) -> None:
        while True:
            for key in self.controller.extra_keys:
                self._queue.add(key)
            for kind in self._cache.kinds() if self.controller.all_kinds else self.controller.kinds:
                for obj in self._cache.list(kind):
                    self._enqueue(kind, None, obj)
            self._wake.set()
            await asyncio.sleep(self._timing.resync)

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        """A plan with nothing to carry out costs no task; others are carried out side by side, one a key."""
        loop = asyncio.get_running_loop()
        free = asyncio.Semaphore(self.controller.workers)
        turn = 0
        while True:
            await free.acquire()  # first, so that no key is looked at long before it can be worked on
            key = self._queue.get(loop.time())
            if key is None:
                free.release()
                await self._wait(loop)
                continue
            plan = self._reconcile(key)
            if plan is not None and plan.actions:
                group.create_task(self._work(key, plan, free))
                continue
            if plan is not None:
                self._succeeded(key, plan)
            self._queue.done(key)
            free.release()
            turn += 1
            if turn % TURN == 0:
                await asyncio.sleep(0)  # a resync of thousands must not hold up the host's other work

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wake.clear()
        now = loop.time()
        due = self._queue.next_time(now)
        if due is None:
            await self._wake.wait()
            return
        timer = loop.call_at(due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _reconcile(self, key: str) -> Plan | None:
        """None: an object has a value that the reconciler cannot read. That must stop this key only."""
        try:
            return self.controller.reconcile(self._cache, key, self._context(key))
        except (ValueError, KeyError, TypeError, StatusError) as error:
            self._failed(key, Failure("reconcile", "", type(error).__name__, str(error)), None)
            return None

    async def _work(self, key: str, plan: Plan, free: asyncio.Semaphore) -> None:
        try:
            await self._carrier.carry_out(plan)
        except Stopped as stopped:
            self._failed(key, stopped.failure, stopped.error)
        else:
            self._succeeded(key, plan)
        finally:
            free.release()
            self._queue.done(key)
            self._wake.set()

    def _succeeded(self, key: str, plan: Plan) -> None:
        self._failures.pop(key, None)
        self._queue.forget(key)
        if plan.requeue_after is not None:
            self._queue.add_after(key, asyncio.get_running_loop().time(), plan.requeue_after)

    def _context(self, key: str) -> Context:
        clock = self._host.clock
        return Context(
            now=clock.now(),
            timing=self._timing,
            rng=self._host.rng,
            monotonic=clock.monotonic(),
            failure=self._failures.get(key),
            memory=self._memory,
        )

    def _failed(self, key: str, failure: Failure, error: StatusError | None) -> None:
        now = asyncio.get_running_loop().time()
        if failure.reason != "Conflict" and self._failures.get(key) != failure:
            self._host.note(
                "failure",
                {
                    "controller": self.controller.name,
                    "key": key,
                    "verb": failure.verb,
                    "kind": failure.kind,
                    "reason": failure.reason,
                    "message": failure.message,
                },
            )
        self._failures[key] = failure
        if error is not None and not error.definite:
            # It may have happened: give the watch time to tell, rather than do it again.
            self._queue.add_after(key, now, self._timing.watch_keepalive)
        else:
            self._queue.add_backoff(key, now)
