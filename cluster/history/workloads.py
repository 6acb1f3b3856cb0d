"""What Deployments, ReplicaSets and evictions promise, judged on pods as the run's observer saw them.

Must not judge where pods are put (`placement`) or how they run (`containers`). Controllers act on what they have heard;
`slack` is how old that may be.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.placement import Nodes
from cluster.history.run import Run
from cluster.history.tally import Object, Objects, Tally, called, observed


@dataclass(slots=True)
class Recent:
    """What a number has been within the last so many seconds."""

    slack: float
    values: deque[tuple[float, int]] = field(default_factory=deque)

    def put(self, now: float, value: int) -> None:
        if not self.values or self.values[-1][1] != value:
            self.values.append((now, value))

    def range(self, now: float) -> tuple[int, int]:
        """(least, most), the value that it had at the beginning of that time included."""
        while len(self.values) > 1 and self.values[1][0] < now - self.slack:
            self.values.popleft()
        numbers = [value for _, value in self.values]
        return min(numbers), max(numbers)


def replicas_kept(run: Run, options: Options) -> Finding:
    """Kubernetes' ReplicaSet controller (expectations): it never makes more pods than it is asked for."""
    tally, objects = Tally("replicas-not-exceeded"), Objects()
    wanted: dict[str, Recent] = {}
    for event in observed(run, "ReplicaSet", "Pod"):
        objects.take(event)
        if event.kind == "ReplicaSet":
            if event.type != "DELETED":
                recent = wanted.setdefault(meta.uid_of(event.object), Recent(options["slack"]))
                recent.put(event.time, _replicas(event.object))
            continue
        owner = meta.controller_of(event.object)
        if event.type != "ADDED" or owner is None or owner["uid"] not in wanted:
            continue
        tally.looked_at += 1
        most = wanted[owner["uid"]].range(event.time)[1]
        active = [pod for pod in _controlled(objects, owner["uid"]) if views.is_pod_active(pod)]
        if len(active) > most:
            tally.wrong(
                f"ReplicaSet {owner['name']} asks for {most} pods and had {len(active)} at {event.time:.3f} s, when "
                f"{meta.name_of(event.object)} was made",
                event.object,
            )
    return tally.finding("pods made for ReplicaSets")


def _replicas(obj: Object) -> int:
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _controlled(objects: Objects, uid: str) -> list[Object]:
    return [pod for pod in objects.of("Pod").values() if (meta.controller_of(pod) or {}).get("uid") == uid]


def rollout_available(run: Run, options: Options) -> Finding:
    """Kubernetes, "Rolling Update Deployment": at most maxUnavailable pods are missing while it rolls. Not for runs
    that take pods or nodes away. Judged from the moment when all pods are available for the first time; anew when it
    is made larger, and when it is made smaller while it rolls: what is too much is taken from all its ReplicaSets in
    proportion then, available or not (Kubernetes, "Proportional scaling")."""
    tally, objects = Tally("rollout-available"), Objects()
    wanted: dict[str, Recent] = {}
    armed: dict[str, bool] = {}
    for event in observed(run, "Deployment", "ReplicaSet", "Pod"):
        before = objects.take(event)
        for uid, deployment in _deployments(objects).items():
            replicas = _replicas(deployment)
            recent = wanted.setdefault(uid, Recent(options["slack"]))
            recent.put(event.time, replicas)
            if event.kind == "Deployment" and before is not None and uid == meta.uid_of(before):
                smaller = replicas < _replicas(before) and not _rolls(objects, uid)
                armed[uid] = armed.get(uid, False) and (smaller or replicas == _replicas(before))
            available = _available(objects, uid)
            if not armed.get(uid):
                most = replicas + _max_surge(deployment, replicas)
                armed[uid] = available >= replicas and _active(objects, uid) <= most
                continue
            tally.looked_at += event.kind == "Pod"
            least = recent.range(event.time)[0]
            least -= min(_max_unavailable(deployment, least), least)
            if available < least:
                tally.wrong(
                    f"{called(deployment)} had {available} pods available at {event.time:.3f} s, when "
                    f"{called(event.object)} changed, and must keep {least}",
                    deployment,
                    event.object,
                )
                armed[uid] = False
    return tally.finding("changes of pods of Deployments")


def _deployments(objects: Objects) -> dict[str, Object]:
    """By uid, those that roll and are not being deleted."""
    found = objects.of("Deployment").values()
    rolling = [d for d in found if (d["spec"].get("strategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"]
    return {meta.uid_of(d): d for d in rolling if not meta.deleting(d)}


def _sets(objects: Objects, uid: str) -> list[Object]:
    return [rs for rs in objects.of("ReplicaSet").values() if (meta.controller_of(rs) or {}).get("uid") == uid]


def _rolls(objects: Objects, uid: str) -> bool:
    """Has it pods of more than one ReplicaSet?"""
    return sum(_replicas(rs) > 0 for rs in _sets(objects, uid)) > 1


def _pods(objects: Objects, uid: str) -> list[Object]:
    return [pod for rs in _sets(objects, uid) for pod in _controlled(objects, meta.uid_of(rs))]


def _active(objects: Objects, uid: str) -> int:
    return sum(views.is_pod_active(pod) for pod in _pods(objects, uid))


def _available(objects: Objects, uid: str) -> int:
    return sum(views.is_pod_active(pod) and views.pod_ready(pod) for pod in _pods(objects, uid))


def _max_unavailable(deployment: Object, replicas: int) -> int:
    value = _rolling(deployment).get("maxUnavailable")
    missing = views.int_or_percent("25%" if value is None else value, replicas, False)
    return missing or int(_max_surge(deployment, replicas) == 0)


def _max_surge(deployment: Object, replicas: int) -> int:
    value = _rolling(deployment).get("maxSurge")
    return views.int_or_percent("25%" if value is None else value, replicas, True)


def _rolling(deployment: Object) -> Object:
    return (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}


def evicted_by_the_rules(run: Run, options: Options) -> Finding:
    """Kubernetes, "Taint based Evictions" and "Nodes": a pod has its tolerationSeconds, and nobody is evicted while no
    node at all is Ready. `slack`: whole seconds of stamps, and what the controller has not heard yet."""
    tally, nodes = Tally("evicted-by-the-rules"), Nodes()
    down = 0.0
    pods: dict[str, Object] = {}
    been_ready: set[str] = set()
    for event in observed(run, "Node", "Pod", "Event"):
        if event.kind == "Event":
            about = event.object.get("involvedObject") or {}
            pod = pods.get(str(about.get("uid")))
            if event.object.get("reason") == "TaintManagerEviction" and event.type == "ADDED" and pod is not None:
                tally.looked_at += 1
                _judge_eviction(tally, pod, event.time, (nodes, down, options["slack"]))
            continue
        nodes.take(event)
        if event.kind == "Pod":
            pods[meta.uid_of(event.object)] = event.object
            continue
        if views.node_ready(event.object):
            been_ready.add(meta.name_of(event.object))
        elif meta.name_of(event.object) in been_ready:  # a node that has yet to come up puts no rule to the test
            tally.looked_at += 1
        ready = any(views.node_ready(node) for node in nodes.objects.of("Node").values())
        down = 0.0 if ready else down or event.time
    return tally.finding("evictions and changes of nodes that are Ready no more")


def _judge_eviction(tally: Tally, pod: Object, now: float, known: tuple[Nodes, float, float]) -> None:
    nodes, down, slack = known
    node = views.pod_node(pod)
    if down and now - down > slack:
        tally.wrong(
            f"{called(pod)} was evicted from {node} at {now:.3f} s, though no node at all has been Ready since "
            f"{down:.3f} s: then it is the control plane that is cut off",
            pod,
        )
    ends = []
    for (key, value, effect), since in nodes.tainted.get(node, {}).items():
        taint = {"key": key, "value": value, "effect": effect}
        delay = views.eviction_delay([taint], views.tolerations(pod))
        if delay is not None:
            ends.append((since + delay, key, since, delay))
    if ends and now < min(ends)[0] - slack:
        _, key, since, delay = min(ends)
        tally.wrong(
            f"{called(pod)} was evicted from {node} at {now:.3f} s: it tolerates {key} for {delay:g} s, and the node "
            f"has had that taint only since {since:.3f} s",
            pod,
        )


SLACK = {"slack": Option("duration", "how old the controller's knowledge may be", 1.0)}
CHECKS: Mapping[str, Check] = {
    "replicas-not-exceeded": Check(
        "A ReplicaSet never makes more pods than it is to have.", replicas_kept, ("events",), SLACK
    ),
    "rollout-available": Check(
        "A rollout keeps as many pods available as it must (nothing else takes pods away).",
        rollout_available,
        ("events",),
        SLACK,
    ),
    "evicted-by-the-rules": Check(
        "Pods are evicted after their toleration, and never while no node is Ready.",
        evicted_by_the_rules,
        ("events",),
        SLACK,
    ),
}
