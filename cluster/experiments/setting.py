"""The cluster of a run: booted, waited for, given its objects, and mended when the run is over.

Must not know which world it is in.
"""

from __future__ import annotations

import asyncio

from cluster.config import ClusterSpec
from cluster.errors import StatusError, UsageError
from cluster.experiments.observer import Observer, leader_of
from cluster.experiments.stage import PATIENCE, Stage
from cluster.experiments.strikes.table import STRIKES
from cluster.experiments.workloads.objects import KIND, LABEL, NAMESPACE
from cluster.experiments.workloads.register import PREFIX
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Scenario, Step
from cluster.topology import Placement, placements
from cluster.world.scenario import Spec
from store.client import prefix_end

READY = 60.0
"""Seconds that the store has to elect a leader, and the nodes to be Ready."""
CONTROL = ("wait", "await", "heal", "parallel", "sequence", "say")


def check(scenario: Scenario, world: str, joined: ClusterSpec | None = None) -> None:
    """UsageError for what this world cannot do, or this scenario says it is not for. `joined`: the cluster that is up,
    somebody's, who goes on with it."""
    if world not in scenario.worlds:
        remedy = f"--world {scenario.worlds[0]}"
        text = f"this story is told in {' and '.join(scenario.worlds)} only"
        raise UsageError(text, place=scenario.place, remedy=remedy)
    if joined is not None:
        _check_fits(scenario, joined)
    for step in scenario.timeline:
        _check_step(step, scenario, world, joined is not None)


def _check_fits(scenario: Scenario, spec: ClusterSpec) -> None:
    shape = scenario.shape
    wanted = {"masters": shape.masters, "workers": 0 if shape.only == "store" else shape.workers}
    small = [f"{count} {name}" for name, count in wanted.items() if getattr(spec, name) < count]
    if shape.engine != spec.engine:
        small.append(f"engine {shape.engine}")
    if small:
        text = f"this story wants {' and '.join(small)}, and the cluster has not got that"
        raise UsageError(text, place=scenario.place, remedy="another --on, or none: a cluster of its own")


def _check_step(step: Step, scenario: Scenario, world: str, joined: bool) -> None:
    action = ACTIONS.get(step.action)
    if action is None or (step.action not in STRIKES and step.action not in CONTROL):
        raise UsageError(f"unknown action {step.action!r}", place=step.place, remedy=f"one of {', '.join(ACTIONS)}")
    if world not in action.worlds:
        text = f"{step.action} cannot be done in {world}: {action.only_because}"
        raise UsageError(text, place=step.place, remedy=f"run it with --world {action.worlds[0]}")
    if joined and (action.group == "membership" or step.action in ("join", "leave")):
        text = f"{step.action} changes what the cluster's own file says it is made of"
        raise UsageError(text, place=step.place, remedy="run it in a cluster of its own, without --on")
    if action.group == "membership" and scenario.shape.engine != "raft":
        text = f"{step.action} is not possible with engine {scenario.shape.engine}"
        raise UsageError(text, place=step.place, remedy="cluster: {engine: raft}")
    if scenario.shape.only == "store" and (action.group in ("api", "objects") or step.action in WORKERS):
        text = f"{step.action} is for a whole cluster, this one is the store alone"
        raise UsageError(text, place=step.place, remedy="cluster: {only: cluster}")
    for inner in step.steps:
        _check_step(inner, scenario, world, joined)


WORKERS = ("join", "leave", "cordon", "drain")


def placed(stage: Stage) -> list[Placement]:
    """Who runs where at the beginning."""
    found = []
    for placement in placements(stage.spec, stage.venue.folders):
        if placement.component == "store":
            placement = Placement(placement.name, placement.machine, stage.store_options(placement.spec))
        elif not stage.whole:
            continue
        elif placement.component == "apiserver":
            config = {**placement.spec.config, "trace": True}
            placement = Placement(placement.name, placement.machine, Spec(placement.spec.target, config))
        found.append(placement)
    return found


async def boot(stage: Stage) -> None:
    """All at once, as machines do."""
    await asyncio.gather(*(stage.world.start(p.name, p.machine, p.spec) for p in placed(stage)))


async def clear(stage: Stage) -> None:
    """Of a cluster that was up: nothing of an earlier run's workloads is left in it, nor of this one's at its end."""
    store, start = await stage.store(), PREFIX.encode()
    await store.delete(start, prefix_end(start), timeout=PATIENCE)
    if stage.whole:
        await (await stage.client()).delete_collection(KIND, NAMESPACE, labels=f"{LABEL}=objects")


async def ready(stage: Stage, observer: Observer) -> None:
    """A leader, where there is one to be, and every node Ready. TimeoutError that says what is missing."""
    loop = asyncio.get_running_loop()
    end = loop.time() + READY
    while stage.spec.engine == "raft" and not leader_of(await observer.statuses()):
        if loop.time() >= end:
            raise TimeoutError(f"the store has no leader within {READY:g} s")
        await observer.change(0.05)
    if not stage.whole:
        return
    while missing := _not_ready(stage, observer):
        if loop.time() >= end:
            raise TimeoutError(f"not Ready within {READY:g} s: {', '.join(missing)}")
        await observer.change(end - loop.time())


def _not_ready(stage: Stage, observer: Observer) -> list[str]:
    ready = set()
    for node in observer.objects("Node"):
        for condition in (node.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Ready" and condition["status"] == "True":
                ready.add(node["metadata"]["name"])
    return [name for name in stage.workers if name not in ready]


async def apply_objects(stage: Stage) -> None:
    """The scenario's objects, in their order. StatusError as the apiserver says."""
    from cluster.experiments.strikes.objects import apply_all

    if stage.scenario.shape.objects:
        await apply_all(await stage.client(), stage.scenario.shape.objects, stage.scenario.place)


async def mend(stage: Stage) -> None:
    """No rule, nobody paused, nobody down (but who was so before the run), every clock right; whatever one of them
    costs, all of it is tried."""
    world = stage.world
    await world.heal()
    for machine in stage.bent:
        await world.skew(machine)
    for name, standing in (await world.census()).items():
        try:
            if standing.state == "paused" and stage.before.get(name) != "paused":
                await world.resume(name)
            elif standing.state == "down" and stage.before.get(name) != "down":
                await world.restart(name)
        except (UsageError, StatusError, OSError) as error:
            stage.book.problem = stage.book.problem or f"{name} could not be mended: {error}"
