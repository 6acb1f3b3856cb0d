"""Ready endpoints of Services: pods that are ready, on nodes that are heard of.

Must not judge proxies (`proxies-follow` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run
from cluster.history.tally import Object, Objects, Tally, observed

SERVICE = "kubernetes.io/service-name"


@dataclass(slots=True)
class _Bad:
    """Since when each (slice, uid of the pod) has been a ready endpoint without being fit for it, and why."""

    since: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    told: dict[tuple[str, str], bool] = field(default_factory=dict)


def no_dead_endpoints(run: Run, options: Options) -> Finding:
    """Kubernetes, "EndpointSlices": ready means that the pod is; of a node that has fallen silent none is."""
    tally, objects, bad = Tally("no-dead-endpoints"), Objects(), _Bad()
    for event in observed(run, "EndpointSlice", "Pod", "Node"):
        _overdue(tally, bad, event.time, options["within"])
        objects.take(event)
        tally.looked_at += event.kind == "EndpointSlice"
        if tally.looked_at:
            _look(objects, bad, event.time)
    _overdue(tally, bad, run.meta.seconds, options["within"])
    return tally.finding("changes of EndpointSlices")


def _look(objects: Objects, bad: _Bad, now: float) -> None:
    pods = {meta.uid_of(pod): pod for pod in objects.of("Pod").values()}
    wrong = {}
    for place, address in _ready(objects):
        why = _why(pods.get(place[1]), objects)
        if why:
            wrong[place] = f"{address} {why}"
    bad.since = {place: bad.since.get(place, (now, why)) for place, why in wrong.items()}


def _ready(objects: Objects) -> Iterator[tuple[tuple[str, str], str]]:
    for key, slice in objects.of("EndpointSlice").items():
        for entry in slice.get("endpoints") or ():
            uid = str((entry.get("targetRef") or {}).get("uid") or "")
            if uid and (entry.get("conditions") or {}).get("ready") is not False:
                yield (f"{key} of {meta.labels_of(slice).get(SERVICE, '')}", uid), str(entry["addresses"][0])


def _why(pod: Object | None, objects: Objects) -> str:
    if pod is None:
        return "(whose pod is gone)"
    node = objects.of("Node").get(views.pod_node(pod))
    if meta.deleting(pod) or not views.pod_ready(pod):
        return f"({meta.key_of(pod)}, which is not ready)"
    if node is None or not views.node_ready(node):
        return f"({meta.key_of(pod)} on {views.pod_node(pod)}, which is not Ready)"
    return ""


def _overdue(tally: Tally, bad: _Bad, now: float, within: float) -> None:
    for place, (since, why) in bad.since.items():
        if now - since > within and place not in bad.told:
            bad.told[place] = True
            tally.wrong(f"slice {place[0]} called {why} a ready endpoint from {since:.3f} s to {now:.3f} s")


CHECKS: Mapping[str, Check] = {
    "no-dead-endpoints": Check(
        "No EndpointSlice calls ready what has not been for some time.",
        no_dead_endpoints,
        ("events",),
        {"within": Option("duration", "for so long", 3.0)},
    ),
}
