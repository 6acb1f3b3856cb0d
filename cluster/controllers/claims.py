"""Who controls what: adopting orphans that match a selector, releasing what matches no longer.

Must not create or delete anything; it says what belongs to whom, and the patches that make it so
(Kubernetes: controller references, ControllerRefManager).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.api import meta
from cluster.api.kinds import kind_key
from cluster.api.selectors import from_label_selector
from cluster.controllers.controller import View
from cluster.controllers.plan import Action, Object, Patch, Verify


@dataclass(frozen=True, slots=True)
class Claim:
    """`mine`: what the owner controls once `actions` are carried out, adopted ones included."""

    mine: list[Object]
    actions: list[Action]


def claim(view: View, owner: Object, kind: str) -> Claim:
    """Of all objects of `kind` in the owner's namespace: its own, minus those to release, plus those to adopt.

    An owner that is being deleted neither adopts nor releases. Adoption is preceded by a live look at the owner:
    a cache may not have noticed yet that it is being deleted (Kubernetes: canAdopt)."""
    selector = from_label_selector(owner["spec"].get("selector"))
    leaving = meta.deleting(owner)
    mine: list[Object] = []
    actions: list[Action] = []
    for obj in view.owned_by(meta.uid_of(owner), kind):
        reference = meta.controller_of(obj)
        if reference is None or reference["uid"] != meta.uid_of(owner):
            continue
        if selector.matches(meta.labels_of(obj)):
            mine.append(obj)
        elif not leaving and not meta.deleting(obj):
            actions.append(without_owner(obj, meta.uid_of(owner)))
    if leaving or selector.nothing or selector.everything:
        return Claim(mine, actions)
    orphans = [
        obj
        for obj in view.list(kind, meta.namespace_of(owner))
        if meta.controller_of(obj) is None
        and not meta.deleting(obj)
        and obj.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        and selector.matches(meta.labels_of(obj))
    ]
    if orphans:
        place = (owner["kind"], meta.namespace_of(owner), meta.name_of(owner))
        actions.append(Verify(*place, "alive", uid=meta.uid_of(owner)))
        actions.extend(_adopt(obj, owner) for obj in orphans)
    return Claim(sorted(mine + orphans, key=meta.key_of), actions)


def _adopt(obj: Object, owner: Object) -> Patch:
    return _owners(obj, [*meta.owners_of(obj), meta.owner_reference(owner)])


def without_owner(obj: Object, *uids: str) -> Patch:
    """The object lives on without these owners."""
    return _owners(obj, [o for o in meta.owners_of(obj) if o.get("uid") not in uids])


def _owners(obj: Object, owners: list[dict[str, Any]]) -> Patch:
    # A merge patch replaces the whole list, so it must fail if somebody else has changed the object meanwhile.
    stamp = {"uid": meta.uid_of(obj), "resourceVersion": obj["metadata"].get("resourceVersion", "")}
    patch = {"metadata": {**stamp, "ownerReferences": owners or None}}
    return Patch(kind_key(obj), meta.namespace_of(obj), meta.name_of(obj), patch)
