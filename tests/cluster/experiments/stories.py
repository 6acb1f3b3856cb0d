"""Short stories for tests: scenarios made in Python, told in the sim, whole or interrupted in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cluster.experiments.runner import Runner
from cluster.history.run import Run, Strike
from cluster.scenario.condition import parse as condition
from cluster.scenario.model import Scenario, Shape, SteadyState, Step, Workload
from cluster.scenario.target import parse as target
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld

STORE = Shape(only="store")
CLUSTER = Shape(masters=3, workers=3)
NGINX: Mapping[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "nginx", "namespace": "default"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {"containers": [{"name": "nginx", "image": "nginx"}]},
        },
    },
}


def step(action: str, args: Mapping[str, Any] | None = None, **fields: Any) -> Step:
    """An entry. Texts of targets and conditions are read."""
    read: dict[str, Any] = {}
    for name, value in (args or {}).items():
        if name in ("targets", "of", "from", "to"):
            texts = (value,) if isinstance(value, str) else value
            read[name] = tuple(target(text) for text in texts)
        elif name == "between":
            read[name] = tuple(tuple(target(text) for text in group) for group in value)
        else:
            read[name] = condition(value) if name == "condition" else value
    fields |= {name: condition(fields[name]) for name in ("when", "until") if name in fields}
    return Step(f"story:{action}", action, read, **fields)


def story(*steps: Step, shape: Shape = STORE, workload: str = "register", **fields: Any) -> Scenario:
    """With a few clients of one workload ("" for none), and a second of calm after the timeline."""
    workloads = (Workload("story:workload", workload, rate=10.0),) if workload else ()
    given: dict[str, Any] = {
        "workloads": workloads,
        "steady": SteadyState((condition("store has a leader"),)),
        "seconds": 4.0,
        "settle": 1.0,
        **fields,
    }
    return Scenario("story", "story", "A story", shape=shape, timeline=steps, **given)


def with_nginx(shape: Shape = CLUSTER) -> Shape:
    return replace(shape, objects=(NGINX,))


Look = Callable[[SimWorld, Runner], None]


def told(scenario: Scenario, seed: int = 1, *, at: Mapping[float, Look] | None = None, cut: float = 0.0) -> Run:
    """The run. `at`: looks into the world so many seconds after the timeline's start. `cut`: interrupted then. Whatever
    happens, nothing may be left in force."""
    with SimWorld(seed, tolerate_exits=True) as world:
        runner = Runner(world, scenario, seed)

        async def begun() -> float:
            await eventually(lambda: "timeline" in runner.book.phases, within=300.0, every=0.01)
            return world.time()

        async def looks() -> None:
            began = await begun()
            for when, look in sorted((at or {}).items()):
                await asyncio.sleep(began + when - world.time())
                look(world, runner)

        async def body() -> Run:
            task = asyncio.ensure_future(runner.run())
            looking = asyncio.ensure_future(looks())
            if cut:
                await asyncio.sleep(await begun() + cut - world.time())
                task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.result()
                await looking
            elif looking.done():
                looking.result()
            looking.cancel()
            nothing_left(world)
            return await runner.result(world.digest())

        return world.run(body())


def nothing_left(world: SimWorld) -> None:
    """No rule, nobody paused or down, no clock off. Down is only a member whose disk was found out to have lied."""
    assert world.board.rules.rules == []
    liars = {record[2] for record in world.notes("disk-failed") if "which it had acknowledged" in record[5]["error"]}
    for name, place in world.board.places.items():
        if place.boot is None and name in liars:
            continue
        assert place.boot is not None, f"{name} is down"
        assert place.boot.parked is None, f"{name} stands still"
        assert (place.machine.offset, place.machine.rate, place.machine.drift) == (0.0, 1.0, 1.0), f"clock of {name}"
        assert place.boot.rate == 1.0, f"{name} drifts"


def strikes(run: Run, action: str) -> list[Strike]:
    return [strike for strike in run.strikes if strike.action == action]
