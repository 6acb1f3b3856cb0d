"""Where pods may be put: what the scheduler promises, judged at the moment of each binding.

Must not judge kubelets or what becomes of a pod later. Source: Kubernetes' scheduler framework, the filters by name.

A scheduler acts on what it has heard; `slack` is how old that may be. Only what has been so for longer is held against
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run, Seen
from cluster.history.tally import Object, Objects, Tally, called, observed


@dataclass(slots=True)
class Nodes:
    """Nodes and pods as seen; for each node the taints that it has, with the time since which it has each."""

    objects: Objects = field(default_factory=Objects)
    tainted: dict[str, dict[tuple[str, str, str], float]] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    def take(self, event: Seen) -> Object | None:
        """The pod or node as it was before."""
        before = self.objects.take(event)
        if event.kind == "Node":
            name = meta.name_of(event.object)
            if event.type == "DELETED":
                self.tainted.pop(name, None)
                self.gone[name] = event.time
                return before
            self.gone.pop(name, None)
            held = self.tainted.get(name, {})
            now = [(str(t.get("key")), str(t.get("value") or ""), str(t["effect"])) for t in views.taints(event.object)]
            self.tainted[name] = {taint: held.get(taint, event.time) for taint in now}
        return before

    def old_taints(self, node: str, before: float) -> list[dict[str, str]]:
        """Those that it has had since before that time."""
        held = self.tainted.get(node, {}).items()
        return [{"key": k, "value": v, "effect": e} for (k, v, e), since in held if since < before]

    def on(self, node: str) -> list[Object]:
        """Pods that are bound to the node and have not ended."""
        pods = self.objects.of("Pod").values()
        return [pod for pod in pods if views.pod_node(pod) == node and not views.pod_terminal(pod)]


def newly_bound(before: Object | None, event: Seen) -> bool:
    """Whether this event shows a pod's binding (a pod that was made with its node was never scheduled)."""
    if event.kind != "Pod" or event.type == "DELETED" or before is None:
        return False
    same = meta.uid_of(before) == meta.uid_of(event.object)
    return same and not views.pod_node(before) and bool(views.pod_node(event.object))


def taints_respected(run: Run, options: Options) -> Finding:
    """Kubernetes, "Taints and Tolerations": NoSchedule and NoExecute keep new pods away that do not tolerate them."""
    tally, nodes = Tally("taints-respected"), Nodes()
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        if not newly_bound(before, event):
            continue
        tally.looked_at += 1
        node = views.pod_node(event.object)
        held = nodes.old_taints(node, event.time - options["slack"])
        taint = views.untolerated_taint(held, views.tolerations(event.object))
        if taint is not None:
            since = nodes.tainted[node][taint["key"], str(taint.get("value") or ""), taint["effect"]]
            tally.wrong(
                f"{called(event.object)} was bound to {node} at {event.time:.3f} s, which has had the taint "
                f"{taint['key']}:{taint['effect']} since {since:.3f} s, and does not tolerate it",
                event.object,
            )
    return tally.finding("bindings")


def placed_as_asked(run: Run, options: Options) -> Finding:
    """Kubernetes, "Assigning Pods to Nodes": nodeSelector and required node affinity."""
    tally, nodes = Tally("placed-as-asked"), Nodes()
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        node = nodes.objects.of("Node").get(views.pod_node(event.object)) if newly_bound(before, event) else None
        if node is None:
            continue
        tally.looked_at += 1
        if not views.node_matches(event.object, node):
            wanted = event.object["spec"].get("nodeSelector") or "its affinity"
            tally.wrong(
                f"{called(event.object)} asks for {wanted} and was bound to {meta.name_of(node)} at "
                f"{event.time:.3f} s, whose labels are {meta.labels_of(node)}",
                event.object,
                node,
            )
    return tally.finding("bindings")


def bound_to_what_is(run: Run, options: Options) -> Finding:
    """Kubernetes' scheduler cache: a node that was deleted takes no pods."""
    tally, nodes = Tally("bound-to-what-is"), Nodes()
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        if not newly_bound(before, event):
            continue
        tally.looked_at += 1
        node = views.pod_node(event.object)
        gone = nodes.gone.get(node)
        if node not in nodes.objects.of("Node") and (gone is None or gone < event.time - options["slack"]):
            how = "never was one" if gone is None else f"was deleted at {gone:.3f} s"
            tally.wrong(f"{called(event.object)} was bound to {node} at {event.time:.3f} s, which {how}", event.object)
    return tally.finding("bindings")


def ports_distinct(run: Run, _: Options) -> Finding:
    """Kubernetes, NodePorts filter: no two pods on a node ask for one port of the host."""
    tally, nodes = Tally("ports-distinct"), Nodes()
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        if not newly_bound(before, event):
            continue
        pod, mine = event.object, views.host_ports(event.object)
        tally.looked_at += bool(mine)
        for other in nodes.on(views.pod_node(pod)) if mine else ():
            clash = next((w for w in mine for t in views.host_ports(other) if views.host_ports_clash(w, t)), None)
            if clash is not None and meta.uid_of(other) != meta.uid_of(pod):
                tally.wrong(
                    f"{called(pod)} was bound to {views.pod_node(pod)} at {event.time:.3f} s, where {called(other)} "
                    f"has the host's port {clash[2]} already",
                    pod,
                    other,
                )
    return tally.finding("bindings of pods with host ports")


def no_overcommit(run: Run, _: Options) -> Finding:
    """Kubernetes, filter NodeResourcesFit: what the pods on a node request is no more than it has to give."""
    tally, nodes = Tally("no-overcommit"), Nodes()
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        name = views.pod_node(event.object) if newly_bound(before, event) else ""
        node = nodes.objects.of("Node").get(name)
        if node is None:
            continue
        tally.looked_at += 1
        here, room = nodes.on(name), views.node_allocatable(node)
        for resource in views.pod_requests(event.object):
            asked = sum(views.pod_requests(pod).get(resource, 0) for pod in here)
            if asked > room.get(resource, 0):
                unit = "m" if resource == "cpu" else ""
                tally.wrong(
                    f"{called(event.object)} was bound to {name} at {event.time:.3f} s, whose {len(here)} pods then "
                    f"request {asked}{unit} of {resource}; it has {room.get(resource, 0)}{unit}",
                    event.object,
                    node,
                )
    return tally.finding("bindings")


_NOT_READY = (
    {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"},
)


def nothing_new_on_not_ready_nodes(run: Run, options: Options) -> Finding:
    """Kubernetes, "Taint Nodes by Condition": a node that is not Ready gets no new pods, but those that tolerate it."""
    tally, nodes = Tally("nothing-new-on-not-ready-nodes"), Nodes()
    since: dict[str, float] = {}
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        if event.kind == "Node":
            name = meta.name_of(event.object)
            if event.type == "DELETED" or views.node_ready(event.object):
                since.pop(name, None)
            else:
                since.setdefault(name, event.time)
            continue
        if not newly_bound(before, event):
            continue
        tally.looked_at += 1
        node, tolerated = views.pod_node(event.object), views.tolerations(event.object)
        if since.get(node, event.time) < event.time - options["slack"] and views.untolerated_taint(
            _NOT_READY, tolerated
        ):
            tally.wrong(
                f"{called(event.object)} was bound to {node} at {event.time:.3f} s, which has not been Ready since "
                f"{since[node]:.3f} s",
                event.object,
            )
    return tally.finding("bindings")


def scheduled_if_it_fits(run: Run, options: Options) -> Finding:
    """Kubernetes' scheduler: a pod waits only as long as it fits nowhere. Looked at where the run ends."""
    tally, nodes = Tally("scheduled-if-it-fits"), Nodes()
    changed: dict[str, float] = {}
    for event in observed(run, "Node", "Pod"):
        before = nodes.take(event)
        for obj in (before, event.object):
            name = meta.name_of(event.object) if event.kind == "Node" else views.pod_node(obj or {})
            if name and (event.kind == "Pod" or _facts(before) != _facts(event.object)):
                changed[name] = event.time
        if event.kind == "Pod" and event.type == "ADDED":
            changed[meta.uid_of(event.object)] = event.time
    latest = run.meta.seconds - options["within"]
    for pod in nodes.objects.of("Pod").values():
        tally.looked_at += 1
        if not _waits(pod) or changed[meta.uid_of(pod)] > latest:
            continue
        room = [
            n for n in nodes.objects.of("Node").values() if changed[meta.name_of(n)] < latest and _fits(pod, n, nodes)
        ]
        if room:
            tally.wrong(
                f"{called(pod)} has waited for a node since {changed[meta.uid_of(pod)]:.3f} s, though "
                f"{meta.name_of(room[0])} has had room for it since {changed[meta.name_of(room[0])]:.3f} s",
                pod,
                room[0],
            )
    return tally.finding("pods at the end")


def _facts(node: Object | None) -> tuple[object, ...]:
    return () if node is None else (node.get("spec"), meta.labels_of(node), views.node_ready(node))


def _waits(pod: Object) -> bool:
    spec = pod["spec"]
    ours = (spec.get("schedulerName") or "default-scheduler") == "default-scheduler"
    return ours and not views.pod_node(pod) and views.is_pod_active(pod) and not spec.get("schedulingGates")


def _fits(pod: Object, node: Object, nodes: Nodes) -> bool:
    if not views.node_ready(node) or views.node_unschedulable(node) or not views.node_matches(pod, node):
        return False
    if views.untolerated_taint(views.taints(node), views.tolerations(pod)) is not None:
        return False
    here = nodes.on(meta.name_of(node))
    if any(views.host_ports_clash(w, t) for o in here for w in views.host_ports(pod) for t in views.host_ports(o)):
        return False
    room = {**views.node_allocatable(node)}
    for other in (*here, pod):
        for name, amount in {**views.pod_requests(other), "pods": 1}.items():
            room[name] = room.get(name, 0) - amount
    return all(room.get(name, 0) >= 0 for name in {**views.pod_requests(pod), "pods": 1})


SLACK = {"slack": Option("duration", "how old the scheduler's knowledge may be", 2.0)}
EVENTS = ("events",)
CHECKS: Mapping[str, Check] = {
    "taints-respected": Check("Nothing is put where a taint forbids it.", taints_respected, EVENTS, SLACK),
    "placed-as-asked": Check("Selectors and affinity are followed.", placed_as_asked, EVENTS, SLACK),
    "bound-to-what-is": Check("No pod is put on a node that is not there.", bound_to_what_is, EVENTS, SLACK),
    "no-overcommit": Check("No node is given more than it has.", no_overcommit, EVENTS),
    "nothing-new-on-not-ready-nodes": Check(
        "A node that is not Ready gets no new pods.", nothing_new_on_not_ready_nodes, EVENTS, SLACK
    ),
    "ports-distinct": Check("No two pods on a node have one host port.", ports_distinct, EVENTS),
    "scheduled-if-it-fits": Check(
        "No pod waits at the end while a node has room for it.",
        scheduled_if_it_fits,
        EVENTS,
        {"within": Option("duration", "for so long", 8.0)},
    ),
}
