"""top: what nodes and pods use now, as their kubelets measured it at this moment.

Must not measure, nor make figures up: who gave none is shown as <unknown>, or said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from cluster.api.meta import key_of, name_of, namespace_of
from cluster.api.quantity import bytes_of, cpu_millis
from cluster.cli import output as out
from cluster.cli.objects import namespace_options
from cluster.cli.resources import BUILT_IN
from cluster.cli.session import Session, command
from cluster.cli.show import none_found
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

Object = dict[str, Any]
Figures = dict[str, int]
"""cpu in thousandths of a core, memory in bytes."""
FIELDS = ("cpu", "memory")
MIB = 1 << 20
UNKNOWN = "<unknown>"


@click.command("top")
@click.argument("words", nargs=-1, metavar="node|pod [NAME]")
@namespace_options
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True)
@click.option("-l", "--selector", "labels", default="")
@click.option("--sort-by", "sort", default="", help="cpu or memory, the largest first; else by name.")
@click.option("--containers", is_flag=True, help="A row for each container of a pod.")
@click.option("--no-headers", is_flag=True)
@command
async def top_command(words: tuple[str, ...], namespace: str, cluster: str, **flags: Any) -> int:
    """What nodes or pods use now: top node [NAME], top pod [NAME]."""
    kind, name = _asked(words)
    if flags["sort"] not in ("", *FIELDS):
        raise UsageError(f"{flags['sort']!r} is not possible", place="--sort-by", remedy="cpu or memory")
    if name and flags["labels"]:
        raise UsageError("a name and a selector cannot be mixed", place="-l")
    if name and flags["everywhere"]:
        raise UsageError("a resource cannot be retrieved by name across all namespaces", place="-A")
    async with Session(cluster) as session:
        client = await session.client()
        if kind == "Node":
            columns, rows = await _nodes(client, name, flags)
        else:
            columns, rows = await _pods(client, name, "" if flags["everywhere"] else namespace, flags)
    if rows:
        print(out.render_table(columns, rows, header=not flags["no_headers"]), flush=True)
    else:
        none_found("" if kind == "Node" or flags["everywhere"] else namespace)
    return 0


def _asked(words: Sequence[str]) -> tuple[str, str]:
    """("Node" or "Pod", name or ""); UsageError."""
    word, slash, name = (words[0] if words else "").partition("/")
    rest = ([name] if slash else []) + list(words[1:])
    kind = BUILT_IN.of_word(word)[0].key if word and BUILT_IN.knows(word) else word
    if kind not in ("Node", "Pod") or len(rest) > 1 or (slash and not name):
        raise UsageError("of what?", place=" ".join(("top", *words)), remedy="top node [NAME] or top pod [NAME]")
    return kind, rest[0] if rest else ""


async def _nodes(client: Client, name: str, flags: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    if name:
        nodes = [await client.get("Node", name)]
        measured = await _one(client, "NodeMetrics", name, "")
    else:
        nodes = (await client.list("Node", labels=flags["labels"]))["items"]
        measured = (await client.list("NodeMetrics", labels=flags["labels"]))["items"]
    if nodes and not measured:
        raise _not_yet("node", name, len(nodes))
    used = {name_of(item): _figures(item["usage"]) for item in measured}
    names = _sorted([name_of(node) for node in nodes if name_of(node) in used], used, flags["sort"])
    silent = sorted(name_of(node) for node in nodes if name_of(node) not in used)
    able = {name_of(node): _figures((node.get("status") or {}).get("allocatable") or {}) for node in nodes}
    rows = [[each, *_node_cells(used[each], able[each])] for each in names]
    rows += [[each, *[UNKNOWN] * 4] for each in silent]
    return ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"], rows


def _node_cells(used: Figures, able: Figures) -> list[str]:
    cpu, memory = _cells(used)
    shares = [f"{used[field] * 100 // able[field]}%" if able[field] else UNKNOWN for field in FIELDS]
    return [cpu, shares[0], memory, shares[1]]


async def _pods(
    client: Client, name: str, namespace: str, flags: Mapping[str, Any]
) -> tuple[list[str], list[list[str]]]:
    if name:
        pods = [await client.get("Pod", name, namespace)]
        measured = await _one(client, "PodMetrics", name, namespace)
    else:
        pods = (await client.list("Pod", namespace, labels=flags["labels"]))["items"]
        measured = (await client.list("PodMetrics", namespace, labels=flags["labels"]))["items"]
    if pods and not measured:
        raise _not_yet("pod", name, len(pods))
    containers = {
        key_of(item): {one["name"]: _figures(one["usage"]) for one in item["containers"]} for item in measured
    }
    used = {
        key: {field: sum(one[field] for one in parts.values()) for field in FIELDS} for key, parts in containers.items()
    }
    by_key = {key_of(item): item for item in measured}
    rows = []
    for key in _sorted(list(used), used, flags["sort"]):
        home = [namespace_of(by_key[key])] if flags["everywhere"] else []
        pod = name_of(by_key[key])
        if flags["containers"]:
            parts = containers[key]
            rows += [[*home, pod, part, *_cells(parts[part])] for part in _sorted(list(parts), parts, flags["sort"])]
        else:
            rows.append([*home, pod, *_cells(used[key])])
    columns = ["NAMESPACE"] if flags["everywhere"] else []
    columns += ["POD"] if flags["containers"] else []
    return [*columns, "NAME", "CPU(cores)", "MEMORY(bytes)"], rows


async def _one(client: Client, kind: str, name: str, namespace: str) -> list[Object]:
    """[] where there are no figures of it."""
    try:
        return [await client.get(kind, name, namespace)]
    except StatusError as error:
        if error.reason != "NotFound":
            raise
        return []


def _not_yet(what: str, name: str, count: int) -> UsageError:
    text = f"no figures of it yet: its {'kubelet does not answer' if what == 'node' else 'containers do not run'}"
    if not name:
        why = "no kubelet answers" if what == "node" else "no container runs, or its kubelet does not answer"
        text = f"no figures yet of {count} {what}{'s' if count > 1 else ''}: {why}"
    return UsageError(text, place=f"top {what} {name}".strip(), remedy=f"see `get {what}s`", status=1)


def _figures(quantities: Mapping[str, Any]) -> Figures:
    return {"cpu": cpu_millis(quantities.get("cpu", 0)), "memory": bytes_of(quantities.get("memory", 0))}


def _cells(used: Figures) -> list[str]:
    return [f"{used['cpu']}m", f"{used['memory'] // MIB}Mi"]


def _sorted(names: Sequence[str], used: Mapping[str, Figures], field: str) -> list[str]:
    """By name, or the largest first."""
    return sorted(names, key=lambda name: (-used[name][field] if field else 0, name))
