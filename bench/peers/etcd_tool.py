"""etcd's own load tool (etcd: tools/benchmark), where CAPSTAN_ETCD_BENCHMARK names a build of it.

Must not invent what the tool cannot do: it has no guarded updates, and no delay from a put to its event.
Debian's source package of etcd builds it, in GOPATH mode on golang-etcd-server-dev (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
from collections.abc import Sequence
from pathlib import Path

from bench.processes import Window
from bench.samples import Cell, Sample
from bench.store_loaders import LoadError
from bench.store_workload import KEYS, key

VARIABLE = "CAPSTAN_ETCD_BENCHMARK"
KINDS = ("puts", "gets", "serializable")


def tool() -> str | None:
    """Its path. LoadError if the variable names something else."""
    named = os.environ.get(VARIABLE, "")
    if named and not os.access(named, os.X_OK):
        raise LoadError(f"{VARIABLE}={named} is no program")
    return str(Path(named).absolute()) if named else None


def words(cell: Cell, endpoint: str, total: int) -> list[str]:
    """The tool's arguments."""
    common = ["--endpoints", endpoint, "--conns", str(min(cell.clients, 16)), "--clients", str(cell.clients)]
    if cell.kind == "puts":
        sizes = ["--key-size", "16", "--val-size", "256", "--key-space-size", str(KEYS), "--sequential-keys"]
        return [*common, "put", *sizes, "--total", str(total)]
    consistency = "l" if cell.kind == "gets" else "s"
    return [*common, "range", key(0).decode(), "--consistency", consistency, "--total", str(total)]


def figures(text: str) -> tuple[float, float, float]:
    """(per second, p50 ms, p99 ms) of what it printed. LoadError if that is something else, or tells of errors."""
    found = []
    for pattern in (r"Requests/sec:\s+([\d.]+)", r"50% in ([\d.]+) secs", r"99% in ([\d.]+) secs"):
        match = re.search(pattern, text)
        if match is None or "Error distribution" in text:
            raise LoadError(f"etcd's tool said: {text.strip()[-300:] or 'nothing'}")
        found.append(float(match.group(1)))
    return found[0], 1000 * found[1], 1000 * found[2]


async def measure(cell: Cell, total: int, endpoint: str, leader: int, servers: Sequence[int]) -> Sample:
    """`total` operations of one kind, aimed at the leader."""
    path = tool()
    assert path is not None
    before, window = _children(), Window(leader, servers, ())
    process = await asyncio.create_subprocess_exec(
        path, *words(cell, endpoint, total), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(60.0):
            text, _ = await process.communicate()
    except TimeoutError:
        raise LoadError("etcd's tool did not end within 60 s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Sample(*figures(text.decode(errors="replace")), window.stop(_children() - before))


def _children() -> float:
    """CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
