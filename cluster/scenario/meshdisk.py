"""Chaos Mesh's IOChaos as our disk faults.

Our disks fail when they are synced: `write`, `fsync` and `flush` are what a fault can be about, not reads, not
attributes. Must not drop a field.
"""

from __future__ import annotations

from typing import Any

from cluster.scenario.document import Part
from cluster.scenario.meshfaults import Mesh
from cluster.scenario.meshselect import Fields, target_of
from cluster.scenario.model import Step

ERRORS = {"28": "full", "5": "write-error"}
METHODS = ("write", "fsync", "flush")


def disk(spec: Part, mesh: Mesh) -> list[Step]:
    given = Fields(spec, mesh.reading, {"selector", "mode", "value"})
    action = given.text("action")
    found = target_of(spec, mesh.namespace, mesh.reading)
    lasting = mesh.duration(given.take("duration"))
    args: dict[str, Any] = {"probability": mesh.percent(given.take("percent"), 1.0)}
    args["files"] = _files(given)
    methods = _methods(given.take("methods"), mesh)
    delay, errno, mistake = given.take("delay"), given.take("errno"), given.take("mistake")
    containers = given.take("containerNames")
    given.rest({"attr": "cannot be said here; files of ours have no attributes", "remoteCluster": "is another cluster"})
    if containers is not None:
        mesh.notes.append("a disk is its host's: containerNames names all of it")
    where = spec.fields().get("action", spec)
    only = {"latency": delay, "fault": errno, "mistake": mistake}
    for name, part in only.items():
        if name != action and part is not None:
            mesh.problem(part, f"not for action {action}", f"it is for {name}")
    if action == "latency":
        args |= {"way": "slow", "by": mesh.duration(delay)}
        if delay is None:
            mesh.problem(spec, "'delay' is missing", "such as 100ms")
    elif action == "fault":
        args["way"] = _fault(errno, methods, spec, mesh)
    elif action == "mistake":
        args["way"] = "flip"
        _mistake(mistake, spec, mesh)
    elif action == "attrOverride":
        mesh.problem(
            where, "attrOverride cannot be done: files of ours have no attributes", "latency, fault or mistake"
        )
    else:
        mesh.problem(where, f"action {action!r} is not known", "latency, fault or mistake")
    if found is None or "way" not in args:
        return []
    return [mesh.entry(spec, "disk", {**args, "targets": (found[0],)}, lasting)]


def _files(given: Fields) -> tuple[str, ...]:
    """Patterns of our files: what `path` says below `volumePath`."""
    volume, path = given.text("volumePath").rstrip("/"), given.text("path")
    inside = path.removeprefix(volume).lstrip("/") if volume else path.lstrip("/")
    inside = inside.replace("**/*", "*").replace("**", "*")
    return () if inside in ("", "*") else (inside,)


def _methods(part: Part | None, mesh: Mesh) -> list[str]:
    found = []
    for item in part.items() if part is not None else ():
        if (item.text or "").lower() not in METHODS:
            mesh.problem(item, f"method {item.text!r} cannot fail here", f"one of {', '.join(METHODS)}")
        else:
            found.append((item.text or "").lower())
    return found


def _fault(errno: Part | None, methods: list[str], spec: Part, mesh: Mesh) -> str:
    if errno is None:
        mesh.problem(spec, "'errno' is missing", "5 (EIO) or 28 (ENOSPC)")
        return "write-error"
    way = ERRORS.get(errno.text or "")
    if way is None:
        mesh.problem(errno, f"errno {errno.text!r} is not possible here", "5 (EIO) or 28 (ENOSPC)")
        return "write-error"
    if way == "write-error" and methods and "write" not in methods:
        return "sync-error"
    if way == "full" and methods and "write" not in methods:
        mesh.problem(errno, "only a write finds the disk full", "methods: [write]")
    return way


def _mistake(mistake: Part | None, spec: Part, mesh: Mesh) -> None:
    if mistake is None:
        mesh.problem(spec, "'mistake' is missing", "mistake: {filling: random}")
        return
    given = Fields(mistake, mesh.reading)
    filling = given.take("filling")
    if filling is not None and filling.text not in ("random", "zero"):
        mesh.problem(filling, f"filling {filling.text!r} is not known", "random or zero")
    for name in ("maxOccurrences", "maxLength"):
        if given.take(name) is not None:
            mesh.notes.append(f"{name}: one bit of what is written is flipped, however much that is")
    given.rest()
