"""scale, logs, exec, rollout: what is done to running workloads.

Must not know runtimes: logs and exec are asked of the pod's kubelet over the bus.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import click

from cluster.api.kinds import Kind, lookup
from cluster.api.meta import condition, generation_of, name_of, timestamp, uid_of
from cluster.cli import output as out
from cluster.cli.objects import Target, namespace_options, scope, targets
from cluster.cli.session import Session, command
from cluster.client.client import Client
from cluster.controllers import rollout as rules
from cluster.errors import UsageError
from cluster.rpc import Rpc

Object = dict[str, Any]
SCALABLE = ("Deployment", "ReplicaSet")
ROLLED = ("Deployment", "DaemonSet")


@click.command("scale")
@click.argument("words", nargs=-1)
@click.option("--replicas", type=click.IntRange(min=0), required=True)
@namespace_options
@command
async def scale_command(words: tuple[str, ...], replicas: int, namespace: str, cluster: str) -> int:
    """Set the number of replicas: scale deployment NAME --replicas=N."""
    async with Session(cluster) as session:
        client = await session.client()
        for target in _named(words, SCALABLE):
            await client.scale(target.kind.kind, target.name, namespace, replicas)
            print(f"{_reference(target)} scaled")
    return 0


def _named(words: tuple[str, ...], kinds: tuple[str, ...]) -> list[Target]:
    found = targets(words)
    for target in found:
        if target.kind.kind not in kinds:
            right = " or ".join(kinds)
            raise UsageError(f"not possible for {target.kind.plural}", place=" ".join(words), remedy=f"a {right}")
        if not target.name:
            raise UsageError("a name is missing", place=" ".join(words))
    return found


def _reference(target: Target) -> str:
    return out.reference({"kind": target.kind.kind, "metadata": {"name": target.name}})


# ── logs, exec ───────────────────────────────────────────────────────────────────────────────────────────────


async def find_pod(client: Client, word: str, namespace: str) -> Object:
    """A pod by name, or the first pod of deployment/NAME, replicaset/NAME, daemonset/NAME or service/NAME."""
    kind_word, slash, name = word.partition("/")
    if not slash or lookup(kind_word).kind == "Pod":
        return await client.get("Pod", name or word, namespace)
    kind = lookup(kind_word)
    owner = await client.get(kind.kind, name, namespace)
    selector = owner.get("spec", {}).get("selector") or {}
    labels = selector if kind.kind == "Service" else selector.get("matchLabels", {})
    text = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    pods = (await client.list("Pod", namespace, labels=text))["items"] if text else []
    if not pods:
        raise UsageError(f"{word} has no pod", status=1)
    running = [p for p in pods if p.get("status", {}).get("phase") == "Running"]
    pod: Object = (running or pods)[0]
    return pod


def kubelet_of(pod: Object) -> str:
    node = pod.get("spec", {}).get("nodeName", "")
    if not node:
        raise UsageError(f"pod {name_of(pod)} is not on a node yet", remedy="see `describe pod`", status=1)
    return f"kubelet-{node.rpartition('-')[2]}"


def container_of(pod: Object, name: str) -> str:
    names = [c["name"] for c in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]]
    if name and name not in names:
        raise UsageError(
            f"pod {name_of(pod)} has no container {name!r}", place="-c", remedy=f"one of {', '.join(names)}"
        )
    chosen: str = name or pod["spec"]["containers"][0]["name"]
    return chosen


@click.command("logs")
@click.argument("pod")
@click.option("-c", "--container", default="")
@click.option("-f", "--follow", is_flag=True)
@click.option("-p", "--previous", is_flag=True)
@click.option("--tail", type=int, default=-1, help="Last lines; -1 for all.")
@namespace_options
@command
async def logs_command(pod: str, container: str, namespace: str, cluster: str, **flags: Any) -> int:
    """Print a container's log: logs POD, logs deployment/NAME."""
    async with Session(cluster) as session:
        found = await find_pod(await session.client(), pod, namespace)
        body = {
            "namespace": namespace,
            "pod": name_of(found),
            "uid": uid_of(found),
            "container": container_of(found, container),
            "tail": flags["tail"],
            "previous": flags["previous"],
        }
        rpc, kubelet = await session.rpc(), kubelet_of(found)
        if not flags["follow"]:
            answer = await rpc.call(kubelet, "kubelet.logs", body, timeout=5)
            _write(answer["data"])
            return 0
        return await _follow_logs(rpc, kubelet, body)


async def _follow_logs(rpc: Rpc, kubelet: str, body: Object) -> int:
    async with rpc.stream(kubelet, "kubelet.logs.follow", body) as chunks:
        async for chunk in chunks:
            _write(chunk["data"])
    return 0


def _write(data: bytes | str) -> None:
    sys.stdout.write(data if isinstance(data, str) else data.decode(errors="replace"))
    sys.stdout.flush()


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-c", "--container", default="")
@click.option("-i", "--stdin", is_flag=True, hidden=True)
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option("--timeout", default=60.0, show_default=True)
@namespace_options
@click.argument("pod")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED)
@command
async def exec_command(
    pod: str, argv: tuple[str, ...], container: str, namespace: str, cluster: str, **flags: Any
) -> int:
    """Run a command in a container: exec POD -- COMMAND [ARG...]."""
    argv = argv[1:] if argv[:1] == ("--",) else argv
    if not argv:
        raise UsageError("the command is missing", place="exec", remedy="exec POD -- COMMAND")
    async with Session(cluster) as session:
        found = await find_pod(await session.client(), pod, namespace)
        body = {
            "namespace": namespace,
            "pod": name_of(found),
            "uid": uid_of(found),
            "container": container_of(found, container),
            "argv": list(argv),
            "timeout": flags["timeout"],
        }
        answer = await (await session.rpc()).call(kubelet_of(found), "kubelet.exec", body, timeout=flags["timeout"] + 1)
    _write(answer["stdout"])
    error = answer["stderr"]
    sys.stderr.write(error if isinstance(error, str) else error.decode(errors="replace"))
    return int(answer["code"])


# ── rollout ──────────────────────────────────────────────────────────────────────────────────────────────────


@click.command("rollout")
@click.argument("action", type=click.Choice(["status", "history", "undo", "pause", "resume", "restart"]))
@click.argument("words", nargs=-1)
@click.option("--to-revision", type=int, default=0, help="undo: 0 is the one before.")
@click.option("--timeout", default=0.0, help="status: seconds to wait, 0 for ever.")
@click.option("--watch/--no-watch", "follow", default=True)
@namespace_options
@command
async def rollout_command(action: str, words: tuple[str, ...], namespace: str, cluster: str, **flags: Any) -> int:
    """status, history, undo, pause, resume or restart of deployment/NAME (daemonset/NAME: status, restart)."""
    async with Session(cluster) as session:
        client = await session.client()
        status = 0
        for target in _named(words, ROLLED if action in ("status", "restart") else ("Deployment",)):
            obj = await client.get(target.kind.kind, target.name, scope(target.kind, namespace))
            if action == "status":
                status |= await rollout_status(client, target, namespace, flags["timeout"], follow=flags["follow"])
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
        if line != said:
            print(line, flush=True)
            said = line
        if done or not follow:
            return int(failed)
        if loop.time() > end:
            raise UsageError(f"not finished within {timeout:g} s", place=_reference(target), status=1)
        await asyncio.sleep(pause)
        pause = min(0.5, pause * 1.3)


async def _replicasets(client: Client, obj: Object) -> list[Object]:
    listed = await client.list("ReplicaSet", obj["metadata"]["namespace"])
    uid = uid_of(obj)
    return [r for r in listed["items"] if uid in [o["uid"] for o in r["metadata"].get("ownerReferences", [])]]


async def _history(client: Client, target: Target, obj: Object, flags: Any) -> int:
    print(_reference(target))
    revisions = rules.history(obj, await _replicasets(client, obj))
    rows = [[str(r["revision"]), r["change_cause"] or "<none>"] for r in revisions]
    print(out.render_table(["REVISION", "CHANGE-CAUSE"], rows))
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
            "can't restart a paused deployment", place=_reference(target), remedy="rollout resume", status=1
        )
    stamp = {"kubectl.kubernetes.io/restartedAt": timestamp(time.time())}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    await client.patch(target.kind.kind, target.name, patch, namespace=obj["metadata"]["namespace"])
    print(f"{_reference(target)} restarted")
    return 0


_ACTIONS = {"history": _history, "undo": _undo, "pause": _pause, "resume": _resume, "restart": _restart}
