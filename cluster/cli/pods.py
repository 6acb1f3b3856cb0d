"""logs and exec: what a pod's kubelet is asked over the bus.

Must not know runtimes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import click

from cluster.api.meta import name_of
from cluster.cli.objects import namespace_options
from cluster.cli.resources import asked, resolve
from cluster.cli.session import Session, command
from cluster.cli.units import duration
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]


async def find_pods(client: Client, word: str, namespace: str) -> list[Object]:
    """The pod of that name, or the pods of deployment/NAME, replicaset/NAME, daemonset/NAME or service/NAME, those
    that run first."""
    if "/" not in word:
        return [await client.get("Pod", word, namespace)]
    target = (await resolve(client, (word,)))[0]
    if target.kind.key == "Pod":
        return [await client.get("Pod", target.name, namespace)]
    owner = await client.get(asked(target.kind), target.name, namespace)
    selector = owner.get("spec", {}).get("selector") or {}
    labels = selector if target.kind.key == "Service" else selector.get("matchLabels", {})
    text = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    pods: list[Object] = (await client.list("Pod", namespace, labels=text))["items"] if text else []
    if not pods:
        raise UsageError("it has no pod", place=word, remedy="see `get pods`", status=1)
    return sorted(pods, key=lambda p: p.get("status", {}).get("phase") != "Running")


async def find_pod(client: Client, word: str, namespace: str, *, silent: bool = False) -> Object:
    """One of `find_pods`; says which if there was a choice."""
    pods = await find_pods(client, word, namespace)
    if len(pods) > 1 and not silent:
        print(f"Found {len(pods)} pods, using pod/{name_of(pods[0])}", file=sys.stderr)
    return pods[0]


def kubelet_of(pod: Object) -> str:
    node = pod.get("spec", {}).get("nodeName", "")
    if not node:
        raise UsageError(f"pod {name_of(pod)} is not on a node yet", remedy="see `describe pod`", status=1)
    return f"kubelet-{node.rpartition('-')[2]}"


def container_of(pod: Object, name: str) -> str:
    """The container that is meant; says which if there was a choice."""
    own = [c["name"] for c in pod["spec"]["containers"]]
    names = [c["name"] for c in pod["spec"].get("initContainers", [])] + own
    if name and name not in names:
        raise UsageError(
            f"pod {name_of(pod)} has no container {name!r}", place="-c", remedy=f"one of {', '.join(names)}"
        )
    if not name and len(own) > 1:
        print(f'Defaulted container "{own[0]}" out of: {", ".join(names)}', file=sys.stderr)
    chosen: str = name or own[0]
    return chosen


async def _kubelet(session: Session, pod: Object) -> str:
    """Whom to ask; UsageError at once when nobody would answer."""
    kubelet = kubelet_of(pod)
    await session.must_run(kubelet)
    return kubelet


@click.command("logs")
@click.argument("pod", required=False, metavar="POD")
@click.option("-c", "--container", default="", help="Which container; default: the first.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the container ends.")
@click.option("-p", "--previous", is_flag=True, help="Of the container before the last restart.")
@click.option("--tail", type=click.IntRange(min=-1), default=-1, help="Last lines; -1 for all.")
@click.option("-l", "--selector", "labels", default="", help="All pods with these labels.")
@click.option("--prefix", is_flag=True, help="Each line begins with its pod's name.")
@namespace_options
@command
async def logs_command(pod: str | None, namespace: str, cluster: str, **flags: Any) -> int:
    """Print a container's log: logs POD, logs deployment/NAME, logs -l app=web."""
    if bool(pod) == bool(flags["labels"]):
        raise UsageError("whose log?", place="logs", remedy="logs POD, logs deployment/NAME or logs -l SELECTOR")
    async with Session(cluster) as session:
        client = await session.client()
        if pod:
            found = [await find_pod(client, pod, namespace)]
        else:
            found = (await client.list("Pod", namespace, labels=flags["labels"]))["items"]
            if not found:
                print(f"No resources found in {namespace} namespace.", file=sys.stderr)
        if flags["follow"]:
            await asyncio.gather(*(_log(session, p, flags) for p in found))
        else:
            for one in found:
                await _log(session, one, flags)
    return 0


async def _log(session: Session, pod: Object, flags: dict[str, Any]) -> None:
    body = {
        "namespace": pod["metadata"]["namespace"],
        "pod": name_of(pod),
        "container": container_of(pod, flags["container"]),
        "tail": flags["tail"] if flags["tail"] >= 0 else None,
        "previous": flags["previous"],
        "follow": flags["follow"],
    }
    prefix = f"[pod/{body['pod']}/{body['container']}] ".encode() if flags["prefix"] else b""
    kubelet, rpc = await _kubelet(session, pod), await session.rpc()
    rest = b""
    try:
        async with rpc.stream(kubelet, "kubelet.logs", body) as chunks:
            async for chunk in chunks:
                rest = _print_lines(rest + chunk, prefix) if prefix else _write(chunk)
    except StatusError as error:
        if error.reason != "StreamBroken":
            raise
        text = f"{kubelet} does not answer (any more): {error.message}"
        raise UsageError(text, remedy="see `launch.py status` and `faults`", status=1) from None
    if rest:
        _write(prefix + rest + b"\n")


def _print_lines(data: bytes, prefix: bytes) -> bytes:
    """Whole lines are printed; what is left of the last one comes back."""
    *lines, rest = data.split(b"\n")
    _write(b"".join(prefix + line + b"\n" for line in lines))
    return rest


def _write(data: bytes, *, error: bool = False) -> bytes:
    stream = sys.stderr if error else sys.stdout
    stream.flush()
    stream.buffer.write(data)
    stream.buffer.flush()
    return b""


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


@click.command("exec")
@click.option("-c", "--container", default="", help="Which container; default: the first.")
@click.option("-i", "--stdin", is_flag=True, hidden=True)
@click.option("-t", "--tty", is_flag=True, hidden=True)
@click.option("--timeout", default="60s", show_default=True, help="The command is killed after so long.")
@namespace_options
@click.argument("pod", metavar="POD")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND [ARG...]")
@command
async def exec_command(
    pod: str, argv: tuple[str, ...], container: str, namespace: str, cluster: str, **flags: Any
) -> int:
    """Run a command in a container: exec POD -- COMMAND [ARG...]. Its exit status is this command's."""
    if not argv:
        raise UsageError("the command is missing", place="exec", remedy="exec POD -- COMMAND")
    if flags["stdin"] or flags["tty"]:
        print("exec has no standard input or terminal yet: -i and -t do nothing", file=sys.stderr)
    timeout = duration(flags["timeout"])
    async with Session(cluster) as session:
        found = await find_pod(await session.client(), pod, namespace, silent=True)
        answer = await _execute(session, found, container_of(found, container), argv, timeout)
    _write(_bytes(answer["stdout"]))
    _write(_bytes(answer["stderr"]), error=True)
    code = int(answer["code"])
    if code:
        print(f"command terminated with exit code {code}", file=sys.stderr)
    return code


async def _execute(session: Session, pod: Object, container: str, argv: Sequence[str], timeout: float) -> Object:
    body = {
        "namespace": pod["metadata"]["namespace"],
        "pod": name_of(pod),
        "container": container,
        "argv": list(argv),
        "timeout": timeout,
    }
    kubelet = await _kubelet(session, pod)
    rpc = await session.rpc()
    answer: Object = await rpc.call(kubelet, "kubelet.exec", body, timeout=timeout + 1.0)
    return answer
