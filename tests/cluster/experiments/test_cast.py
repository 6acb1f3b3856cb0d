"""Whom a target means, at the moment of the strike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from cluster.errors import UsageError
from cluster.experiments.cast import Cast, Want
from cluster.experiments.observer import Observer
from cluster.experiments.runner import Runner
from cluster.scenario.target import parse
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from tests.cluster.experiments.stories import story, with_nginx

Ask = Callable[..., Coroutine[Any, Any, tuple[str, ...]]]


def asked(body: Callable[[SimWorld, Ask], Coroutine[Any, Any, None]]) -> None:
    """In a cluster of three and three, with three pods and zones a, b, a."""
    shape = with_nginx().__class__(objects=with_nginx().objects, zones=("a", "b"))
    scenario = story(shape=shape, workload="", seconds=1000.0)
    with SimWorld(3, tolerate_exits=True) as world:
        runner = Runner(world, scenario, 3)

        async def play() -> None:
            task = asyncio.ensure_future(runner.run())
            await eventually(lambda: "timeline" in runner.book.phases, within=60.0)
            observer: Observer = runner._observer
            await eventually(lambda: bound(observer) == 3, within=60.0)
            cast = Cast(observer)

            async def ask(text: str, want: Want = "any", seed: int = 1) -> tuple[str, ...]:
                return await cast.resolve((parse(text),), Random(seed), want)

            await body(world, ask)
            task.cancel()
            await asyncio.wait((task,))

        world.run(play())


def bound(observer: Observer) -> int:
    return len([pod for pod in observer.objects("Pod") if pod["spec"].get("nodeName")])


def test_names_kinds_sets_zones_and_machines() -> None:
    async def body(world: SimWorld, ask: Ask) -> None:
        assert await ask("store-1") == ("store-1",)
        assert await ask("kind:kubelet") == ("kubelet-0", "kubelet-1", "kubelet-2")
        assert await ask("zone:a") == ("worker-0", "worker-2")
        assert await ask("machine of store-1") == ("master-1",)
        assert await ask("members except store-0") == ("store-1", "store-2")
        assert set(await ask("worker-1", "hosts")) == {"kubelet-1", "proxy-1"}
        assert await ask("kubelet-1, proxy-1", "machines") == ("worker-1",)
        assert len(await ask("all")) == 6

    asked(body)


def test_amounts_are_drawn_by_the_dice() -> None:
    async def body(world: SimWorld, ask: Ask) -> None:
        assert {await ask("one of members", "any", seed) for seed in range(20)} == {(f"store-{i}",) for i in range(3)}
        assert await ask("2 of members", "any", 5) == await ask("2 of members", "any", 5)
        assert len(await ask("minority of members")) == 1
        assert len(await ask("majority of members")) == 2
        assert len(await ask("50% of workers")) == 2
        assert {len(await ask("some of members", "any", seed)) for seed in range(20)} == {1, 2, 3}
        with pytest.raises(UsageError, match="7 of 3 is not possible"):
            await ask("7 of members")

    asked(body)


def test_roles_are_looked_up_when_it_is_asked() -> None:
    async def body(world: SimWorld, ask: Ask) -> None:
        (leader,) = await ask("leader:store")
        assert set(await ask("followers:store")) == {"store-0", "store-1", "store-2"} - {leader}
        assert await ask("minority-with-leader") == (leader,)
        (scheduler,) = await ask("leader:scheduler")
        assert (scheduler,) == await ask("holder:kube-scheduler")
        nodes = await ask("nodes-of:app=nginx")
        assert set(nodes) <= {"worker-0", "worker-1", "worker-2"}
        (server,) = await ask("apiserver-of:kubelet-2")
        assert server.startswith("apiserver-")
        await world.crash(leader)
        await asyncio.sleep(2.0)
        (heir,) = await ask("leader:store")
        assert heir != leader

    asked(body)


def test_nobody_is_said_with_what_would_be_right() -> None:
    async def body(world: SimWorld, ask: Ask) -> None:
        with pytest.raises(UsageError, match="did you mean 'store-1'"):
            await ask("stor-1")
        with pytest.raises(UsageError, match="nobody is it now"):
            await ask("node-of:web-7")
        with pytest.raises(UsageError, match="nobody is it now"):
            await ask("zone:c")
        with pytest.raises(UsageError, match="is nobody now"):
            await ask("store-1 except store-1")

    asked(body)
