"""How fast the simulated world is: the whole cluster against real time, store stories a second on every core, and
whether failing seeds repeat to the byte."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.rows import Options, Row, row
from cluster.campaign import story
from cluster.campaign.job import Done, Task
from cluster.campaign.pool import Pool
from cluster.campaign.worker import settle
from cluster.config import PROFILES, ClusterSpec
from cluster.experiments.assembly import assemble, nodes_ready, seat
from cluster.experiments.register import Plan, run_register
from cluster.topology import workers
from cluster.world.sim import SimWorld

VIRTUAL = 300.0
"""Seconds that the whole cluster runs after its nodes are Ready."""
STORIES = 80
LIGHT = Plan(clients=2, seconds=3.0)
"""A smaller story, about as large as the one whose rate simloop publishes: never held against the bar."""
FAILING, REPLAYS = 20, 100
EVENTUAL = """
capstan: 1
name: not-linearizable
cluster: {only: store, engine: eventual}
workload: {type: register, clients: 3, rate: 6, keys: 1}
timeline:
- {partition: {shape: halves}, at: 500ms, for: 1s}
- {kill: one of members, at: 1s, for: 500ms}
duration: 2s
settle: 0s
checks: [linearizable]
"""


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


@dataclass(frozen=True, slots=True)
class Told:
    """Of one story: CPU seconds, and what it had in it."""

    cpu: float
    problems: int
    acknowledged: int
    messages: int


def store_story(seed: int) -> Told:
    """3 members, 3 clients, 10 virtual seconds and faults; then healing, convergence and a linearizability check."""
    return _story(seed, Plan())


def light_story(seed: int) -> Told:
    return _story(seed, LIGHT)


def _story(seed: int, plan: Plan) -> Told:
    cpu = time.process_time()
    with SimWorld(seed, keep_records=False) as world:
        outcome = world.run(run_register(world, plan, seed))
        messages = world.board.delivered
    return Told(time.process_time() - cpu, len(outcome.problems), outcome.acknowledged, messages)


def warm(seed: int) -> None:
    """As a worker of a campaign is after its first run."""
    store_story(seed)
    settle()


def stories(play: Callable[[int], Told], first: int, cores: int) -> tuple[float, list[Told]]:
    """(stories a second on so many cores, what they had in them)."""
    with ProcessPoolExecutor(cores, initializer=warm, initargs=(first,)) as pool:
        list(pool.map(play, range(first, first + 8 * cores), chunksize=4))  # every worker is there
        began = time.perf_counter()
        told = list(pool.map(play, range(first, first + STORIES), chunksize=4))
        return STORIES / (time.perf_counter() - began), told


def replays(failing: int, times: int, cores: int) -> tuple[int, int]:
    """(seeds that fail, found one after the other; those of them whose replays, in processes with hash seeds of their
    own, all have the digest of the first run)."""
    digests: dict[int, set[str]] = {}
    with Pool(story.job(EVENTUAL, "not-linearizable", "."), max(2, cores)) as pool:
        seed = 0
        while len(digests) < failing and seed < 50 * failing:
            for done in _all(pool, [Task(seed + n) for n in range(failing)]):
                if done.result.outcome == "violated" and len(digests) < failing:
                    digests[done.task.seed] = {done.result.digest}
            seed += failing
        for done in _all(pool, [Task(seed) for _ in range(times) for seed in digests]):
            digests[done.task.seed].add(done.result.digest)
    return len(digests), sum(len(seen) == 1 for seen in digests.values())


def _all(pool: Pool, tasks: list[Task]) -> list[Done]:
    pool.put(tasks)
    done: list[Done] = []
    missing = len(tasks)
    while missing:
        events = pool.take(1.0)
        missing -= len(events)
        done += [event for event in events if isinstance(event, Done)]
    return done


def run(options: Options) -> list[Row]:
    rounds = options.times(5)
    rows: list[Row] = []
    cores = os.cpu_count() or 1
    if not options.only or "cluster" in options.only:
        rows += _cluster_rows(rounds)
    if not options.only or "stories" in options.only:
        rows += _story_rows(rounds, cores)
    if not options.only or "replays" in options.only:
        found, same = replays(FAILING, REPLAYS, cores)
        what = f"failing seeds of {FAILING} whose {REPLAYS} replays have one digest"
        rows.append(row("sim", what, [float(same)], "seeds", f"{found} failing seeds found, engine eventual"))
    return rows


def _cluster_rows(rounds: int) -> list[Row]:
    ratios, per_cpu, messages = zip(*(whole_cluster(seed) for seed in range(rounds)), strict=True)
    return [
        row("sim", "whole cluster, kubernetes profile", ratios, "x real time"),
        row("sim", "of it: per second of CPU (what others on the machine take does not count)", per_cpu, "x real time"),
        row("sim", "messages of the idle cluster", messages, "per virtual s"),
    ]


def _story_rows(rounds: int, cores: int) -> list[Row]:
    rates, told = zip(*(stories(store_story, 1000 * i, cores) for i in range(rounds)), strict=True)
    light, _ = zip(*(stories(light_story, 1000 * i, cores) for i in range(rounds)), strict=True)
    several = [one for part in told for one in part]
    operations, messages = _mean([t.acknowledged for t in several]), _mean([t.messages for t in several])
    size = f"{operations:.0f} operations, {messages:.0f} messages"
    cpu = [1000 * _mean([t.cpu for t in part]) for part in told]
    smaller = f"{LIGHT.clients} clients, {LIGHT.seconds:g} s: not the story of the bar"
    return [
        row("sim", "store stories, per core", [rate / cores for rate in rates], "per s", f"{size} each"),
        row("sim", "store stories, all cores", rates, "per s", f"{cores} cores"),
        row("sim", "CPU of one store story", cpu, "ms"),
        row("sim", "smaller stories, per core", [rate / cores for rate in light], "per s", smaller),
        row("sim", "problems found in them", [float(sum(t.problems for t in several))], "problems"),
    ]


def _mean(values: list[float] | list[int]) -> float:
    return sum(values) / len(values)
