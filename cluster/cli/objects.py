"""apply, create, delete, label.

Must not print what it did not read; rules of objects live in the apiserver.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cluster.api.kinds import Kind
from cluster.api.meta import annotations_of, deep_copy, labels_of, name_of, namespace_of, revision_of, uid_of
from cluster.cli import output as out
from cluster.cli.resources import BUILT_IN, asked, defined, may_be_custom, resolve, shown, split
from cluster.cli.session import Session, command
from cluster.cli.threeway import LAST_APPLIED, three_way
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

if TYPE_CHECKING:
    from cluster.cli.manifests import Document
    from cluster.cli.meanings import Meanings

Object = dict[str, Any]


def namespace_options(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("-n", "--namespace", default="default", show_default=True, help="Namespace.")(function)


def file_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "A file, a folder, or - for standard input."
    return click.option("-f", "--filename", "files", multiple=True, help=text)(function)


def scope(kind: Kind, namespace: str) -> str:
    return namespace if kind.namespaced else ""


# ── create, apply ────────────────────────────────────────────────────────────────────────────────────────────


async def _each(found: Sequence[Document], doing: str, work: Callable[[Object], Awaitable[str]]) -> int:
    """Every object's fate on a line of its own, in order, as kubectl does; the status of the worst."""
    status = 0
    for document in found:
        try:
            print(await work(document.object), flush=True)
        except StatusError as error:
            causes = error.details.get("causes") or [{}]
            field = str(causes[0].get("field") or "metadata.name")
            complain(error, f'error when {doing} "{document.place_of(field)}"' if document.file else "")
            status = 1
        except UsageError as error:
            print(f'error: error when {doing} "{document.place_of("kind")}": {error}', file=sys.stderr, flush=True)
            status = 1
    return status


def complain(error: StatusError, doing: str = "") -> None:
    """One object's failure while others go on."""
    from cluster.cli.main import describe_error

    print(describe_error(error, doing), file=sys.stderr, flush=True)


def in_namespace(kind: Kind, obj: Object, namespace: str) -> Object:
    """The object with its namespace filled in."""
    if not kind.namespaced:
        return obj
    result = deep_copy(obj)
    result["metadata"].setdefault("namespace", namespace)
    filled: Object = result
    return filled


async def apply_one(client: Client, obj: Object, namespace: str, *, dry_run: bool = False) -> str:
    """kubectl's client-side apply of an object of a built-in kind: create with the annotation, or a three-way strategic
    merge patch. "created", "configured" or "unchanged"."""
    kind = BUILT_IN.of_object(obj)
    return (await _apply(client, kind, in_namespace(kind, obj, namespace), dry_run))[0]


async def _apply(client: Client, kind: Kind, obj: Object, dry_run: bool) -> tuple[str, Object]:
    name, where = name_of(obj), namespace_of(obj)
    applied = deep_copy(obj)
    applied["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    wanted = deep_copy(applied)
    wanted["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(applied, sort_keys=True) + "\n"
    try:
        live = shown(kind, await client.get(asked(kind), name, where))
    except StatusError as error:
        if error.reason != "NotFound":
            raise
        return "created", await client.create(wanted, dry_run=dry_run)
    last = annotations_of(live).get(LAST_APPLIED)
    patch = three_way("" if kind.custom else kind.kind, json.loads(last) if last else {}, wanted, live)
    if not patch:
        return "unchanged", live
    type = "merge" if kind.custom else "strategic"
    done = await client.patch(asked(kind), name, patch, type=type, namespace=where, dry_run=dry_run)
    return "unchanged" if revision_of(done) == revision_of(live) and not dry_run else "configured", done


DRY_RUNS = {"none": "", "client": " (dry run)", "server": " (server dry run)"}


def _check_dry_run(value: str) -> str:
    if value not in DRY_RUNS:
        raise UsageError(f"{value!r} is not possible", place="--dry-run", remedy="none, client or server")
    return value


def change_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--dry-run", default="none", show_default=True, help="none, client or server."),
        click.option("-o", "--output", "output", default="", help="yaml, json or name of what there is afterwards."),
    ):
        function = option(function)
    return function


def _told(kind: Kind, obj: Object, what: str, output: str, dry_run: str) -> str:
    """One object's line, or the object itself."""
    obj = {**obj, "apiVersion": kind.api_version, "kind": kind.kind}
    if output in ("yaml", "json"):
        return ("---\n" + out.to_yaml(obj).rstrip()) if output == "yaml" else out.to_json(obj)
    return f"{out.called(kind)}/{obj['metadata'].get('name', '')}" + (
        "" if output == "name" else f" {what}{DRY_RUNS[dry_run]}"
    )


@click.command("apply")
@file_option
@namespace_options
@change_options
@command
async def apply_command(files: tuple[str, ...], namespace: str, dry_run: str, output: str, cluster: str) -> int:
    """Create or change objects from files."""
    from cluster.cli.manifests import documents
    from cluster.cli.meanings import in_order

    if not files:
        raise UsageError("what to apply is missing", place="apply", remedy="apply -f FILE")
    out.check_format(output)
    _check_dry_run(dry_run)
    found = documents(files)
    for document in found:
        if not document.object["metadata"].get("name"):
            place = document.place_of("metadata")
            raise UsageError("metadata.name: Required value: apply finds by name", place=place, remedy="or `create`")
    async with Session(cluster) as session:
        client = await session.client()
        meanings = await _meanings(client, found)

        async def apply(obj: Object) -> str:
            if dry_run == "client":
                kind = meanings.expected(obj)
                return _told(kind, in_namespace(kind, obj, namespace), "configured", output, dry_run)
            kind = await meanings.kind(obj)
            what, done = await _apply(client, kind, in_namespace(kind, obj, namespace), dry_run == "server")
            return _told(kind, done, what, output, dry_run)

        return await _each(in_order(found), "applying", apply)


async def _meanings(client: Client, found: Sequence[Document]) -> Meanings:
    from cluster.cli.meanings import Meanings

    return await Meanings.of(client, found)


@click.command("create")
@click.argument("words", nargs=-1, metavar="KIND [NAME...]")
@file_option
@namespace_options
@click.option("--image", default="")
@click.option("--replicas", default=1, show_default=True)
@click.option("--from-literal", "literals", multiple=True, help="KEY=VALUE of a configmap or secret.")
@change_options
@command
async def create_command(
    words: tuple[str, ...], files: tuple[str, ...], namespace: str, cluster: str, **flags: Any
) -> int:
    """Create objects: -f FILE, or deployment NAME --image=I, namespace NAME, configmap NAME --from-literal=K=V."""
    from cluster.cli.generators import generate
    from cluster.cli.manifests import documents, made
    from cluster.cli.meanings import in_order

    dry, output = _check_dry_run(flags.pop("dry_run")), flags.pop("output")
    out.check_format(output)
    if files and words:
        raise UsageError("words and -f cannot be mixed", place=" ".join(words))
    found = documents(files) if files else [made(generate(words, **flags))]
    if dry == "client" and not any(may_be_custom(document.object) for document in found):
        for document in found:
            kind = BUILT_IN.of_object(document.object)
            print(_told(kind, in_namespace(kind, document.object, namespace), "created", output, dry))
        return 0
    async with Session(cluster) as session:
        client = await session.client()
        meanings = await _meanings(client, found)

        async def create(obj: Object) -> str:
            if dry == "client":
                kind = meanings.expected(obj)
                return _told(kind, in_namespace(kind, obj, namespace), "created", output, dry)
            kind = await meanings.kind(obj)
            done = await client.create(in_namespace(kind, obj, namespace), dry_run=dry == "server")
            return _told(kind, done, "created", output, dry)

        return await _each(in_order(found), "creating", create)


# ── delete, label ────────────────────────────────────────────────────────────────────────────────────────────


@click.command("delete")
@click.argument("words", nargs=-1, metavar="KIND [NAME...]")
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
    if files and words:
        raise UsageError("words and -f cannot be mixed", place=" ".join(words))
    given = _to_delete(files) if files else []
    if not files and any(not name for _, name in split(words)) and not flags["labels"] and not flags["everything"]:
        raise UsageError("names are missing", place="delete", remedy="a name, -l SELECTOR, or --all")
    async with Session(cluster) as session:
        client = await session.client()
        if files:
            found, unknown = await _in_files(client, given, namespace)
        else:
            found, unknown = await _selected(client, words, namespace, flags["labels"]), []
        unknown = [] if flags["ignore_not_found"] else unknown
        for error in unknown:
            print(f"error: {error}", file=sys.stderr, flush=True)
        if not found and not unknown:
            print("No resources found")
        grace = 0 if flags["force"] and flags["grace_period"] is None else flags["grace_period"]
        cascade = flags["cascade"].capitalize()
        status, going = 1 if unknown else 0, []
        for kind, name, where in found:
            try:
                gone = await client.delete(asked(kind), name, where, grace=grace, propagation=cascade)
            except StatusError as error:
                if error.reason != "NotFound" or not flags["ignore_not_found"]:
                    complain(error)
                    status = 1
                continue
            how = "force deleted" if flags["force"] and grace == 0 else "deleted"
            print(f'{out.called(kind)} "{name}" {how}', flush=True)
            going.append(wait_gone(client, kind, name, where, uid_of(gone)))
        if flags["wait"]:
            await asyncio.gather(*going)
        else:
            for waiting in going:
                waiting.close()
        return status


def _to_delete(files: Sequence[str]) -> list[Document]:
    from cluster.cli.manifests import documents
    from cluster.cli.meanings import last_definitions

    return last_definitions(documents(files))


async def _in_files(
    client: Client, given: Sequence[Document], namespace: str
) -> tuple[list[tuple[Kind, str, str]], list[UsageError]]:
    """(what is to go: kind, name, namespace; what is wrong with the rest: their kinds are not there any more)."""
    table = await defined(client) if any(may_be_custom(document.object) for document in given) else BUILT_IN
    found, unknown = [], []
    for document in given:
        try:
            kind = table.of_object(document.object)
        except UsageError as error:
            unknown.append(UsageError(str(error.args[0]), place=document.place_of(error.place or "kind")))
            continue
        obj = in_namespace(kind, document.object, namespace)
        found.append((kind, name_of(obj), namespace_of(obj)))
    return found, unknown


async def _selected(client: Client, words: Sequence[str], namespace: str, labels: str) -> list[tuple[Kind, str, str]]:
    found = []
    for target in await resolve(client, words):
        where = scope(target.kind, namespace)
        if target.name:
            found.append((target.kind, target.name, where))
            continue
        listed = await client.list(asked(target.kind), where, labels=labels)
        found += [(target.kind, name_of(o), namespace_of(o)) for o in listed["items"]]
    return found


async def wait_gone(client: Client, kind: Kind, name: str, where: str, uid: str) -> None:
    """Until there is no object of that uid any more."""
    pause = 0.02
    while True:
        try:
            now = await client.get(asked(kind), name, where)
        except StatusError as error:
            if error.reason == "NotFound":
                return
            raise
        if now["metadata"].get("uid") != uid:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)


@click.command("label")
@click.argument("words", nargs=-1, metavar="KIND [NAME...]")
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
    if not changes or "" in changes:
        raise UsageError("no label is given", place="label", remedy="KEY=VALUE, or KEY- to remove it")
    if any(not name for _, name in split(rest)) and not flags["selector"] and not flags["everything"]:
        raise UsageError("a name is missing", place="label", remedy="a name, -l SELECTOR, or --all")
    async with Session(cluster) as session:
        client = await session.client()
        objects: list[tuple[Kind, Object]] = []
        for target in await resolve(client, rest):
            where = scope(target.kind, namespace)
            if target.name:
                objects.append((target.kind, await client.get(asked(target.kind), target.name, where)))
            else:
                listed = await client.list(asked(target.kind), where, labels=flags["selector"])
                objects += [(target.kind, o) for o in listed["items"]]
        if not objects:
            print("No resources found")
        if not flags["overwrite"]:
            _refuse_overwriting(objects, changes)
        for kind, obj in objects:
            print(await _label_one(client, kind, obj, changes))
    return 0


def _refuse_overwriting(objects: Sequence[tuple[Kind, Object]], changes: dict[str, str | None]) -> None:
    """UsageError before any of them is changed."""
    for kind, obj in objects:
        have = labels_of(obj)
        for key, value in changes.items():
            if value is not None and have.get(key, value) != value:
                name = f"{out.called(kind)}/{name_of(obj)}"
                remedy = "--overwrite to change it"
                raise UsageError(f"{key!r} already has a value ({have[key]})", place=name, remedy=remedy, status=1)


async def _label_one(client: Client, kind: Kind, obj: Object, changes: dict[str, str | None]) -> str:
    have = labels_of(obj)
    name = f"{out.called(kind)}/{name_of(obj)}"
    if all(have.get(k) == v for k, v in changes.items()):
        return f"{name} not labeled"
    await client.patch(asked(kind), name_of(obj), {"metadata": {"labels": changes}}, namespace=namespace_of(obj))
    return f"{name} {'unlabeled' if all(v is None for v in changes.values()) else 'labeled'}"
