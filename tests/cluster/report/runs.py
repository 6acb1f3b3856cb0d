"""Runs as reports get them, made by real stories in the sim: a store that is cut, a cluster that loses a node.

Must not judge: verdicts are made by the tests, or by the checkers themselves. Each run is made once for all tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import cache
from random import Random
from typing import Any

from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.history.finding import Finding, Judged, Verdict
from cluster.history.record import Recorder
from cluster.history.run import LinkCount, Meta, Moment, Run, Seen, Strike
from cluster.rpc import Rpc
from cluster.world.faults import Partition
from cluster.world.scenario import Spec
from cluster.world.sim import SimWorld
from store.client import StoreClient
from tests.scenarios.clusters import Cluster

MEMBERS = ("store-0", "store-1", "store-2")
STORY = """\
capstan: 1
name: cut
title: A leader alone
teaches: A leader that reaches no majority answers <nothing> "for certain".
"""


TRACES: dict[str, Any] = {"store.member:run": 0.2, "cluster.apiserver.component:run": True}


class TracedWorld(SimWorld):
    """Members note their logs, apiservers their writes, as in runs of experiments."""

    async def start(self, name: str, machine: str, spec: Spec) -> None:
        if spec.target in TRACES:
            spec = Spec(spec.target, {"trace": TRACES[spec.target], **spec.config})
        await super().start(name, machine, spec)


class Stage:
    """A world in which strikes are kept as they are done."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.strikes: list[Strike] = []

    async def strike(
        self, action: str, name: str, begin: Awaitable[Any], end: Callable[[], Awaitable[Any]], **about: Any
    ) -> None:
        """Begin, let `lasting` seconds pass, end."""
        since = self.world.time()
        rule = await begin
        await asyncio.sleep(about.pop("lasting"))
        await end()
        rules = (rule,) if isinstance(rule, str) else ()
        counts = self.world.board.rules.evidence.get(rule, [0, 0]) if rules else [0, 0]
        hit, passed = counts[0], counts[1]
        links = (LinkCount("master-0", "master-1", hit, passed),) if rules else ()
        about.setdefault("proof", "confirmed" if hit or not rules else "nothing to hit")
        number = f"s{len(self.strikes) + 1}"
        self.strikes.append(
            Strike(number, action, name, "cut.yaml:3", since, self.world.time(), rules=rules, links=links, **about)
        )

    def meta(self, **values: Any) -> Meta:
        world = self.world
        machines = {name: place.machine.name for name, place in world.board.places.items()}
        defaults: dict[str, Any] = {
            "scenario": "cut", "title": "A leader alone", "world": "sim", "seed": world.seed, "engine": "raft",
            "seconds": world.time(), "began": "2026-11-28T12:00:00+00:00", "machines": machines,
            "replay": f"launch.py run scenarios/cut.yaml --world sim --seed {world.seed}", "digest": world.digest(),
            "phases": {"steady": (0.0, 1.0), "timeline": (1.0, world.time())},
        }  # fmt: skip
        return Meta(**{**defaults, **values})


@cache
def store_run(seed: int = 0, seconds: float = 6.0) -> Run:
    """Three members; the leader is cut off alone, then a follower is killed; clients on both sides read and write."""
    recorder = Recorder()
    with TracedWorld(seed) as world:
        stage = Stage(world)

        async def client(number: int) -> None:
            machine = f"master-{number % 3}"
            store = StoreClient(
                Rpc(await world.join(f"client-{number}", machine)), MEMBERS, prefer=f"store-{number % 3}", timeout=0.5
            )
            dice = Random(f"{seed}/{number}")
            for count in range(1000):
                writes = dice.random() < 0.5
                mode = "linearizable" if dice.random() < 0.5 else "serializable"
                key, value = f"r{dice.randrange(2)}", f"{number}.{count}"
                opened = recorder.invoke(
                    f"client-{number}", "write" if writes else "read", key, value if writes else None, world.time(),
                    mode="" if writes else mode, site=machine,
                )  # fmt: skip
                try:
                    if writes:
                        await store.put(key.encode(), value.encode())
                        recorder.ok(opened, world.time())
                    else:
                        found = await store.range(key.encode(), read=mode)
                        recorder.ok(opened, world.time(), found.kvs[0].value.decode() if found.kvs else None)
                except StatusError as error:
                    recorder.failed(opened, world.time(), definite=error.definite, error=error.reason)
                await asyncio.sleep(dice.random() * 0.1)

        async def story() -> None:
            for number, name in enumerate(MEMBERS):
                config = {"members": list(MEMBERS), "heartbeat": 0.05, "election": 0.25, "snapshot_entries": 60}
                await world.start(name, f"master-{number}", Spec("store.member:run", config))
            clients = [asyncio.ensure_future(client(number)) for number in range(4)]
            await asyncio.sleep(seconds / 6)
            scout = StoreClient(Rpc(await world.join("scout", "client")), MEMBERS)
            leader = next([m for m in MEMBERS if (await scout.status(m)).role == "leader"].__iter__())
            mine = f"master-{leader[-1]}"
            others = tuple(f"master-{n}" for n in range(3) if f"master-{n}" != mine)
            cut = Partition(src=(mine,), dst=others)
            await stage.strike(
                "partition", f"{mine} | {', '.join(others)}", world.fault(cut), world.heal, lasting=seconds / 4,
                groups=((mine,), others), targets=(mine, *others),
            )  # fmt: skip
            await asyncio.sleep(seconds / 6)
            await stage.strike(
                "kill", "kill store-1", world.crash("store-1"), lambda: world.restart("store-1"), lasting=seconds / 8,
                targets=("store-1",),
            )  # fmt: skip
            await asyncio.sleep(seconds / 6)
            for task in clients:
                task.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

        world.run(story())
        return Run(
            stage.meta(), STORY, recorder.history(), tuple(stage.strikes),
            (Moment(2.0, "leader:store changed", "cut.yaml:9", "ok"),), tuple(world.board.records),
        )  # fmt: skip


@cache
def cluster_run(seed: int = 0) -> Run:
    """A Deployment behind a Service on 3 + 3 machines; a worker loses its power, later comes back."""
    profile = "fast"
    spec = ClusterSpec(profile=profile, timing=PROFILES[profile], runtime="simulated")
    with TracedWorld(seed) as world:
        stage, cluster = Stage(world), Cluster(world, spec)

        async def story() -> None:
            await cluster.boot()
            await cluster.apply("deployment-nginx", replicas=3)
            await cluster.apply("daemonset-log-agent")
            await cluster.until(lambda: cluster.rolled_out(), "rolled out")
            await asyncio.sleep(2.0)
            node = cluster.placed()[0]
            await stage.strike(
                "poweroff", f"power of {node}", world.poweroff(node), lambda: world.poweron(node), lasting=26.0,
                targets=(node,),
            )  # fmt: skip
            await asyncio.sleep(6.0)

        world.run(story())
        events = tuple(Seen(e.time, e.kind, e.type, e.object) for e in cluster.chronicle.events)
        return Run(
            stage.meta(
                scenario="node-lost", title="A node is lost", timing=asdict(spec.timing), profile=profile
            ), STORY, (), tuple(stage.strikes), (), tuple(world.board.records), events,
        )  # fmt: skip


def verdict(*findings: Finding | Judged, outcome: Any = "holds", reason: str = "all is well") -> Verdict:
    judged = tuple(f if isinstance(f, Judged) else Judged(f) for f in findings)
    return Verdict(outcome, reason, judged)
