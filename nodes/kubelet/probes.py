"""Probes: when the next is due, and what a series of results means. Pure; must not know how a probe is carried out.

Kubernetes: "Configure Liveness, Readiness and Startup Probes". Until the startup probe has succeeded once, the other
two do not run. `failureThreshold` failures in a row turn an outcome to failure, `successThreshold` successes to
success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Purpose = Literal["startup", "readiness", "liveness"]
PURPOSES: tuple[Purpose, ...] = ("startup", "readiness", "liveness")
FIELDS: Mapping[Purpose, str] = {
    "startup": "startupProbe",
    "readiness": "readinessProbe",
    "liveness": "livenessProbe",
}


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """`action` is the manifest's httpGet, tcpSocket or exec part, with its name as only key. Times in seconds."""

    purpose: Purpose
    action: Mapping[str, Any]
    initial_delay: float = 0.0
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3


def parse_probes(container: Mapping[str, Any]) -> dict[Purpose, ProbeSpec]:
    """The probes of a container's manifest. A probe without an action that we know is left out (validation is the
    apiserver's)."""
    found: dict[Purpose, ProbeSpec] = {}
    for purpose in PURPOSES:
        probe = container.get(FIELDS[purpose])
        if not probe:
            continue
        action = {name: probe[name] for name in ("exec", "httpGet", "tcpSocket") if probe.get(name) is not None}
        if not action:
            continue
        found[purpose] = ProbeSpec(
            purpose,
            action,
            initial_delay=float(probe.get("initialDelaySeconds") or 0),
            period=max(float(probe.get("periodSeconds") or 10), 0.001),
            timeout=max(float(probe.get("timeoutSeconds") or 1), 0.001),
            success_threshold=int(probe.get("successThreshold") or 1) if purpose == "readiness" else 1,
            failure_threshold=int(probe.get("failureThreshold") or 3),
        )
    return found


@dataclass(frozen=True, slots=True)
class Track:
    """One probe of one running container. `outcome`: None until a threshold was first reached; `due`: when the next
    probe is to be made, in the caller's seconds."""

    spec: ProbeSpec
    due: float
    outcome: bool | None = None
    run: int = 0
    """Results in a row that were equal: positive successes, negative failures."""

    def observe(self, ok: bool, now: float) -> Track:
        """The track after a result that came at `now`. The period runs from due to due; what was missed is left out."""
        run = max(self.run, 0) + 1 if ok else min(self.run, 0) - 1
        outcome = self.outcome
        if ok and run >= self.spec.success_threshold:
            outcome = True
        elif not ok and -run >= self.spec.failure_threshold:
            outcome = False
        due = self.due + self.spec.period
        if due <= now:
            due = now + self.spec.period
        return replace(self, due=due, outcome=outcome, run=run)


def begin(spec: ProbeSpec, started_at: float, now: float) -> Track:
    """The track of a container that has run since `started_at`: the first probe is due when its delay is over."""
    return Track(spec, max(started_at + spec.initial_delay, now))


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes of one container say together. `started`: the startup probe has passed, or there is none.
    `ready`: it may get traffic. `alive`: False asks for its death; `why` names the probe that does."""

    started: bool
    ready: bool
    alive: bool = True
    why: str = ""


def health(specs: Mapping[Purpose, ProbeSpec], outcomes: Mapping[Purpose, bool | None]) -> Health:
    """Kubernetes: readiness counts as failed until it passes; liveness as passed until it fails; startup holds back
    both."""
    if "startup" in specs:
        outcome = outcomes.get("startup")
        if outcome is None:
            return Health(False, False)
        if outcome is False:
            return Health(False, False, False, "startup")
    ready = "readiness" not in specs or outcomes.get("readiness") is True
    if "liveness" in specs and outcomes.get("liveness") is False:
        return Health(True, ready, False, "liveness")
    return Health(True, ready)


def runnable(specs: Mapping[Purpose, ProbeSpec], outcomes: Mapping[Purpose, bool | None]) -> tuple[Purpose, ...]:
    """Which probes are to be made now."""
    if "startup" in specs and outcomes.get("startup") is not True:
        return ("startup",) if outcomes.get("startup") is None else ()
    return tuple(purpose for purpose in ("readiness", "liveness") if purpose in specs)


def with_address(action: Mapping[str, Any], container: Mapping[str, Any], ip: str) -> dict[str, Any]:
    """The action with `host` filled in and a named port as its number. ValueError for a name that no port has."""
    ((name, detail),) = action.items()
    if name == "exec":
        return {name: dict(detail)}
    port = detail.get("port")
    if isinstance(port, str):
        if port.isdigit():
            port = int(port)
        else:
            named = [p["containerPort"] for p in container.get("ports") or () if p.get("name") == port]
            if not named:
                raise ValueError(f"container has no port named {port!r}")
            port = named[0]
    return {name: {**detail, "port": port, "host": detail.get("host") or ip}}
