"""Shell of one pod: facts in, `podstate.advance`, actions out. Must not decide: it does what it is told, once each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from cluster.api import meta
from cluster.errors import StatusError
from nodes.kubelet.facts import NEVER, Object, PodFacts, key_of, recovered
from nodes.kubelet.kit import Kit
from nodes.kubelet.podstate import (
    TERMINAL,
    Action,
    BackOff,
    Finish,
    Outcome,
    Start,
    Stop,
    advance,
    ending,
    grace_seconds,
)
from nodes.kubelet.podstatus import Place, render
from nodes.kubelet.prober import Prober, Target
from nodes.kubelet.probes import Health, Purpose, parse_probes
from nodes.kubelet.runtime import Container, ContainerKey, RuntimeFailure
from nodes.kubelet.starting import run_hook, start_container
from nodes.kubelet.statuswriter import OWN_CONDITIONS, StatusWriter
from nodes.kubelet.stopping import KILL_RETRY, Stopper

HOOK_TIMEOUT = 30.0
"""Seconds that a postStart hook may take."""


class PodWorker:
    """`pod` is what the apiserver last said; `facts` what the kubelet knows. One `_sync` per turn of the loop, however
    much has happened."""

    def __init__(self, kit: Kit, pod: Object, found: Sequence[Container], gone: Callable[[str], None]) -> None:
        """`found`: its containers that the runtime has already; `gone(uid)`: nothing is left of it."""
        self._kit = kit
        self.pod = pod
        self.uid = meta.uid_of(pod)
        self._gone = gone
        self.facts: PodFacts = recovered(pod, found, kit.instant())
        self._status: Object = {}
        self._writer = StatusWriter(kit, pod, lambda: not self.facts.removed)
        self._probers: dict[str, Prober] = {}
        self._early: dict[ContainerKey, Container] = {}
        self._stopper = Stopper(kit, self)
        self._backed_off: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._pending: asyncio.Handle | None = None
        self._finishing = False
        self._released = False
        self._place = Place(kit.config.node, kit.config.node_ip)
        self._admit(bool(found))

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────

    def observe(self, pod: Object | None) -> None:
        """The apiserver's pod has changed, or is gone."""
        if pod is None:
            self.facts = replace(self.facts, removed=True)
            if self._finishing:
                self._gone(self.uid)
        else:
            self.pod = pod
            self._writer.seen(pod)
        self.kick()

    def exited(self, container: Container) -> None:
        """The runtime says that a container has ended."""
        name = container.key.name
        facts = self.facts.of(name)
        if facts.attempt != container.key.attempt:
            return
        if facts.phase == "starting":  # its start has not returned yet
            self._early[container.key] = container
        elif facts.phase == "running":
            self._set(name, container)

    def kick(self) -> None:
        """Look at the pod again, this turn."""
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_soon(self._sync)

    def container(self, name: str) -> Object | None:
        """The manifest of a container; "" names the first."""
        spec = self.pod.get("spec") or {}
        parts = ("containers", "initContainers", "ephemeralContainers")
        containers = [container for part in parts for container in spec.get(part) or ()]
        return next((c for c in containers if not name or c["name"] == name), None)

    @property
    def phase(self) -> str:
        return str(self._status.get("phase") or "Pending")

    def why(self, name: str) -> str:
        """The reason that a container waits for, "" if it does not."""
        parts = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
        entries = [entry for part in parts for entry in self._status.get(part) or ()]
        found: Object = next((e for e in entries if e["name"] == name), {})
        return str((found.get("state", {}).get("waiting") or {}).get("reason", ""))

    # ── the turn ─────────────────────────────────────────────────────────────────────────────────────────────

    def _admit(self, found: bool) -> None:
        status = self.pod.get("status") or {}
        if status.get("phase") in TERMINAL:
            self._released = True
            return
        verdict = self._kit.admit(self.pod, known=found or bool(status.get("startTime")))
        if verdict is not None:
            self.facts = replace(self.facts, rejected=verdict)
            self._kit.emit(self.pod, "Warning", verdict.reason, verdict.message)
        elif self.facts.ip and not self._host_network() and not self._kit.pool.restore(self.uid, self.facts.ip):
            self.facts = replace(self.facts, ip="")

    def _sync(self) -> None:
        self._pending = None
        if self._finishing:
            return
        now = self._kit.instant()
        pod = self._view()
        if ending(pod, self.facts, now):
            if self.facts.ending_since == NEVER:
                self.facts = replace(self.facts, ending_since=now.mono)
        elif not self.facts.ip:
            self._address()
        outcome = advance(pod, self.facts, self._kit.rules, now)
        for action in outcome.actions:
            self._do(action)
        self._watch_health()
        self._publish(pod, outcome)
        self._alarm(outcome.wake_at - now.mono)

    def _view(self) -> Object:
        """The pod with the status that we last made of it, whether or not the apiserver has it yet. A terminal phase
        that another wrote (an eviction) stands."""
        theirs = self.pod.get("status") or {}
        mine = self._status
        if theirs.get("phase") in TERMINAL and mine.get("phase") not in TERMINAL:
            mine = {k: v for k, v in mine.items() if k not in ("phase", "reason", "message")}
        own = [c for c in mine.get("conditions") or () if c["type"] in OWN_CONDITIONS]
        own_types = [c["type"] for c in own]
        others = [c for c in theirs.get("conditions") or () if c["type"] not in own_types]
        return {**self.pod, "status": {**theirs, **mine, "conditions": own + others}}

    def _publish(self, pod: Object, outcome: Outcome) -> None:
        self._status = render(pod, self.facts, outcome, self._place, self._kit.instant())
        self._writer.put(self._status)
        if outcome.terminal and not self._released:
            self._released = True
            self._kit.release(self.uid)

    def _alarm(self, wait: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait != NEVER:
            self._timer = asyncio.get_running_loop().call_later(max(wait, 0.0), self.kick)

    def _address(self) -> None:
        if self._host_network():
            self.facts = replace(self.facts, ip=self._kit.config.node_ip)
            return
        try:
            ip = self._kit.pool.allocate(self.uid, self._kit.host.clock.monotonic())
        except StatusError as error:
            self._kit.emit(self.pod, "Warning", "FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
            asyncio.get_running_loop().call_later(self._kit.config.timing.crash_backoff_start, self.kick)
        else:
            self.facts = replace(self.facts, ip=ip)

    def _host_network(self) -> bool:
        return bool((self.pod.get("spec") or {}).get("hostNetwork"))

    # ── doing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, action: Action) -> None:
        if isinstance(action, Start):
            facts = self.facts.of(action.container).ordered(action.streak)
            self.facts = self.facts.put(action.container, facts)
            self._kit.spawn(self._start(action.container, action.attempt))
        elif isinstance(action, Stop):
            self._order_stop(action)
        elif isinstance(action, BackOff):
            attempt = self.facts.of(action.container).attempt
            if self._backed_off.get(action.container) != attempt:
                self._backed_off[action.container] = attempt
                self._kit.emit(self.pod, "Warning", "BackOff", action.message)
        else:
            self._finishing = True
            self._kit.spawn(self._finish(action))

    async def _start(self, name: str, attempt: int) -> None:
        container = self.container(name)
        assert container is not None  # podstate names only what the manifest has
        try:
            started = await start_container(self._kit, self.pod, container, attempt, self.facts.ip)
        except RuntimeFailure as failure:
            at = self._kit.host.clock.monotonic()
            self.facts = self.facts.put(name, self.facts.of(name).failed(failure.reason, failure.message, at))
            self.kick()
            return
        self._set(name, started)
        early = self._early.pop(started.key, None)
        if early is not None and started.state == "running":
            self._set(name, early)
        hook = (container.get("lifecycle") or {}).get("postStart")
        if hook:
            why = await run_hook(self._kit, started.key, container, hook, (self.facts.ip, HOOK_TIMEOUT))
            now = self._kit.host.clock.monotonic()
            if why and self.facts.of(name).phase == "running":
                self._kit.emit(self.pod, "Warning", "FailedPostStartHook", f"PostStartHook failed: {why}")
                self._order_stop(
                    Stop(name, now + grace_seconds(self.pod), f"Container {name} failed its postStart hook")
                )
        if attempt >= 2:  # the log of the one before stays readable
            await self._kit.runtime.remove(key_of(self.pod, name, attempt - 2))

    def _set(self, name: str, container: Container) -> None:
        """The runtime's word on the newest incarnation."""
        facts = self.facts.of(name)
        if container.state == "running":
            facts = facts.running(container, Health(False, False))
        else:
            facts = facts.running(container, facts.health).exited(container, self._kit.host.clock.monotonic())
        self.facts = self.facts.put(name, facts)
        self._stopper.news(name)
        self.kick()

    def _order_stop(self, stop: Stop) -> None:
        facts = self.facts.of(stop.container)
        self.facts = self.facts.put(stop.container, replace(facts, stop_by=stop.by))
        if self._stopper.go(stop.container, facts.attempt):
            self._kit.emit(self.pod, "Normal", "Killing", stop.message)

    async def _finish(self, finish: Finish) -> None:
        """Nothing runs: free everything, then let the apiserver forget the pod."""
        self.close()
        try:
            await self._kit.runtime.remove_pod(self.uid)
        except RuntimeFailure as failure:
            self._kit.host.note("remove-failed", {"pod": meta.key_of(self.pod), "error": failure.message})
            self._finishing = False
            asyncio.get_running_loop().call_later(KILL_RETRY, self.kick)
            return
        self._kit.release(self.uid)
        await self._writer.flushed()
        while finish.delete and not self.facts.removed:
            try:
                await self._kit.client.delete(
                    "Pod", meta.name_of(self.pod), meta.namespace_of(self.pod), uid=self.uid, grace=0
                )
                break
            except StatusError as error:
                if error.reason in ("NotFound", "Conflict"):
                    break
                await asyncio.sleep(self._kit.host.rng.uniform(0.1, 1.0))
        if self.facts.removed:
            self._gone(self.uid)

    # ── probes ───────────────────────────────────────────────────────────────────────────────────────────────

    def _watch_health(self) -> None:
        """A prober for each incarnation that runs and is not being stopped; its word into the facts."""
        for name, prober in list(self._probers.items()):
            facts = self.facts.of(name)
            same = facts.phase == "running" and facts.attempt == prober.target.key.attempt
            if not same or facts.stop_by != NEVER:
                prober.close()
                del self._probers[name]
        for name, facts in self.facts.containers.items():
            if facts.phase == "running" and facts.stop_by == NEVER and name not in self._probers:
                self._probe(name)
        for name, prober in self._probers.items():
            facts = self.facts.of(name)
            if facts.health != prober.health:
                self.facts = self.facts.put(name, replace(facts, health=prober.health))
                self.kick()

    def _probe(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        facts, now = self.facts.of(name), self._kit.instant()
        key = key_of(self.pod, name, facts.attempt)
        target = Target(key, container, self.facts.ip, now.mono - max(now.wall - facts.started_at, 0.0))
        prober = Prober(self._kit, target, parse_probes(container), partial(self._unhealthy, name), self.kick)
        status = self.pod.get("status") or {}
        for part in ("initContainerStatuses", "containerStatuses"):
            for entry in status.get(part) or ():
                if entry["name"] == name and str(entry.get("containerID", "")).endswith(key.id):
                    prober.prime(bool(entry.get("started")), bool(entry.get("ready")))
        self._probers[name] = prober
        prober.go()

    def _unhealthy(self, name: str, purpose: Purpose, message: str) -> None:
        self._kit.emit(self.pod, "Warning", "Unhealthy", f"{purpose.capitalize()} probe failed: {message[:1024]}")

    def close(self) -> None:
        for prober in self._probers.values():
            prober.close()
        self._probers.clear()
        self._alarm(NEVER)
