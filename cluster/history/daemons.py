"""A DaemonSet's one pod on each eligible node.

Must not judge where other pods are put (`placement` does). Every change is judged by what the API held then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.invariants import one_daemon_pod_per_node
from cluster.history.options import Option, Options
from cluster.history.placement import Nodes
from cluster.history.run import Run, Seen
from cluster.history.tally import Object, Tally, called, observed


def _of_daemon_set(pod: Object) -> bool:
    return (meta.controller_of(pod) or {}).get("kind") == "DaemonSet"


def _daemons(run: Run, options: Options) -> Finding:
    """Kubernetes, "DaemonSet": all eligible nodes run a copy; at no time two, and at the end, if nothing has changed
    for `within`, not none."""
    tally, nodes = Tally("daemonset-coverage"), Nodes()
    sets: dict[str, Object] = {}
    changed: dict[str, float] = {}
    pods: list[dict[str, Any]] = []
    for event in observed(run, "Node", "Pod", "DaemonSet"):
        if event.kind == "DaemonSet":
            _set(sets, changed, event)
            continue
        before = nodes.take(event)
        if event.kind == "Node" and (before is None or _facts(before) != _facts(event.object)):
            changed[meta.name_of(event.object)] = event.time
        elif event.kind == "Pod" and _of_daemon_set(event.object):
            pods.append({"type": event.type, "object": event.object})
            tally.looked_at += 1
    for violation in one_daemon_pod_per_node(pods):
        tally.wrong(violation.sentence)
    for daemon_set in sets.values():
        for sentence in _uncovered(run, nodes, daemon_set, changed, run.meta.seconds - options["within"]):
            tally.wrong(sentence, daemon_set)
        tally.looked_at += 1
    return tally.finding("DaemonSets and their pods")


def _set(sets: dict[str, Object], changed: dict[str, float], event: Seen) -> None:
    uid = meta.uid_of(event.object)
    if event.type == "DELETED" or meta.deleting(event.object):
        sets.pop(uid, None)
        return
    known = sets.get(uid)
    if known is None or known.get("spec") != event.object.get("spec"):
        changed[uid] = event.time
    sets[uid] = event.object


def _facts(node: Object) -> tuple[object, ...]:
    return (node.get("spec"), meta.labels_of(node), views.node_ready(node))


def _uncovered(
    run: Run, nodes: Nodes, daemon_set: Object, changed: Mapping[str, float], latest: float
) -> Iterator[str]:
    uid = meta.uid_of(daemon_set)
    template: dict[str, Any] = daemon_set["spec"]["template"]
    for name, node in sorted(nodes.objects.of("Node").items()):
        if max(changed.get(uid, 0.0), changed.get(name, 0.0)) > latest or not views.node_ready(node):
            continue
        if not views.node_matches(template, node):
            continue
        held = [t for t in views.taints(node) if t.get("key") != "node.kubernetes.io/unschedulable"]
        if views.untolerated_taint(held, views.tolerations(template)) is not None:
            continue
        mine = [
            pod
            for pod in nodes.on(name)
            if (meta.controller_of(pod) or {}).get("uid") == uid and not meta.deleting(pod)
        ]
        if not mine:
            since = max(changed.get(uid, 0.0), changed.get(name, 0.0))
            yield (
                f"{name} has no pod of {called(daemon_set)} at the end ({run.meta.seconds:.1f} s), though it is Ready "
                f"and nothing of either has changed since {since:.1f} s"
            )


CHECKS: Mapping[str, Check] = {
    "daemonset-coverage": Check(
        "One pod of a DaemonSet on each eligible node: never two, and not none once all is quiet.",
        _daemons,
        ("events",),
        {"within": Option("duration", "for so long nothing may have changed", 8.0)},
    ),
}
