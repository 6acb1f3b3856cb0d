"""apply, create, delete, label, and the grammar of kinds and names that all object commands share.

Must not print what it did not read; rules of objects live in the apiserver.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from cluster.api.kinds import Kind, lookup
from cluster.api.meta import annotations_of, deep_copy, labels_of, name_of, namespace_of, revision_of
from cluster.cli import output as out
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
