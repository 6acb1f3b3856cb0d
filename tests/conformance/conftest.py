"""The `play` fixture: run one scenario in a fresh simulated world, or on the module's tree of real processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator

import pytest

from cluster.world.proc.launch import down, launch
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import World
from cluster.world.sim.world import SimWorld

Scenario = Callable[[World], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture(scope="module", params=["sim", pytest.param("proc", marks=pytest.mark.proc)])
def world_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def play(world_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """`play(scenario)` runs it, and leaves no host and no rule behind."""
    if world_kind == "sim":
        yield _play_sim
        return
    directory = tmp_path_factory.mktemp("tree")
    launch(directory, {"subnet": 140 + os.getpid() % 50, "seed": "conformance"})

    def play_proc(scenario: Scenario) -> None:
        asyncio.run(_on_tree(directory, scenario))

    yield play_proc
    down(directory, wipe=True)


def _play_sim(scenario: Scenario) -> None:
    async def body(world: SimWorld) -> None:
        await scenario(world)

    with SimWorld(seed=1) as world:
        world.run(body(world))


async def _on_tree(directory: os.PathLike[str], scenario: Scenario) -> None:
    world = ProcWorld(os.fspath(directory))
    try:
        await scenario(world)
    finally:
        await world.heal()
        for name in world.hosts():
            await world.remove(name)
        await world.close()
