"""Brings a tree of processes up and takes it down: blocking functions for a command line.

Must not know what runs in the tree.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cluster.config import parse
from cluster.errors import UsageError
from cluster.world.proc.control import ask
from cluster.world.proc.layout import Layout
from cluster.world.proc.registry import ProcConfig, default_address, is_free
from cluster.world.proc.seedling import Seedling, seedlings
from cluster.world.proc.world import ProcWorld

PATIENCE = 30.0
"""Seconds for the tree to come up or to go."""


def launch(directory: Path | str, config: ProcConfig | Mapping[str, Any] | None = None) -> ProcWorld:
    """Start a tree in `directory` and wait until its supervisor answers. It outlives its starter.

    UsageError: up already, port in use, a data folder of another version, or what the tree said as it failed."""
    layout = Layout.of(directory)
    config = config if isinstance(config, ProcConfig) else parse(ProcConfig, config or {}, place="proc")
    lock = layout.take_lock()
    try:
        layout.check_version()
        _check_ports(config)
        layout.prepare()
        _start(layout, config, lock)
    finally:
        os.close(lock)
    return ProcWorld(layout.root)


def _check_ports(config: ProcConfig) -> None:
    """Ports that were asked for, on machines that are known, must be free."""
    for name, machine in config.places.items():
        port = config.ports.get(name)
        ip = config.machines.get(machine) or default_address(machine, config.subnet)
        if port is not None and not is_free(ip, port):
            raise UsageError(
                f"the port of {name} is in use",
                place=f"{ip}:{port}",
                remedy="end the process that has it, or choose another subnet or port",
                status=1,
            )


def _start(layout: Layout, config: ProcConfig, lock: int) -> None:
    ready, say_ready = os.pipe()
    log = layout.log("supervisor")
    with open(log, "ab") as out:
        begin = out.tell()
        seedling = seedlings.pop() if seedlings else Seedling()
        seedling.plant(layout.root, asdict(config), (lock, say_ready, out.fileno()))
    os.close(say_ready)
    process = seedling.process
    with open(ready, "rb") as pipe:
        answer = pipe.read()
    if answer == b"up":
        process.returncode = 0  # not ours to reap: it outlives us, and must not warn when this object goes
        return
    process.wait(PATIENCE)
    words = log.read_bytes()[begin:].decode(errors="replace").strip().splitlines() or ["it said nothing"]
    raise UsageError(f"the tree did not come up: {words[-1]}", place=str(log), status=1)


def down(directory: Path | str, *, wipe: bool = False) -> None:
    """SIGKILL to everything, and wait until nothing is left; `wipe` removes the folder too. UsageError when nothing
    is up (with `wipe` that is fine)."""
    layout = Layout.of(directory)
    root = 0
    if layout.is_up():
        try:
            root = int(ask(layout.control, "ping")["fork_server"])
            ask(layout.control, "down")
        except UsageError as error:
            if layout.is_up() and not _wait_gone(layout):
                raise UsageError(f"the tree does not answer: {error}", place=str(layout.root), status=1) from None
        if not _wait_gone(layout):
            raise UsageError("the tree is still there", place=str(layout.root), status=1)
    elif not wipe:
        raise UsageError("no cluster is up here", place=str(layout.root), remedy="start it with `up`", status=1)
    if root:
        with suppress(ChildProcessError):  # it is our own child when this process called `launch`: leave no zombie
            os.waitpid(root, 0)
    layout.clear_all()
    if wipe:
        shutil.rmtree(layout.root, ignore_errors=True)


def _wait_gone(layout: Layout) -> bool:
    end = time.monotonic() + PATIENCE
    while layout.is_up():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True
