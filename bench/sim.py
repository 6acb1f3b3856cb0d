"""How fast the simulated world is: the whole cluster against real time, and store scenarios a second on all cores."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor

from bench.rows import Options, Row, row
from cluster.config import PROFILES, ClusterSpec
from cluster.experiments.assembly import assemble, nodes_ready, seat
from cluster.experiments.register import Plan, run_register
from cluster.topology import workers
from cluster.world.sim import SimWorld

VIRTUAL = 300.0
"""Seconds that the whole cluster runs after its nodes are Ready."""
STORIES = 40


def whole_cluster(seed: int) -> tuple[float, float]:
    """(virtual seconds per real second, messages per virtual second) of 3 masters and 3 workers, nothing failing."""
    spec = ClusterSpec(profile="kubernetes", timing=PROFILES["kubernetes"])
    with SimWorld(seed, keep_records=False) as world:

        async def scenario() -> tuple[float, float]:
            await assemble(world, spec)
            await nodes_ready(await seat(world, spec), workers(spec))
            began, messages = time.perf_counter(), world.board.delivered
            await asyncio.sleep(VIRTUAL)
            return VIRTUAL / (time.perf_counter() - began), (world.board.delivered - messages) / VIRTUAL

        return world.run(scenario())


def store_story(seed: int) -> int:
    """One story of 3 members, 3 clients, 10 virtual seconds and faults; how many problems it had."""
    with SimWorld(seed, keep_records=False) as world:
        return len(world.run(run_register(world, Plan(), seed)).problems)


def stories(first: int, cores: int) -> tuple[float, int]:
    """(stories a second, problems) on so many cores."""
    seeds = range(first, first + STORIES)
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(store_story, range(cores)))  # imports are not what is measured
        began = time.perf_counter()
        problems = sum(pool.map(store_story, seeds, chunksize=4))
        return STORIES / (time.perf_counter() - began), problems


def run(options: Options) -> list[Row]:
    rounds = options.times(5)
    ratios, messages = zip(*(whole_cluster(seed) for seed in range(rounds)), strict=True)
    cores = os.cpu_count() or 1
    rates, problems = zip(*(stories(1000 * i, cores) for i in range(rounds)), strict=True)
    return [
        row("sim", "whole cluster, kubernetes profile", ratios, "x real time"),
        row("sim", "messages of the idle cluster", messages, "per virtual s"),
        row("sim", "store scenarios", rates, "per s"),
        row("sim", "problems found in them", [float(sum(problems))], "problems"),
    ]
