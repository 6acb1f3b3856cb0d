"""What goes wrong at the worst moment: the nemesis waits for a vote, an entry, a commit, and strikes in that very turn.

Must not judge, nor do what a network, a disk or a power switch could not. Each attack is made for a meeting of events
that dice alone would hardly bring about; a healthy store only loses time by it.
"""

from __future__ import annotations

import asyncio

from cluster.errors import StatusError
from cluster.world.faults import Delay, DiskFault, Duplicate, Loss, Partition
from store.raft import confchange
from tests.store.proof.nemesis import Nemesis

VOTES = ("raft.vote", "raft.prevote")
WRITES = ("store.put*", "store.txn*", "store.update*", "store.delete*")


class Ambushes(Nemesis):
    _written = 0

    async def _moment(self, kind: str) -> tuple[str, str]:
        if self._dice.random() < 0.6:
            leader = self._leader()
            if leader:  # there is an election soon
                await self.world.fault(self._cut((leader,)), lasting=2 * self.plan.election)
        future = self.witness.moment(kind)
        done, _ = await asyncio.wait((future,), timeout=3 * self.plan.election)
        return future.result() if done else ("", "")

    async def ambush_vote(self) -> None:
        """Who has just voted loses power, and the one it voted for is cut off: does it vote again in that term?"""
        if self._dice.random() < 0.6:  # requests that dawdle make for rivals in one term
            late = self.plan.election * self._dice.choice((0.3, 1.0))
            slow = Delay(kinds=("raft.vote",), seconds=late, distribution="exponential")
            await self.world.fault(slow, lasting=6 * self.plan.election)
        voter, candidate = await self._moment("vote")
        if not voter or voter in self._busy:
            return
        with self._hold(voter):
            await asyncio.sleep(self._dice.choice((0.0, 0.0, 0.0004, 0.002)))
            await self._down(voter)
            await asyncio.sleep(self._dice.choice((0.002, 0.02)))
            if candidate in self.world.hosts() and self._dice.random() < 0.5:
                lasting = self._dice.uniform(3, 7) * self.plan.election
                await self.world.fault(self._cut((candidate,)), lasting=lasting)
            await self._up(voter)

    async def ambush_leader(self) -> None:
        """A new leader is cut off, or crashes, before or just after its first entry."""
        leader, _ = await self._moment("leader")
        if not leader or leader in self._busy:
            return
        await asyncio.sleep(self._dice.choice((0.0, 0.0008, 0.0015, 0.004)))
        if self._dice.random() < 0.5:
            await self._crash(leader)
        else:
            names = [name for name in self.world.hosts() if name != leader]
            side = (leader, *self._dice.sample(names, self._dice.randint(0, len(names) // 2)))
            await self._rule(self._cut(side), seconds=self._dice.uniform(1, 5) * self.plan.election)

    async def ambush_append(self) -> None:
        """Who has just appended loses power before its sync; with luck so does the leader."""
        follower, _ = await self._moment("append")
        if not follower or follower in self._busy:
            return
        leader = self._leader()
        await asyncio.sleep(self._dice.choice((0.0, 0.0003, 0.001, 0.002)))
        names = [follower, leader] if leader and self._dice.random() < 0.7 else [follower]
        with self._hold(*names):
            for name in names:
                await self._down(name)
            await self._up(follower)
            if len(names) > 1:
                await asyncio.sleep(self._while())
                await self._up(leader)

    async def ambush_commit(self) -> None:
        """An entry is committed by the barest majority, part of it on slow disks; then all who have it lose power, the
        slow ones come back, and with those who never had it they are a majority."""
        leader = self.leader()
        if leader is None or leader.host.name in self._busy:
            return
        name, voters = leader.host.name, leader.node.status().configuration.voters
        others = [other for other in voters if other != name and other not in self._busy]
        without = self._dice.sample(others, min(len(voters) // 2, len(others)))
        having = [other for other in others if other not in without]
        slow, rest = ([name], having) if self._dice.random() < 0.5 else (having, [name])
        lasting = 3 * self.plan.election
        ids = [
            await self.world.fault(Partition(src=(*having, name), dst=tuple(without)), lasting=lasting),
            await self.world.fault(DiskFault(src=tuple(slow), way="slow", seconds=lasting), lasting=lasting),
        ]
        future = self.witness.moment("commit")
        done, _ = await asyncio.wait((future,), timeout=self.plan.election / 2)
        if done and future.result()[0] == name:
            self.witness.counts["commits ambushed"] += 1
            with self._hold(*slow, *rest):
                for victim in (*slow, *rest):
                    await self._down(victim)
                for id in ids:
                    await self.world.heal(id)
                for victim in slow:
                    await self._up(victim)
                await asyncio.sleep(self._dice.uniform(2, 5) * self.plan.election)
                for victim in rest:
                    await self._up(victim)

    async def ambush_read(self) -> None:
        """A leader that has just committed is cut off, with the lesser part of the others, before any other knows it:
        what does it serve, and what does the next one, whose followers may be slow to write?"""
        leader = self._leader()
        if not leader:
            return
        future = self.witness.moment("commit")
        done, _ = await asyncio.wait((future,), timeout=self.plan.election)
        if not done or future.result()[0] != leader:
            return
        others = [name for name in self.world.hosts() if name != leader]
        side = (leader, *self._dice.sample(others, self._dice.randint(0, max(0, len(others) - 1) // 2)))
        rules = [self._cut(side)]
        if self._dice.random() < 0.5:
            rules.append(DiskFault(src=tuple(n for n in others if n not in side), way="slow", seconds=0.2))
        await self._rule(*rules, seconds=self._dice.uniform(2, 5) * self.plan.election)

    # ── who votes for whom ───────────────────────────────────────────────────────────────────────────────────

    async def _three(self) -> tuple[str, str, str]:
        """Leader and followers of a settled cluster of three that nobody is busy with, within a second; else empty
        names."""
        for _ in range(10):
            leader = self.leader()
            if leader is not None and not self._busy:
                configuration = leader.node.status().configuration
                name, voters = leader.host.name, list(configuration.voters)
                if len(voters) != 3 or name not in voters:
                    break
                if not configuration.outgoing and all(self.up(self.witness.members[voter]) for voter in voters):
                    self._dice.shuffle(voters)
                    voters.remove(name)
                    return name, voters[0], voters[1]
            await asyncio.sleep(0.1)
        return "", "", ""

    async def _await(self, kind: str, who: str, seconds: float) -> str:
        """That moment of `who` (empty: anybody), at most so many seconds from now: whose it was, or empty."""
        end = self.world.time() + seconds
        while (left := end - self.world.time()) > 0:
            future = self.witness.moment(kind)
            done, _ = await asyncio.wait((future,), timeout=left)
            if done and who in ("", future.result()[0]):
                return future.result()[0]
        return ""

    async def _isolate(self, name: str, *others: str, lasting: float) -> str:
        """From all members, or from those; clients still reach it."""
        away = others or tuple(other for other in self.world.hosts() if other != name)
        return await self.world.fault(Partition(src=(name,), dst=away), lasting=lasting)

    async def ambush_rivals(self) -> None:
        """Two candidates of one term ask one voter; the second request dawdles, and meanwhile the voter loses power,
        and with it all that is not on its disk. The old leader is that voter: it stands still until both
        have campaigned."""
        voter, one, other = await self._three()
        if not voter:
            return
        timeout = self.plan.election
        with self._hold(voter, one, other):
            await self.world.fault(Partition(src=(one,), dst=(other,), kinds=VOTES), lasting=8 * timeout)
            await self._down(voter)
            await self._up(voter)
            await asyncio.sleep(0.01)
            await self.world.pause(voter)
            await asyncio.sleep(self._dice.uniform(2.0, 2.6) * timeout)
            late = Delay(
                src=(other,), dst=(voter,), kinds=("raft.vote",), seconds=self._dice.uniform(1.05, 1.5) * timeout
            )
            await self.world.fault(late, lasting=0.1)
            await self.world.resume(voter)
            if not await self._await("vote", voter, timeout):
                return
            if await self._await("leader", one, 0.05):
                await self._isolate(one, lasting=4 * timeout)
                await self._down(voter)
                await self._up(voter)
                await asyncio.sleep(2.5 * timeout)

    # ── what is on which disk ────────────────────────────────────────────────────────────────────────────────

    async def ambush_overwrite(self) -> None:
        """A follower still writes entries that their leader has lost with its power, and the term of the next one; that
        one overwrites them before this is over, and commits by an answer that speaks of them. Then both lose power."""
        old, follower, next = await self._three()
        if not old:
            return
        with self._hold(old, follower, next):
            mended = await self._overwrite(old, follower, next, 3.2 * self.plan.election)
            for id in mended:
                await self.world.heal(id)
            for name in (old, next, follower):
                await self._up(name)

    async def _overwrite(self, old: str, follower: str, next: str, long: float) -> list[str]:
        """What is to be mended. `long`: seconds of the follower's first write."""
        timeout, fault = self.plan.election, self.world.fault
        cut = await self._isolate(next, old, follower, lasting=timeout)
        slow = [DiskFault(src=(name,), way="slow", seconds=long) for name in (old, follower)]
        lame, sync = [await fault(rule) for rule in slow]
        writing = [asyncio.ensure_future(self._write(0)) for _ in range(2)]
        began = await self._await("append", follower, timeout / 2)
        end = self.world.time() + long
        more = began and await self._await("append", follower, timeout / 2)
        await self._lose(old)
        await self.world.heal(lame)
        await self.world.heal(cut)
        await self._up(old)
        await asyncio.gather(*writing)
        if not more or not await self._await("leader", next, end - self.world.time() - 0.01):
            return [sync]
        cut = await self._isolate(next, follower, lasting=4 * timeout)
        brief = await fault(DiskFault(src=(follower,), way="slow", seconds=0.5 * timeout))
        await self.world.heal(sync)
        await asyncio.sleep(end + 0.02 - self.world.time())
        away = await self._isolate(old, lasting=6 * timeout)
        await self.world.heal(cut)
        await asyncio.sleep(0.01)
        writing = [asyncio.ensure_future(self._write(0))]
        if await self._await("commit", next, timeout):
            self.witness.counts["overwriting commits ambushed"] += 1
            await self._lose(next)
            await self._lose(follower)
            await self.world.heal(brief)
            await self.world.heal(away)
            await self._up(follower)
            await asyncio.sleep(3 * timeout)
        await asyncio.gather(*writing)
        return [brief, away]

    async def _lose(self, name: str) -> None:
        """All that it has not synced."""
        self.world.platter(name).crash(lose_all=True)
        await self.world.crash(name)

    async def ambush_late_append(self) -> None:
        """What a leader sent before it was cut off arrives when the next one has committed other entries there."""
        old, follower, next = await self._three()
        if not old:
            return
        timeout = self.plan.election
        with self._hold(old, follower, next):
            dawdle = Delay(src=(old,), dst=(follower,), kinds=("raft.append",), seconds=4 * timeout)
            slow = await self.world.fault(dawdle)
            await self._isolate(next, old, lasting=6 * timeout)
            await asyncio.gather(self._write(0), asyncio.sleep(0.02))
            await self.world.heal(slow)
            await self._isolate(old, follower, lasting=3 * timeout)
            await asyncio.sleep(5 * timeout)

    async def ambush_older_term(self) -> None:
        """Figure 3.7 of the thesis: an entry of an earlier term comes to a majority under a later leader, who is cut
        off before anything of its own term does; then somebody takes over who has never had it."""
        first, *others = await self._three()
        leader = self.leader()
        if not first or leader is None:
            return
        timeout = self.plan.election
        self.admin.roster._leads(first, leader.node.term)
        with self._hold(first, *others):
            cut = await self._isolate(first, lasting=6 * timeout)
            writing = asyncio.ensure_future(self._write(2500))
            second = await self._await("leader", "", 5 * timeout)
            if second not in others:
                return
            (between,) = [name for name in others if name != second]
            alone = await self._isolate(second, lasting=12 * timeout)
            await self.world.heal(cut)
            await writing
            if not await self._await("leader", first, 6 * timeout) or not await self._await("append", between, timeout):
                return
            cut = await self.world.fault(Partition(src=(first,), dst=(between,), both=False), lasting=4 * timeout)
            if await self._await("commit", first, 0.1):
                self.witness.counts["old entries ambushed"] += 1
            await self._down(first)
            await self.world.heal(alone)
            await self.world.heal(cut)
            await asyncio.sleep(4 * timeout)
            await self._up(first)

    async def _write(self, size: int) -> None:
        """It need not succeed. With many bytes the entry goes into an Append for itself, if the plan's are small."""
        self._written += 1
        try:
            await self.admin.put(b"own/nemesis", b"%d." % self._written + bytes(size), timeout=0.3)
        except StatusError:
            return

    # ── who is a member ──────────────────────────────────────────────────────────────────────────────────────

    async def ambush_configuration(self) -> None:
        """A follower is away while two more join; what it has missed is in a snapshot. Then it and one other are cut
        off from the three: a majority of those that it knew, and not of those that there are."""
        leader, away, other = await self._three()
        if not leader or self.lost or self._names + 2 > len(self.plan.rates):
            return
        timeout = self.plan.election
        with self._hold(away):
            await self._down(away)
            for _ in range(2):
                name = await self._newcomer()
                if not name:
                    break
                await self._promote(name, 2.0)
            await asyncio.sleep(self._dice.uniform(0.5, 1.5))
            await self._up(away)
        await asyncio.sleep(self._dice.uniform(0.1, 1.0))
        now = self.leader()
        voters = now.node.status().configuration.voters if now is not None else ()
        if now is None or len(voters) < 5 or now.host.name == away:
            return
        mate = self._dice.choice([v for v in (leader, other) if v != now.host.name])
        self.witness.counts["configurations ambushed"] += 1
        await self._rule(self._cut((away, mate)), seconds=self._dice.uniform(4, 8) * timeout)

    async def ambush_two_changes(self) -> None:
        """A leader is cut off with two learners, and asked to make voters of both: with the first it has no majority,
        and with both it would have one, of which the two others know nothing."""
        leader, *_ = await self._three()
        if not leader or self.lost or self._names + 2 > len(self.plan.rates):
            return
        new = [await self._newcomer(), await self._newcomer()]
        await asyncio.sleep(self._dice.uniform(0.2, 0.6))
        member = self.leader()
        if member is None or member.host.name != leader or set(new) != set(member.node.status().configuration.learners):
            return
        lasting = 6 * self.plan.election
        end = self.world.time() + lasting
        await self.world.fault(self._cut((leader, *new)), lasting=lasting)
        self.witness.counts["pairs of changes ambushed"] += 1
        for name in new:
            await self._promote(name, lasting / 2)
        await asyncio.sleep(max(0.0, end - self.world.time()))

    async def _promote(self, name: str, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            if self._change(self._voluntary(lambda c: confchange.promoted(c, name))):
                break
            await asyncio.sleep(0.02)

    # ── leases ───────────────────────────────────────────────────────────────────────────────────────────────

    async def ambush_promise(self) -> None:
        """One follower does not hear the leader, which is asked to write nothing just then, and campaigns; the other
        has just answered it, or is started anew right before it is asked. If it votes, the leader is cut off at once,
        and does not know."""
        leader, voter, rival = await self._three()
        if not leader:
            return
        timeout = self.plan.election
        with self._hold(leader, voter, rival):
            calm = await self.world.fault(Loss(dst=(leader,), kinds=WRITES), lasting=5 * timeout)
            await asyncio.sleep(0.02)
            cut = await self._isolate(rival, leader, lasting=5 * timeout)
            if self._dice.random() < 0.5:
                await self._campaigns(rival)
                await self._isolate(leader, voter, lasting=1.5 * timeout)
                await self._down(voter)
                await self._up(voter)
            if await self._await("vote", voter, 3 * timeout):
                await self._isolate(leader, lasting=1.5 * timeout)
                await asyncio.sleep(1.5 * timeout)
            await self.world.heal(cut)
            await self.world.heal(calm)

    async def _campaigns(self, name: str) -> None:
        """Until just before it does; at most three timeouts."""
        member, end = self.witness.members[name], self.world.time() + 3 * self.plan.election
        while self.world.time() < end:
            now = member.context.copy().run(member._now)
            if 0 < member.node._state.election_at - now < 0.04:
                return
            await asyncio.sleep(0.005)

    async def ambush_transfer(self) -> None:
        """Leadership is handed over to one that the leader does not hear, and the vote that decides is kept from it."""
        leader, voter, heir = await self._three()
        member = self.leader()
        if not leader or member is None:
            return
        timeout = self.plan.election
        with self._hold(leader, voter, heir):
            await asyncio.sleep(self._dice.uniform(0, 0.05))
            deaf = Partition(src=(heir, voter), dst=(leader,), both=False, kinds=VOTES)
            await self.world.fault(deaf, lasting=2 * timeout)
            self._hand_over(member, heir)
            if await self._await("vote", voter, timeout):
                await self._isolate(leader, lasting=1.5 * timeout)
                await asyncio.sleep(1.5 * timeout)

    # ── messages that come twice ─────────────────────────────────────────────────────────────────────────────

    async def forgotten_copies(self) -> None:
        """Writes are taken and their answers are lost; the leader loses power, with or without having made a snapshot
        of them, and then their second copies arrive."""
        leader = self._leader()
        if not leader:
            return
        with self._hold(leader):
            copies = Duplicate(kinds=WRITES, probability=0.9, spread=self._dice.choice((0.1, 0.3, 1.0)))
            mute = Loss(src=(leader,), kinds=tuple(f"{kind}.reply" for kind in WRITES))
            ids = [await self.world.fault(copies, lasting=0.5), await self.world.fault(mute, lasting=1.0)]
            await self._await("commit", leader, self.plan.election)
            writing = []
            for _ in range(self._dice.choice((0, 10))):  # so that there is a snapshot of it
                writing.append(asyncio.ensure_future(self._write(0)))
                await asyncio.sleep(0.004)
            await asyncio.sleep(self._dice.choice((0.0, 0.01)))
            await self._down(leader)
            for id in ids:
                await self.world.heal(id)
            await asyncio.sleep(self._dice.choice((0.0, 0.02, 0.1)))
            await self._up(leader)
            await asyncio.gather(*writing)
