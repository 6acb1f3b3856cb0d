"""Three etcd members on loopback as OS processes, with their defaults; for `bench store`.

Must not measure: store_loaders.py and etcd_tool.py do. Needs the program `etcd` (Debian: etcd-server).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.peers import etcd_tool
from bench.peers import etcdpb as pb
from bench.peers.etcd_load import asked
from bench.peers.http2 import Connection
from bench.samples import Cell, Sample
from bench.store_loaders import LoadError, Loaders

COUNT = 3
QUOTA = str(8 << 30)
"""Bytes; the default of 2 GB is less than what is written here in one run without compaction."""


def program() -> str | None:
    return shutil.which("etcd")


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


class EtcdCluster:
    """`System`."""

    def __init__(self, folder: Path) -> None:
        self.name = "etcd"
        self.folder = folder / self.name
        self._ports = free_ports(2 * COUNT)
        self._members: list[subprocess.Popen[bytes] | None] = [None] * COUNT
        self._loaders: Loaders | None = None

    # ── members ──────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        await self.start_members()
        self._loaders = await Loaders.start("bench.peers.etcd_load", {}, self.name)
        await self._loaders.fill(self.endpoint(await self.leader()))

    async def start_members(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for i in range(COUNT):
            self._start(i, "new")
        await self.leader(30.0)

    def _start(self, i: int, state: str) -> None:
        path = program()
        if path is None:
            raise LoadError("etcd is not installed")
        peers = [f"http://127.0.0.1:{port}" for port in self._ports[COUNT:]]
        client = f"http://{self.endpoint(i)}"
        words = {
            "name": f"n{i}",
            "data-dir": str(self.folder / f"n{i}"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peers[i],
            "initial-advertise-peer-urls": peers[i],
            "initial-cluster": ",".join(f"n{j}={url}" for j, url in enumerate(peers)),
            "initial-cluster-state": state,
            "quota-backend-bytes": QUOTA,
            "logger": "zap",
        }
        with open(self.folder / f"n{i}.log", "ab") as log:
            self._members[i] = subprocess.Popen(
                [path, *(f"--{word}={value}" for word, value in words.items())],
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("ETCD")},
            )

    async def refresh(self) -> None:
        """End all members and start them on their data. etcd 3.4 copies its buffer of recent writes for every read and
        never shrinks it: after a burst of writes its reads cost twice as much, until it is started again."""
        for member in self._members:
            if member is not None:
                member.kill()  # a graceful end waits for its clients to leave
        for i, member in enumerate(self._members):
            if member is not None:
                member.wait()
            self._start(i, "existing")
        await self.leader(30.0)

    async def stop(self) -> None:
        if self._loaders is not None:
            await self._loaders.stop()
            self._loaders = None
        for member in self._members:
            if member is not None:
                member.kill()
                member.wait()
        self._members = [None] * COUNT
        shutil.rmtree(self.folder, ignore_errors=True)

    def endpoint(self, i: int) -> str:
        return f"127.0.0.1:{self._ports[i]}"

    async def leader(self, within: float = 10.0) -> int:
        """The number of the member that all three follow. LoadError when they do not agree, or one has ended."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            for i, member in enumerate(self._members):
                if member is not None and member.poll() is not None:
                    raise LoadError(f"etcd n{i} ended with status {member.returncode}: {self._last_words(i)}")
            found = [self._status(i) for i in range(COUNT)]
            leaders = {status["leader"] if status else "" for status in found}
            ids = [status["id"] if status else "?" for status in found]
            leader = leaders.pop() if len(leaders) == 1 else ""
            if leader in ids:
                return ids.index(leader)
            await asyncio.sleep(0.05)
        raise LoadError(f"etcd: no leader within {within:g} s")

    def _status(self, i: int) -> dict[str, str] | None:
        """Its own id and its leader's, as its gateway says it in JSON."""
        url = f"http://{self.endpoint(i)}/v3/maintenance/status"
        request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=1.0) as answer:
                status: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return None  # not up yet, or not any more
        return {"id": status["header"]["member_id"], "leader": status.get("leader", "")}

    def _last_words(self, i: int) -> str:
        lines = (self.folder / f"n{i}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1][-200:] if lines else "it said nothing"

    # ── measuring ────────────────────────────────────────────────────────────────────────────────────────────

    def _pid(self, i: int) -> int:
        member = self._members[i]
        assert member is not None
        return member.pid

    async def measure(self, cell: Cell, seconds: float) -> Sample:
        """With our client."""
        assert self._loaders is not None
        leader = await self.leader()
        pids = [self._pid(i) for i in range(COUNT)]
        return await self._loaders.measure(cell, seconds, self._pid(leader), pids, self.endpoint(leader))

    async def measure_with_tool(self, cell: Cell, total: int) -> Sample:
        leader = await self.leader()
        pids = [self._pid(i) for i in range(COUNT)]
        return await etcd_tool.measure(cell, total, self.endpoint(leader), self._pid(leader), pids)

    async def failover(self) -> float:
        leader = await self.leader()
        rest = [i for i in range(COUNT) if i != leader]
        connections = [await Connection.open("127.0.0.1", self._ports[i]) for i in rest]
        try:
            await asked(connections[0], pb.PUT, pb.put(b"/bench/failover", b"before"))
            victim = self._members[leader]
            assert victim is not None
            began = time.monotonic()
            victim.kill()
            victim.wait()
            took = await _written(connections, began)
        finally:
            for connection in connections:
                connection.close()
        self._start(leader, "existing")
        await self.leader(30.0)
        await asyncio.sleep(0.5)  # a member that says who leads may still be catching up
        return took


async def _written(connections: list[Connection], began: float) -> float:
    """Milliseconds from `began` until one of the puts sent to both survivors every 10 ms succeeds."""
    acknowledged = asyncio.get_running_loop().create_future()

    def done(answer: bytes | None) -> None:
        if answer is not None and not acknowledged.done():
            acknowledged.set_result(time.monotonic())

    number = 0
    while not acknowledged.done():
        if time.monotonic() - began > 20:
            raise LoadError("etcd: no write within 20 s of the kill")
        number += 1
        for connection in connections:
            connection.call(pb.PUT, pb.put(b"/bench/failover", b"%d" % number), done)
        await asyncio.wait((acknowledged,), timeout=0.01)
    return 1000 * float(acknowledged.result() - began)
