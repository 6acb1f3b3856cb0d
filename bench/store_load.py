"""A load process of `bench store`: closed-loop clients of one system, told by JSON lines what to do and when.

Must not know the systems: a `Driver` does. Run as `python -m bench.store_load MODULE SETUP` by store_loaders.py.

    {"do": "prepare", "phase": {...}, "target": ...}   -> {}
    {"do": "go", "at": 12.3}                           -> {"latencies": ..., "began": 12.3, "ended": 14.4, ...}
    {"do": "drain", "events": 50}                      -> {"delays": ..., "last": ..., "latest": 14.5, "missing": 0}
"""

from __future__ import annotations

import asyncio
import base64
import gc
import importlib
import json
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench.store_workload import Deliveries, Phase

PATIENCE = 10.0
"""Seconds for events that are still under way when the load has ended."""


@dataclass(slots=True)
class Outcome:
    """`latencies` in seconds of operations that succeeded; `events`: how many of them watchers see."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    events: int = 0
    began: float = 0.0
    ended: float = 0.0


class Driver(Protocol):
    """One process's clients of one system. A module for store_load has `open_driver(setup, name) -> Driver`."""

    async def prepare(self, phase: Phase, target: Any) -> None:
        """Connect to `target` (the leader), open the watches: what must not be measured."""

    async def go(self, phase: Phase, at: float) -> Outcome:
        """Run the clients from `at` on, or from now if that is over, for `phase.seconds`."""

    def deliveries(self) -> Deliveries: ...

    async def close(self) -> None: ...


def packed(values: Iterable[float]) -> str:
    return base64.b64encode(array("d", values).tobytes()).decode()


def unpacked(text: str) -> array[float]:
    values = array("d")
    values.frombytes(base64.b64decode(text))
    return values


async def drained(driver: Driver, expected: int) -> dict[str, Any]:
    """Wait until so many events were delivered, or no more come."""
    end = time.monotonic() + PATIENCE
    while len(driver.deliveries().delays) < expected and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    seen = driver.deliveries()
    return {
        "delays": packed(seen.delays),
        "last": [[*event, delay] for event, delay in seen.last.items()],
        "latest": seen.latest,
        "missing": expected - len(seen.delays),
    }


async def obey(driver: Driver, order: dict[str, Any], phase: Phase | None) -> tuple[dict[str, Any], Phase | None]:
    if order["do"] == "prepare":
        phase = Phase.of(order["phase"])
        await driver.prepare(phase, order["target"])
        gc.collect()
        gc.freeze()
        return {}, phase
    assert phase is not None, "prepare comes first"
    if order["do"] == "go":
        done = await driver.go(phase, order["at"])
        answer = {
            "latencies": packed(done.latencies),
            "began": done.began,
            "ended": done.ended,
            "errors": done.errors,
            "events": done.events,
        }
        return answer, phase
    return await drained(driver, order["events"] * phase.watchers), phase


async def serve(driver: Driver) -> None:
    """Until the standard input ends. What goes wrong is answered, so that the other measurements go on."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    phase: Phase | None = None
    print("{}", flush=True)
    while line := await orders.readline():
        try:
            answer, phase = await obey(driver, json.loads(line), phase)
        except Exception as error:  # whatever it is: the other side reports it in the row
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await driver.close()


def runner() -> asyncio.Runner:
    """With uvloop, as the cluster's own processes run, where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    return asyncio.Runner(loop_factory=factory)


async def main(module: str, setup: str, name: str) -> None:
    await serve(await importlib.import_module(module).open_driver(json.loads(setup), name))


if __name__ == "__main__":
    with runner() as run:
        run.run(main(*sys.argv[1:4]))
