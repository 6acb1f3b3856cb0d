"""kill -9 of the store's leader to the next acknowledged write, on real processes."""

from __future__ import annotations

import asyncio
import time

from bench.boot import NAME, launch
from bench.rows import Options, Row, row
from cluster.cli.roles import store_leader
from cluster.cli.session import Session
from cluster.errors import StatusError
from cluster.experiments.cap import leader_of
from cluster.topology import members
from store.client import StoreClient


async def _trial(session: Session, store: StoreClient, number: int) -> float:
    """Milliseconds from the kill to the acknowledgement of a write that was sent after it."""
    leader = await store_leader(session)
    await store.put(b"/bench/failover", b"before")
    began = time.monotonic()
    await session.world.crash(leader)
    acknowledged = asyncio.Event()

    async def attempt(n: int) -> None:
        try:
            await store.put(b"/bench/failover", f"{number}/{n}".encode(), timeout=2.0)
            acknowledged.set()
        except StatusError:
            return  # another attempt is on its way

    tasks: list[asyncio.Task[None]] = []
    while not acknowledged.is_set() and time.monotonic() - began < 10:
        tasks.append(asyncio.ensure_future(attempt(len(tasks))))
        await asyncio.sleep(0.01)
    took = (time.monotonic() - began) * 1000
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await session.world.restart(leader)
    await _caught_up(session, store)
    return took


async def _caught_up(session: Session, store: StoreClient) -> None:
    """Until every member has what the leader has."""
    names = members(session.spec)
    for _ in range(400):
        try:
            revision = await store.revision()
            if await leader_of(store, names) and all([(await store.hash(m, revision)) for m in names]):
                return
        except StatusError:
            pass
        await asyncio.sleep(0.05)


async def _measure(trials: int) -> list[float]:
    async with Session(NAME) as session:
        store = StoreClient(await session.rpc(), members(session.spec))
        return [await _trial(session, store, i) for i in range(trials)]


def run(options: Options) -> list[Row]:
    launch("up")
    try:
        values = asyncio.run(_measure(options.times(20)))
    finally:
        launch("down", "--wipe")
    return [row("failover", "kill -9 of the store leader to the next acknowledged write", values, "ms")]
