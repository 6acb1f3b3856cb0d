"""Owners of fields where one object is written in several versions: each entry's fields are those of its own version.

Pure. Must not know the store. Objects are given, and come back, as they are stored. Source: structured-merge-diff,
which compares old and new once in each version that a manager has used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cluster.api import fieldsets, managedfields, versions
from cluster.api.managedfields import APPLY, Manager
from cluster.api.meta import Object

NOBODY = "\0"
"""Stands for who writes in another version: those who used this one lose what they change, and nobody gains it."""


def created(obj: Object, who: Manager) -> Object:
    """A new object: all of it is its maker's."""
    if not versions.has_form(obj["kind"], who.version):
        return managedfields.created(obj, who)
    shown = managedfields.created(versions.in_version(obj, who.version), who)
    return managedfields.with_entries(obj, _rows(shown))


def updated(old: Object, new: Object, who: Manager) -> Object:
    """`new` with its owners."""
    rows = _rows(new) or _rows(old)
    used = _used(new["kind"], rows, who)
    if not used:
        return managedfields.updated(old, new, who)
    result: list[Object] = []
    for version in used:
        mine = [row for row in rows if row["apiVersion"] == version]
        struct = versions.struct_of(new["kind"], version)
        actor = who if version == who.version else replace(who, name=NOBODY, version=version, struct=struct)
        before = managedfields.with_entries(versions.in_version(old, version), mine)
        after = managedfields.with_entries(versions.in_version(new, version), mine)
        if not mine:
            if actor.name == NOBODY:
                continue
            changed = fieldsets.compare(struct, managedfields.owned(before), managedfields.owned(after))
            result += managedfields.of_change(actor, changed)
            continue
        found = _rows(managedfields.updated(before, after, actor))
        result += [row for row in found if row["manager"] != NOBODY]
    return managedfields.with_entries(new, managedfields.written(managedfields.read(result)))


def applied(live: Object, config: Object, who: Manager, *, force: bool) -> Object:
    """What is to become of `live` when somebody applies `config`, which is in the version of `who`. Conflict, as
    `managedfields.applied`."""
    kind, rows = live["kind"], _rows(live)
    used = _used(kind, rows, who)
    if not used:
        return managedfields.applied(live, config, who, force=force)
    mine = [row for row in rows if row["apiVersion"] == who.version]
    shown = managedfields.with_entries(versions.in_version(live, who.version), mine)
    if rows and not mine:  # others own it, in other versions: it is not that nobody was asked before
        shown = {**shown, "metadata": {**shown["metadata"], "managedFields": []}}
    after = managedfields.applied(shown, config, who, force=force)
    new = versions.stored_from(kind, after, who.version)
    result = _rows(after)
    for version in used:
        if version != who.version:
            result += _left(live, new, [row for row in rows if row["apiVersion"] == version], (version, who, force))
    if after is shown and len(result) == len(rows):
        return live
    return managedfields.with_entries(new, managedfields.written(managedfields.read(result)))


def _left(live: Object, new: Object, rows: Sequence[Object], how: tuple[str, Manager, bool]) -> list[Object]:
    """The entries of one other version, without what is changed under them."""
    version, who, force = how
    before, after = versions.in_version(live, version), versions.in_version(new, version)
    struct = versions.struct_of(live["kind"], version)
    changes = fieldsets.compare(struct, managedfields.owned(before), managedfields.owned(after))
    entries = [
        entry
        for entry in managedfields.read(rows)
        if (entry.manager, entry.operation, entry.subresource) != (who.name, APPLY, who.subresource)
    ]
    if not force:
        managedfields.no_conflict(entries, changes.touched)
    kept = [replace(e, fields=fieldsets.drop(e.fields - changes.touched, changes.removed)) for e in entries]
    return managedfields.written(kept)


def _rows(obj: Object) -> list[Any]:
    return list(obj["metadata"].get("managedFields") or ())


def _used(kind: str, rows: Sequence[Any], who: Manager) -> list[str]:
    """The versions that managers of this object have used; [] where all have the same fields, and for what is no list
    of entries."""
    if not all(isinstance(row, dict) and isinstance(row.get("apiVersion"), str) for row in rows):
        return []
    found = list(dict.fromkeys([who.version, *(row["apiVersion"] for row in rows)]))
    return found if any(versions.has_form(kind, version) for version in found) else []
