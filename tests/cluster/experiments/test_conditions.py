"""Conditions on a running cluster: yes, no, and nobody can say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from cluster.experiments.conditions import SUBJECT
from cluster.experiments.runner import Runner
from cluster.scenario.condition import parse
from cluster.scenario.subjects import SUBJECTS
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from tests.cluster.experiments.stories import step, story, told, with_nginx

Holds = Callable[[str], Coroutine[Any, Any, bool | None]]


def test_each_subject_of_the_table_has_a_function() -> None:
    assert set(SUBJECT) == set(SUBJECTS)


def test_each_example_of_the_table_can_be_asked() -> None:
    """Of whatever cluster: an answer, or None, but no exception."""

    async def body(world: SimWorld, holds: Holds) -> None:
        for subject in SUBJECTS.values():
            for predicate in subject.predicates.values():
                assert await holds(predicate.example) in (True, False, None), predicate.example

    asked(body)


def asked(body: Callable[[SimWorld, Holds], Coroutine[Any, Any, None]]) -> None:
    scenario = story(shape=with_nginx(), workload="", seconds=1000.0)
    with SimWorld(4, tolerate_exits=True) as world:
        runner = Runner(world, scenario, 4)

        async def play() -> None:
            task = asyncio.ensure_future(runner.run())
            await eventually(lambda: "timeline" in runner.book.phases, within=60.0)
            conditions = runner._timeline.conditions
            assert await conditions.wait(parse("deployment nginx is rolled out"), 30.0)

            async def holds(text: str) -> bool | None:
                """Now or in a moment: replicas are never quite at the same place."""
                return await conditions.wait(parse(text), 1.0)

            await body(world, holds)
            task.cancel()
            await asyncio.wait((task,))

        world.run(play())


def test_what_is_and_what_is_not() -> None:
    async def body(world: SimWorld, holds: Holds) -> None:
        for text in (
            "all nodes are Ready",
            "nodes = 3",
            "node worker-1 is Ready",
            "kubelet-1 is not NotReady",
            "pods app=nginx ready = 3",
            "pods app=nginx pending = 0",
            "pods app=other = 0",
            "deployment nginx is rolled out",
            "deployment nginx available >= 3",
            "lease kube-scheduler is held",
            "object deployment/nginx exists",
            "store has a leader",
            "store is writable",
            "store members = 3",
            "store-1 is running",
            "machine master-1 is up",
            "leader:scheduler exists",
            "not store has no leader",
        ):
            assert await holds(text) is True, text
            assert await holds(f"not {text}" if not text.startswith("not ") else text[4:]) is False, text
        assert await holds("store is whole")
        assert await holds("replicas agree")

    asked(body)


def test_what_nobody_can_say_holds_neither_way() -> None:
    async def body(world: SimWorld, holds: Holds) -> None:
        for text in ("node worker-9 is Ready", "pod web-0 is Running", "deployment web is rolled out"):
            assert await holds(text) is None
            assert await holds(f"not {text}") is None

    asked(body)


def test_a_killed_node_is_seen_and_so_is_a_new_leader() -> None:
    run = told(
        story(
            step("poweroff", {"targets": "worker-1"}),
            step("await", {"condition": "worker-1 is NotReady"}, within=20.0),
            step("await", {"condition": "node worker-1 has taint node.kubernetes.io/unreachable"}, within=20.0),
            step("kill", {"targets": "leader:store"}, lasting=5.0),
            step("await", {"condition": "leader:store changed"}, within=5.0),
            step("kill", {"targets": "leader:scheduler"}, lasting=5.0),
            step("await", {"condition": "lease kube-scheduler changed hands"}, within=10.0),
            shape=with_nginx(),
            workload="",
        )
    )
    assert [m.outcome for m in run.moments if m.text.startswith("await")] == ["ok"] * 4
