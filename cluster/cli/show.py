"""get and describe: what there is, as kubectl prints it.

Must not change anything.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from cluster.api.kinds import Kind
from cluster.api.meta import labels_of, name_of, namespace_of, revision_of
from cluster.cli import output as out
from cluster.cli.objects import complain, namespace_options, scope
from cluster.cli.resources import Target, asked, resolve, shown, split
from cluster.cli.session import Session, command
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]

# ── get ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class View:
    """How `get` shows things."""

    output: str
    namespace: str
    labels: str
    fields: str
    show_labels: bool
    show_namespace: bool
    headers: bool = True
    label_columns: tuple[str, ...] = ()


@click.command("get")
@click.argument("words", nargs=-1, metavar="KIND [NAME...]")
@namespace_options
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True)
@click.option("-l", "--selector", "labels", default="")
@click.option("--field-selector", "fields", default="")
@click.option("-o", "--output", "output", default="")
@click.option("-w", "--watch", "follow", is_flag=True)
@click.option("--show-labels", is_flag=True)
@click.option("-L", "--label-columns", multiple=True, help="A column for this label; several: -L a -L b, or -L a,b.")
@click.option("--no-headers", is_flag=True)
@click.option("--ignore-not-found", is_flag=True)
@command
async def get_command(
    words: tuple[str, ...],
    namespace: str,
    cluster: str,
    **flags: Any,
) -> int:
    """Print objects: get KIND [NAME...], get KIND/NAME, get KIND,KIND."""
    out.check_format(flags["output"])
    named = split(words)
    everywhere = bool(flags["everywhere"])
    view = View(
        flags["output"],
        "" if everywhere else namespace,
        flags["labels"],
        flags["fields"],
        flags["show_labels"],
        everywhere,
        not flags["no_headers"],
        tuple(c for text in flags["label_columns"] for c in text.split(",")),
    )
    if everywhere and any(name for _, name in named):
        raise UsageError("a resource cannot be retrieved by name across all namespaces", place="-A")
    async with Session(cluster) as session:
        client = await session.client()
        wanted = await resolve(client, words)
        if flags["follow"] and len(wanted) > 1:
            raise UsageError("one kind at a time can be watched", place="-w")
        missing = Missing(flags["ignore_not_found"])
        show = _get_whole if view.output in ("yaml", "json", "name") else _get_tables
        seen = await show(client, wanted, view, missing)
        if flags["follow"] and not missing.status:
            await _follow(client, wanted[0], view, seen)
        return missing.status


@dataclass(slots=True)
class Seen:
    """What a watch goes on from: the revision of what was shown, and how wide its columns were."""

    version: str
    widths: list[int] = field(default_factory=list)


class Missing:
    """Names that are not there do not keep the others from being shown: each is said at the end."""

    def __init__(self, ignore: bool) -> None:
        self.status = 0
        self._ignore = ignore
        self._errors: list[StatusError] = []

    def add(self, error: StatusError) -> None:
        """Raises it again when it is about more than a name."""
        if error.reason != "NotFound":
            raise error
        if not self._ignore:
            self._errors.append(error)
            self.status = 1

    def say(self) -> None:
        for error in self._errors:
            complain(error)


async def _get_whole(client: Client, wanted: list[Target], view: View, missing: Missing) -> Seen:
    """Objects as data."""
    objects: list[Object] = []
    names: list[str] = []
    version = ""
    for target in wanted:
        if target.name:
            try:
                found = await client.get(asked(target.kind), target.name, scope(target.kind, view.namespace))
                objects.append(shown(target.kind, found))
            except StatusError as error:
                missing.add(error)
        else:
            listed = await client.list(
                asked(target.kind), scope(target.kind, view.namespace), labels=view.labels, fields=view.fields
            )
            version = listed.get("metadata", {}).get("resourceVersion", "")
            head = {"apiVersion": target.kind.api_version, "kind": target.kind.kind}
            objects += [shown(target.kind, {**head, **o}) for o in listed["items"]]
        names += [out.called(target.kind)] * (len(objects) - len(names))
    if view.output == "name":
        for name, obj in zip(names, objects, strict=True):
            print(f"{name}/{name_of(obj)}", flush=True)
    elif objects or not wanted[0].name:
        single = len(wanted) == 1 and bool(wanted[0].name)
        _print_whole(objects[0] if single else out.as_list(objects), view)
    missing.say()
    return Seen(version or (str(revision_of(objects[0])) if objects else ""))


def _print_whole(value: Object, view: View) -> None:
    print(out.to_json(value) if view.output == "json" else out.to_yaml(value).rstrip(), flush=True)


async def _get_tables(client: Client, wanted: list[Target], view: View, missing: Missing) -> Seen:
    """Objects as tables, one a kind."""
    printed, seen = False, Seen("")
    kinds = {asked(t.kind): t.kind for t in wanted}
    prefixed = len(kinds) > 1
    for key, kind in kinds.items():
        names = [t.name for t in wanted if t.kind is kind]
        rows: list[list[str]] = []
        columns: list[str] = []
        options: dict[str, Any] = {"wide": view.output == "wide", "labels": view.labels, "fields": view.fields}
        for name in names:
            try:
                table = await client.table(key, scope(kind, view.namespace), name=name, **options)
            except StatusError as error:
                missing.add(error)
                continue
            columns = _columns(table["columns"], kind, view)
            rows += [_row(r, o, kind, view, prefixed) for r, o in zip(table["rows"], table["objects"], strict=True)]
            seen.version = table.get("metadata", {}).get("resourceVersion", "")
        if rows:
            if printed:
                print()
            seen.widths = out.widths_of([columns, *rows])
            print(out.render_table(columns, rows, header=view.headers), flush=True)
            printed = True
    if not printed and not wanted[0].name:
        none_found(view.namespace if any(t.kind.namespaced for t in wanted) else "")
    missing.say()
    return seen


def none_found(namespace: str) -> None:
    """As kubectl says it, and where: scripts read standard output."""
    where = f" in {namespace} namespace" if namespace else ""
    print(f"No resources found{where}.", file=sys.stderr, flush=True)


def _columns(columns: Sequence[str], kind: Kind, view: View) -> list[str]:
    result = ["NAMESPACE", *columns] if view.show_namespace and kind.namespaced else list(columns)
    result += [label.rpartition("/")[2].upper() for label in view.label_columns]
    return [*result, "LABELS"] if view.show_labels else result


def _row(row: Sequence[str], obj: Object, kind: Kind, view: View, prefixed: bool) -> list[str]:
    cells = list(row)
    if prefixed:
        cells[0] = f"{out.called(kind)}/{cells[0]}"
    if view.show_namespace and kind.namespaced:
        cells.insert(0, obj.get("namespace", ""))
    labels = obj.get("labels") or {}
    cells += [labels.get(label, "") for label in view.label_columns]
    if view.show_labels:
        cells.append(",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>")
    return cells


async def _follow(client: Client, target: Target, view: View, seen: Seen) -> None:
    """New rows (or objects) as objects change, until interrupted; the watch is resumed where it broke."""
    fields = ",".join(x for x in (view.fields, f"metadata.name={target.name}" if target.name else "") if x)
    namespace = scope(target.kind, view.namespace)
    while True:
        try:
            options = {"resource_version": seen.version, "labels": view.labels, "fields": fields}
            async with client.watch(asked(target.kind), namespace, **options) as events:
                async for event in events:
                    obj = event["object"]
                    seen.version = str(revision_of(obj)) or seen.version
                    if event["type"] != "BOOKMARK":
                        _print_change(target.kind, obj, view, seen)
        except StatusError as error:
            if error.reason not in ("StreamBroken", "ServiceUnavailable", "Timeout"):
                raise
            await asyncio.sleep(0.2)


def _print_change(kind: Kind, obj: Object, view: View, seen: Seen) -> None:
    if view.output == "name":
        print(f"{out.called(kind)}/{name_of(obj)}", flush=True)
        return
    if view.output in ("yaml", "json"):
        obj = shown(kind, obj)
        if view.output == "yaml":
            print("---")
        _print_whole(obj, view)
        return
    from cluster.api.tables import table

    columns, rows = table(kind, [obj], time.time(), view.output == "wide")
    brief = {"namespace": namespace_of(obj), "labels": labels_of(obj)}
    row = _row([str(c) for c in rows[0]], brief, kind, view, False)
    columns = _columns(columns, kind, view)
    header = not seen.widths and view.headers
    seen.widths = out.widths_of([columns, row], seen.widths)
    print(out.render_table(columns, [row], header=header, least=seen.widths), flush=True)


# ── describe ─────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("describe")
@click.argument("words", nargs=-1, metavar="KIND [NAME...]")
@namespace_options
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True)
@click.option("-l", "--selector", "labels", default="")
@command
async def describe_command(words: tuple[str, ...], namespace: str, everywhere: bool, labels: str, cluster: str) -> int:
    """Print objects with their events: describe KIND [NAME...]."""
    from cluster.cli.describe import describe

    split(words)
    missing = Missing(False)
    async with Session(cluster) as session:
        client = await session.client()
        first, wanted = True, await resolve(client, words)
        for target in wanted:
            where = scope(target.kind, "" if everywhere else namespace)
            try:
                found = await _described(client, target, where, labels)
            except StatusError as error:
                missing.add(error)
                continue
            for obj in found:
                print("" if first else "\n\n", end="")
                first = False
                print(await describe(client, target.kind, obj, time.time()))
        if first and not missing.status:
            none_found("" if everywhere or not wanted[0].kind.namespaced else namespace)
        missing.say()
    return missing.status


async def _described(client: Client, target: Target, where: str, labels: str) -> list[Object]:
    if target.name:
        return [shown(target.kind, await client.get(asked(target.kind), target.name, where))]
    listed = await client.list(asked(target.kind), where, labels=labels)
    return [shown(target.kind, obj) for obj in listed["items"]]
