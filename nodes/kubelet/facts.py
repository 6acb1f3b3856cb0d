"""What a kubelet knows about one pod's containers, and how knowledge changes. Pure values; must not decide anything
(`podstate.py` does)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cluster.api import meta
from nodes.kubelet.probes import Health
from nodes.kubelet.runtime import Container, ContainerKey

Object = dict[str, Any]

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Instant:
    """`mono`: seconds that never jump, for waiting. `wall`: the host's own idea of the time, for stamps."""

    mono: float
    wall: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How an incarnation ended. `at`: when the kubelet counts it from (monotonic); the others are stamps (wall)."""

    attempt: int
    exit_code: int
    at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    signal: int = 0
    reason: str = ""
    message: str = ""

    @property
    def ran(self) -> float:
        """Seconds; 0 where it is not known."""
        return max(self.finished_at - self.started_at, 0.0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a container could not be started: the waiting reason, since when (monotonic), the how-many-th time."""

    reason: str
    message: str
    at: float
    count: int = 1


Phase = Literal["waiting", "starting", "running", "exited"]


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One container of a pod. `attempt` is its newest incarnation, from 0; -1: none was ever ordered.

    `ended`: how that one ended (exited only); `last`: the one before it. `streak`: restarts in a row that back-off
    counts. `stop_by`: a stop was ordered, SIGKILL comes then (monotonic)."""

    attempt: int = -1
    phase: Phase = "waiting"
    started_at: float = 0.0
    image_id: str = ""
    health: Health = Health(False, False)
    ended: Ended | None = None
    last: Ended | None = None
    trouble: Trouble | None = None
    streak: int = 0
    stop_by: float = NEVER

    # Each of the following is one thing that happens; the shell applies it when it does.

    def ordered(self, streak: int) -> ContainerFacts:
        """The next incarnation is being started; nobody may start another meanwhile."""
        return ContainerFacts(
            self.attempt + 1,
            "starting",
            image_id=self.image_id,
            last=self.ended or self.last,
            trouble=self.trouble,
            streak=streak,
        )

    def failed(self, reason: str, message: str, at: float) -> ContainerFacts:
        """It did not come to run: back to where it was before it was ordered."""
        count = self.trouble.count + 1 if self.trouble else 1
        return ContainerFacts(
            self.attempt - 1,
            "exited" if self.attempt > 0 else "waiting",
            image_id=self.image_id,
            ended=self.last,
            trouble=Trouble(reason, message, at, count),
            streak=max(self.streak - 1, 0),
        )

    def running(self, container: Container, health: Health) -> ContainerFacts:
        return replace(
            self,
            phase="running",
            started_at=container.started_at,
            image_id=container.image_id,
            health=health,
            trouble=None,
        )

    def exited(self, container: Container, at: float) -> ContainerFacts:
        return replace(self, phase="exited", ended=ended_of(container, at), health=Health(False, False), stop_by=NEVER)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a pod is to fail whatever its containers do: OutOfcpu, Evicted, DeadlineExceeded."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PodFacts:
    """`started_at`: when the kubelet first saw the pod (wall; status.startTime), `began` the same, monotonic.
    `rejected`: it never may start. `removed`: it is gone from the apiserver. `ending_since`: since when it is to end
    (monotonic), for the grace. `image_ids` and containers are by the name of the container, init containers too."""

    containers: Mapping[str, ContainerFacts] = field(default_factory=dict)
    ip: str = ""
    started_at: float = 0.0
    began: float = 0.0
    rejected: Verdict | None = None
    removed: bool = False
    ending_since: float = NEVER

    def of(self, name: str) -> ContainerFacts:
        return self.containers.get(name, _NOTHING)

    def put(self, name: str, facts: ContainerFacts) -> PodFacts:
        return replace(self, containers={**self.containers, name: facts})


_NOTHING = ContainerFacts()


def ended_of(container: Container, at: float) -> Ended:
    reason = container.reason or ("Completed" if container.exit_code == 0 else "Error")
    return Ended(
        container.key.attempt,
        container.exit_code,
        at,
        container.started_at,
        container.finished_at,
        container.signal,
        reason,
        container.message,
    )


def container_names(pod: Mapping[str, Any]) -> list[str]:
    """Init containers, containers, then ephemeral ones, in the manifest's order."""
    spec = pod.get("spec") or {}
    return [c["name"] for part in ("initContainers", "containers", "ephemeralContainers") for c in spec.get(part) or ()]


def recovered(pod: Mapping[str, Any], found: Sequence[Container], now: Instant) -> PodFacts:
    """What a kubelet that has just booted knows: the runtime's containers first, then the status it once wrote.

    A container that ran by the status and is unknown to the runtime was lost (its machine was off): it counts as
    ended, exit code 137, reason ContainerStatusUnknown, as in Kubernetes."""
    status = pod.get("status") or {}
    written = {
        entry["name"]: entry
        for part in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for entry in status.get(part) or ()
    }
    containers: dict[str, ContainerFacts] = {}
    for name in container_names(pod):
        mine = sorted((c for c in found if c.key.name == name), key=lambda c: c.key.attempt)
        facts = _from_runtime(mine, now) if mine else _from_status(written.get(name) or {}, now)
        if facts is not None:
            containers[name] = facts
    ip = next((c.ip for c in found if c.ip), "") or str(status.get("podIP") or "")
    started = meta.parse_time(status["startTime"]) if status.get("startTime") else now.wall
    return PodFacts(containers, ip, started, now.mono - max(now.wall - started, 0.0))


def _from_runtime(mine: Sequence[Container], now: Instant) -> ContainerFacts:
    newest = mine[-1]
    before = mine[-2] if len(mine) > 1 else None
    facts = ContainerFacts(
        newest.key.attempt,
        "running",
        newest.started_at,
        newest.image_id,
        last=ended_of(before, now.mono) if before and before.state == "exited" else None,
        streak=newest.key.attempt,
    )
    if newest.state == "exited":
        return facts.exited(newest, now.mono - max(now.wall - newest.finished_at, 0.0))
    return facts


def _from_status(entry: Mapping[str, Any], now: Instant) -> ContainerFacts | None:
    state = entry.get("state") or {}
    attempt = int(entry.get("restartCount") or 0)
    last = _ended(attempt - 1, (entry.get("lastState") or {}).get("terminated"), now)
    if state.get("terminated"):
        ended = _ended(attempt, state["terminated"], now)
    elif state.get("running"):
        started = state["running"].get("startedAt")
        ended = Ended(
            attempt,
            137,
            now.mono,
            meta.parse_time(started) if started else now.wall,
            now.wall,
            9,
            "ContainerStatusUnknown",
            "The container could not be located when the pod's node came back",
        )
    else:  # it waited for its next incarnation, or for its first
        ended = _ended(attempt, (entry.get("lastState") or {}).get("terminated"), now)
        last = None
    if ended is None:
        return None
    return ContainerFacts(
        attempt, "exited", image_id=entry.get("imageID") or "", ended=ended, last=last, streak=attempt
    )


def _ended(attempt: int, terminated: Mapping[str, Any] | None, now: Instant) -> Ended | None:
    if not terminated:
        return None
    started = meta.parse_time(terminated["startedAt"]) if terminated.get("startedAt") else now.wall
    finished = meta.parse_time(terminated["finishedAt"]) if terminated.get("finishedAt") else now.wall
    return Ended(
        attempt,
        int(terminated.get("exitCode") or 0),
        now.mono - max(now.wall - finished, 0.0),
        started,
        finished,
        int(terminated.get("signal") or 0),
        terminated.get("reason") or "",
        terminated.get("message") or "",
    )


def key_of(pod: Mapping[str, Any], name: str, attempt: int) -> ContainerKey:
    return ContainerKey(meta.uid_of(pod), name, attempt)
