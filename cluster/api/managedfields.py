"""Who owns which field of an object: metadata.managedFields, and server-side apply, which goes by it.

Pure. Must not know the store, defaults or validation: it turns an object and what somebody says of it into the object
as it is to be, with its owners. Source: Kubernetes, "Server-Side Apply"; the structured-merge-diff rules as documented
there; managers and entries as in meta/v1 ManagedFieldsEntry.

    Rule 1: who changes a field owns it; an Update takes it from the others, an Apply must be forced to.
    Rule 2: who applies owns exactly the fields that they applied last; equal values are owned together.
    Rule 3: a field that its only owner applies no longer is removed.
    Rule 4: an object without owners gets none by an Update (Kubernetes: it is not tracked before its first apply); at
            its first Apply everything that is there belongs to `before-first-apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cluster.api import fieldsets
from cluster.api.fielderrors import MOST_TOLD
from cluster.api.fieldsets import Fields, compare, cut, drop, fields_of, shown
from cluster.api.meta import Object
from cluster.api.schema import Struct
from cluster.errors import StatusError

APPLY, UPDATE = "Apply", "Update"
BEFORE = "before-first-apply"
ANCIENT = "ancient-changes"
MOST_UPDATERS = 10
"""Managers that update; the oldest above that are kept under one name (Kubernetes: defaultMaxUpdateManagers)."""
_UNOWNED = ("name", "namespace", "generateName", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
            "selfLink", "uid", "generation", "managedFields", "resourceVersion")  # fmt: skip
"""Of metadata, what belongs to the server."""


@dataclass(frozen=True, slots=True)
class Manager:
    """`version`: apiVersion of the object. `time`: RFC 3339, of now."""

    name: str
    version: str
    time: str
    subresource: str = ""
    struct: Struct | None = None
    """Of the object that is written: how its fields are told apart."""


@dataclass(frozen=True, slots=True)
class Entry:
    manager: str
    operation: str
    version: str
    time: str
    fields: Fields
    subresource: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Whose it is. Who applies may do so in any version."""
        return (self.manager, self.operation, self.subresource, "" if self.operation == APPLY else self.version)

    def __str__(self) -> str:
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.version}" if self.operation == UPDATE else text


# ── entries ──────────────────────────────────────────────────────────────────────────────────────────────────


def read(value: Any) -> list[Entry]:
    """Entries of metadata.managedFields. ValueError for what they cannot be."""
    entries = []
    for item in value or ():
        if type(item) is not dict or item.get("operation") not in (APPLY, UPDATE):
            raise ValueError("operation of a managedFields entry is Apply or Update")
        words = [item.get(name) or "" for name in ("manager", "operation", "apiVersion", "time", "subresource")]
        if any(type(word) is not str for word in words) or item.get("fieldsType", "FieldsV1") != "FieldsV1":
            raise ValueError("fieldsType of a managedFields entry is FieldsV1")
        fields = fieldsets.decode(item.get("fieldsV1") or {})
        entries.append(Entry(words[0], words[1], words[2], words[3], fields, words[4]))
    return entries


def written(entries: Iterable[Entry]) -> list[Object]:
    """As metadata.managedFields has them: who applies first, then by time. Entries without fields are left out, the
    oldest of many updates become one."""
    live = sorted((e for e in entries if e.fields), key=lambda e: (e.operation, e.time, e.manager, e.subresource))
    updaters = [e for e in live if e.operation == UPDATE and not e.subresource]
    old = updaters[: max(0, len(updaters) - MOST_UPDATERS + 1)] if len(updaters) > MOST_UPDATERS else []
    for version in dict.fromkeys(e.version for e in old):
        group = [e for e in old if e.version == version]
        fields = frozenset[fieldsets.Path]().union(*(e.fields for e in group))
        live = [replace(group[-1], manager=ANCIENT, fields=fields), *(e for e in live if e not in group)]
    return [_row(entry) for entry in sorted(live, key=lambda e: e.operation)]


def _row(entry: Entry) -> Object:
    row: Object = {
        "manager": entry.manager,
        "operation": entry.operation,
        "apiVersion": entry.version,
        "time": entry.time,
    }
    row |= {"fieldsType": "FieldsV1", "fieldsV1": fieldsets.encode(entry.fields)}
    if entry.subresource:
        row["subresource"] = entry.subresource
    return {name: value for name, value in row.items() if value != ""}


def with_entries(obj: Object, rows: Sequence[Object]) -> Object:
    meta = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": {**meta, "managedFields": list(rows)} if rows else meta}


def owned(obj: Object) -> Object:
    """What of an object can be owned."""
    meta = {name: value for name, value in obj["metadata"].items() if name not in _UNOWNED and value is not None}
    rest = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata")}
    return {**rest, "metadata": meta} if meta else rest


# ── create and update ────────────────────────────────────────────────────────────────────────────────────────


def created(obj: Object, who: Manager) -> Object:
    """A new object: all of it is its maker's, but for the status."""
    mine = {name: value for name, value in owned(obj).items() if name != "status"}
    row = _row(Entry(who.name, UPDATE, who.version, who.time, frozenset(), who.subresource))
    return with_entries(obj, [{**row, "fieldsV1": fieldsets.encoded(who.struct, mine)}])


def updated(old: Object, new: Object, who: Manager) -> Object:
    """`new` with its owners. A list of owners that came with it counts, if it is one; [{}] takes all of them away."""
    had = old["metadata"].get("managedFields") or []
    given = new["metadata"].get("managedFields")
    if given == [{}] or not (had or given):
        return with_entries(new, [])
    try:
        entries = read(given or had)
    except ValueError:
        entries, given = read(had), None
    changes = compare(who.struct, owned(old), owned(new))
    if not changes:
        return with_entries(new, written(entries) if given and given != had else had)
    mine = Entry(who.name, UPDATE, who.version, who.time, frozenset(), who.subresource)
    result = []
    for entry in entries:
        fields = drop(entry.fields, changes.removed)
        if entry.key == mine.key:
            mine = replace(mine, fields=fields)
        else:
            result.append(replace(entry, fields=fields - changes.touched))
    mine = replace(mine, fields=mine.fields | changes.touched)
    return with_entries(new, written([*result, mine]))


def of_change(who: Manager, changes: fieldsets.Changes) -> list[Object]:
    """The entry of somebody who has changed these fields, and owned none."""
    return written([Entry(who.name, UPDATE, who.version, who.time, frozenset(changes.touched), who.subresource)])


# ── apply ────────────────────────────────────────────────────────────────────────────────────────────────────


def owners(config: Object, who: Manager) -> list[Object]:
    """managedFields of an object that was made by applying `config`."""
    fields = fields_of(who.struct, owned(_without_nulls(config)))
    return written([Entry(who.name, APPLY, who.version, who.time, fields, who.subresource)])


def applied(live: Object, config: Object, who: Manager, *, force: bool = False) -> Object:
    """What is to become of `live` when somebody applies `config`, with its owners; `live` itself if that changes
    nothing. Conflict, with a cause for each field that others own."""
    said = owned(_without_nulls(config))
    struct = who.struct
    mine = Entry(who.name, APPLY, who.version, who.time, fields_of(struct, said), who.subresource)
    entries = _entries_of(live, struct)
    last = next((entry for entry in entries if entry.key == mine.key), None)
    others = [entry for entry in entries if entry.key != mine.key]
    before = owned(live)
    after = fieldsets.merge(struct, before, said)
    if last is not None:
        kept = {path for entry in others for path in entry.fields} | mine.fields
        after = cut(struct, after, fieldsets.unowned(last.fields, kept))
    changes = compare(struct, before, after)
    if not force:
        no_conflict(others, changes.touched)
    if not changes and last is not None and last.fields == mine.fields:
        return live
    others = [replace(e, fields=drop(e.fields - changes.touched, changes.removed)) for e in others]
    server = {name: value for name, value in live["metadata"].items() if name in _UNOWNED}
    identity = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
    whole = {**identity, **after, "metadata": {**server, **after.get("metadata", {})}}
    return with_entries(whole, written([*others, mine]))


def _entries_of(live: Object, struct: Struct | None) -> list[Entry]:
    try:
        entries = read(live["metadata"].get("managedFields"))
    except ValueError:
        entries = []
    if entries or live["metadata"].get("managedFields") == []:
        return entries  # an empty list: its fields are owned, but by nobody in this version
    time = str(live["metadata"].get("creationTimestamp") or "")
    fields = fields_of(struct, owned(live), made=True)
    return [Entry(BEFORE, UPDATE, str(live["apiVersion"]), time, fields)]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def no_conflict(others: Sequence[Entry], touched: set[fieldsets.Path]) -> None:
    lost = [(entry, path) for entry in others for path in sorted(entry.fields & touched)]
    if not lost:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {entry}", "field": shown(path)}
        for entry, path in lost[:MOST_TOLD]
    ]
    if len(lost) == 1:
        entry, path = lost[0]
        raise StatusError("Conflict", f"Apply failed with 1 conflict: conflict with {entry}: {shown(path)}",
                          {"causes": causes})  # fmt: skip
    by_manager: dict[str, list[str]] = {}
    for entry, path in lost[:MOST_TOLD]:
        by_manager.setdefault(str(entry), []).append(f"- {shown(path)}")
    texts = ["\n".join((f"conflicts with {who}:", *by_manager[who])) for who in sorted(by_manager)]
    if len(lost) > MOST_TOLD:
        texts.append(f"and {len(lost) - MOST_TOLD} more")
    message = f"Apply failed with {len(lost)} conflicts: " + "\n".join(texts)
    raise StatusError("Conflict", message, {"causes": causes})
