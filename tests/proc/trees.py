"""Trees of real processes for tests: a folder with one that is up, what is alive, what its journals say."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.world.journal import Record, read
from cluster.world.proc.control import ask
from cluster.world.proc.launch import down, launch
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import is_alive
from cluster.world.proc.world import ProcWorld

_subnets = itertools.count(1 + os.getpid() % 100)


@contextmanager
def tree(**config: Any) -> Iterator[Path]:
    """A tree that is up, in a folder of its own; nothing is left of it. Its bus has keys, as a cluster's."""
    directory = Path(tempfile.mkdtemp(prefix="capstan-test-"))
    launch(directory, {"subnet": next(_subnets) % 120 + 1, "curve": True, **config})
    try:
        yield directory
    finally:
        down(directory, wipe=True)
        shutil.rmtree(directory, ignore_errors=True)


def play(directory: Path, scenario: Callable[[ProcWorld], Awaitable[None]]) -> None:
    async def body() -> None:
        world = await ProcWorld.connect(directory)
        try:
            await scenario(world)
        finally:
            await world.close()

    asyncio.run(body())


def pids(directory: Path) -> dict[str, int]:
    """Of both roots and of every host that runs."""
    status = ask(Layout.of(directory).control, "status")
    found = {name: int(host["pid"]) for name, host in status["hosts"].items() if host["pid"]}
    return {"supervisor": int(status["pid"]), "fork server": int(status["fork_server"]), **found}


def survivors(found: dict[str, int], within: float) -> list[str]:
    """Names of those still alive after so many seconds, at most."""
    end = time.monotonic() + within
    while (left := [name for name, pid in found.items() if is_alive(pid)]) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def journal(directory: Path, name: str, boot: int = 1) -> list[Record]:
    return list(read(Layout.of(directory).journal(name, boot).read_bytes()))
