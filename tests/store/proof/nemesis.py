"""What goes wrong in a story: crashes, cuts, noise, clocks, disks, and members that come and go; one seed decides all.

Must not judge. Whatever it breaks it also mends, so that a majority is up again soon; what a story ends with is healed
by story.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from cluster.errors import StatusError
from cluster.world.faults import Corrupt, Delay, DiskFault, Duplicate, Loss, Partition, Reorder, Rule
from cluster.world.sim import SimWorld
from store.client import StoreClient
from store.raft import confchange
from store.raft.messages import Configuration
from store.raft.node import ChangeRefusedError, NotLeaderError
from tests.store.proof.plan import THEMES, Plan
from tests.store.proof.witness import Tapped, Witness

Change = Callable[[Configuration], Configuration]


class Nemesis:
    def __init__(self, world: SimWorld, plan: Plan, witness: Witness, admin: StoreClient) -> None:
        self.world = world
        self.plan = plan
        self.witness = witness
        self.admin = admin
        self.start: Callable[[str, bool], Awaitable[None]]
        """(name, joins a cluster that exists): set by the story."""
        self.excused: dict[str, None] = {}
        """Members that may have stopped because of a disk that we have broken."""
        self.lost: dict[str, None] = {}
        """Members whose disk is another one now, and which were not taken in again."""
        self._dice = Random(f"{plan.seed}/nemesis")
        self._busy: dict[str, None] = {}
        self._rules = 0
        self._names = plan.members
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            name: getattr(self, name) for weights in THEMES.values() for name in weights
        }
        """Those at the worst moment: ambushes.py."""

    async def work(self) -> None:
        """One lane: one trouble after the other until the story's time is over."""
        weights = THEMES[self.plan.theme]
        names = list(weights)
        while self.world.time() < self.plan.seconds - 1:
            await asyncio.sleep(self._dice.uniform(0, self.plan.calm))
            name = self._dice.choices(names, list(weights.values()))[0]
            self.witness.counts[name] += 1
            await self._acts[name]()

    # ── who and how long ─────────────────────────────────────────────────────────────────────────────────────

    def members(self) -> list[str]:
        """Those that nobody else is busy with."""
        return [name for name in self.world.hosts() if name not in self._busy]

    def up(self, member: Tapped) -> bool:
        """Is this boot of it the one that runs?"""
        place = self.world.board.places.get(member.host.name)
        return place is not None and place.boot is not None and place.boot.number == member.host.boot

    def leader(self) -> Tapped | None:
        return self.witness.leader(self.up)

    def _any(self) -> str:
        names = self.members()
        return self._dice.choice(names) if names else ""

    def _leader(self) -> str:
        leader = self.leader()
        return leader.host.name if leader is not None and leader.host.name not in self._busy else ""

    @contextmanager
    def _hold(self, *names: str) -> Iterator[None]:
        self._busy.update(dict.fromkeys(names))
        try:
            yield
        finally:
            for name in names:
                self._busy.pop(name, None)

    def _while(self) -> float:
        return self._dice.choice((0.02, 0.3, 1.0)) * self._dice.uniform(0.2, 1.5)

    # ── crashes and pauses ───────────────────────────────────────────────────────────────────────────────────

    async def _down(self, name: str) -> None:
        if self._dice.random() < self.plan.lose_all:
            self.world.platter(name).crash(lose_all=True)
        await self.world.crash(name)

    async def _up(self, name: str) -> None:
        if name in self.world.hosts() and not self.world.running(name):
            await self.world.restart(name)

    async def _crash(self, name: str) -> None:
        if name:
            with self._hold(name):
                await self._down(name)
                await asyncio.sleep(self._while())
                await self._up(name)

    async def crash(self) -> None:
        await self._crash(self._any())

    async def crash_leader(self) -> None:
        await self._crash(self._leader())

    async def blackout(self) -> None:
        """All that nobody is busy with at once: only what is on the disks is left."""
        names = self.members()
        with self._hold(*names):
            for name in names:
                await self._down(name)
            await asyncio.sleep(self._dice.uniform(0, 0.2))
            for name in names:
                await self._up(name)

    async def _pause(self, name: str) -> None:
        if name and self.world.running(name):
            with self._hold(name):
                await self.world.pause(name)
                await asyncio.sleep(self._while())
                await self.world.resume(name)

    async def pause(self) -> None:
        await self._pause(self._any())

    async def pause_leader(self) -> None:
        await self._pause(self._leader())

    # ── the network ──────────────────────────────────────────────────────────────────────────────────────────

    async def _rule(self, *rules: Rule, seconds: float) -> None:
        ids = [await self.world.fault(rule) for rule in rules]
        await asyncio.sleep(seconds)
        for id in ids:
            await self.world.heal(id)

    def _cut(self, side: Sequence[str], *, both: bool = True) -> Rule:
        others = tuple(name for name in self.world.hosts() if name not in side)
        return Partition(src=tuple(side), dst=others, both=both)

    async def cut(self) -> None:
        names = self.world.hosts()
        side = self._dice.sample(names, self._dice.randint(1, max(1, len(names) // 2)))
        await self._rule(self._cut(side), seconds=self._while())

    async def cut_leader(self) -> None:
        """Long enough for another one, and with some of the others now and then: the lesser part."""
        leader = self._leader()
        if leader:
            others = [name for name in self.world.hosts() if name != leader]
            side = [leader, *self._dice.sample(others, self._dice.randint(0, max(0, len(others) - 1) // 2))]
            await self._rule(self._cut(side), seconds=self._dice.uniform(1.0, 5.0) * self.plan.election)

    async def one_way(self) -> None:
        name = self._leader() if self._dice.random() < 0.5 else self._any()
        if name:
            names = tuple(other for other in self.world.hosts() if other != name)
            ends = (names, (name,)) if self._dice.random() < 0.5 else ((name,), names)
            await self._rule(Partition(src=ends[0], dst=ends[1], both=False), seconds=self._while())

    async def noise(self) -> None:
        rules = (
            Loss(probability=0.2),
            Corrupt(probability=0.1),
            Duplicate(probability=0.4, spread=self._dice.choice((0.1, 1.5))),
            Reorder(probability=0.3, window=self._dice.choice((0.02, 0.4))),
            Delay(seconds=0.03, distribution="exponential"),
        )
        await self._rule(*self._dice.sample(rules, self._dice.randint(1, 3)), seconds=self._dice.uniform(0.3, 2.0))

    async def late_copies(self) -> None:
        """Writes arrive once more when the leader has been restarted, and so has forgotten what it was asked."""
        kinds = ("store.put*", "store.txn*", "store.update*", "store.delete*")
        copies = Duplicate(kinds=kinds, probability=0.8, spread=2.0)
        await self.world.fault(copies, lasting=1.0)
        await asyncio.sleep(self._dice.uniform(0, 0.5))
        await self.crash_leader()

    # ── disks ────────────────────────────────────────────────────────────────────────────────────────────────

    async def slow_disk(self) -> None:
        names = (self._any(),) if self._dice.random() < 0.7 else ()
        seconds = self._dice.choice((0.02, 0.3))
        await self._rule(DiskFault(src=names, way="slow", probability=0.6, seconds=seconds), seconds=self._while())

    async def broken_disk(self) -> None:
        """The member stops, and is started again when its disk is well."""
        name = self._any()
        if not name or self.lost:
            return
        way = self._dice.choice(("full", "write-error", "sync-error", "tear"))
        with self._hold(name):
            self.excused[name] = None
            await self._rule(DiskFault(src=(name,), way=way, probability=0.5), seconds=self._while())
            await asyncio.sleep(0.05)
            await self._up(name)

    async def flipped_bits(self) -> None:
        """The member goes on; if it finds one at its next start it refuses, and gets a new disk."""
        await self._ruin("flip")

    async def lying_disk(self) -> None:
        """It loses what it said it had kept; so whoever runs it must not trust it any more."""
        await self._ruin("lie")

    async def lost_disk(self) -> None:
        await self._ruin("")

    async def _ruin(self, way: str) -> None:
        """At most one at a time: a majority must have kept what it promised. The cluster is told to do without the
        disk, and to take the member in again with another one."""
        name, leader = self._any(), self.leader()
        if not name or self.lost or leader is None or leader.node.status().configuration.founding:
            return
        if len(leader.node.status().configuration.voters) < 3:
            return
        self.lost[name] = self.excused[name] = None
        with self._hold(name):
            if way:
                await self._rule(DiskFault(src=(name,), way=way, probability=0.3), seconds=self._while())
            if way == "flip":
                await self.world.restart(name)
                await asyncio.sleep(self._while())
                self.witness.counts["flipped bits found"] += not self.world.running(name)
            await self.replace_disk(name)

    async def replace_disk(self, name: str) -> None:
        await self.world.crash(name)
        self.world.platter(name).files.clear()
        await asyncio.sleep(self._while())
        await self.world.restart(name)
        await self.take_in(name)

    async def revive(self, name: str) -> None:
        """A member stopped because of a disk that we have broken, which is well by now."""
        if name in self.world.hosts() and name not in self._busy:
            await self._up(name)

    async def take_in(self, name: str, tries: int = 60) -> None:
        """Out with the old disk, in with the new one, as a learner, then as a voter."""
        for _ in range(tries):
            if name not in self.lost or name not in self.world.hosts():
                break
            await self._up(name)
            self._step_in(name)
            await asyncio.sleep(0.1)

    def _step_in(self, name: str) -> None:
        leader = self.leader()
        member = self.witness.members[name]
        if leader is None or not self.up(member):
            return
        current = leader.node.status().configuration
        if leader is member:
            del self.lost[name]
        elif name not in current.everyone:
            self._change(lambda c: confchange.with_learner(c, name))
        elif name in current.learners:
            self._change(lambda c: confchange.promoted(c, name))
        elif current.seat(name) != member.node._state.disk_id:
            self._change(lambda c: confchange.without(c, name))
        elif leader.node._state.configurations.index <= leader.node.status().commit:
            del self.lost[name]

    # ── members that come and go ─────────────────────────────────────────────────────────────────────────────

    def _voluntary(self, change: Change) -> Change:
        """Nobody shrinks a cluster to fewer than three, or while a disk is lost."""

        def target(current: Configuration) -> Configuration:
            found = change(current)
            if self.lost or len(found.voters) < 3:
                raise ChangeRefusedError("not now")
            return found

        return target

    def _change(self, change: Change) -> bool:
        """Was it accepted by whoever leads?"""
        leader = self.leader()
        if leader is None:
            return False
        try:
            leader.context.copy().run(self._propose, leader, change)
        except (ChangeRefusedError, NotLeaderError):
            return False
        self.witness.counts["membership changes"] += 1
        return True

    @staticmethod
    def _propose(leader: Tapped, change: Change) -> None:
        now = asyncio.get_running_loop().time()
        leader.node.propose_configuration(change(leader.node.status().configuration), now)
        leader.stir()

    async def transfer(self) -> None:
        leader = self.leader()
        if leader is None:
            return
        others = [name for name in leader.node.status().configuration.voters if name != leader.host.name]
        if others:
            self._hand_over(leader, self._dice.choice(others))

    def _hand_over(self, leader: Tapped, target: str) -> None:
        def hand_over() -> None:
            leader.node.transfer_leader(target, asyncio.get_running_loop().time())
            leader.stir()

        try:
            leader.context.copy().run(hand_over)
        except (ChangeRefusedError, NotLeaderError):
            return
        self.witness.counts["transfers"] += 1

    async def _patiently(self, change: Change, tries: int = 12) -> bool:
        for _ in range(tries):
            if self._change(self._voluntary(change)):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _newcomer(self) -> str:
        """A learner on a fresh disk; "" if there is no place or nobody took it."""
        if self._names >= len(self.plan.rates):
            return ""
        name = f"store-{self._names}"
        self._names += 1
        with self._hold(name):  # or it is swept away as one that was removed
            await self.start(name, True)
            await self._patiently(lambda c: confchange.with_learner(c, name))
        return name

    async def member_joins(self) -> None:
        name = await self._newcomer()
        if name:
            await asyncio.sleep(self._while())
            await self._patiently(lambda c: confchange.promoted(c, name))

    async def member_leaves(self) -> None:
        name = self._voter()
        await self._patiently(lambda c: confchange.without(c, name))

    async def member_replaced(self) -> None:
        """Through a joint configuration; now and then who proposes it is cut off with the newcomer at once, so that the
        others can decide without knowing of it."""
        name = await self._newcomer()
        old = self._voter()
        if name and old:
            await asyncio.sleep(self._while())
            accepted = await self._patiently(lambda c: confchange.replaced(c, old, name))
            leader = self._leader()
            if accepted and leader and leader != old and self._dice.random() < 0.6:
                others = [n for n in self.world.hosts() if n not in (leader, old, name)]
                few = self._dice.sample(others, max(0, len(others) // 2 - 1) if len(others) > 2 else 0)
                await self._rule(self._cut((leader, name, *few)), seconds=self._dice.uniform(3, 7) * self.plan.election)

    def _voter(self) -> str:
        leader = self.leader()
        return self._dice.choice(leader.node.status().configuration.voters) if leader is not None else ""

    async def sweep(self) -> bool:
        """Shut down members that were removed. False while it is not certain who was."""
        leader = self.leader()
        if leader is None or leader.node._state.configurations.index > leader.node.status().commit:
            return False
        current = leader.node.status().configuration
        for name in self.world.hosts():
            if name not in current.everyone and name not in self.lost and name not in self._busy:
                await self.world.remove(name)
                self.witness.counts["members removed"] += 1
        return not current.outgoing

    # ── the quota ────────────────────────────────────────────────────────────────────────────────────────────

    async def alarm(self) -> None:
        """Writes are refused for a while."""
        await self._alarm("raise")
        await asyncio.sleep(self._while() / 2)
        await self.clear_alarm()

    async def clear_alarm(self) -> None:
        for _ in range(20):
            if await self._alarm("clear"):
                return
            await asyncio.sleep(0.2)

    async def _alarm(self, action: str) -> bool:
        try:
            await self.admin.alarm(action, timeout=1.0)
        except StatusError as error:
            if error.reason not in ("Timeout", "NoQuorum", "NotLeader", "Dropped"):
                raise
            return False
        return True

    async def rest(self) -> None:
        await asyncio.sleep(self._while())
        await self.sweep()
