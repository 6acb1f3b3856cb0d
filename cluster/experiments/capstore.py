"""A small store of its own for the CAP experiment: the members and nothing else, in any world.

Must not choose the world, nor make it: `launch.py cap` does, and the tests.
"""

from __future__ import annotations

import asyncio

from cluster.config import PROFILES, ClusterSpec
from cluster.experiments.capside import Setup
from cluster.topology import store_machines, store_spec
from cluster.world.scenario import World

TIMING = PROFILES["fast"]
PATIENCE = 60.0
"""Seconds for a leader to come: raftos takes up to 29 s (docs/engines.md)."""


def spec_of(engine: str, members: int = 3, subnet: int = 77) -> ClusterSpec:
    return ClusterSpec(masters=members, workers=0, engine=engine, timing=TIMING, subnet=subnet)


async def start_store(world: World, spec: ClusterSpec, seconds: float) -> Setup:
    """All members started; how to tell the story on them, with a partition of so many seconds."""
    machines = store_machines(spec)
    await asyncio.gather(*(world.start(name, machine, store_spec(spec)) for name, machine in machines.items()))
    return Setup(
        tuple(machines),
        machines,
        seconds,
        keepalive=spec.timing.watch_keepalive,
        engine=spec.engine,
        lead=0.5,
        trail=1.0,
        patience=PATIENCE,
    )
