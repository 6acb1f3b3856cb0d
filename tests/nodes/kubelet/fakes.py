"""Builders of pods, and a runtime of pure values that plays `podstate` through time. Must not import the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nodes.kubelet.backoff import Backoff
from nodes.kubelet.facts import NEVER, Instant, Object, PodFacts
from nodes.kubelet.podstate import Finish, Outcome, Rules, Start, Stop, advance, ending
from nodes.kubelet.podstatus import Place, render
from nodes.kubelet.probes import Health
from nodes.kubelet.runtime import Container, ContainerKey

RULES = Rules(Backoff(10.0, 300.0), Backoff(1.0, 10.0))
PLACE = Place("worker-0", "127.77.1.1")
EPOCH = 1_700_000_000.0
HEALTHY = Health(True, True)


def pod(*containers: Any, **spec: Any) -> Object:
    """A bound pod. A container is its name or its manifest."""
    manifests = [c if isinstance(c, dict) else {"name": c, "image": "nginx"} for c in containers or ("main",)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "uid": "u-1"},
        "spec": {"nodeName": "worker-0", "containers": manifests, **spec},
    }


def deleted(obj: Object, grace: int = 30) -> Object:
    metadata = {**obj["metadata"], "deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": grace}
    return {**obj, "metadata": metadata}


@dataclass
class Play:
    """One pod under `advance`, with the shell's part played by hand. `step` carries out what is asked."""

    pod: Object
    facts: PodFacts = field(default_factory=lambda: PodFacts(ip="127.77.16.1", started_at=EPOCH))
    now: float = 0.0
    starts: list[tuple[str, int]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    finished: list[Finish] = field(default_factory=list)
    outcome: Outcome | None = None
    status: Object = field(default_factory=dict)

    @property
    def instant(self) -> Instant:
        return Instant(self.now, EPOCH + self.now)

    def step(self) -> Outcome:
        if ending(self.pod, self.facts, self.instant) and self.facts.ending_since == NEVER:
            self.facts = replace(self.facts, ending_since=self.now)
        outcome = advance(self.pod, self.facts, RULES, self.instant)
        for action in outcome.actions:
            if isinstance(action, Start):
                facts = self.facts.of(action.container)
                assert facts.phase not in ("starting", "running"), "a second copy was started"
                self.starts.append((action.container, action.attempt))
                self.facts = self.facts.put(action.container, facts.ordered(action.streak))
            elif isinstance(action, Stop):
                facts = self.facts.of(action.container)
                self.stops.append(action)
                self.facts = self.facts.put(action.container, replace(facts, stop_by=action.by))
            elif isinstance(action, Finish):
                self.finished.append(action)
        self.outcome = outcome
        self.status = render(self.pod, self.facts, outcome, PLACE, self.instant)
        self.pod = {**self.pod, "status": self.status}
        return outcome

    def runs(self, name: str, health: Health = HEALTHY) -> None:
        """The start that was ordered has come off."""
        facts = self.facts.of(name)
        assert facts.phase == "starting"
        container = Container(ContainerKey("u-1", name, facts.attempt), "running", EPOCH + self.now, image_id="i")
        self.facts = self.facts.put(name, facts.running(container, health))
        self.step()

    def fails(self, name: str, reason: str) -> None:
        self.facts = self.facts.put(name, self.facts.of(name).failed(reason, f"because {reason}", self.now))
        self.step()

    def ends(self, name: str, code: int = 0) -> None:
        facts = self.facts.of(name)
        assert facts.phase == "running"
        key = ContainerKey("u-1", name, facts.attempt)
        container = Container(
            key, "exited", facts.started_at, finished_at=EPOCH + self.now, exit_code=code, image_id="i"
        )
        self.facts = self.facts.put(name, facts.exited(container, self.now))
        self.step()

    def sick(self, name: str, why: str = "liveness") -> None:
        facts = replace(self.facts.of(name), health=Health(True, True, False, why))
        self.facts = self.facts.put(name, facts)
        self.step()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.step()

    def container(self, name: str) -> Mapping[str, Any]:
        entries = [*self.status["containerStatuses"], *self.status.get("initContainerStatuses", ())]
        found: Mapping[str, Any] = next(e for e in entries if e["name"] == name)
        return found

    def condition(self, type: str) -> str:
        return next(str(c["status"]) for c in self.status["conditions"] if c["type"] == type)
