"""A cluster of the engine `raftos` in the simulator, and a story that breaks things while clients record what they see.

`Tale(seed, nemesis).run()` is one whole run; what it found is in its fields. All of it follows from the seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cluster.errors import StatusError
from cluster.history import linearize
from cluster.history.invariants import one_leader_per_term
from cluster.history.record import Kind, Operation, Recorder
from cluster.rpc import Rpc
from cluster.world.faults import Bandwidth, Delay, Duplicate, Loss, Partition, Reorder
from cluster.world.host import Host
from cluster.world.scenario import eventually
from cluster.world.sim import SimWorld
from store.client import MemberStatus, StoreClient
from store.engines.raftos.config import Config
from store.engines.raftos.member import Member

Members = dict[str, Member]
Story = Callable[[SimWorld, Members, StoreClient], Awaitable[None]]
EXPECTED = ("Timeout", "NotLeader", "NoQuorum", "Dropped", "InternalError")
"""What a client may be told while things are broken."""


def names(count: int = 3) -> tuple[str, ...]:
    return tuple(f"store-{i}" for i in range(count))


def start(world: SimWorld, count: int = 3, prepare: Callable[[Member], None] | None = None, **options: Any) -> Members:
    """Members store-i on master-i; the answer holds each one's latest boot. `prepare` gets it before it works."""
    members: Members = {}
    config = Config(names(count), **{"keepalive": 0.5, **options})

    async def component(host: Host) -> None:
        member = members[host.name] = Member(host, config)
        if prepare is not None:
            prepare(member)
        await member.work()

    for i, name in enumerate(config.members):
        world.add(name, f"master-{i}", component)
    return members


async def seat(world: SimWorld, name: str, count: int = 3, machine: str = "desk", **options: Any) -> StoreClient:
    return StoreClient(Rpc(await world.join(name, machine), keepalive=0.5), names(count), **options)


async def statuses(client: StoreClient) -> list[MemberStatus]:
    """Of those that answer."""
    found = []
    for name in client.members:
        try:
            found.append(await client.status(name, timeout=0.1))
        except StatusError as error:
            if error.reason != "Timeout":
                raise
    return found


async def leader(client: StoreClient, within: float = 120.0, but: str = "") -> str:
    """Who leads with the highest term and is not `but`, once somebody does."""
    found: list[MemberStatus] = []

    async def look() -> bool:
        told = [status for status in await statuses(client) if status.name != but]
        term = max((status.term for status in told), default=0)
        found[:] = [status for status in told if status.role == "leader" and status.term == term]
        return bool(found)

    await eventually(look, within=within, what="a leader")
    return found[0].name


def play(story: Story, *, seed: int = 1, count: int = 3, **options: Any) -> SimWorld:
    """The story on a cluster that has a leader; the world, closed, to look into."""
    with SimWorld(seed, tolerate_exits=True) as world:

        async def main() -> None:
            members = start(world, count, **options)
            client = await seat(world, "seat", count, timeout=3.0)
            await leader(client)
            await story(world, members, client)

        world.run(main())
    return world


async def refused(call: Awaitable[object]) -> StatusError:
    try:
        await call
    except StatusError as error:
        return error
    raise AssertionError("it was not refused")


@dataclass
class Tale:
    """`nemesis`: one of NEMESES. Found: `verdict` of the linearizability checker, `leaders` (sentences about two in
    one term), `diverged` (two members have applied different commands at the same place), `stuck` (no write
    is acknowledged though all members are up and connected), `dead` (members that could not start)."""

    seed: int
    nemesis: str
    seconds: float = 20.0
    count: int = 3
    clients: int = 3
    recorder: Recorder = field(default_factory=Recorder)
    applied: dict[str, list[Any]] = field(default_factory=dict)
    verdict: str = ""
    message: str = ""
    leaders: list[str] = field(default_factory=list)
    diverged: bool = False
    stuck: bool = False
    dead: tuple[str, ...] = ()
    digest: str = ""

    def run(self) -> Tale:
        with SimWorld(self.seed, tolerate_exits=True) as world:
            world.run(self._story(world))
            self.digest = world.digest()
            self.leaders = [violation.sentence for violation in one_leader_per_term(world.board.records)]
        verdict = linearize.check(self.history(), budget=linearize.Budget(steps=200_000))
        self.verdict, self.message = verdict.outcome, verdict.message
        return self

    def history(self) -> tuple[Operation, ...]:
        return self.recorder.history()

    async def _story(self, world: SimWorld) -> None:
        start(world, self.count, self._listen, writeback=1.0)
        members = names(self.count)
        # A wire that is full drops: without one a storm of messages (docs/engines.md) would take all our time.
        await world.fault(Bandwidth(src=members, dst=members, bytes_per_second=10_000.0, queue_seconds=0.2, id="wire"))
        judge = await seat(world, "judge", self.count, timeout=5.0)
        await leader(judge)
        rng = Random(f"{self.seed}/tale")
        begun = world.time()
        async with asyncio.TaskGroup() as group:
            for i in range(self.clients):
                group.create_task(self._client(world, i, begun + self.seconds))
            if self.nemesis:
                group.create_task(self._trouble(world, rng, begun + self.seconds))
        await asyncio.sleep(5.0)
        self.dead = tuple(name for name in names(self.count) if not world.running(name))
        await self._aftermath(world, judge)

    async def _aftermath(self, world: SimWorld, judge: StoreClient) -> None:
        if self.dead:
            return
        for attempt in range(3):
            await self._record("judge", world, judge, "read", None)
            await self._record("judge", world, judge, "write", f"judge.{attempt}")
        mine = [operation for operation in self.history() if operation.client == "judge" and operation.kind == "write"]
        self.stuck = all(operation.outcome != "ok" for operation in mine)
        applied = list(self.applied.values())
        common = min(len(commands) for commands in applied)
        self.diverged = any(commands[:common] != applied[0][:common] for commands in applied)

    def _listen(self, member: Member) -> None:
        """What each member applies, in its latest boot (which begins with the first entry of its log)."""
        machine = member.state.state_machine
        inner, commands = machine.applied, list[Any]()
        self.applied[member.host.name] = commands

        def applied(command: Any) -> None:
            commands.append(dict(command))
            inner(command)

        machine.applied = applied

    async def _client(self, world: SimWorld, number: int, end: float) -> None:
        rng = Random(f"{self.seed}/client/{number}")
        name = f"client-{number}"
        store = await seat(world, name, self.count, timeout=1.0, prefer=f"store-{number % self.count}")
        value = 0
        while world.time() < end:
            await asyncio.sleep(rng.uniform(0, 0.4))
            value += 1
            kind: Kind = rng.choice(("read", "read", "write"))
            await self._record(name, world, store, kind, f"{number}.{value}" if kind == "write" else None)

    async def _record(self, name: str, world: SimWorld, store: StoreClient, kind: Kind, argument: Any) -> None:
        number = self.recorder.invoke(name, kind, "r", argument, world.time())
        try:
            if kind == "read":
                found = (await store.range(b"r")).kvs
                self.recorder.ok(number, world.time(), found[0].value.decode() if found else None)
            else:
                await store.put(b"r", argument.encode())
                self.recorder.ok(number, world.time())
        except StatusError as error:
            if error.reason not in EXPECTED:
                raise
            self.recorder.failed(number, world.time(), definite=error.definite, error=error.reason)

    async def _trouble(self, world: SimWorld, rng: Random, end: float) -> None:
        while world.time() < end - 8:
            await asyncio.sleep(rng.uniform(1.0, 6.0))
            await NEMESES[self.nemesis](world, rng, names(self.count))


Nemesis = Callable[[SimWorld, Random, tuple[str, ...]], Awaitable[None]]


async def _restarts(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    """Killed: what it has written is there when it comes back."""
    name = rng.choice(members)
    if world.running(name):
        for file in world.platter(name).files.values():
            file.durable = len(file.data)
    await world.crash(name)
    await asyncio.sleep(rng.uniform(0.1, 6.0))
    await world.restart(name)


async def _power(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    """One member loses its power, and what it has not written back."""
    name = rng.choice(members)
    world.platter(name).crash(lose_all=True)
    await world.crash(name)
    await asyncio.sleep(rng.uniform(0.1, 6.0))
    await world.restart(name)


async def _cuts(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    one = rng.choice(members)
    rest = tuple(name for name in members if name != one)
    await world.fault(Partition(src=(one,), dst=rest, both=rng.random() < 0.5, id="cut"))
    await asyncio.sleep(rng.uniform(1.0, 8.0))
    await world.heal("cut")


async def _network(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    """What datagrams do between members: lost, late, out of order, and votes twice. (Not appends: each copy of an
    answer begins another chain of messages, so with repeated ones their number grows without bound.)"""
    rules = (
        Loss(src=members, dst=members, probability=0.2, id="loss"),
        Duplicate(src=members, dst=members, kinds=("raftos.request_vote*",), spread=0.5, id="twice"),
        Reorder(src=members, dst=members, probability=0.3, window=0.4, id="order"),
        Delay(src=members, dst=members, seconds=0.3, distribution="exponential", id="late"),
    )
    for rule in rules:
        await world.fault(rule)
    await asyncio.sleep(rng.uniform(2.0, 5.0))
    for rule in rules:
        await world.heal(rule.id)


async def _stops(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    name = rng.choice(members)
    await world.pause(name)
    await asyncio.sleep(rng.uniform(1.0, 8.0))
    await world.resume(name)


async def _all(world: SimWorld, rng: Random, members: tuple[str, ...]) -> None:
    await rng.choice((_restarts, _cuts, _network, _stops))(world, rng, members)


NEMESES: dict[str, Nemesis] = {
    "restarts": _restarts,
    "power": _power,
    "cuts": _cuts,
    "network": _network,
    "stops": _stops,
    "all": _all,
}
