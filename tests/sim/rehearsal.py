"""A whole cluster through crashes and partitions, from one seed: prints a line per journal record, or its digest.

Run in an interpreter of its own: `python -m tests.sim.rehearsal SEED digest|records`. Must not assert anything.
"""

from __future__ import annotations

import asyncio
import sys
from random import Random

from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.world.faults import Delay, Duplicate, Loss, Partition, Reorder
from cluster.world.sim import SimWorld
from tests.scenarios.clusters import Cluster, manifest

MACHINES = ("master-0", "master-1", "master-2", "worker-0", "worker-1", "worker-2")


async def play(c: Cluster, seed: int) -> None:
    """Everything that there is: workloads, crashes, a power cut, partitions, a bad network, a skewed clock, pauses."""
    dice = Random(f"{seed}/rehearsal")
    world = c.world
    await c.boot()
    for obj in (*manifest("deployment-nginx"), *manifest("daemonset-log-agent")):
        await c.client.create(obj)
    await asyncio.sleep(1.0)
    await world.fault(Loss(probability=0.02))
    await world.fault(Delay(seconds=0.002, jitter=0.002, distribution="uniform"))
    await world.fault(Duplicate(probability=0.02, spread=0.05))
    await world.fault(Reorder(probability=0.05))
    await world.skew("worker-0", offset=3.0, rate=1.01)
    for step in range(8):
        name, machine = dice.choice(world.hosts()), dice.choice(MACHINES)
        await world.crash(name)
        others = tuple(m for m in MACHINES if m != machine)
        await world.fault(Partition(src=(machine,), dst=others), lasting=dice.uniform(0.2, 1.5))
        paused = dice.choice(world.hosts())
        if world.running(paused):
            await world.pause(paused)
        try:
            await c.client.scale("Deployment", "nginx", "default", 2 + step % 4)
        except StatusError:
            pass
        await asyncio.sleep(dice.uniform(0.3, 1.0))
        await world.resume(paused)
        await world.restart(name)
    await world.poweroff("worker-1")
    await asyncio.sleep(2.0)
    await world.poweron("worker-1")
    await world.heal()
    await asyncio.sleep(5.0)


def main(seed: int, what: str) -> None:
    spec = ClusterSpec(profile="fast", timing=PROFILES["fast"], runtime="simulated")
    with SimWorld(seed) as world:
        world.run(play(Cluster(world, spec), seed))
        if what == "digest":
            print(world.digest(), len(world.board.records), f"{world.time():.9f}")
        else:
            for record in world.board.records:
                print(record)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
