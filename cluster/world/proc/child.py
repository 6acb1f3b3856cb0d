"""The body of every host process: take orders, build a host, run one component, die with it.

Must not know which component. It is forked, so nothing here may run before the fork.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Coroutine, Mapping
from typing import Any

from cluster.errors import HaltError, UsageError
from cluster.world.proc import bentloop
from cluster.world.proc.gate import Gate
from cluster.world.proc.host import Seated, build
from cluster.world.proc.network import Network
from cluster.world.proc.osprocess import call_me
from cluster.world.scenario import Spec, resolve


def main(control: socket.socket, name: str) -> None:
    """Run until the component returns. Exits with status 1 when it fails, and with 1 when the supervisor has gone."""
    call_me(name)
    network = Network(control, on_end=lambda: os._exit(1))
    orders = network.first()
    if orders["drifting"]:
        network.bent = bentloop.BentLoop(orders["drift"])
        bentloop.run(_live(network, orders), network.bent)
    else:
        _run(_live(network, orders))


def _run(body: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        asyncio.run(body)
    else:
        uvloop.run(body)


async def _live(network: Network, orders: Mapping[str, Any]) -> None:
    try:
        spec = Spec(orders["target"], orders["config"])
        component = resolve(spec)
        seated = build(network, orders, Gate())
    except UsageError as error:
        network.tell({"op": "failed", "error": str(error)})
        print(error, file=sys.stderr)
        _exit(None, 1)
    except Exception as error:  # whatever an import may raise: the supervisor is told, the log has the place
        network.tell({"op": "failed", "error": f"{type(error).__name__}: {error}"})
        traceback.print_exc()
        _exit(None, 1)
    asyncio.get_running_loop().set_exception_handler(_callback_failed(seated))
    seated.host.note("boot", {})
    network.tell({"op": "running"})
    try:
        await component(seated.host)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        if isinstance(error, HaltError):
            print(f"{seated.host.name} stops: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        seated.host.note("exit", {"error": repr(error)})
        _exit(seated, 1)
    seated.host.note("exit", {"error": ""})
    _exit(seated, 0)


def _callback_failed(seated: Seated) -> Any:
    """A callback that raises is the component's failure, as an exception of its task is; a task whose exception
    nobody fetched is only logged."""

    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if error is None:
            return
        traceback.print_exception(error)
        if "handle" in context:
            seated.host.note("exit", {"error": repr(error)})
            _exit(seated, 1)

    return handler


def _exit(seated: Seated | None, status: int) -> None:
    """At once, as all exits here are: no `finally` of anybody's runs."""
    if seated is not None:
        seated.journal.flush()
        seated.network.say_evidence()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
