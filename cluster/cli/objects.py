"""get, describe, apply, create, delete, label: kubectl's own grammar on the cluster's objects.

Must not print what it did not read; rules of objects live in the apiserver.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from cluster.api.kinds import Kind, lookup
from cluster.api.meta import annotations_of, deep_copy, labels_of, name_of, namespace_of, revision_of
from cluster.cli import output as out
from cluster.cli.describe import describe
from cluster.cli.manifests import load
from cluster.cli.session import Session, command
from cluster.cli.threeway import LAST_APPLIED, three_way
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]
ALL = ("pods", "services", "daemonsets", "deployments", "replicasets")
"""What `get all` means."""


@dataclass(frozen=True, slots=True)
class Target:
    """One kind, and one name of it or "" for all."""

    kind: Kind
    name: str = ""


def targets(words: Sequence[str]) -> list[Target]:
    """`pods`, `pod NAME...`, `pod/NAME service/NAME`, `deploy,svc`, `all`. UsageError says what is wrong."""
    if not words:
        raise UsageError("a kind is missing", remedy="for example: pods, deploy/web, svc NAME")
    if any("/" in word for word in words):
        result = []
        for word in words:
            kind, slash, name = word.partition("/")
            if not slash or not name:
                raise UsageError("KIND/NAME and KIND NAME cannot be mixed", place=word)
            result.append(Target(lookup(kind), name))
        return result
    kinds = [lookup(w) for word in words[0].split(",") for w in (ALL if word == "all" else (word,))]
    if len(words) == 1:
        return [Target(kind) for kind in kinds]
    return [Target(kind, name) for kind in kinds for name in words[1:]]


def namespace_options(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("-n", "--namespace", default="default", show_default=True, help="Namespace.")(function)


def file_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "A file, a folder, or - for standard input."
    return click.option("-f", "--filename", "files", multiple=True, help=text)(function)


def scope(kind: Kind, namespace: str) -> str:
    return namespace if kind.namespaced else ""


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
            async with client.watch(target.kind.kind, namespace, **options) as events:  # type: ignore[arg-type]
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


# ── create, apply ────────────────────────────────────────────────────────────────────────────────────────────


async def _each(objects: Sequence[Object], work: Callable[[Object], Awaitable[str]]) -> int:
    """Every object's fate on a line of its own; the status of the worst."""
    status = 0
    for obj in objects:
        try:
            print(f"{out.reference(obj)} {await work(obj)}", flush=True)
        except StatusError as error:
            from cluster.cli.main import describe_error

            click.echo(describe_error(error), err=True)
            status = 1
    return status


def in_namespace(obj: Object, namespace: str) -> Object:
    """The object with its namespace filled in."""
    if not lookup(obj["kind"]).namespaced:
        return obj
    result = deep_copy(obj)
    result["metadata"].setdefault("namespace", namespace)
    filled: Object = result
    return filled


async def apply_one(client: Client, obj: Object, namespace: str, *, dry_run: bool = False) -> str:
    """kubectl's client-side apply: create with the annotation, or a three-way strategic merge patch."""
    obj = in_namespace(obj, namespace)
    kind, name, where = obj["kind"], name_of(obj), namespace_of(obj)
    applied = deep_copy(obj)
    applied["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    wanted = deep_copy(applied)
    wanted["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(applied, sort_keys=True) + "\n"
    suffix = " (dry run)" if dry_run else ""
    try:
        live = await client.get(kind, name, where)
    except StatusError as error:
        if error.reason != "NotFound":
            raise
        await client.create(wanted, dry_run=dry_run)
        return "created" + suffix
    last = annotations_of(live).get(LAST_APPLIED)
    patch = three_way(kind, json.loads(last) if last else {}, wanted, live)
    if not patch:
        return "unchanged" + suffix
    done = await client.patch(kind, name, patch, type="strategic", namespace=where, dry_run=dry_run)
    return ("unchanged" if revision_of(done) == revision_of(live) and not dry_run else "configured") + suffix


def _dry(value: str) -> bool:
    if value not in ("none", "server"):
        raise UsageError(f"{value!r} is not possible", place="--dry-run", remedy="none or server")
    return value == "server"


@click.command("apply")
@file_option
@namespace_options
@click.option("--dry-run", default="none", show_default=True, help="none or server.")
@command
async def apply_command(files: tuple[str, ...], namespace: str, dry_run: str, cluster: str) -> int:
    """Create or change objects from files."""
    if not files:
        raise UsageError("what to apply is missing", place="apply", remedy="apply -f FILE")
    objects, dry = load(files), _dry(dry_run)
    async with Session(cluster) as session:
        client = await session.client()
        return await _each(objects, lambda obj: apply_one(client, obj, namespace, dry_run=dry))


@click.command("create")
@click.argument("words", nargs=-1)
@file_option
@namespace_options
@click.option("--image", default="")
@click.option("--replicas", default=1, show_default=True)
@click.option("--from-literal", "literals", multiple=True, help="KEY=VALUE of a configmap or secret.")
@click.option("--dry-run", default="none", show_default=True, help="none or server.")
@command
async def create_command(
    words: tuple[str, ...], files: tuple[str, ...], namespace: str, cluster: str, **flags: Any
) -> int:
    """Create objects: -f FILE, or deployment NAME --image=I, namespace NAME, configmap NAME --from-literal=K=V."""
    from cluster.cli.generators import generate

    dry = _dry(flags.pop("dry_run"))
    objects = load(files) if files else [generate(words, **flags)]

    async with Session(cluster) as session:
        client = await session.client()

        async def create(obj: Object) -> str:
            done = await client.create(in_namespace(obj, namespace), dry_run=dry)
            obj["metadata"]["name"] = name_of(done)
            return "created" + (" (dry run)" if dry else "")

        return await _each(objects, create)


# ── delete, label ────────────────────────────────────────────────────────────────────────────────────────────


@click.command("delete")
@click.argument("words", nargs=-1)
@file_option
@namespace_options
@click.option("-l", "--selector", "labels", default="")
@click.option("--all", "everything", is_flag=True)
@click.option("--grace-period", type=int, default=None, help="Seconds; 0 with --force removes at once.")
@click.option("--force", is_flag=True)
@click.option("--cascade", type=click.Choice(["background", "foreground", "orphan"]), default="background")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the objects are gone.")
@click.option("--ignore-not-found", is_flag=True)
@command
async def delete_command(
    words: tuple[str, ...], files: tuple[str, ...], namespace: str, cluster: str, **flags: Any
) -> int:
    """Delete objects: delete KIND NAME..., delete KIND --all, delete -f FILE."""
    named = [] if files else targets(words)
    objects = [in_namespace(o, namespace) for o in load(files)] if files else []
    async with Session(cluster) as session:
        client = await session.client()
        found = [(lookup(o["kind"]), name_of(o), namespace_of(o)) for o in objects]
        for target in named:
            where = scope(target.kind, namespace)
            if target.name:
                found.append((target.kind, target.name, where))
                continue
            if not flags["labels"] and not flags["everything"]:
                raise UsageError("names are missing", place="delete", remedy="a name, -l SELECTOR, or --all")
            listed = await client.list(target.kind.kind, where, labels=flags["labels"])
            found += [(target.kind, name_of(o), namespace_of(o)) for o in listed["items"]]
        if not found:
            print("No resources found")
        grace = 0 if flags["force"] and flags["grace_period"] is None else flags["grace_period"]
        status = 0
        for kind, name, where in found:
            status |= await _delete_one(client, kind, name, where, grace, flags)
        return status


async def _delete_one(
    client: Client, kind: Kind, name: str, where: str, grace: int | None, flags: dict[str, Any]
) -> int:
    try:
        gone = await client.delete(kind.kind, name, where, grace=grace, propagation=flags["cascade"].capitalize())
    except StatusError as error:
        if error.reason == "NotFound" and flags["ignore_not_found"]:
            return 0
        from cluster.cli.main import describe_error

        click.echo(describe_error(error), err=True)
        return 1
    print(f'{out.reference({"kind": kind.kind, "metadata": {"name": ""}}).rstrip("/")} "{name}" deleted', flush=True)
    if flags["wait"]:
        await wait_gone(client, kind, name, where, gone.get("metadata", {}).get("uid", ""))
    return 0


async def wait_gone(client: Client, kind: Kind, name: str, where: str, uid: str) -> None:
    """Until there is no object of that uid any more."""
    pause = 0.02
    while True:
        try:
            now = await client.get(kind.kind, name, where)
        except StatusError as error:
            if error.reason == "NotFound":
                return
            raise
        if now["metadata"].get("uid") != uid:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)


@click.command("label")
@click.argument("words", nargs=-1)
@namespace_options
@click.option("--overwrite", is_flag=True)
@click.option("-l", "--selector", "selector", default="")
@click.option("--all", "everything", is_flag=True)
@command
async def label_command(words: tuple[str, ...], namespace: str, cluster: str, **flags: Any) -> int:
    """Set KEY=VALUE or remove KEY- : label KIND NAME KEY=VALUE ... KEY-."""
    changes: dict[str, str | None] = {}
    rest: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            changes[key] = value
        elif word.endswith("-") and rest:
            changes[word[:-1]] = None
        else:
            rest.append(word)
    if not changes:
        raise UsageError("no label is given", place="label", remedy="KEY=VALUE, or KEY- to remove it")
    async with Session(cluster) as session:
        client = await session.client()
        objects: list[tuple[Kind, Object]] = []
        for target in targets(rest):
            where = scope(target.kind, namespace)
            if target.name:
                objects.append((target.kind, await client.get(target.kind.kind, target.name, where)))
            elif flags["selector"] or flags["everything"]:
                listed = await client.list(target.kind.kind, where, labels=flags["selector"])
                objects += [(target.kind, o) for o in listed["items"]]
            else:
                raise UsageError("a name is missing", place="label", remedy="a name, -l SELECTOR, or --all")
        for kind, obj in objects:
            print(await _label_one(client, kind, obj, changes, flags["overwrite"]))
    return 0


async def _label_one(client: Client, kind: Kind, obj: Object, changes: dict[str, str | None], overwrite: bool) -> str:
    have = labels_of(obj)
    name = out.reference({"kind": kind.kind, "metadata": {"name": name_of(obj)}})
    for key, value in changes.items():
        if value is not None and have.get(key, value) != value and not overwrite:
            raise UsageError(f"{key!r} already has a value ({have[key]})", place=name, remedy="--overwrite", status=1)
    if all(have.get(k) == v for k, v in changes.items()):
        return f"{name} not labeled"
    await client.patch(kind.kind, name_of(obj), {"metadata": {"labels": changes}}, namespace=namespace_of(obj))
    return f"{name} {'unlabeled' if all(v is None for v in changes.values()) else 'labeled'}"
