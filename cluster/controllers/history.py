"""ControllerRevisions: the templates that a DaemonSet has had, numbered (Kubernetes: ControllerRevision).

Must not touch pods. A revision is named after its content, so making it twice makes it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.api import meta
from cluster.controllers.claims import claim
from cluster.controllers.controller import View
from cluster.controllers.plan import Action, Create, Delete, Object, Patch

HASH = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class Revisions:
    """`hash`: of the template that the owner has now. `collision`: its name is taken by other content."""

    hash: str
    actions: list[Action]
    known: list[Object]
    collision: bool = False


def content(owner: Object) -> dict[str, Any]:
    """The data of a revision: a strategic merge patch that puts the template back."""
    template = meta.deep_copy(owner["spec"]["template"])
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def synced(view: View, owner: Object) -> Revisions:
    """The owner's revisions, with the current one made if need be, and numbered highest."""
    claimed = claim(view, owner, "ControllerRevision")
    data = content(owner)
    known = claimed.mine
    highest = max((int(r.get("revision", 0)) for r in known), default=0)
    equal = [r for r in known if r.get("data") == data]
    if equal:
        current = max(equal, key=lambda r: (int(r.get("revision", 0)), meta.name_of(r)))
        actions = list(claimed.actions)
        if int(current.get("revision", 0)) < highest and not meta.deleting(owner):
            # The template is one of old again: its number becomes the highest.
            where = ("ControllerRevision", meta.namespace_of(owner), meta.name_of(current))
            actions.append(Patch(*where, {"revision": highest + 1}))
        return Revisions(meta.labels_of(current).get(HASH, ""), actions, known)
    collisions = int((owner.get("status") or {}).get("collisionCount") or 0)
    suffix = meta.template_hash(owner["spec"]["template"], collisions)
    name = f"{meta.name_of(owner)}-{suffix}"
    taken = view.get("ControllerRevision", meta.namespace_of(owner), name) is not None
    actions = list(claimed.actions)
    if not taken and not meta.deleting(owner):
        labels = {**((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}), HASH: suffix}
        metadata = {
            "name": name,
            "namespace": meta.namespace_of(owner),
            "labels": labels,
            "ownerReferences": [meta.owner_reference(owner)],
        }
        kind = {"apiVersion": "apps/v1", "kind": "ControllerRevision"}
        actions.append(Create({**kind, "metadata": metadata, "data": data, "revision": highest + 1}))
    return Revisions(suffix, actions, known, collision=taken)


def surplus(owner: Object, revisions: Revisions, pods: list[Object]) -> list[Delete]:
    """Revisions beyond revisionHistoryLimit that no pod has, oldest first."""
    limit = owner["spec"].get("revisionHistoryLimit")
    limit = 10 if limit is None else int(limit)
    live = {meta.labels_of(pod).get(HASH) for pod in pods} | {revisions.hash}
    idle = [r for r in revisions.known if meta.labels_of(r).get(HASH) not in live]
    idle.sort(key=lambda r: (int(r.get("revision", 0)), meta.name_of(r)))
    return [
        Delete("ControllerRevision", meta.namespace_of(r), meta.name_of(r), uid=meta.uid_of(r))
        for r in idle[: max(0, len(idle) - limit)]
    ]
