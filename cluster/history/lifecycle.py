"""How objects may come, change and go: what the apiserver, the garbage collector and the namespace controller promise.

Must not know pods' containers or nodes (`containers`, `placement`). Sources are named at each check.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.api import meta
from cluster.api.kinds import KINDS
from cluster.api.views import pod_node
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run
from cluster.history.tally import Object, Objects, Tally, called, notes, observed


def created_once(run: Run, _: Options) -> Finding:
    """Kubernetes API conventions: a create of a name that is taken is refused; a uid is for the life of an object."""
    tally, objects = Tally("created-once"), Objects()
    for event in observed(run):
        before = objects.take(event)
        tally.looked_at += 1
        if before is not None and event.type == "MODIFIED" and meta.uid_of(before) != meta.uid_of(event.object):
            tally.wrong(
                f"{called(event.object)} had uid {meta.uid_of(before)} and at {event.time:.3f} s has uid "
                f"{meta.uid_of(event.object)}, without having been deleted: a create went over what was there",
                before,
                event.object,
            )
    return tally.finding("events")


def finalizers_held(run: Run, _: Options) -> Finding:
    """Kubernetes, "Finalizers": an object that has some is only marked for deletion, and removed with the last."""
    tally, objects = Tally("finalizers-held"), Objects()
    for event in observed(run):
        before = objects.take(event)
        if event.type != "DELETED" or before is None:
            continue
        tally.looked_at += 1
        held = meta.finalizers_of(before)
        if held and not meta.deleting(before):
            tally.wrong(
                f"{called(before)} was removed at {event.time:.3f} s although {', '.join(held)} had not finished with "
                "it: it was never seen waiting for its deletion",
                before,
            )
    return tally.finding("deletions")


def status_apart(run: Run, _: Options) -> Finding:
    """Kubernetes API conventions, "Spec and Status": a write of status changes nothing else, and no other write
    changes status."""
    verbs = {str(data["revision"]): str(data.get("verb", "")) for _, _, data, _ in notes(run, "write")}
    known = ("update", "patch", "update-status", "patch-status", "update-scale")
    tally, objects = Tally("status-apart"), Objects()
    for event in observed(run):
        before = objects.take(event)
        kind = KINDS.get(event.kind)
        verb = verbs.get(str(event.object["metadata"].get("resourceVersion")), "")
        if before is None or event.type != "MODIFIED" or kind is None or not kind.status or verb not in known:
            continue
        tally.looked_at += 1
        of_status = verb.endswith("-status")
        for part in ("spec", "status"):
            changed = before.get(part) != event.object.get(part)
            if changed and of_status is (part == "spec"):
                tally.wrong(
                    f"{verb} of {called(before)} changed its {part} at {event.time:.3f} s"
                    + _difference(before, event.object, part),
                    before,
                    event.object,
                )
    return tally.finding("writes of objects that have a status")


def _difference(before: Object, after: Object, part: str) -> str:
    old, new = before.get(part) or {}, after.get(part) or {}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name) and not isinstance(old.get(name), dict | list):
            return f": {name} from {old.get(name)!r} to {new.get(name)!r}"
    return ""


def deletion_announced(run: Run, _: Options) -> Finding:
    """Kubernetes, "Termination of Pods": a pod that is on a node is marked first and removed when its kubelet has
    stopped it. Not for runs that force deletions."""
    tally, objects = Tally("deletion-announced"), Objects()
    for event in observed(run, "Pod", "Node"):
        before = objects.take(event)
        if event.kind != "Pod" or event.type != "DELETED" or before is None:
            continue
        tally.looked_at += 1
        node = pod_node(before)
        over = (before.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if node in objects.of("Node") and not over and not meta.deleting(before):
            tally.wrong(
                f"{called(before)} was removed at {event.time:.3f} s while it ran on {node}: nobody had told its "
                "kubelet to stop it first",
                before,
            )
    return tally.finding("removed pods")


def foreground_waits(run: Run, _: Options) -> Finding:
    """Kubernetes, "Foreground cascading deletion": the owner goes after every dependent that blocks it."""
    tally, objects = Tally("foreground-waits"), Objects()
    for event in observed(run):
        before = objects.take(event)
        if event.type != "DELETED" or before is None or "foregroundDeletion" not in meta.finalizers_of(before):
            continue
        tally.looked_at += 1
        left = [obj for obj in _dependents(objects, meta.uid_of(before)) if _blocks(obj, meta.uid_of(before))]
        if left:
            tally.wrong(
                f"{called(before)} was removed at {event.time:.3f} s although {len(left)} of its dependents still "
                f"blocked that, {called(left[0])} among them",
                before,
                left[0],
            )
    return tally.finding("owners deleted in the foreground")


def _dependents(objects: Objects, uid: str) -> list[Object]:
    everything = (obj for shelf in objects.kinds.values() for obj in shelf.values())
    return [obj for obj in everything if any(o.get("uid") == uid for o in meta.owners_of(obj))]


def _blocks(obj: Object, uid: str) -> bool:
    return any(o.get("uid") == uid and o.get("blockOwnerDeletion") for o in meta.owners_of(obj))


def namespaces_emptied(run: Run, _: Options) -> Finding:
    """Kubernetes, "Namespaces": a namespace goes after everything in it."""
    tally, objects = Tally("namespaces-emptied"), Objects()
    for event in observed(run):
        objects.take(event)
        if event.kind == "Namespace" and event.type == "DELETED":
            tally.looked_at += 1
            name = meta.name_of(event.object)
            left = [o for shelf in objects.kinds.values() for o in shelf.values() if meta.namespace_of(o) == name]
            if left:
                tally.wrong(
                    f"namespace {name} was removed at {event.time:.3f} s with {len(left)} objects still in it, "
                    f"{called(left[0])} among them",
                    event.object,
                    left[0],
                )
    return tally.finding("namespaces removed")


def controllers_spare(run: Run, options: Options) -> Finding:
    """Kubernetes, "Garbage Collection": what has no owner, or one that lives, no controller deletes."""
    by = {str(d["revision"]): str((d.get("message") or ("",))[0]) for _, _, d, _ in notes(run, "write")}
    tally, objects = Tally("controllers-spare"), Objects()
    gone: dict[str, float] = {}
    for event in observed(run):
        before = objects.take(event)
        if event.type == "DELETED":
            gone[meta.uid_of(event.object)] = event.time
        if before is None or event.kind not in options["kinds"]:
            continue
        begun = not meta.deleting(before) and (event.type == "DELETED" or meta.deleting(event.object))
        host = by.get(str(event.object["metadata"].get("resourceVersion")), "")
        if not begun or not host.startswith("controller-manager"):
            continue
        tally.looked_at += 1
        owners = meta.owners_of(before)
        namespace = objects.of("Namespace").get(meta.namespace_of(before))
        if (namespace is not None and meta.deleting(namespace)) or any(_lost(o["uid"], objects, gone) for o in owners):
            continue
        whose = f"its owner {owners[0]['kind']} {owners[0]['name']} is there" if owners else "it has no owner"
        tally.wrong(f"{host} deleted {called(before)} at {event.time:.3f} s, but {whose}", before)
    return tally.finding("deletions by controllers")


def _lost(uid: str, objects: Objects, gone: Mapping[str, float]) -> bool:
    if uid in gone:
        return True
    everything = (obj for shelf in objects.kinds.values() for obj in shelf.values())
    found = next((obj for obj in everything if meta.uid_of(obj) == uid), None)
    return found is None or meta.deleting(found)


def garbage_collected(run: Run, options: Options) -> Finding:
    """Kubernetes, "Garbage Collection": what all its owners have left behind goes too. Looked at where the run ends."""
    tally, objects = Tally("garbage-collected"), Objects()
    gone: dict[str, float] = {}
    seen: dict[str, float] = {}
    for event in observed(run):
        objects.take(event)
        seen.setdefault(meta.uid_of(event.object), event.time)
        if event.type == "DELETED":
            gone[meta.uid_of(event.object)] = event.time
    alive = {meta.uid_of(obj) for shelf in objects.kinds.values() for obj in shelf.values()}
    for shelf in objects.kinds.values():
        for obj in shelf.values():
            owners = meta.owners_of(obj)
            if not owners:
                continue
            tally.looked_at += 1
            left = max(gone.get(o["uid"], 0.0) for o in owners)
            orphaned = max(left, seen[meta.uid_of(obj)])
            if any(o["uid"] in alive for o in owners) or run.meta.seconds - orphaned <= options["within"]:
                continue
            names = ", ".join(f"{o['kind']} {o['name']} (uid {o['uid']})" for o in owners)
            tally.wrong(
                f"{called(obj)} is still there at {run.meta.seconds:.3f} s; its owner {names} has been gone since "
                f"{left:.3f} s",
                obj,
            )
    tally.looked_at += sum(1 for uid in gone if uid in seen)
    return tally.finding("objects with owners, and deletions")


EVENTS = ("events",)
CHECKS: Mapping[str, Check] = {
    "created-once": Check("No create goes over an object that is there.", created_once, EVENTS),
    "finalizers-held": Check("What has finalizers is marked for deletion and waits.", finalizers_held, EVENTS),
    "status-apart": Check(
        "Writes of status change status, others change the rest.", status_apart, ("events", "records")
    ),
    "deletion-announced": Check(
        "A pod on a node is marked before it is removed (nobody forces a deletion).", deletion_announced, EVENTS
    ),
    "foreground-waits": Check("Foreground deletion: owners go after their dependents.", foreground_waits, EVENTS),
    "namespaces-emptied": Check("A namespace goes after everything in it.", namespaces_emptied, EVENTS),
    "garbage-collected": Check(
        "What its owners have left behind goes too.",
        garbage_collected,
        EVENTS,
        {"within": Option("duration", "after the last owner has gone", 3.0)},
    ),
    "controllers-spare": Check(
        "No controller deletes what has no owner, or one that lives.",
        controllers_spare,
        ("events", "records"),
        {"kinds": Option("words", "objects of these kinds", ("ConfigMap",))},
    ),
}
