"""Who leads: one of many, by a Lease in kube-system (Kubernetes: client-go's LeaderElection).

The rules are pure (`Candidate`), `lead` is the shell that carries them out. Must not know what leading is for.

    Rule 1: only who sees no change of the Lease for `leader_lease` seconds may take it from its holder. Nobody
            compares clocks: the time since the change is measured on one's own steady clock.
    Rule 2: who leads stops `leader_renew_deadline` seconds after it sent its last renewal that succeeded. Since
            that is shorter than `leader_lease`, it has stopped before another may start.
    Rule 3: every write of the Lease is conditional on the resourceVersion that was read.
    Rule 4: whatever else is written through the client given to `lead` is refused before it is sent, unless rule 2
            still allows it at that moment: who wakes from a pause must not write before the loop gets to cancel it.

A clock that runs slow by more than the ratio of the two times breaks rule 2, as it does in Kubernetes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cluster.api.meta import micro_timestamp
from cluster.client.client import Client
from cluster.config import Timing
from cluster.errors import StatusError
from cluster.world.host import Host

Object = dict[str, Any]

NAMESPACE = "kube-system"
JITTER = 1.2
"""A retry waits leader_retry times a draw from [1, JITTER)."""


@dataclass(slots=True)
class Candidate:
    """What one candidate knows about the Lease. Times are seconds of its own steady clock."""

    identity: str
    lease: float
    """Seconds without a change after which the holder may be replaced."""
    renew_deadline: float
    observed: Object | None = None
    observed_at: float = 0.0
    leading_since: float | None = None
    """When the last successful renewal was sent; None if not leading."""

    def observe(self, lease: Object | None, now: float) -> None:
        """The Lease as read; a changed one starts its time anew."""
        if _record(lease) != _record(self.observed):
            self.observed_at = now
        self.observed = lease

    @property
    def holder(self) -> str:
        return str(self.observed["spec"].get("holderIdentity") or "") if self.observed else ""

    def may_take(self, now: float) -> bool:
        """Nobody holds it, we do, or its holder has been silent for long enough."""
        return self.holder in ("", self.identity) or now >= self.observed_at + self.lease

    def wanted(self, name: str, wall: float) -> Object:
        """The Lease to write: taken or renewed by us at `wall` (seconds since 1970)."""
        old = self.observed["spec"] if self.observed else {}
        ours = self.holder == self.identity
        stamp = micro_timestamp(wall)
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, math.ceil(self.lease)),
            "acquireTime": old.get("acquireTime", stamp) if ours else stamp,
            "renewTime": stamp,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if ours or not self.observed else 1),
        }
        meta = {"name": name, "namespace": NAMESPACE}
        if self.observed:
            meta = {**self.observed["metadata"]}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}

    def renewed(self, lease: Object, sent: float, now: float) -> None:
        """Our write, sent at `sent`, succeeded: we lead."""
        self.observe(lease, now)
        self.leading_since = sent

    def lost(self) -> None:
        self.leading_since = None

    def expires(self) -> float:
        """When we must have stopped, unless we renew."""
        return -math.inf if self.leading_since is None else self.leading_since + self.renew_deadline


def _record(lease: Object | None) -> Any:
    return None if lease is None else (lease["metadata"].get("uid"), lease.get("spec"))


async def lead(client: Client, host: Host, name: str, timing: Timing, work: Callable[[], Awaitable[None]]) -> None:
    """For ever: wait for the lead, run `work`, cancel it when the lead is lost. If `work` returns or raises, the Lease
    is given back and so does this. The journal gets "role" {"name", "role": leader or standby, "holder"}.

    `client` is fenced from now on (rule 4): one that writes other things too needs a client of its own for them."""
    await Elector(client, host, name, timing).run(work)


class Elector:
    """The shell: tries every `leader_retry` seconds, whether it leads or not."""

    def __init__(self, client: Client, host: Host, name: str, timing: Timing) -> None:
        self.candidate = Candidate(host.name, timing.leader_lease, timing.leader_renew_deadline)
        self._client = client.with_timeout(timing.leader_renew_deadline / 3)
        self._client.fence = None
        self._host = host
        self._name = name
        self._timing = timing
        client.fence = self._fence

    def _fence(self) -> str:
        # Not the loop's time, which some loops take once a turn: the pause may have been in this turn.
        if self._host.clock.monotonic() < self.candidate.expires():
            return ""
        return f"{self._host.name} does not lead {self._name} (any more): nothing was sent"

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._acquire()
            self._note("leader")
            if await self._while_leading(work):
                await self._release()
                return
            self._note("standby")

    async def _acquire(self) -> None:
        seen = None
        while not await self._try():
            if self.candidate.holder != seen:
                seen = self.candidate.holder
                self._note("standby")
            await self._wait()

    async def _while_leading(self, work: Callable[[], Awaitable[None]]) -> bool:
        """True when `work` has ended by itself, False when the lead is lost and `work` cancelled."""
        task = asyncio.ensure_future(work())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait((task, renewal), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                renewal.cancel()
                try:
                    await task
                except Exception:
                    await self._release()
                    raise
                return True
            renewal.result()
            return False
        finally:
            self.candidate.lost()
            for each in (renewal, task):
                each.cancel()
            await asyncio.gather(renewal, task, return_exceptions=True)

    async def _renew(self) -> None:
        """Returns when the lead is lost: by the clock, or because another holds the Lease."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(self.candidate.expires()):
                    await self._wait()
                    while not await self._try():
                        if self.candidate.holder != self._host.name:
                            return
                        await self._wait()
            except TimeoutError:
                return
            if loop.time() >= self.candidate.expires():
                return

    async def _wait(self) -> None:
        await asyncio.sleep(self._timing.leader_retry * self._host.rng.uniform(1.0, JITTER))

    async def _try(self) -> bool:
        """One try to take or renew the Lease; False if it is another's, or if no apiserver says so."""
        loop = asyncio.get_running_loop()
        candidate = self.candidate
        try:
            # A leader knows what it wrote, and saves the read (client-go does the same).
            if candidate.leading_since is None:
                candidate.observe(await self._read(), loop.time())
                if not candidate.may_take(loop.time()):
                    return False
            sent = loop.time()
            wanted = candidate.wanted(self._name, self._host.clock.now())
            write = self._client.update if candidate.observed else self._client.create
            candidate.renewed(await write(wanted), sent, loop.time())
            return True
        except StatusError as error:
            if candidate.leading_since is not None and error.reason in ("Conflict", "NotFound", "Timeout"):
                await self._look()
            return False

    async def _look(self) -> None:
        """After a write that failed or may have happened: whose is the Lease now?"""
        try:
            self.candidate.observe(await self._read(), asyncio.get_running_loop().time())
        except StatusError:
            return

    async def _read(self) -> Object | None:
        try:
            return await self._client.get("Lease", self._name, NAMESPACE)
        except StatusError as error:
            if error.reason == "NotFound":
                return None
            raise

    async def _release(self) -> None:
        """Give the Lease back, so that the next need not wait; best effort."""
        observed = self.candidate.observed
        if observed is None or self.candidate.holder != self._host.name:
            return
        spec = {**observed["spec"], "holderIdentity": "", "renewTime": micro_timestamp(self._host.clock.now())}
        try:
            await self._client.update({**observed, "spec": spec})
        except StatusError:
            return

    def _note(self, role: str) -> None:
        self._host.note("role", {"name": self._name, "role": role, "holder": self.candidate.holder})
