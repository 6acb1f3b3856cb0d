"""One pod's state machine: from what is known of its containers to what is to be done next. Pure.

Must not know how anything is done, nor write the status (`podstatus.py` renders it). Kubernetes: "Pod Lifecycle".

    outcome = advance(pod, facts, rules, now)

The shell carries out `outcome.actions`, records each as done (`ContainerFacts.ordered`, ...), and asks again when
something happens or at `outcome.wake_at`. Asking again without news asks for nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.api import meta
from cluster.config import Timing
from nodes.kubelet.backoff import Backoff
from nodes.kubelet.facts import NEVER, ContainerFacts, Instant, Object, PodFacts, Verdict

TERMINAL = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Rules:
    """`crash`: waits between restarts, and between pulls. `settle`: waits after a reference that is missing."""

    crash: Backoff
    settle: Backoff

    @classmethod
    def of(cls, timing: Timing) -> Rules:
        crash = Backoff(timing.crash_backoff_start, timing.crash_backoff_max)
        return cls(crash, Backoff(min(timing.pod_sync, crash.first), max(timing.pod_sync, crash.first)))


@dataclass(frozen=True, slots=True)
class Start:
    """Order the container's next incarnation (`facts.attempt + 1`). `streak`: what its facts are to remember."""

    container: str
    attempt: int
    streak: int


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGTERM (after preStop), SIGKILL at `by` (monotonic). Ordered again only to bring `by` forward."""

    container: str
    by: float
    message: str


@dataclass(frozen=True, slots=True)
class BackOff:
    """An Event is due: the container waits until it is restarted."""

    container: str
    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing runs any more and the pod is to go: free what it holds; `delete`: and let the apiserver forget it."""

    delete: bool


Action = Start | Stop | BackOff | Finish


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run although it is meant to."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`waiting`: by container, for the status. `initialized`: init containers are done (sidecars started)."""

    actions: tuple[Action, ...]
    wake_at: float
    phase: str
    waiting: Mapping[str, Waiting]
    initialized: bool
    verdict: Verdict | None = None

    @property
    def terminal(self) -> bool:
        return self.phase in TERMINAL


def advance(pod: Object, facts: PodFacts, rules: Rules, now: Instant) -> Outcome:
    """What to do now. `pod` as the apiserver has it; a terminal phase in its status is for ever."""
    return _Advance(pod, facts, rules, now).outcome()


def ending(pod: Object, facts: PodFacts, now: Instant) -> bool:
    """Is the pod to end, for whatever reason? The shell then sets `ending_since`, from which grace counts."""
    return bool(
        facts.removed
        or meta.deleting(pod)
        or facts.rejected
        or (pod.get("status") or {}).get("phase") in TERMINAL
        or _overdue(pod, facts, now)
    )


def is_sidecar(container: Mapping[str, Any]) -> bool:
    """Kubernetes: an init container whose own restartPolicy is Always."""
    return bool(container.get("restartPolicy") == "Always")


def grace_seconds(pod: Object) -> float:
    """How long the containers of an ending pod may take; a deletion's own grace goes before the manifest's."""
    grace = (pod.get("metadata") or {}).get("deletionGracePeriodSeconds")
    if grace is None:
        grace = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
    return 30.0 if grace is None else max(float(grace), 0.0)


def _overdue(pod: Object, facts: PodFacts, now: Instant) -> bool:
    limit = (pod.get("spec") or {}).get("activeDeadlineSeconds")
    return limit is not None and now.mono >= facts.began + float(limit)


class _Advance:
    """The working memory of one call."""

    def __init__(self, pod: Object, facts: PodFacts, rules: Rules, now: Instant) -> None:
        spec = pod.get("spec") or {}
        self.pod, self.facts, self.rules, self.now = pod, facts, rules, now
        self.policy: Literal["Always", "OnFailure", "Never"] = spec.get("restartPolicy") or "Always"
        self.init: list[Object] = list(spec.get("initContainers") or ())
        self.mains: list[Object] = list(spec.get("containers") or ())
        self.ephemeral: list[Object] = list(spec.get("ephemeralContainers") or ())
        """Started once, whenever they come; they neither hold the pod nor count for it."""
        self.actions: list[Action] = []
        self.waiting: dict[str, Waiting] = {}
        self.wake_at = NEVER
        self.written = (pod.get("status") or {}).get("phase") or "Pending"

    def outcome(self) -> Outcome:
        initialized = self._initialized()
        verdict = self.facts.rejected
        if verdict is None and _overdue(self.pod, self.facts, self.now) and self.written not in TERMINAL:
            verdict = Verdict("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        if ending(self.pod, self.facts, self.now):
            self._end()
        elif not self._finished(initialized):
            self._run(initialized)
            limit = (self.pod.get("spec") or {}).get("activeDeadlineSeconds")
            if limit is not None:
                self._wake(self.facts.began + float(limit))
        else:
            self._end()
        for container in (*self.init, *self.mains, *self.ephemeral):
            self._explain(container["name"])
        phase = self._phase(initialized, verdict)
        return Outcome(tuple(self.actions), self.wake_at, phase, self.waiting, initialized, verdict)

    # ── init containers ──────────────────────────────────────────────────────────────────────────────────────

    def _initialized(self) -> bool:
        """All init containers are done. Once a main container has been started they count as done for ever."""
        if any(self.facts.of(c["name"]).attempt >= 0 for c in self.mains):
            return True
        return all(self._init_done(c) for c in self.init)

    def _init_done(self, container: Object) -> bool:
        facts = self.facts.of(container["name"])
        if is_sidecar(container):
            return facts.phase == "running" and facts.health.started
        return facts.phase == "exited" and facts.ended is not None and facts.ended.exit_code == 0

    def _init_failed(self) -> bool:
        return self.policy == "Never" and any(
            facts.phase == "exited" and facts.ended is not None and facts.ended.exit_code != 0
            for facts in (self.facts.of(c["name"]) for c in self.init if not is_sidecar(c))
        )

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, initialized: bool) -> None:
        if not self.facts.ip:
            return
        for container in self.ephemeral:
            self._keep(container, "Never")
        if initialized:
            for container in self.init:
                if is_sidecar(container):
                    self._keep(container, "Always")
            for container in self.mains:
                self._keep(container, self.policy)
            return
        for container in self.init:
            if is_sidecar(container):
                self._keep(container, "Always")
            elif not self._init_done(container):
                self._keep(container, "Never" if self.policy == "Never" else "OnFailure")
            if not self._init_done(container):
                return

    def _keep(self, container: Object, policy: str) -> None:
        """Start what is to run and does not; stop what is sick."""
        name = container["name"]
        facts = self.facts.of(name)
        if facts.phase == "running":
            if not facts.health.alive and facts.stop_by == NEVER:
                grace = float((self.pod.get("spec") or {}).get("terminationGracePeriodSeconds") or 0)
                why = f"Container {name} failed {facts.health.why} probe, will be restarted"
                self.actions.append(Stop(name, self.now.mono + grace, why))
            return
        if facts.phase == "starting" or not _again(facts, policy):
            return
        streak, at = self._next_start(facts)
        if self.now.mono < at:
            self._wake(at)
            return
        self.actions.append(Start(name, facts.attempt + 1, streak + (1 if facts.attempt >= 0 else 0)))

    def _next_start(self, facts: ContainerFacts) -> tuple[int, float]:
        """(restarts in a row before it, monotonic time) of the next start."""
        streak, at = 0, self.now.mono
        if facts.ended is not None:
            streak = self.rules.crash.streak(facts.streak, facts.ended.ran)
            at = facts.ended.at + self.rules.crash.delay(streak)
        if facts.trouble is not None:
            rule = self.rules.settle if facts.trouble.reason == "CreateContainerConfigError" else self.rules.crash
            at = max(at, facts.trouble.at + rule.retry(facts.trouble.count))
        return streak, at

    def _finished(self, initialized: bool) -> bool:
        """No main container will ever run again."""
        if not initialized:
            return self._init_failed()
        return all(
            facts.phase == "exited" and not _again(facts, self.policy)
            for facts in (self.facts.of(c["name"]) for c in self.mains)
        )

    # ── ending ───────────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> None:
        """Stop the main containers (and init containers) together, then the sidecars, the last one first."""
        since = min(self.facts.ending_since, self.now.mono)
        by = since + grace_seconds(self.pod)
        plain = [c for c in self.init if not is_sidecar(c)] + self.mains + self.ephemeral
        groups = [plain, *([c] for c in reversed(self.init) if is_sidecar(c))]
        for group in groups:
            live = [c["name"] for c in group if self.facts.of(c["name"]).phase in ("running", "starting")]
            for name in live:
                facts = self.facts.of(name)
                if facts.phase == "running" and by < facts.stop_by:
                    self.actions.append(Stop(name, by, f"Stopping container {name}"))
            if live:
                return
        if self.facts.removed or meta.deleting(self.pod):
            self.actions.append(Finish(delete=not self.facts.removed))

    # ── what it looks like ───────────────────────────────────────────────────────────────────────────────────

    def _explain(self, name: str) -> None:
        facts = self.facts.of(name)
        if facts.phase == "running":
            return
        if facts.trouble is not None:
            self.waiting[name] = _trouble(facts)
        elif facts.attempt < 0 or (facts.phase == "starting" and facts.last is None):
            initializing = bool(self.init) and any(c["name"] == name for c in self.mains)
            self.waiting[name] = Waiting("PodInitializing" if initializing else "ContainerCreating")
        elif facts.phase == "exited" and facts.ended is not None and not ending(self.pod, self.facts, self.now):
            self._explain_backoff(name, facts)

    def _explain_backoff(self, name: str, facts: ContainerFacts) -> None:
        streak, at = self._next_start(facts)
        if self.now.mono >= at or not _again(facts, self._policy_of(name)):
            return
        wait = self.rules.crash.delay(streak)
        where = f"{meta.name_of(self.pod)}_{meta.namespace_of(self.pod)}({meta.uid_of(self.pod)})"
        message = f"back-off {wait:g}s restarting failed container={name} pod={where}"
        self.waiting[name] = Waiting("CrashLoopBackOff", message)
        self.actions.append(BackOff(name, f"Back-off restarting failed container {name} in pod {where}"))

    def _policy_of(self, name: str) -> str:
        for container in self.init:
            if container["name"] == name:
                if is_sidecar(container):
                    return "Always"
                return "Never" if self.policy == "Never" else "OnFailure"
        return "Never" if any(c["name"] == name for c in self.ephemeral) else self.policy

    def _phase(self, initialized: bool, verdict: Verdict | None) -> str:
        if self.written in TERMINAL:
            return self.written
        everything = [self.facts.of(c["name"]) for c in (*self.init, *self.mains, *self.ephemeral)]
        live = any(facts.phase in ("running", "starting") for facts in everything)
        if ending(self.pod, self.facts, self.now):
            if live:
                return self.written
            if verdict is not None:
                return "Failed"
            succeeded = all(
                facts.ended is not None and facts.ended.exit_code == 0
                for facts in (self.facts.of(c["name"]) for c in self.mains)
            )
            return "Succeeded" if succeeded else "Failed"
        if not initialized:
            return "Failed" if self._init_failed() and not live else "Pending"
        mains = [self.facts.of(c["name"]) for c in self.mains]
        if any(facts.attempt < 0 or (facts.phase == "starting" and facts.last is None) for facts in mains):
            return "Pending"
        if not self._finished(initialized) or live:
            return "Running"
        failed = any(facts.ended is not None and facts.ended.exit_code != 0 for facts in mains)
        return "Failed" if failed else "Succeeded"

    def _wake(self, at: float) -> None:
        self.wake_at = min(self.wake_at, at)


def _again(facts: ContainerFacts, policy: str) -> bool:
    """Is a container that does not run to be started (again)?"""
    if facts.ended is None:
        return True
    return policy == "Always" or (policy == "OnFailure" and facts.ended.exit_code != 0)


def _trouble(facts: ContainerFacts) -> Waiting:
    trouble = facts.trouble
    assert trouble is not None  # its caller has looked
    if trouble.reason == "ErrImagePull" and trouble.count > 1:
        return Waiting("ImagePullBackOff", f"Back-off pulling image: {trouble.message}")
    return Waiting(trouble.reason, trouble.message)
