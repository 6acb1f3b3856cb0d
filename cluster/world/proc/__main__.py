"""`python -m cluster.world.proc FD`: the root of a cluster's process tree.

Must not be started by hand: `seedling.Seedling` does; over the socket FD it says which tree this is to be.
Imports everything, forks once: the child is the supervisor, this process stays as the fork server.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import socket
import sys
import traceback
from collections.abc import Coroutine
from typing import Any, NoReturn

from cluster.config import parse
from cluster.world.proc import child, forkserver, seedling, service
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import call_me, many_files
from cluster.world.proc.registry import ProcConfig
from cluster.world.proc.supervisor import Setting

COLLECT = (20_000, 20, 50)
"""The garbage collector's thresholds: messages are freed by their counts, so it finds next to nothing, and looking
every 700 objects is work for nothing."""


def main() -> None:
    directory, data, lock, ready = seedling.wait(int(sys.argv[1]))
    layout = Layout.of(directory)
    config = parse(ProcConfig, data, place="proc")
    for module in config.preload:
        importlib.import_module(module)
    many_files()
    listener = forkserver.listen(layout)
    to_server, to_supervisor = socket.socketpair()
    gc.collect()
    gc.set_threshold(*COLLECT)
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        to_supervisor.close()
        listener.close()
        _supervise(Setting(layout, config, to_server), ready)
    to_server.close()
    os.close(ready)
    call_me("fork-server")
    roots = forkserver.Roots(layout, lock, pid, to_supervisor, child.main)
    forkserver.ForkServer(roots, listener).run()


def _supervise(setting: Setting, ready: int) -> NoReturn:
    """In the child. It is not killed with the fork server: it sees the end of their socket, and has to clean up."""

    def say_ready() -> None:
        os.write(ready, b"up")
        os.close(ready)

    status = 1
    try:
        _run(service.serve(setting, say_ready))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _run(body: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        asyncio.run(body)
    else:
        uvloop.run(body)


if __name__ == "__main__":
    main()
