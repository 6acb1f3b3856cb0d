"""What observers of API objects saw, and how many pods a rollout asks for.

Must not judge single pods, nodes or containers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run, Seen
from cluster.history.tally import Object, Objects, Tally, called, notes, observed


def _never_back(run: Run, options: Options) -> Finding:
    """Kubernetes API concepts, "Resource versions": what an observer has seen of an object it does not see an older
    version of; and what was written some time before the end it has seen."""
    tally = Tally("observer-never-goes-back")
    newest: dict[tuple[str, str, str], Seen] = {}
    for event in run.events:
        key = (event.observer, event.kind, meta.key_of(event.object))
        before = newest.get(key)
        tally.looked_at += 1
        if event.type != "DELETED" and before is not None and _revision(event) < _revision(before):
            tally.wrong(
                f"{event.observer} saw {called(event.object)} at version {_revision(event)} at {event.time:.3f} s, "
                f"after version {_revision(before)} at {before.time:.3f} s",
                before.object,
                event.object,
            )
        newest[key] = event
    watched = {(observer, kind) for observer, kind, _ in newest}
    for time, _, data, _ in notes(run, "write"):
        if time > run.meta.seconds - options["within"] or data.get("verb") == "delete":
            continue
        for observer, kind in sorted(watched):
            seen = newest.get((observer, kind, str(data.get("key"))))
            if kind == data.get("kind") and (seen is None or _behind(seen, int(data["revision"]))):
                at = "none of it" if seen is None else f"only version {_revision(seen)}"
                tally.wrong(
                    f"{observer} never saw version {data['revision']} of {kind} {data['key']}, written at "
                    f"{time:.3f} s: {at}"
                )
    return tally.finding("events of observers")


def _revision(event: Seen) -> int:
    return meta.revision_of(event.object)


def _behind(seen: Seen, revision: int) -> bool:
    return seen.type != "DELETED" and _revision(seen) < revision


def _surge(run: Run, options: Options) -> Finding:
    """Kubernetes, "Rolling Update Deployment": its ReplicaSets together ask for at most replicas and maxSurge."""
    tally, objects = Tally("rollout-surge"), Objects()
    allowed: dict[str, list[tuple[float, int]]] = {}
    for event in observed(run, "Deployment", "ReplicaSet"):
        objects.take(event)
        for deployment in objects.of("Deployment").values():
            uid = meta.uid_of(deployment)
            allowed.setdefault(uid, []).append((event.time, _most(deployment)))
            mine = [rs for rs in objects.of("ReplicaSet").values() if (meta.controller_of(rs) or {}).get("uid") == uid]
            if event.kind != "ReplicaSet" or not any(meta.uid_of(rs) == meta.uid_of(event.object) for rs in mine):
                continue
            tally.looked_at += 1
            total = sum(_replicas(rs) for rs in mine)
            most = max(n for time, n in allowed[uid] if time >= event.time - options["slack"])
            if total > most:
                tally.wrong(
                    f"{called(deployment)} may have {most} pods, and its {len(mine)} ReplicaSets ask for {total} from "
                    f"{event.time:.3f} s on",
                    deployment,
                    event.object,
                )
    return tally.finding("changes of ReplicaSets of Deployments")


def _replicas(obj: Object) -> int:
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _most(deployment: Object) -> int:
    strategy: Mapping[str, Any] = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return _replicas(deployment)
    surge = (strategy.get("rollingUpdate") or {}).get("maxSurge")
    return _replicas(deployment) + views.int_or_percent("25%" if surge is None else surge, _replicas(deployment), True)


EVENTS = ("events",)
CHECKS: Mapping[str, Check] = {
    "observer-never-goes-back": Check(
        "No observer sees an older version of an object again, nor misses what was written for good.",
        _never_back,
        ("events", "records"),
        {"within": Option("duration", "what is written so shortly before the end may be missing", 2.0)},
    ),
    "rollout-surge": Check(
        "A rollout asks for no more pods than it may.",
        _surge,
        EVENTS,
        {"slack": Option("duration", "how old the controller's knowledge may be", 1.0)},
    ),
}
