"""Pods by name: at most one at a time may run under a name, whatever became of the node that the last one was on.

Must not judge containers of one pod (`containers` does). Source: Kubernetes, "StatefulSets" and "Force Delete
StatefulSet Pods": at most one semantics. What runs comes from the kubelets' own notes, not from what the API says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.api import meta
from cluster.api.views import pod_node
from cluster.history.checker import Check
from cluster.history.containers import Spell, spells
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Option, Options
from cluster.history.run import Run, Seen
from cluster.history.spans import because, until
from cluster.history.tally import Objects, called, observed


def _one_running(run: Run, _: Options) -> Finding:
    name = "one-running-pod-per-identity"
    history: dict[str, list[Seen]] = {}
    for event in observed(run, "Pod"):
        history.setdefault(meta.uid_of(event.object), []).append(event)
    runs: dict[str, list[Spell]] = {}
    found = [spell for spell in spells(run) if spell.uid in history]
    if not found:
        return saw_nothing(name, "notes of kubelets about containers of pods")
    told: list[str] = []
    objects: list[list[str]] = []
    for spell in found:
        key = meta.key_of(history[spell.uid][0].object)
        before = runs.setdefault(key, [])
        other = next((b for b in before if b.uid != spell.uid and b.until > spell.since), None)
        if other is not None:
            told += _story(run, key, (other, spell), history)
            objects += [
                ["Pod", key, str(history[s.uid][-1].object["metadata"]["resourceVersion"])] for s in (other, spell)
            ]
        before.append(spell)
    if not told:
        return Finding(name, "ok", f"{len(found)} containers, no two pods of one name at a time", len(found))
    return Finding(name, "violated", told[0], len(found), told, {"objects": objects})


def _story(run: Run, key: str, pair: tuple[Spell, Spell], history: Mapping[str, list[Seen]]) -> Iterator[str]:
    old, new = pair
    end = "the end" if old.until == math.inf else f"{old.until:.3f} s"
    yield f"pod {key} ran on {old.node} until {end} and on {new.node} from {new.since:.3f} s"
    deleted = _deleted(history[old.uid], new.since)
    if deleted is not None:
        yield f"the one on {old.node} was deleted at {deleted:.3f} s"
    since = old.since if deleted is None else deleted
    for sentence in because(run, old.node, since, new.since):
        heard = "" if deleted is None else f", so its kubelet did not hear of the deletion at {deleted:.1f} s"
        yield f"{sentence}{heard}"
    gone = _deleted(history[new.uid], new.since)
    if gone is not None:
        yield f"the one on {new.node} had been deleted at {gone:.3f} s already: its kubelet did not know of that"
        for name in (*_liars(run, new.since), *_kubelets(run, new.node)):
            yield from because(run, name, gone, new.since)


def _liars(run: Run, at: float) -> list[str]:
    """Apiservers that showed the past, or left something out, at that time."""
    told = [s for s in run.strikes if s.action == "api" and s.args.get("way") in ("stale", "missed") and not s.error]
    return list(dict.fromkeys(name for s in told if s.since <= at < until(s, run) for name in s.targets))


def _kubelets(run: Run, node: str | None) -> list[str]:
    return [host for host, machine in run.meta.machines.items() if machine == node and host.startswith("kubelet")]


def _deleted(events: list[Seen], until: float) -> float | None:
    """When it was marked for deletion, or removed."""
    for event in events:
        if event.time <= until and (event.type == "DELETED" or meta.deleting(event.object)):
            return event.time
    return None


def _terminating(run: Run, options: Options) -> Finding:
    """Every pod that stays Terminating beyond its grace has a reason that can be told: a node that is cut off, stopped
    or gone, or a finalizer. What kept pods that did end at last is told too, and judges nothing."""
    name = "terminating-explained"
    objects, looked_at = Objects(), 0
    marked: dict[str, float] = {}
    ended: list[str] = []
    for event in observed(run, "Pod", "Node"):
        uid = meta.uid_of(event.object)
        if event.kind == "Pod" and event.type == "DELETED" and uid in marked:
            ended += _ended(run, objects, event, marked[uid], options["within"])
        objects.take(event)
        if event.kind == "Pod" and meta.deleting(event.object) and uid not in marked:
            marked[uid] = event.time
            looked_at += 1
    if not looked_at:
        return saw_nothing(name, "pods that were deleted")
    told: list[str] = []
    unexplained: list[str] = []
    shown: list[list[str]] = []
    for pod in objects.of("Pod").values():
        uid = meta.uid_of(pod)
        grace = _grace(pod)
        late = run.meta.seconds - marked.get(uid, math.inf)
        if late <= grace + options["within"]:
            continue
        head = (
            f"{called(pod)} has been Terminating for {late:.1f} s (deleted at {marked[uid]:.1f} s, grace {grace:g} s)"
        )
        reasons = _reasons(run, objects, pod, (marked[uid], run.meta.seconds))
        told.append(f"{head}: {reasons[0]}" if reasons else f"{head}, and nothing that is known keeps it")
        if not reasons:
            unexplained.append(told[-1])
            shown.append(["Pod", meta.key_of(pod), str(pod["metadata"].get("resourceVersion"))])
    figures = {"terminating": float(len(told)), "unexplained": float(len(unexplained))}
    if unexplained:
        return Finding(name, "violated", unexplained[0], looked_at, told, {"objects": shown}, figures)
    summary = f"{len(told)} of {looked_at} deleted pods stay, each for a known reason" if told else "no pod stays"
    if ended:
        more = f" (and {len(ended) - 1} more)" if len(ended) > 1 else ""
        summary += f"; {ended[0]}{more}"
    return Finding(name, "ok", summary, looked_at, [*told, *ended], {}, figures | {"stayed": float(len(ended))})


def _ended(run: Run, objects: Objects, event: Seen, since: float, within: float) -> list[str]:
    """Of a pod that is removed now: how long it took, and why if that is known; [] if it was in time."""
    pod, grace = event.object, _grace(event.object)
    if event.time - since <= grace + within:
        return []
    reasons = _reasons(run, objects, pod, (since, event.time))
    why = f": {reasons[0]}" if reasons else ""
    return [f"{called(pod)} was Terminating from {since:.1f} s to {event.time:.1f} s, grace {grace:g} s{why}"]


def _grace(pod: Mapping[str, Any]) -> float:
    return float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)


def _reasons(run: Run, objects: Objects, pod: Mapping[str, object], span: tuple[float, float]) -> list[str]:
    node = pod_node(pod)
    found = [f"it waits for its finalizers {', '.join(meta.finalizers_of(pod))}"] if meta.finalizers_of(pod) else []
    if node and node not in objects.of("Node"):
        found.append(f"its node {node} is gone, so no kubelet confirms that it has stopped")
    for name in dict.fromkeys((node, *_kubelets(run, node))):
        for sentence in because(run, name, *span) if name else ():
            found.append(f"{sentence}, so nobody confirms that its containers have stopped")
    seen = objects.of("Node").get(node)
    ready = None if seen is None else meta.condition(seen, "Ready")
    if ready is not None and ready.get("status") != "True":
        found.append(
            f"its node {node} is not Ready ({ready.get('status')}), so no kubelet confirms that it has stopped"
        )
    return found


CHECKS: Mapping[str, Check] = {
    "one-running-pod-per-identity": Check(
        "No two pods of one name run at the same time, on any nodes.", _one_running, ("records", "events", "strikes")
    ),
    "terminating-explained": Check(
        "Pods that stay Terminating do so for a reason that is told.",
        _terminating,
        ("events", "strikes"),
        {"within": Option("duration", "beyond their grace", 2.0)},
    ),
}
