"""The second door: what one apiserver with its store of three does over HTTPS, 32 connections that stay open.

Reference, measured with wrk on such a machine (2 cores): kube-apiserver 1.20 with one synced etcd answers 5,431 GETs
of a pod a second (p50 5.0 ms), takes 1,725 creates a second (p50 16 ms), and lists 5,000 pods in 0.26 s.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.api_server import ApiServer
from bench.processes import cpu, memory, on_disk
from bench.rows import Options, Row, row
from cluster.errors import UsageError

ROOT = Path(__file__).absolute().parents[1]
CONNECTIONS = 32
PODS = 5000
WATCHERS = 1000
RATE = 100
OPEN_SECONDS = 60.0
"""That the door may take to open, on a busy machine."""
NAMES = ("gets", "creates", "lists", "tables", "watch")

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "", "labels": {"app": "bench", "tier": "web", "pod-template-hash": "5d59d67564"}},
    "spec": {
        "containers": [
            {
                "name": "nginx",
                "image": "nginx:1.25",
                "ports": [{"containerPort": 80}],
                "env": [{"name": f"VARIABLE_{i}", "value": f"a value of some length, {i}"} for i in range(6)],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
            }
        ]
    },
}
CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": ""},
    "data": {"key": "value" * 20},
}
PODS_PATH, MAPS_PATH = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/configmaps"
ACCOUNTS_PATH = "/api/v1/namespaces/default/serviceaccounts"


@dataclass(slots=True)
class Rounds:
    """One value a round of each thing."""

    values: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, value: float, unit: str, detail: str = "") -> None:
        self.values.setdefault(what, []).append(value)
        self.units[what] = unit
        self.details[what] = detail

    def rows(self) -> list[Row]:
        return [row("api", what, values, self.units[what], self.details[what]) for what, values in self.values.items()]


class Bench:
    def __init__(self, server: ApiServer, options: Options) -> None:
        self._server = server
        self._seconds = options.seconds or 3.0
        self._rounds = options.times(3)
        self._made: dict[str, int] = {}
        self.found = Rounds()

    async def load(self, **order: Any) -> dict[str, Any]:
        """What a load process answers. UsageError with its words if it fails."""
        process = await self._spawn(order)
        return await _answer(process)

    async def _spawn(self, order: dict[str, Any]) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-P", "-m", "bench.api_load")
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"place": self._server.place, **order}).encode() + b"\n")
        await process.stdin.drain()
        return process

    async def prepare(self) -> None:
        """What pods need to be taken, and enough of them."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        await self._open()
        await self.load(do="fill", connections=1, path=ACCOUNTS_PATH, body=account, first=0, number=1)
        found = await self.load(do="fill", connections=CONNECTIONS, path=PODS_PATH, body=POD, first=0, number=PODS)
        if found["refused"]:
            raise UsageError(f"pods were refused: {found['refused']}", place="bench api", status=1)
        self._made[PODS_PATH] = PODS

    async def _open(self) -> None:
        """Until the door is open."""
        loop = asyncio.get_running_loop()
        end = loop.time() + OPEN_SECONDS
        while True:
            try:
                await self.load(do="gets", connections=1, seconds=0.01, paths=["/readyz"])
                return
            except UsageError:
                if loop.time() > end:
                    raise
                await asyncio.sleep(0.1)

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────

    async def gets(self) -> None:
        paths = [f"{PODS_PATH}/bench-{i}" for i in range(0, PODS, 7)]
        await self._closed_loop("GET of a pod", do="gets", paths=paths)

    async def creates(self) -> None:
        for what, path, body in (("create of a ConfigMap", MAPS_PATH, CONFIG_MAP), ("create of a pod", PODS_PATH, POD)):
            first = self._made.get(path, 0)
            found = await self._closed_loop(what, do="creates", path=path, body=body, first=first)
            self._made[path] = first + round(found["rate"] * self._seconds) + 2 * CONNECTIONS

    async def lists(self) -> None:
        path = f"{PODS_PATH}?labelSelector=tier%3Dweb&limit={PODS}"
        beside = await self._spawn({"do": "paced", "path": f"{MAPS_PATH}/kube-root-ca.crt", "gap": 0.005})
        await asyncio.sleep(0.5)  # it has begun
        found = await self.load(do="lists", path=path, times=5)
        waits = (await _answer(beside))["waits"]
        detail = f"{found['bytes'] / 1e6:.1f} MB"
        self.found.add(f"list of {PODS} pods", statistics.median(found["took"]), "s", detail)
        self.found.add("another request meanwhile, longest", 1000 * max(waits), "ms", f"of {len(waits)}")

    async def tables(self) -> None:
        """As kubectl asks for 20 pods."""
        path = f"{PODS_PATH}?limit=20"
        found = await self.load(do="gets", connections=1, seconds=self._seconds / 3, paths=[path])
        self.found.add("the list of `kubectl get pods`, 20 pods", 1000 * found["latencies"]["p50"], "ms")

    async def watch(self) -> None:
        pid = await self._server.pid()
        before = memory(pid)["rss"]
        name = f"watched-{self._made.get('watched', 0)}"
        self._made["watched"] = self._made.get("watched", 0) + 1
        body = {**CONFIG_MAP, "metadata": {"name": "", "labels": {"bench": name}}}
        number = 10_000_000 + self._made["watched"]
        await self.load(do="fill", connections=1, path=MAPS_PATH, body=body, first=number, number=1)
        select = f"{MAPS_PATH}?watch=1&labelSelector=bench%3D{name}&timeoutSeconds=300"
        order = {"watchers": WATCHERS, "rate": RATE, "seconds": self._seconds, "idle": 1.0}
        process = await self._spawn(
            {"do": "watch", "path": select, "changes": f"{MAPS_PATH}/bench-{number}", **order, "name": name}
        )
        assert process.stderr is not None
        ready = await process.stderr.readline()
        idle = memory(pid)["rss"] - before if ready == b"ready\n" else float("nan")
        began, used = asyncio.get_running_loop().time(), cpu(pid)
        found = await _answer(process)
        share = (cpu(pid) - used) / (asyncio.get_running_loop().time() - began)
        detail = f"{found['heard']:,} of {found['wanted']:,} heard; {share:.2f} of a core"
        what = f"{WATCHERS} watchers, {RATE} changes a second"
        self.found.add(f"{what}: p99 to each", 1000 * found["delays"].get("p99", float("nan")), "ms", detail)
        self.found.add("memory of an idle watcher", 1024 * idle / WATCHERS, "KB")

    async def _closed_loop(self, what: str, **order: Any) -> dict[str, Any]:
        pid = await self._server.pid()
        used = cpu(pid)
        found = await self.load(connections=CONNECTIONS, seconds=self._seconds, **order)
        if found["refused"] or not found["latencies"]:
            raise UsageError(f"{what}: refused {found['refused']}", place="bench api", status=1)
        number = found["rate"] * self._seconds
        server, load = (1e6 * seconds / number for seconds in (cpu(pid) - used, found["cpu"]))
        detail = f"{server:.0f} us of the apiserver's CPU each, {load:.0f} us of the load's"
        self.found.add(what, found["rate"], "/s", detail)
        self.found.add(f"{what}, p50", 1000 * found["latencies"]["p50"], "ms")
        self.found.add(f"{what}, p99", 1000 * found["latencies"]["p99"], "ms")
        return found

    async def run(self, only: tuple[str, ...]) -> list[Row]:
        await self.prepare()
        parts: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "gets": self.gets,
            "creates": self.creates,
            "lists": self.lists,
            "tables": self.tables,
            "watch": self.watch,
        }
        for _ in range(self._rounds):
            for name in only or NAMES:
                await parts[name]()
        return self.found.rows()


async def _answer(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.close()
    out, err = await process.communicate()
    if process.returncode:
        words = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise UsageError(f"the load process failed: {words}", place="bench api", status=1)
    found: dict[str, Any] = json.loads(out)
    return found


def run(options: Options) -> list[Row]:
    unknown = [name for name in options.only if name not in NAMES]
    if unknown:
        raise UsageError(f"no part {unknown[0]!r}", place="--only", remedy=f"of {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-api-") as folder:
        on_disk(Path(folder))
        return asyncio.run(_run(Path(folder) / "c", options))


async def _run(folder: Path, options: Options) -> list[Row]:
    server = ApiServer(folder)
    try:
        await server.start()
        return await Bench(server, options).run(options.only)
    finally:
        await server.stop()
