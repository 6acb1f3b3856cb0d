"""scale and rollout: what is done to workloads.

Must not decide what a rollout does: the rules are the Deployment controller's.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click

from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import condition, generation_of, name_of, timestamp, uid_of
from cluster.cli import output as out
from cluster.cli.objects import complain, namespace_options, scope
from cluster.cli.resources import Target, resolve, split
from cluster.cli.session import Session, command
from cluster.cli.units import duration
from cluster.client.client import Client
from cluster.controllers import rollout as rules
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]
SCALABLE = tuple(kind.kind for kind in KINDS.values() if kind.scale)
ROLLED = ("Deployment", "DaemonSet")


@click.command("scale")
@click.argument("words", nargs=-1, metavar="KIND NAME...")
@click.option("--replicas", type=click.IntRange(min=0), required=True)
@click.option("--current-replicas", "current", type=int, default=-1, help="Only if it has so many now.")
@namespace_options
@command
async def scale_command(words: tuple[str, ...], replicas: int, current: int, namespace: str, cluster: str) -> int:
    """Set the number of replicas: scale deployment NAME --replicas=N."""
    split(words)
    status = 0
    async with Session(cluster) as session:
        client = await session.client()
        for target in await _named(client, words, SCALABLE):
            try:
                await _scale(client, target, namespace, replicas, current)
                print(f"{_reference(target)} scaled", flush=True)
            except StatusError as error:
                complain(error)
                status = 1
    return status


async def _scale(client: Client, target: Target, namespace: str, replicas: int, current: int) -> None:
    kind, version = target.kind.key, ""
    if current >= 0:
        now = await client.get_scale(kind, target.name, namespace)
        version = now["metadata"]["resourceVersion"]
        if now["spec"].get("replicas", 0) != current:
            text = f"expected replicas to be {current}, was {now['spec'].get('replicas', 0)}"
            raise UsageError(text, place=_reference(target), status=1)
    await client.scale(kind, target.name, namespace, replicas, resource_version=version)


async def _named(client: Client, words: tuple[str, ...], kinds: tuple[str, ...]) -> list[Target]:
    """Of these kinds; `SCALABLE`: also of those defined at run time that can be scaled. UsageError."""
    found = await resolve(client, words)
    for target in found:
        if not (target.kind.scale if kinds is SCALABLE else target.kind.key in kinds):
            right = " or ".join(kinds).lower()
            raise UsageError(f"not possible for {target.kind.plural}", place=" ".join(words), remedy=f"{right}/NAME")
        if not target.name:
            raise UsageError("a name is missing", place=" ".join(words))
    return found


def _reference(target: Target) -> str:
    return f"{out.called(target.kind)}/{target.name}"


# ── rollout ──────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("rollout")
@click.argument("action", metavar="ACTION")
@click.argument("words", nargs=-1, metavar="KIND/NAME...")
@click.option("--revision", type=int, default=0, help="history: the template of that revision.")
@click.option("--to-revision", type=int, default=0, help="undo: 0 is the one before.")
@click.option("--timeout", default="0", help="status: how long to wait, such as 30s; 0 for ever.")
@click.option("--watch/--no-watch", "follow", default=True)
@namespace_options
@command
async def rollout_command(action: str, words: tuple[str, ...], namespace: str, cluster: str, **flags: Any) -> int:
    """status, history, undo, pause, resume or restart of deployment/NAME (daemonset/NAME: status, restart)."""
    if action not in ("status", *_ACTIONS):
        raise UsageError(f"unknown action {action!r}", place="rollout", remedy=f"one of status, {', '.join(_ACTIONS)}")
    split(words)
    limit, rolled = duration(flags["timeout"]), ROLLED if action in ("status", "restart") else ("Deployment",)
    async with Session(cluster) as session:
        client = await session.client()
        status, wanted = 0, await _named(client, words, rolled)
        for target in wanted:
            obj = await client.get(target.kind.kind, target.name, scope(target.kind, namespace))
            if action == "status":
                status |= await rollout_status(client, target, namespace, limit, follow=flags["follow"])
            else:
                status |= await _ACTIONS[action](client, target, obj, flags)
        return status


def status_line(kind: Kind, obj: Object) -> tuple[str, bool, bool]:
    """(what kubectl says, whether it is done, whether it has failed)."""
    name, spec, status = name_of(obj), obj.get("spec", {}), obj.get("status", {})
    if status.get("observedGeneration", 0) < generation_of(obj):
        return f"Waiting for {kind.singular} spec update to be observed...", False, False
    if kind.kind == "DaemonSet":
        desired, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        available = status.get("numberAvailable", 0)
        waiting = f'Waiting for daemon set "{name}" rollout to finish: '
        if updated < desired:
            return f"{waiting}{updated} out of {desired} new pods have been updated...", False, False
        if available < desired:
            return f"{waiting}{available} of {desired} updated pods are available...", False, False
        return f'daemon set "{name}" successfully rolled out', True, False
    progressing = condition(obj, "Progressing")
    if progressing and progressing.get("reason") == "ProgressDeadlineExceeded":
        return f'deployment "{name}" exceeded its progress deadline', True, True
    want, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    total, available = status.get("replicas", 0), status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < want:
        return f"{waiting}{updated} out of {want} new replicas have been updated...", False, False
    if total > updated:
        return f"{waiting}{total - updated} old replicas are pending termination...", False, False
    if available < updated:
        return f"{waiting}{available} of {updated} updated replicas are available...", False, False
    return f'deployment "{name}" successfully rolled out', True, False


async def rollout_status(client: Client, target: Target, namespace: str, timeout: float, *, follow: bool) -> int:
    """Print each change of the status until it is done; 1 if it failed or did not finish within `timeout`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout if timeout else float("inf")
    said, pause = "", 0.05
    while True:
        obj = await client.get(target.kind.kind, target.name, scope(target.kind, namespace))
        line, done, failed = status_line(target.kind, obj)
        if failed:
            raise UsageError(line, remedy=f"see `describe {target.kind.singular} {target.name}`", status=1)
        if line != said:
            print(line, flush=True)
            said = line
        if done or not follow:
            return 0
        if loop.time() > end:
            raise UsageError(f"timed out: not finished within {timeout:g} s", place=_reference(target), status=1)
        await asyncio.sleep(pause)
        pause = min(0.5, pause * 1.3)


async def _replicasets(client: Client, obj: Object) -> list[Object]:
    listed = await client.list("ReplicaSet", obj["metadata"]["namespace"])
    uid = uid_of(obj)
    return [r for r in listed["items"] if uid in [o["uid"] for o in r["metadata"].get("ownerReferences", [])]]


async def _history(client: Client, target: Target, obj: Object, flags: Any) -> int:
    revisions = rules.history(obj, await _replicasets(client, obj))
    if flags["revision"]:
        return _one_revision(target, revisions, flags["revision"])
    print(_reference(target))
    rows = [[str(r["revision"]), r["change_cause"] or "<none>"] for r in revisions]
    print(out.render_table(["REVISION", "CHANGE-CAUSE"], rows))
    return 0


def _one_revision(target: Target, revisions: list[Object], number: int) -> int:
    from cluster.cli.describe import template_lines

    chosen = next((r for r in revisions if r["revision"] == number), None)
    if chosen is None:
        known = ", ".join(str(r["revision"]) for r in revisions) or "none"
        place = _reference(target)
        raise UsageError(f"unable to find revision {number}", place=place, remedy=f"known: {known}", status=1)
    print(f"{_reference(target)} with revision #{number}\nPod Template:")
    print("\n".join(f"  {line}" for line in template_lines(chosen["template"])))
    return 0


async def _undo(client: Client, target: Target, obj: Object, flags: Any) -> int:
    patch = rules.undo_patch(obj, await _replicasets(client, obj), flags["to_revision"])
    if not patch:
        print(f"{_reference(target)} skipped rollback (current template already matches revision)")
        return 0
    await client.patch("Deployment", target.name, patch, type="json", namespace=obj["metadata"]["namespace"])
    print(f"{_reference(target)} rolled back")
    return 0


async def _pause(client: Client, target: Target, obj: Object, flags: Any, *, paused: bool = True) -> int:
    if bool(obj["spec"].get("paused")) == paused:
        state = "already paused" if paused else "not paused"
        raise UsageError(f"{_reference(target)} is {state}", status=1)
    namespace = obj["metadata"]["namespace"]
    await client.patch("Deployment", target.name, {"spec": {"paused": paused or None}}, namespace=namespace)
    print(f"{_reference(target)} {'paused' if paused else 'resumed'}")
    return 0


async def _resume(client: Client, target: Target, obj: Object, flags: Any) -> int:
    return await _pause(client, target, obj, flags, paused=False)


async def _restart(client: Client, target: Target, obj: Object, flags: Any) -> int:
    if obj["spec"].get("paused"):
        raise UsageError(
            "can't restart a paused deployment", place=_reference(target), remedy="`rollout resume` it first", status=1
        )
    stamp = {"kubectl.kubernetes.io/restartedAt": timestamp(time.time())}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    await client.patch(target.kind.kind, target.name, patch, namespace=obj["metadata"]["namespace"])
    print(f"{_reference(target)} restarted")
    return 0


_ACTIONS = {"history": _history, "undo": _undo, "pause": _pause, "resume": _resume, "restart": _restart}
