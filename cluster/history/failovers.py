"""The check "failover": how long until somebody else led, or until a lost node's pods were back, against a bound or
against what the timing profile predicts.

Must not predict (`failover` does), nor judge what clients saw meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from cluster.api import meta
from cluster.config import Timing
from cluster.history.checker import Check
from cluster.history.failover import FailoverClock, Object, Step
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.run import Run, Strike
from cluster.history.spans import machine_of, until
from cluster.history.tally import notes, observed

NAME = "failover"
FATAL = ("kill", "pause", "poweroff", "isolate", "loseUnsynced", "crashLoop", "moveLeader")
"""What always takes the leadership away; a partition does if the leader is with the minority."""
LOSING = ("kill", "pause", "poweroff", "isolate", "partition", "crashLoop")
LEASES = "kube-node-lease"


@dataclass(slots=True)
class _Told:
    """`slow`: what took longer than it may, or did not happen."""

    looked_at: int = 0
    sentences: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def say(self, sentence: str, slow: bool) -> None:
        self.sentences.append(sentence)
        if slow:
            self.slow.append(sentence)

    def worst(self, name: str, seconds: float) -> None:
        self.figures[name] = max(seconds, self.figures.get(name, 0.0))


def _judge(run: Run, options: Options) -> Finding:
    told = _Told()
    if options["workload"]:
        what = f"strikes that took a node with pods of {options['workload']} away"
        _workload(run, options, told)
    else:
        what = f"strikes that took the leader of {options['role']} away"
        _role(run, options, told)
    if not told.looked_at:
        return saw_nothing(NAME, what)
    if told.slow:
        return Finding(NAME, "violated", told.slow[0], told.looked_at, told.sentences, {}, told.figures)
    return Finding(NAME, "ok", told.sentences[-1], told.looked_at, told.sentences, {}, told.figures)


# ── leaders ──────────────────────────────────────────────────────────────────────────────────────────────────


def _reigns(run: Run, role: str) -> list[tuple[float, str]]:
    """(time, host) of everybody who came to lead."""
    found = []
    for time, host, data, _ in notes(run, "role"):
        mine = type(data.get("term")) is int if role == "store" else data.get("name") == role
        if mine and data.get("role") == "leader":
            found.append((time, host))
    return found


def _role(run: Run, options: Options, told: _Told) -> None:
    role, within = options["role"], options["within"]
    reigns = _reigns(run, role)
    for strike in run.strikes:
        before = [host for time, host in reigns if time <= strike.since]
        if strike.error or not before or not _hits(run, strike, before[-1]):
            continue
        after = next(
            (r for r in reigns if r[0] > strike.since and (r[1] != before[-1] or strike.action == "kill")), None
        )
        if after is None and strike.action not in FATAL:
            continue  # the leader was with the majority, and stayed
        if after is not None and strike.action == "partition" and after[0] > until(strike, run):
            continue
        told.looked_at += 1
        head = f"{before[-1]}, which led {role}, was struck at {strike.since:.3f} s ({strike.name})"
        if after is None:
            told.say(f"{head}, and nobody came to lead after it", True)
            continue
        took = after[0] - strike.since
        told.worst("seconds", took)
        told.say(f"{head}; {after[1]} led {took:.3f} s later", within is not None and took > within)
        write = min(
            (o.end for o in run.operations if o.kind == "write" and o.outcome == "ok" and o.start > strike.since),
            default=None,
        )
        if role == "store" and write is not None:
            told.worst("firstWrite", write - strike.since)
            told.sentences.append(f"the first write after it was acknowledged {write - strike.since:.3f} s later")


def _hits(run: Run, strike: Strike, host: str) -> bool:
    """Does it take the leadership away: is `host` a target, or on a side of a cut without a majority of its like?"""
    machine = machine_of(run, host)
    if not strike.groups:
        return bool({host, machine} & set(strike.targets))
    kind = host.rpartition("-")[0]
    like = [m for h, m in run.meta.machines.items() if h.rpartition("-")[0] == kind]
    for group in strike.groups:
        inside = {machine_of(run, name) for name in group}
        if machine in inside and 2 * sum(m in inside for m in like) <= len(like):
            return len(like) > 1
    return False


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────


def _workload(run: Run, options: Options, told: _Told) -> None:
    selector, service = _selector(run, options["workload"]), options["service"] or options["workload"]
    for strike in run.strikes:
        for node in _nodes(run, strike) if selector and not strike.error else ():
            clock = FailoverClock(node, selector, service)
            clock.start(_pods_at(run, strike.since))
            if not clock.victims:
                continue
            renewed = strike.since
            for event in observed(run, "Node", "Pod", "EndpointSlice", "Lease"):
                if event.kind == "Lease":
                    if event.time <= strike.since and meta.name_of(event.object) == node:
                        renewed = event.time if meta.namespace_of(event.object) == LEASES else renewed
                elif event.time > strike.since:
                    clock.feed(event.kind, event.type, event.object, event.time)
            told.looked_at += 1
            _steps(run, (node, strike), clock.steps(renewed, _timing(run)), options, told)


def _steps(run: Run, what: tuple[str, Strike], steps: list[Step], options: Options, told: _Told) -> None:
    node, strike = what
    has_service = any(s.name.startswith("endpoint") and s.seconds is not None for s in steps)
    for step in steps:
        if step.name.startswith("endpoint") and not has_service:
            continue
        head = f"{node} ({strike.name} at {strike.since:.1f} s): {step.name}"
        last = step.name == ("endpoint added" if has_service else "running")
        if step.seconds is None:
            told.say(f"{head} was not seen", last)
            continue
        told.worst(step.name, step.seconds)
        earliest, latest = step.predicted
        bound = options["within"] if options["within"] is not None else latest
        late = step.seconds > bound and (last or options["within"] is None)
        early = options["within"] is None and step.seconds < earliest - 0.5
        wanted = f"within {bound:.1f} s" if options["within"] is not None else f"{earliest:.1f} to {latest:.1f} s"
        told.say(f"{head} {step.seconds:.3f} s after the last renewal (wanted: {wanted}) {step.what}", late or early)


def _timing(run: Run) -> Timing:
    known = {f.name for f in fields(Timing)}
    return Timing(**{name: value for name, value in run.meta.timing.items() if name in known})


def _selector(run: Run, workload: str) -> Mapping[str, str]:
    """Labels of its pods: written as app=web, or those of the Deployment of that name."""
    if "=" in workload:
        return dict(pair.split("=", 1) for pair in workload.split(","))
    for event in observed(run, "Deployment", "StatefulSet", "ReplicaSet"):
        if meta.name_of(event.object) == workload:
            labels: Mapping[str, str] = event.object["spec"]["selector"].get("matchLabels") or {}
            return labels
    return {}


def _nodes(run: Run, strike: Strike) -> Iterator[str]:
    """Nodes that it takes away from the control plane."""
    if strike.action not in LOSING:
        return
    names = {meta.name_of(event.object) for event in observed(run, "Node")}
    struck = [machine_of(run, name) for name in strike.targets]
    for group in strike.groups:
        machines = [machine_of(run, name) for name in group]
        if not any(m in machines for h, m in run.meta.machines.items() if h.startswith("apiserver")):
            struck += machines
    yield from dict.fromkeys(name for name in struck if name in names)


def _pods_at(run: Run, time: float) -> list[Object]:
    pods: dict[str, Object] = {}
    for event in observed(run, "Pod"):
        if event.time > time:
            break
        uid = meta.uid_of(event.object)
        if event.type == "DELETED":
            pods.pop(uid, None)
        else:
            pods[uid] = event.object
    return list(pods.values())


CHECKS: Mapping[str, Check] = {
    NAME: Check(
        "Somebody else leads, or a lost node's pods are back, within the bound, or the profile's prediction.",
        _judge,
        ("records", "events", "strikes"),
        {
            "role": Option("word", "whose leader: store, kube-scheduler, kube-controller-manager", "store"),
            "workload": Option("text", "instead: whose pods, the name of a Deployment or labels such as app=web", ""),
            "service": Option("text", "whose endpoints count; empty: of the workload's name", ""),
            "within": Option("duration", "the bound, from the strike or the last renewal on"),
        },
    )
}
