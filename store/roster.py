"""Who answers: which member leads, which one is near, and how long to go on asking.

Must not know what is asked. A read is tried again on other members until its deadline. A write is sent again only after
an answer that is definite and worth a retry (NotLeader, NoQuorum, TooManyRequests), or after Dropped if the leader says
that it has not happened. A write without an answer is never sent again: it raises Timeout, indefinite; at the latest
after its time, and sooner when another member is seen to lead.

A write names the leadership that it is addressed to, (member, term), and is taken by no other. Whoever has never heard
of one names term 0, and learns from the refusal; so does whoever names one that is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.host import Address

READ_ATTEMPT = 0.25
"""Seconds after which a read is tried on another member."""
SUSPICION = 0.12
"""Seconds without an answer to a write after which the members are asked who leads."""
PROBE = 0.05
"""Seconds to wait for the answers to that question, and the least between two of them is half of it."""
PAUSE = 0.01
"""Seconds between attempts while nobody leads; doubles up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 0.16
LOOK = 1.0
"""Seconds, about, between two looks at who the members are while requests are made."""


class MemberStatus(NamedTuple):
    """One member as it sees itself. `leader` is "" while it knows none. `compacted`: oldest revision to be read.
    With the engine `eventual` every role is "replica" and nobody leads: whoever is asked answers for himself."""

    name: Address
    role: str
    term: int
    leader: Address
    commit: int
    applied: int
    revision: int
    compacted: int
    members: tuple[Address, ...]
    """Who votes, as far as this one knows."""
    learners: tuple[Address, ...] = ()
    last: int = 0
    """Index of the log's last entry. This and what follows is 0 where an engine has none of it."""
    disk_id: int = 0
    """store/raft: whose disk it is."""
    size: int = 0
    """Bytes of keys and values with their history."""
    quota: int = 0
    """What `size` may reach; 0: no limit."""
    alarms: tuple[str, ...] = ()
    snapshot: int = 0
    """Index of the newest snapshot."""
    snapshot_bytes: int = 0
    wal_bytes: int = 0
    wal_segments: int = 0


class Roster:
    """The members as one client knows them. `prefer` is asked first."""

    def __init__(self, rpc: Rpc, members: Sequence[Address], prefer: Address | None) -> None:
        self.members = tuple(members)
        self.watched = self._near = self.members.index(prefer) if prefer in self.members else 0
        self._prefer = prefer
        self._rpc = rpc
        self._loop = asyncio.get_running_loop()
        self._next = self._near
        self._look_at = self._loop.time() + LOOK
        self._looking: asyncio.Task[MemberStatus | None] | None = None
        self._commit = 0
        """Of the status that said who the members are: what is committed never goes back."""
        self._leader: Address = ""
        """Empty while nobody is known to lead, or it has not answered."""
        self._term = 0
        """Of the newest leadership that was heard of."""
        self._flying: dict[asyncio.Future[Any], tuple[Address, float]] = {}
        """Writes under way, oldest first: to whom, and since when."""
        self._guarded = False
        self._prober: asyncio.Task[None] | None = None

    async def status(self, member: Address, timeout: float) -> MemberStatus:
        answer = await self._rpc.call(member, "store.status", [], timeout=timeout)
        fields: list[Any] = [tuple(value) if type(value) is list else value for value in answer]
        found = MemberStatus(*fields)
        self.learn(found)
        return found

    def learn(self, found: MemberStatus) -> None:
        """Who the members are and who leads, as one of them says. Not with the engine `eventual`: whoever goes by its
        revisions stays with the replicas that he was given."""
        if found.role == "replica":
            self._look_at = inf
        else:
            self.adopt(found.members, found.commit)
            if found.leader in self.members:
                self._leads(found.leader, found.term)

    def _leads(self, leader: Address, term: int) -> None:
        """Somebody says so. Leaderships older than one that was heard of are over."""
        if term >= self._term:
            self._leader, self._term = leader, term

    def adopt(self, new: Sequence[Address], commit: int) -> None:
        """These are the members, for somebody who knows what is committed up to there."""
        old = self.members
        if commit < self._commit or not new:
            return
        self._commit = commit
        if set(new) == set(old):
            return
        watched, following = old[self.watched], old[self._next]
        self.members = members = (*(name for name in old if name in new), *(name for name in new if name not in old))
        self._near = members.index(self._prefer) if self._prefer in members else 0
        self.watched = members.index(watched) if watched in members else self._near
        self._next = members.index(following) if following in members else self._near
        if self._leader not in members:
            self._leader = ""

    def _look(self, member: Address) -> None:
        """Ask who the members are; `status` learns from it. Nobody waits for it."""
        self._look_at = max(self._look_at, self._loop.time() + LOOK)
        self._looking = self._loop.create_task(self._asked(member))

    async def nearest(self, kind: str, body: Any, within: float) -> Any:
        """The preferred member; when it does not answer, the others in turn."""
        try:
            return await self._rpc.ask(self.members[self._near], kind, body, min(within, READ_ATTEMPT))
        except StatusError as error:
            if error.reason not in ("Timeout", "ServiceUnavailable") or within <= READ_ATTEMPT:
                raise
        deadline = self._loop.time() + within - READ_ATTEMPT
        for turn in range(1, len(self.members) + 1):
            left = deadline - self._loop.time()
            last = turn == len(self.members)  # the preferred one again, with all that is left
            name = self.members[(self._near + turn) % len(self.members)]
            try:
                answer = await self._rpc.ask(name, kind, body, left if last else min(left, READ_ATTEMPT))
                if self._look_at < inf:
                    self._look(name)  # the preferred one may be no member any more
                return answer
            except StatusError as error:
                if error.reason not in ("Timeout", "ServiceUnavailable") or last or self._loop.time() >= deadline:
                    raise
        raise StatusError("Timeout", f"no member answered {kind} within {within:g} s")

    async def leading(self, kind: str, body: Any, within: float, *, write: bool) -> Any:
        """The first attempt, which nearly always is the only one. All that is asked in one turn is one message."""
        target = self._leader or self.members[self._next]
        began = self._loop.time()
        if began >= self._look_at:
            self._look(target)
        try:
            if write:
                return await self._write(target, kind, body, within)
            return await self._rpc.ask(target, kind, body, min(within, READ_ATTEMPT))
        except StatusError as error:
            if not self._again(error, target, body, write):
                raise
            patience = Patience(within, began + within, error)
            if error.reason == "Dropped":
                await self._certainly_not(body, patience)
            return await self._insist(kind, body, patience, write)

    async def _insist(self, kind: str, body: Any, patience: Patience, write: bool) -> Any:
        loop = self._loop
        pause = PAUSE
        tries, term = 0, 0
        while True:
            if self._leader and self._term > term:
                term = self._term  # a leadership that has not been tried
            else:
                tries += 1
                if tries % len(self.members) == 0:  # all were asked, or two members each think that the other leads
                    await asyncio.sleep(min(pause, max(0.0, patience.deadline - loop.time())))
                    pause = min(2 * pause, LONGEST_PAUSE)
            left = patience.deadline - loop.time()
            if left <= 0:
                raise patience.given_up(kind)
            target = self._leader or self.members[self._next]
            try:
                if write:
                    return await self._write(target, kind, body, left)
                return await self._rpc.ask(target, kind, body, min(left, READ_ATTEMPT))
            except StatusError as error:
                if not self._again(error, target, body, write):
                    raise
                patience.failed(error)
                if error.reason == "Dropped":
                    await self._certainly_not(body, patience)

    def _again(self, error: StatusError, target: Address, body: Any, write: bool) -> bool:
        """May the request be sent once more; and to whom (`_leader`, `_next`)?"""
        timed_out = error.reason == "Timeout"
        refused = (error.definite and error.retry) or error.reason == "Dropped"
        if not (refused or timed_out):
            return False
        hint = error.details.get("leader")
        if type(hint) is str and hint and hint not in self.members and not timed_out:
            self.members = (*self.members, hint)  # it joined after we were told who the members are
        if self._leader == target:
            self._leader = ""
        if hint in self.members:
            term = error.details.get("term", self._term)  # an heir, or the engine raftos: in a term that nobody tells
            if type(term) is int and (hint != target or (write and term != body[0])):
                self._leads(hint, term)
        if not self._leader:
            at = self.members.index(target) if target in self.members else -1
            self._next = (at + 1) % len(self.members)
        return refused or (timed_out and not write)

    async def _certainly_not(self, body: Any, patience: Patience) -> None:
        """A write was lost with the leadership that it was addressed to, or with what its member remembered of that.
        Today's leader knows whether it has happened: if not, it is as good as refused. If it may have, or nobody
        answers, the error is raised."""
        error, left = patience.failure, patience.deadline - self._loop.time()
        try:
            happened = await self.leading("store.happened", [self._rpc.host.name, body[1]], left, write=False)
        except StatusError:
            raise error from None
        if happened is not False:
            raise error
        patience.failed(StatusError("NotLeader", f"{error.message}; it has not", error.details))

    async def _write(self, target: Address, kind: str, body: Any, within: float) -> Any:
        """One attempt. While no answer comes, look whether somebody else leads: then none will come."""
        body[0] = term = self._term if target == self._leader else 0
        waiter = self._rpc.ask(target, kind, body, within)
        if not self._guarded:
            self._guard(SUSPICION)
        self._flying[waiter] = (target, self._loop.time())
        try:
            answer = await waiter
        finally:
            del self._flying[waiter]
        self._leads(target, term)
        return answer

    def _guard(self, wait: float) -> None:
        """One timer looks after all writes under way."""
        self._guarded = True
        self._loop.call_later(wait, self._suspect)

    def _suspect(self) -> None:
        self._guarded = False
        if not self._flying:
            return
        _, sent = next(iter(self._flying.values()))  # the oldest
        wait = sent + SUSPICION - self._loop.time()
        if wait > 0:
            self._guard(wait)
        elif self._prober is None or self._prober.done():
            self._prober = self._loop.create_task(self._probe())

    async def _probe(self) -> None:
        """While writes wait for a silent member: ask the others who leads; end the waiting if somebody does."""
        while len(self.members) > 1:
            late = self._loop.time() - SUSPICION
            suspects = {waiter: target for waiter, (target, sent) in self._flying.items() if sent <= late}
            if not suspects:
                break
            silent = suspects.values()
            asked = [asyncio.ensure_future(self._asked(name)) for name in self.members if name not in silent]
            answers = [answer for task in asked if (answer := await task) is not None]
            term = max((answer.term for answer in answers), default=0)
            leader = next((a.name for a in answers if a.role == "leader" and a.term == term), "")
            for waiter, target in suspects.items():
                if leader not in ("", target) and not waiter.done():
                    text = f"{target} has not answered a write, and {leader} leads now; it may have happened"
                    waiter.set_exception(StatusError("Timeout", text, {"leader": leader}))
            await asyncio.sleep(PROBE / 2)
        if self._flying and not self._guarded:
            self._guard(SUSPICION)

    async def _asked(self, name: Address) -> MemberStatus | None:
        try:
            return await self.status(name, PROBE)
        except StatusError:
            return None  # silence is what is being looked into

    def watch_elsewhere(self, member: Address) -> None:
        """The next watch goes to the member after this one."""
        if self.members[self.watched] == member:
            self.watched = (self.watched + 1) % len(self.members)
            if self._look_at < inf:
                self._look(self.members[self.watched])


class Patience:
    """How long a request is tried, and what its attempts met. Only requests get here of which no attempt can have had
    an effect (a write that was not answered is not tried again), so a refusal says more than others' silence."""

    def __init__(self, within: float, deadline: float, error: StatusError) -> None:
        self.within = within
        self.deadline = deadline
        self.failure = error
        self._refusal: StatusError | None = None
        self.failed(error)

    def failed(self, error: StatusError) -> None:
        self.failure = error
        if error.definite:
            self._refusal = error

    def given_up(self, kind: str) -> StatusError:
        if self._refusal is not None:
            text = f"{kind} was refused for {self.within:g} s: {self._refusal.message}"
            return StatusError("NoQuorum", text)
        return self.failure
