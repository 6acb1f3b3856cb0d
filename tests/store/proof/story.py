"""One story: a cluster is founded, clients work, things go wrong, all is mended, and the verdict is given.

Must not print. `play(seed)` raises the `Violation`, or gives what happened.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import store.member
from cluster.errors import InvariantViolation, StatusError
from cluster.rpc import Rpc
from cluster.world.scenario import Spec, resolve
from cluster.world.sim import SimWorld
from cluster.world.sim.loop import Deadlock, Livelock
from store.client import StoreClient
from tests.store.proof.ambushes import Ambushes
from tests.store.proof.clients import Notebook, Watcher, Worker
from tests.store.proof.plan import Plan, draw
from tests.store.proof.verdict import judge
from tests.store.proof.witness import Tapped, Violation, Witness, tapped

WRITABLE = 6.0
"""Seconds in which a healed cluster must take a write."""
SETTLED = 20.0
"""Seconds in which all members must have all of it, and watchers too."""


@dataclass(slots=True)
class Outcome:
    """`counts`: what happened, by name; `digest`: of everything that was applied."""

    plan: Plan
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    revision: int = 0


def play(seed: int) -> Outcome:
    """Violation, with the seed in its text."""
    plan = draw(seed)
    with SimWorld(seed, keep_records=False, tolerate_exits=True) as world:
        story = Story(world, plan)
        try:
            with story.watched_members():
                world.run(story.tell())
        except Exception as error:
            raise _judged(_first(error), f"[seed {seed}, {plan.theme}]") from error
        return Outcome(plan, story.witness.counts, world.time(), story.witness.revision)


def _first(error: Exception) -> Exception:
    """Out of the groups that task groups make."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _judged(error: Exception, where: str) -> Exception:
    if isinstance(error, Violation):
        return Violation(error.check, f"{str(error).removeprefix(error.check + ': ')} {where}")
    if isinstance(error, InvariantViolation):
        return Violation("no invariant is violated", f"{error} {where}")
    if isinstance(error, Deadlock | Livelock):
        return Violation("time goes on", f"{error} {where}")
    error.add_note(where)
    return error


class Story:
    def __init__(self, world: SimWorld, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.book = Notebook()
        self.witness = Witness(world.time)
        self.witness.stop = self._stop
        self._joining: dict[str, None] = {}
        self._clients: list[StoreClient] = []

    def _stop(self, violation: Violation) -> None:
        self.world.loop.fail(violation)

    @contextmanager
    def watched_members(self) -> Iterator[None]:
        """Members that start meanwhile show the witness what they do."""
        member, raft_config = store.member.Member, store.member._raft_config
        joining = self._joining

        def config_of(name: str, config: Any) -> Any:
            found = raft_config(name, config)
            return replace(found, members=()) if name in joining else found

        store.member.Member, store.member._raft_config = tapped(self.witness), config_of  # type: ignore[misc]
        try:
            yield
        finally:
            store.member.Member, store.member._raft_config = member, raft_config  # type: ignore[misc]

    async def _start(self, name: str, joins: bool) -> None:
        number = int(name.removeprefix("store-"))
        if joins:
            self._joining[name] = None
        members = list(self.plan.names)
        if name not in members:
            members.append(name)
        await self.world.drift(f"master-{number}", self.plan.rates[number])
        self.world.add(
            name, f"master-{number}", resolve(Spec("store.member:run", {**self.plan.options, "members": members}))
        )
        for client in self._clients:
            roster = client.roster
            roster.members = tuple(dict.fromkeys((*roster.members, name)))

    async def _seat(self, name: str, near: int, timeout: float = 0.6) -> StoreClient:
        host = await self.world.join(name, "desk")
        names = self.plan.names
        client = StoreClient(Rpc(host, keepalive=0.5), names, prefer=names[near % len(names)], timeout=timeout)
        self._clients.append(client)
        return client

    # ── the story ────────────────────────────────────────────────────────────────────────────────────────────

    async def tell(self) -> None:
        plan, witness, book = self.plan, self.witness, self.book
        for name in plan.names:
            await self._start(name, False)
        admin = await self._seat("admin", 0, timeout=2.0)
        nemesis = Ambushes(self.world, plan, witness, admin)
        nemesis.start = self._start
        workers = [Worker(i, plan, await self._seat(f"client-{i}", i), witness, book) for i in range(plan.clients)]
        watchers = [Watcher(i, plan, await self._seat(f"watcher-{i}", i), witness, book) for i in range(plan.watchers)]
        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(watcher.work()) for watcher in watchers]
            guard = group.create_task(self._guard(nemesis))
            async with asyncio.TaskGroup() as work:
                for worker in workers:
                    work.create_task(worker.work())
                for _ in range(plan.lanes):
                    work.create_task(nemesis.work())
            await self._mend(nemesis)
            final = await self._writable(nemesis)
            for worker in workers:
                await worker.held()
            await nemesis.clear_alarm()
            await self._leases_are_over(admin)
            judge(plan, book, witness)
            await self._agree(nemesis, final)
            await self._told(watchers, final)
            for task in (*watching, guard):
                task.cancel()
        self._must_have_happened()

    async def _guard(self, nemesis: Ambushes) -> None:
        """No member stops of itself, but for a disk that we have broken."""
        while True:
            await asyncio.sleep(0.2)
            exits = dict(self.world.exits)
            self.world.exits.clear()
            for name, error in exits.items():
                if name not in nemesis.excused:
                    self.witness.broken("members run on", f"{name} has stopped: {type(error).__name__}: {error}")
                self.witness.counts["members stopped by a disk"] += 1
                await nemesis.revive(name)

    async def _mend(self, nemesis: Ambushes) -> None:
        world = self.world
        await world.heal()
        for name in world.hosts():
            await world.resume(name)
            if not world.running(name):
                await world.restart(name)
        await self._writable(nemesis, alarmed=True)
        for _ in range(100):
            if await nemesis.sweep():
                break
            await asyncio.sleep(0.05)
        for name in list(nemesis.lost):
            await nemesis.take_in(name, tries=100)
        for client in self._clients:
            await self._introduce(nemesis, client)
        if nemesis.lost:
            self.witness.broken("writable", f"{[*nemesis.lost]} could not be taken in again with another disk")

    async def _introduce(self, nemesis: Ambushes, client: StoreClient) -> None:
        """Whoever was away while all that it knew were replaced is told who the members are now."""
        leader = nemesis.leader()
        if leader is not None:
            await client.status(leader.host.name, timeout=0.5)

    async def _writable(self, nemesis: Ambushes, *, alarmed: bool = False) -> int:
        """The revision of a write that the healed cluster took."""
        end, admin = self.world.time() + WRITABLE, nemesis.admin
        last = ""
        while self.world.time() < end:
            try:
                await self._introduce(nemesis, admin)
                if alarmed:
                    await admin.alarm("clear", timeout=0.5)
                    return 0
                return (await admin.put(b"end", b"", timeout=0.5)).revision
            except StatusError as error:
                last = str(error)
            await asyncio.sleep(0.05)
        raise Violation("writable", f"the healed cluster took no write within {WRITABLE} s: {last}")

    async def _within(self, holds: Callable[[], bool], check: str, text: Callable[[], str]) -> None:
        end = self.world.time() + SETTLED
        while not holds():
            if self.world.time() >= end:
                raise Violation(check, f"not within {SETTLED} s: {text()}")
            await asyncio.sleep(0.1)

    async def _leases_are_over(self, admin: StoreClient) -> None:
        keys = [tenancy.key for tenancy in self.book.leases if tenancy.put_at]

        def left() -> list[bytes]:
            return [key for key in keys if self.witness.at(key, self.witness.revision) is not None]

        await self._within(lambda: not left(), "lease ends", lambda: f"the keys of leases that are over go: {left()}")

    async def _agree(self, nemesis: Ambushes, final: int) -> None:
        """All that belong to the cluster have applied all, and hold the same."""
        witness = self.witness

        def members() -> list[Tapped]:
            leader = nemesis.leader()
            names = leader.node.status().configuration.everyone if leader is not None else ()
            return [witness.members[name] for name in names]

        def same() -> bool:
            found = members()
            return bool(found) and all(m.applied == witness.last and m.machine.space.revision >= final for m in found)

        await self._within(
            same, "all catch up", lambda: f"{[(m.host.name, m.applied) for m in members()]}, {witness.last}"
        )
        digests = {m.host.name: m.machine.digest() for m in members()}
        if len(set(digests.values())) != 1:
            raise Violation("equal states", f"members at the same index hold different keys: {digests}")
        leases = {m.host.name: m.machine.leases.rows() for m in members()}
        if len({tuple(rows) for rows in leases.values()}) != 1:
            raise Violation("equal states", f"members at the same index hold different leases: {leases}")

    async def _told(self, watchers: list[Watcher], final: int) -> None:
        def behind() -> list[str]:
            return [f"{w.name} at {w.next}" for w in watchers if w.next <= final]

        await self._within(lambda: not behind(), "watch completeness", lambda: f"{behind()} of {final}")

    def _must_have_happened(self) -> None:
        counts = self.witness.counts
        if not counts["calls ok"] or not counts["elections"] or not counts["batches watched"]:
            raise Violation("something happened", f"only this: {dict(counts)}")
