"""A tree's interpreter, started before anybody knows which tree it will be: it imports while its starter does.

Must not import more than it needs, for its starter has only begun. One frame of JSON and three descriptors (lock,
pipe to say that the tree is up, log) make it a tree; a socket that ends before that ends it without a word.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn


class Seedling:
    """UsageError comes from what it becomes, not from here; OSError when no process can be had."""

    def __init__(self) -> None:
        self._socket, its = socket.socketpair()
        root = str(Path(__file__).absolute().parents[3])
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        with its:
            self.process = subprocess.Popen(
                # -P: a folder `cluster` where the starter stands is not ours.
                [sys.executable, "-P", "-m", "cluster.world.proc", str(its.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(its.fileno(),),
                # Bytecode is written whatever the starter says: compiling all modules anew doubles the time to boot.
                env={**os.environ, "PYTHONPATH": path},
            )

    def plant(self, directory: Path, config: Mapping[str, Any], fds: tuple[int, int, int]) -> None:
        """`fds`: the folder's lock, the writing end of the pipe that will hear "up", the log."""
        data = json.dumps([str(directory), config]).encode()
        data = len(data).to_bytes(4, "big") + data
        with self._socket as sock:
            try:
                sent = socket.send_fds(sock, [data], list(fds))
                sock.sendall(data[sent:])
            except BrokenPipeError:
                return  # it has ended already: its starter sees that the pipe says nothing

    def discard(self) -> None:
        """It is not wanted after all."""
        self._socket.close()
        self.process.kill()
        self.process.wait()


seedlings: list[Seedling] = []
"""Those that were started ahead: `launch.launch` takes one from here before it starts one itself."""


def wait(fd: int) -> tuple[str, Mapping[str, Any], int, int]:
    """In the seedling: block until it is told (directory, config, lock, ready); its output goes to the log from then
    on."""
    with socket.socket(fileno=fd) as sock:
        data, fds, _, _ = socket.recv_fds(sock, 1 << 16, 3)
        while data and len(data) < 4 + int.from_bytes(data[:4], "big"):
            more = sock.recv(1 << 16)
            if not more:
                _vanish()
            data += more
    if not data:
        _vanish()
    directory, config = json.loads(data[4:])
    lock, ready, log = fds
    for kept in (lock, ready):
        os.set_inheritable(kept, False)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.chdir(directory)
    return directory, config, lock, ready


def _vanish() -> NoReturn:
    os._exit(0)
