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


def whole_cluster(seed: int) -> tuple[float, float, float]:
    """(virtual seconds per real second, the same per second of CPU, messages per virtual second) of 3 masters and 3
    workers, nothing failing."""
    spec = ClusterSpec(profile="kubernetes", timing=PROFILES["kubernetes"])
    with SimWorld(seed, keep_records=False) as world:

        async def scenario() -> tuple[float, float, float]:
            await assemble(world, spec)
            await nodes_ready(await seat(world, spec), workers(spec))
            began, cpu, messages = time.perf_counter(), time.process_time(), world.board.delivered
            await asyncio.sleep(VIRTUAL)
            real, used = time.perf_counter() - began, time.process_time() - cpu
            return VIRTUAL / real, VIRTUAL / used, (world.board.delivered - messages) / VIRTUAL

        return world.run(scenario())


def store_story(seed: int) -> tuple[int, float]:
    """One story of 3 members, 3 clients, 10 virtual seconds and faults; how many problems it had, and its CPU time."""
    cpu = time.process_time()
    with SimWorld(seed, keep_records=False) as world:
        problems = len(world.run(run_register(world, Plan(), seed)).problems)
    return problems, time.process_time() - cpu


def stories(first: int, cores: int) -> tuple[float, float, int]:
    """(stories a second, CPU milliseconds of one, problems) on so many cores."""
    seeds = range(first, first + STORIES)
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(store_story, range(cores)))  # imports are not what is measured
        began = time.perf_counter()
        problems, cpu = zip(*pool.map(store_story, seeds, chunksize=4), strict=True)
        return STORIES / (time.perf_counter() - began), 1000 * sum(cpu) / STORIES, sum(problems)


def run(options: Options) -> list[Row]:
    rounds = options.times(5)
    ratios, per_cpu, messages = zip(*(whole_cluster(seed) for seed in range(rounds)), strict=True)
    cores = os.cpu_count() or 1
    rates, cpu, problems = zip(*(stories(1000 * i, cores) for i in range(rounds)), strict=True)
    return [
        row("sim", "whole cluster, kubernetes profile", ratios, "x real time"),
        row("sim", "of it: per second of CPU (what others on the machine take does not count)", per_cpu, "x real time"),
        row("sim", "messages of the idle cluster", messages, "per virtual s"),
        row("sim", "store scenarios", rates, "per s"),
        row("sim", "CPU of one store scenario", cpu, "ms"),
        row("sim", "problems found in them", [float(sum(problems))], "problems"),
    ]
