"""Objects, lists, tables and events as the bytes of an answer.

Pure. Must not know who asks. An object's JSON is made once and kept with it (`hub.item_of`), however many ask for it.
Source: Kubernetes API concepts, "Receiving resources as Tables"; metav1.Table, PartialObjectMetadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import yaml

from cluster.api import versions
from cluster.api.kinds import Kind
from cluster.api.model import Model
from cluster.api.printing import Printer, since
from cluster.apiserver.hub import Codec, item_of
from cluster.apiserver.reads import list_metadata
from cluster.apiserver.rest.negotiation import PARTIAL, PARTIAL_LIST, TABLE, YAML, Form
from cluster.apiserver.watchcache import Page, Stored

Object = dict[str, Any]
Now = Callable[[], float]

PIECE = 100
"""Objects that are encoded, and sent, in one go."""
INCLUDE = ("None", "Metadata", "Object")
_INTEGERS = ("DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "VALUE", "ACTIVE", "ALLOWED DISRUPTIONS")
_CAPITALS = ("IP", "OS")


def _scale(obj: Object, now: float) -> list[str]:
    spec, status, meta = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    wanted, there = spec.get("replicas", 0), status.get("replicas", 0)
    return [meta["name"], str(wanted), str(there), since(meta.get("creationTimestamp"), now)]


SCALES = Printer(("NAME", "DESIRED", "AVAILABLE", "AGE"), _scale)


def json_bytes(value: Any) -> bytes:
    return orjson.dumps(value)


def json_event(type: str, obj: Object) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type.encode(), orjson.dumps(obj))


BOOKMARK = b'{"type":"BOOKMARK"'
"""How a bookmark begins, in every form."""
JSON_CODEC = Codec("json", json_event, json_bytes)


def in_version(kind: Kind, obj: Object) -> Object:
    """An object as the version shows it that was asked for; a custom one differs by its apiVersion only."""
    if kind.form is not None:
        return versions.show(kind, obj) if obj.get("kind") == kind.kind else obj
    if kind.model is None or obj.get("kind") != kind.kind or obj.get("apiVersion") == kind.api_version:
        return obj
    return {**obj, "apiVersion": kind.api_version}


def json_codec(kind: Kind) -> Codec:
    if kind.model is None and kind.form is None:
        return JSON_CODEC
    return Codec(
        f"json/{kind.api_version}",
        lambda type, obj: json_event(type, in_version(kind, obj)),
        lambda obj: json_bytes(in_version(kind, obj)),
    )


def body_of(form: Form, value: Any) -> bytes:
    """Any document, in the media type of `form`."""
    if form.media == YAML:
        text: str = yaml.safe_dump(orjson.loads(json_bytes(value)), sort_keys=False, allow_unicode=True)
        return text.encode()
    return json_bytes(value)


# ── one object, and lists ────────────────────────────────────────────────────────────────────────────────────


def object_body(kind: Kind, form: Form, obj: Object, now: float, include: str = "Metadata") -> bytes:
    """One object as `form` wants it. What is not an object of `kind` (a Status) stays as it is, but for a Scale."""
    if obj.get("kind") == "Scale" and form.transform:
        kind = replace(kind, kind="Scale", printer=SCALES, model=None, form=None)
    if obj.get("kind") != kind.kind or not form.transform:
        return body_of(form, in_version(kind, obj))
    if form.transform == TABLE:
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return body_of(form, table(kind, [obj], meta, now, (form.version, include)))
    return body_of(form, partial(obj, form.version))


def stored_body(kind: Kind, form: Form, stored: Stored, now: float, include: str = "Metadata") -> bytes:
    """One object that is kept, as `form` wants it."""
    if form.media == YAML or form.transform or stored.obj.get("kind") != kind.kind:
        return object_body(kind, form, stored.obj, now, include)
    return item_of(json_codec(kind), stored)


def list_body(kind: Kind, form: Form, page: Page, now: float, include: str = "Metadata") -> bytes:
    """A page of a list. JSON of objects is put together from what was made before."""
    meta = list_metadata(page)
    if form.transform == TABLE:
        objects = [stored.obj for stored in page.items]
        return body_of(form, table(kind, objects, meta, now, (form.version, include)))
    if form.transform in (PARTIAL, PARTIAL_LIST):
        items = [partial(stored.obj, form.version) for stored in page.items]
        head = {"kind": PARTIAL_LIST, "apiVersion": f"meta.k8s.io/{form.version}", "metadata": meta}
        return body_of(form, {**head, "items": items})
    head = {"kind": kind.kind + "List", "apiVersion": kind.api_version, "metadata": meta}
    if form.media == YAML:
        return body_of(form, {**head, "items": [in_version(kind, stored.obj) for stored in page.items]})
    return b"".join(_pieces(kind, head, page))


def list_parts(kind: Kind, form: Form, page: Page) -> Iterator[bytes] | None:
    """The same in pieces, of a list that is long enough to be in others' way; None of one that is not, or is made
    anew for whoever asks."""
    if form.transform or form.media == YAML or len(page.items) <= PIECE:
        return None
    head = {"kind": kind.kind + "List", "apiVersion": kind.api_version, "metadata": list_metadata(page)}
    return _pieces(kind, head, page)


def _pieces(kind: Kind, head: Object, page: Page) -> Iterator[bytes]:
    codec, items = json_codec(kind), page.items
    before = json_bytes(head)[:-1] + b',"items":['
    for at in range(0, len(items), PIECE):
        yield before + b",".join([item_of(codec, stored) for stored in items[at : at + PIECE]])
        before = b","
    yield b"]}" if items else before + b"]}"


def partial(obj: Object, version: str = "v1") -> Object:
    return {
        "kind": PARTIAL,
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": obj["metadata"],
    }


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────


def table(kind: Kind, objects: Sequence[Object], meta: Object, now: float, how: tuple[str, str]) -> Object:
    """metav1.Table with every column: those that only show when wide have priority 1. `how`: (version, what of each
    object goes with its row: one of INCLUDE)."""
    version, include = how
    rows = []
    for obj in objects:
        cells = _row(kind, obj, now)
        row: Object = {"cells": cells}
        if include == "Object":
            row["object"] = in_version(kind, obj)
        elif include == "Metadata":
            row["object"] = partial(obj, version)
        rows.append(row)
    head = {"kind": TABLE, "apiVersion": f"meta.k8s.io/{version}", "metadata": meta}
    heads = columns(kind.printer) if kind.model is None else _custom_columns(kind.model)
    return {**head, "columnDefinitions": heads, "rows": rows}


def _custom_columns(model: Model) -> list[Object]:
    words = ("name", "type", "format", "description", "priority")
    return [
        {**dict(zip(words, column, strict=True)), "format": column[2] or ("name" if not n else "")}
        for n, column in enumerate(model.columns)
    ]


def _row(kind: Kind, obj: Object, now: float) -> list[Any]:
    if kind.model is None:
        return [_cell(text) if integer else text for text, integer in _cells(kind.printer, obj, now)]
    types = [column[1] for column in kind.model.columns]
    return [
        _cell(text) if type in ("integer", "number") else text
        for text, type in zip(kind.printer.row(obj, now), types, strict=True)
    ]


def columns(printer: Printer) -> list[Object]:
    return [
        {
            "name": _title(text.lstrip("*")),
            "type": _type(text.lstrip("*"), printer),
            "format": "name" if text == "NAME" else "",
            "description": "",
            "priority": 1 if text.startswith("*") else 0,
        }
        for text in printer.columns
    ]


def _type(column: str, printer: Printer) -> str:
    if column == "CREATED AT":
        return "date"
    return "integer" if column in _INTEGERS and _counts(printer) else "string"


def _counts(printer: Printer) -> bool:
    """READY is a number where DESIRED stands beside it (a ReplicaSet's), else "1/1" (a Pod's, a Deployment's)."""
    return "DESIRED" in printer.columns or "READY" not in printer.columns


def _cells(printer: Printer, obj: Object, now: float) -> list[tuple[str, bool]]:
    integers = [column["type"] == "integer" for column in columns(printer)]
    return list(zip(printer.row(obj, now), integers, strict=True))


def _cell(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _title(text: str) -> str:
    """ "CLUSTER-IP" as "Cluster-IP", "NAME" as "Name": clients print it in capitals again."""
    return "-".join(" ".join(w if w in _CAPITALS else w.capitalize() for w in p.split(" ")) for p in text.split("-"))


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────


def codec_of(kind: Kind, form: Form, include: str, now: Now) -> Codec:
    """How a watcher wants its events. Tables of one row each; a bookmark's table has none."""
    mine = f"/{kind.api_version}" if kind.custom or kind.form is not None else ""
    if form.transform == TABLE:

        def row(type: str, obj: Object) -> bytes:
            if type in ("BOOKMARK", "ERROR"):
                return json_event(type, in_version(kind, obj))
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return json_event(type, table(kind, [obj], meta, now(), (form.version, include)))

        return Codec(f"table/{form.version}/{include}{mine}", row, json_bytes)
    if form.transform:

        def part(type: str, obj: Object) -> bytes:
            if type in ("BOOKMARK", "ERROR"):
                return json_event(type, in_version(kind, obj))
            return json_event(type, partial(obj, form.version))

        return Codec(f"partial/{form.version}{mine}", part, json_bytes)
    return json_codec(kind)
