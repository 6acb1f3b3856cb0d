"""get and describe: what there is, as kubectl prints it.

Must not change anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from cluster.api.kinds import Kind
from cluster.api.meta import labels_of, namespace_of, revision_of
from cluster.cli import output as out
from cluster.cli.describe import describe
from cluster.cli.objects import Target, namespace_options, scope, targets
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


@click.command("get")
@click.argument("words", nargs=-1)
@namespace_options
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True)
@click.option("-l", "--selector", "labels", default="")
@click.option("--field-selector", "fields", default="")
@click.option("-o", "--output", "output", default="")
@click.option("-w", "--watch", "follow", is_flag=True)
@click.option("--show-labels", is_flag=True)
@command
async def get_command(
    words: tuple[str, ...],
    namespace: str,
    cluster: str,
    **flags: Any,
) -> int:
    """Print objects: get KIND [NAME...], get KIND/NAME, get KIND,KIND."""
    out.check_format(flags["output"])
    wanted = targets(words)
    everywhere = bool(flags["everywhere"])
    view = View(
        flags["output"],
        "" if everywhere else namespace,
        flags["labels"],
        flags["fields"],
        flags["show_labels"],
        everywhere,
    )
    if everywhere and any(t.name for t in wanted):
        raise UsageError("a resource cannot be retrieved by name across all namespaces", place="-A")
    async with Session(cluster) as session:
        client = await session.client()
        if view.output in ("yaml", "json", "name"):
            return await _get_whole(client, wanted, view)
        return await _get_tables(client, wanted, view, follow=flags["follow"])


async def _get_whole(client: Client, wanted: list[Target], view: View) -> int:
    objects: list[Object] = []
    for target in wanted:
        if target.name:
            objects.append(await client.get(target.kind.kind, target.name, scope(target.kind, view.namespace)))
        else:
            listed = await client.list(
                target.kind.kind, scope(target.kind, view.namespace), labels=view.labels, fields=view.fields
            )
            objects += [{"apiVersion": target.kind.api_version, "kind": target.kind.kind, **o} for o in listed["items"]]
    if view.output == "name":
        for obj in objects:
            print(out.reference(obj))
        return 0
    single = len(objects) == 1 and bool(wanted[0].name)
    value = objects[0] if single else out.as_list(objects)
    print(out.to_json(value) if view.output == "json" else out.to_yaml(value).rstrip())
    return 0


async def _get_tables(client: Client, wanted: list[Target], view: View, *, follow: bool) -> int:
    printed = False
    for kind in dict.fromkeys(t.kind for t in wanted):
        names = [t.name for t in wanted if t.kind is kind]
        rows, columns, version = [], [], ""
        for name in names:
            table = await client.table(
                kind.kind,
                scope(kind, view.namespace),
                name=name,
                wide=view.output == "wide",
                labels=view.labels,
                fields=view.fields,
            )
            columns = _columns(table["columns"], kind, view)
            rows += [
                _row(r, o, kind, view, len(wanted) > 1) for r, o in zip(table["rows"], table["objects"], strict=True)
            ]
            version = table.get("metadata", {}).get("resourceVersion", "")
        if rows:
            if printed:
                print()
            print(out.render_table(columns, rows), flush=True)
            printed = True
        if follow:
            return await _follow(client, Target(kind, names[0]), view, version)
    if not printed:
        where = f" in {view.namespace} namespace" if view.namespace and wanted[0].kind.namespaced else ""
        print(f"No resources found{where}.", flush=True)
    return 0


def _columns(columns: Sequence[str], kind: Kind, view: View) -> list[str]:
    result = ["NAMESPACE", *columns] if view.show_namespace and kind.namespaced else list(columns)
    return [*result, "LABELS"] if view.show_labels else result


def _row(row: Sequence[str], obj: Object, kind: Kind, view: View, prefixed: bool) -> list[str]:
    cells = list(row)
    if prefixed:
        cells[0] = f"{out.reference({'kind': kind.kind, 'metadata': {'name': ''}})}{cells[0]}"
    if view.show_namespace and kind.namespaced:
        cells.insert(0, obj.get("namespace", ""))
    if view.show_labels:
        labels = obj.get("labels") or {}
        cells.append(",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>")
    return cells


async def _follow(client: Client, target: Target, view: View, version: str) -> int:
    """New rows as objects change, until interrupted; the watch is resumed where it broke."""
    fields = ",".join(x for x in (view.fields, f"metadata.name={target.name}" if target.name else "") if x)
    namespace = scope(target.kind, view.namespace)
    while True:
        try:
            options = {"resource_version": version, "labels": view.labels, "fields": fields}
            async with client.watch(target.kind.kind, namespace, **options) as events:
                async for event in events:
                    obj = event["object"]
                    version = str(revision_of(obj)) or version
                    if event["type"] != "BOOKMARK":
                        _print_row(target.kind, obj, view)
        except StatusError as error:
            if error.reason not in ("StreamBroken", "ServiceUnavailable", "Timeout"):
                raise
            await asyncio.sleep(0.2)


def _print_row(kind: Kind, obj: Object, view: View) -> None:
    from cluster.api.tables import table

    columns, rows = table(kind.kind, [obj], time.time(), view.output == "wide")
    brief = {"namespace": namespace_of(obj), "labels": labels_of(obj)}
    row = _row([str(c) for c in rows[0]], brief, kind, view, False)
    print(out.render_table(_columns(columns, kind, view), [row], header=False), flush=True)


# ── describe ─────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("describe")
@click.argument("words", nargs=-1)
@namespace_options
@click.option("-l", "--selector", "labels", default="")
@command
async def describe_command(words: tuple[str, ...], namespace: str, labels: str, cluster: str) -> int:
    """Print objects with their events: describe KIND [NAME...]."""
    async with Session(cluster) as session:
        client = await session.client()
        first = True
        for target in targets(words):
            where = scope(target.kind, namespace)
            if target.name:
                found = [await client.get(target.kind.kind, target.name, where)]
            else:
                found = (await client.list(target.kind.kind, where, labels=labels))["items"]
            for obj in found:
                print("" if first else "\n", end="")
                first = False
                print(await describe(client, target.kind, obj, time.time()))
        if first:
            print(f"No resources found in {namespace} namespace.")
    return 0
