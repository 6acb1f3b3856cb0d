"""Delete what its owners have left behind, in the way the owner's deletion asked for (Kubernetes: garbage collector).

Must not trust a cache that an owner is gone: a live read comes before every deletion.

Background: the owner is gone, its dependents follow. Foreground: the owner waits (finalizer foregroundDeletion) for
those dependents that block it. Orphan: the owner waits (finalizer orphan) until its dependents have been freed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from cluster.api import meta
from cluster.api.kinds import KINDS, kind_key
from cluster.controllers.claims import without_owner
from cluster.controllers.controller import Context, Controller, View
from cluster.controllers.plan import DONE, Delete, Object, Patch, Plan, PlanBuilder, Verify

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
CATCH_UP = 0.05
"""Seconds after which an owner is looked at again whose mark came ahead of the watch."""


def key_for(obj: Object) -> str:
    """Kind and key: "Pod:default/web-1", "Node:worker-0", "Widget.example.com:default/w"."""
    return f"{kind_key(obj)}:{meta.key_of(obj)}"


def dependents(view: View, owner: Object) -> list[Object]:
    """Everything that names the owner's uid."""
    return view.dependents(meta.uid_of(owner))


def reconcile(view: View, key: str, ctx: Context) -> Plan:
    """One object: as an owner that waits, and as a dependent whose owners may be gone."""
    kind, _, rest = key.partition(":")
    obj = view.get(kind, *meta.split_key(rest))
    if obj is None:
        return DONE
    if not meta.deleting(obj):
        return _dependent(view, obj)
    if not {ORPHAN, FOREGROUND} & {*meta.finalizers_of(obj)}:
        return DONE
    if view.heard(kind) < meta.revision_of(obj):
        # The mark is known from the answer to a request. Dependents that were made before it may not have been told of
        # yet: the owner would be let go although they block it, or would not be freed of it.
        return Plan(requeue_after=CATCH_UP)
    return _orphan(view, obj) if ORPHAN in meta.finalizers_of(obj) else _foreground(view, obj)


# ── owners ───────────────────────────────────────────────────────────────────────────────────────────────────


def _orphan(view: View, owner: Object) -> Plan:
    plan = PlanBuilder()
    for obj in dependents(view, owner):
        plan.add(without_owner(obj, meta.uid_of(owner)))
    plan.add(_without_finalizer(owner, ORPHAN))
    return plan.build()


def _foreground(view: View, owner: Object) -> Plan:
    """Dependents are deleted first; the owner goes when none is left that blocks it."""
    plan = PlanBuilder()
    uid = meta.uid_of(owner)
    blocked = False
    for obj in dependents(view, owner):
        references = [o for o in meta.owners_of(obj) if o.get("uid") == uid]
        blocked = blocked or any(o.get("blockOwnerDeletion") for o in references)
        if not meta.deleting(obj):
            plan.actions.extend(_dependent(view, obj).actions)
    if not blocked:
        plan.add(_without_finalizer(owner, FOREGROUND))
    return plan.build()


def _without_finalizer(obj: Object, finalizer: str) -> Patch:
    rest = [f for f in meta.finalizers_of(obj) if f != finalizer]
    # The list is replaced as a whole: a finalizer that somebody has added meanwhile must not get lost.
    stamp = {"uid": meta.uid_of(obj), "resourceVersion": obj["metadata"].get("resourceVersion", "")}
    patch = {"metadata": {**stamp, "finalizers": rest or None}}
    return Patch(kind_key(obj), meta.namespace_of(obj), meta.name_of(obj), patch)


# ── dependents ───────────────────────────────────────────────────────────────────────────────────────────────


def _dependent(view: View, obj: Object) -> Plan:
    """Delete it if every owner is gone or waits for it; if one remains, only the references to the others go."""
    plan = PlanBuilder()
    staying, waiting, missing = [], [], []
    for reference in meta.owners_of(obj):
        place = _place(view, reference, obj)
        if place is None:
            staying.append(reference)  # not ours to judge
            continue
        owner = view.get(*place)
        if owner is None or meta.uid_of(owner) != reference["uid"]:
            missing.append(reference)
            plan.add(Verify(*place, "gone", uid=reference["uid"]))
        elif meta.deleting(owner) and FOREGROUND in meta.finalizers_of(owner):
            waiting.append(reference)
        else:
            staying.append(reference)
    if not waiting and not missing:
        return DONE
    if staying:
        plan.add(without_owner(obj, *(reference["uid"] for reference in waiting + missing)))
    else:
        plan.add(_deletion(obj, foreground=bool(waiting) and bool(dependents(view, obj))))
    return plan.build()


def _place(view: View, reference: Mapping[str, Any], obj: Object) -> tuple[str, str, str] | None:
    """Kind, namespace and name of the owner that an object names. None for kinds that are not known, and for Events,
    which come and go by themselves."""
    kind = kind_key(reference)
    known = KINDS.get(kind)
    namespaced = known.namespaced if known is not None else _defined(view, kind)
    if namespaced is None or kind == "Event":
        return None
    return kind, meta.namespace_of(obj) if namespaced else "", reference["name"]


def _defined(view: View, kind: str) -> bool | None:
    """Whether objects of a kind that was defined at run time are in namespaces; None if there is no such kind."""
    name, _, group = kind.partition(".")
    for definition in view.list("CustomResourceDefinition") if group else ():
        spec = definition["spec"]
        if (spec["names"]["kind"], spec["group"]) == (name, group):
            return bool(spec["scope"] == "Namespaced")
    return None


def _deletion(obj: Object, foreground: bool) -> Delete:
    """An object that has a finalizer for a way of deletion already is deleted in that way."""
    propagation: Literal["Background", "Foreground", "Orphan"] = "Background"
    if ORPHAN in meta.finalizers_of(obj):
        propagation = "Orphan"
    elif foreground or FOREGROUND in meta.finalizers_of(obj):
        propagation = "Foreground"
    place = (kind_key(obj), meta.namespace_of(obj), meta.name_of(obj))
    return Delete(*place, uid=meta.uid_of(obj), propagation=propagation)


def _keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
    if new is not None and (meta.owners_of(new) or (meta.deleting(new) and meta.finalizers_of(new))):
        same = old is not None and meta.owners_of(old) == meta.owners_of(new)
        if not same or meta.deleting(new):
            yield key_for(new)
    if old is not None and (new is None or meta.uid_of(new) != meta.uid_of(old)):
        for obj in dependents(view, old):
            yield key_for(obj)
    # A dependent that is gone, or begins to go, may be what its owner waits for.
    for dependent in (old, new):
        for reference in meta.owners_of(dependent or {}):
            place = _place(view, reference, dependent or {})
            owner = view.get(*place) if place is not None else None
            if owner is not None and meta.deleting(owner):
                yield key_for(owner)
    if new is not None and meta.deleting(new) and FOREGROUND in meta.finalizers_of(new):
        for obj in dependents(view, new):
            yield key_for(obj)


CONTROLLER = Controller(
    name="garbage-collector",
    kinds=(),
    all_kinds=True,
    keys=_keys,
    reconcile=reconcile,
    workers=8,
)
