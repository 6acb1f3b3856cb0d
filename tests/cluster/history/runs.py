"""Runs made by hand for the checks' tests: operations, strikes, events and notes in a few words each.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.history.checks import Ask, judge
from cluster.history.finding import Finding
from cluster.history.record import NEVER, Kind, Operation, Outcome
from cluster.history.run import Meta, Run, Seen, Strike, WatchSeen

MACHINES = {
    **{f"store-{i}": f"master-{i}" for i in range(3)},
    **{f"apiserver-{i}": f"master-{i}" for i in range(3)},
    **{f"kubelet-{i}": f"worker-{i}" for i in range(3)},
    "controller-manager-0": "master-0",
}


def run(seconds: float = 20.0, **parts: Any) -> Run:
    """A run of 3 masters and 3 workers with these parts, all else empty."""
    meta = Meta("story", "A story", "sim", 1, "raft", seconds, "", "", machines=MACHINES)
    given: dict[str, Any] = {name: part if isinstance(part, Mapping) else tuple(part) for name, part in parts.items()}
    return Run(meta, "", **given)


def say(check: str, story: Run, **options: Any) -> Finding:
    """What one check says of it, as `judge` has it."""
    return judge(story, [Ask(check, options)]).judged[0].finding


def op(kind: Kind, value: Any, start: float, end: float, result: Any = None, **more: Any) -> Operation:
    """An answered operation of client "c" on "x"; `outcome`, `client`, `key`, `mode`, `site`, `error`, `revision`."""
    outcome: Outcome = more.pop("outcome", "ok")
    client = more.pop("client", "c")
    finish = NEVER if outcome == "unknown" else end
    return Operation(
        client, more.pop("process", 0), kind, more.pop("key", "x"), value, start, finish, outcome, result, **more
    )


def read(value: Any, start: float, end: float, **more: Any) -> Operation:
    return op("read", None, start, end, value, **more)


def write(value: Any, start: float, end: float, **more: Any) -> Operation:
    return op("write", value, start, end, **more)


def strike(action: str, since: float, until: float | None, *targets: str, **more: Any) -> Strike:
    return Strike(more.pop("id", "s1"), action, more.pop("name", f"{action} it"), "f:1", since, until, targets, **more)


def cut(since: float, until: float) -> Strike:
    """master-0 and what is on it on one side, the other masters on the other."""
    sides = (("master-0",), ("master-1", "master-2"))
    return strike("partition", since, until, groups=sides, name="partition master-0 | master-1,master-2")


def note(time: float, host: str, event: str, data: Mapping[str, Any] | None = None, boot: int = 1) -> tuple[Any, ...]:
    return (time, int(time * 1000), host, boot, event, dict(data or {}))


def seen(time: float, type: str, obj: Mapping[str, Any], observer: str = "observer") -> Seen:
    return Seen(time, str(obj["kind"]), type, obj, observer)


def watched(watcher: str, revision: int, value: Any = None, **more: Any) -> WatchSeen:
    """A put on "x" at a time that is its revision."""
    time = more.pop("time", float(revision))
    return WatchSeen(time, watcher, revision, more.pop("key", "x"), more.pop("type", "put"), value, **more)


def obj(kind: str, name: str, revision: int, **parts: Any) -> dict[str, Any]:
    """An object; `meta` is merged into its metadata, other parts are its own ("spec", "status")."""
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(revision)}
    if kind in ("Node",):
        del meta["namespace"]
    return {"kind": kind, "metadata": {**meta, **parts.pop("meta", {})}, "spec": {}, "status": {}, **parts}


def node(name: str, revision: int, ready: bool = True, **parts: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
    return obj("Node", name, revision, status={"conditions": conditions}, **parts)


def pod(name: str, revision: int, node: str = "", uid: str = "", **meta: Any) -> dict[str, Any]:
    return obj(
        "Pod", name, revision, meta={"uid": uid or f"uid-{name}", **meta}, spec={"nodeName": node} if node else {}
    )
