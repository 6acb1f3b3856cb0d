"""What an operator asks of the store, over rpc: who is a member, who leads, a backup. One per client.

Must not start or stop processes (cluster/cli/members.py), nor touch files: a backup's bytes are handed over page by
page.

    administrator = Administrator(rpc, store.roster)
    await administrator.join("store-3", within=30.0)        its process runs already: learner, caught up, voter

A change of the members that was not answered may have happened: then it is looked up, and asked again if it has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from cluster.errors import StatusError
from cluster.rpc import Rpc
from cluster.world.host import Address
from store.backup import BackupHead
from store.roster import Roster

TIMEOUT = 5.0
ATTEMPT = 1.0
"""Seconds for one attempt to change the members."""
PAUSE = 0.1
"""Seconds between two attempts, or two looks how far a learner is."""
CAUGHT_UP = 1000
"""Entries that a learner may lag behind when it is promoted; the raft core's own limit, a tenth, grows with the log."""


class Seat(NamedTuple):
    """One member as the leader sees it. `role`: voter, learner, or leaving. `match`: up to where it has the log.
    `silent`: seconds since it answered. `arrived`: bytes of a snapshot that it is being sent."""

    name: Address
    role: str
    disk_id: int
    match: int
    silent: float
    arrived: int


class Membership(NamedTuple):
    """`term`: in which `leader` leads. `last`: index of its last entry."""

    leader: Address
    term: int
    last: int
    seats: tuple[Seat, ...]

    def role(self, name: Address) -> str:
        """Empty for no member."""
        return next((seat.role for seat in self.seats if seat.name == name), "")

    @property
    def voters(self) -> tuple[Address, ...]:
        return tuple(seat.name for seat in self.seats if seat.role == "voter")


class Administrator:
    def __init__(self, rpc: Rpc, roster: Roster, *, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self._rpc = rpc
        self._roster = roster

    # ── who is a member ──────────────────────────────────────────────────────────────────────────────────────

    async def members(self, *, timeout: float | None = None) -> Membership:
        """As the leader sees them. StatusError NoQuorum or Timeout when there is none."""
        within = self.timeout if timeout is None else timeout
        answer = await self._roster.leading("store.member.list", [], within, write=False)
        leader, term, commit, last, rows = answer
        now = Membership(leader, term, last, tuple(Seat(*row) for row in rows))
        self._roster.adopt(now.voters, commit)
        return now

    async def add(self, name: Address) -> None:
        """As a learner: it is sent the log and decides nothing. StatusError AlreadyExists."""
        await self._change("store.member.add", [name], lambda now: bool(now.role(name)))

    async def promote(self, name: Address) -> None:
        """A learner that has caught up becomes a voter. StatusError NotFound, or Conflict: it lags, or too few of the
        then voters would answer."""
        await self._change("store.member.promote", [name], lambda now: now.role(name) == "voter")

    async def remove(self, name: Address) -> None:
        """Also the leader, and also one that is down. StatusError NotFound, or Conflict: too few voters that answer
        would be left."""
        await self._change("store.member.remove", [name], lambda now: not now.role(name))

    async def replace(self, old: Address, new: Address) -> None:
        """A learner that has caught up takes the place of a voter, in one step. StatusError as for both."""
        await self._change(
            "store.member.replace", [old, new], lambda now: now.role(new) == "voter" and not now.role(old)
        )

    async def join(self, name: Address, *, within: float, instead_of: Address = "") -> None:
        """Add `name` (unless it is a learner already), wait until it has caught up, and make it a voter, in the place
        of `instead_of` if that is given. StatusError Timeout, definite, when it has not caught up `within` seconds:
        it stays a learner then."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        if not (await self.members()).role(name):
            await self.add(name)
        while True:
            now = await self.members()
            match = next((seat.match for seat in now.seats if seat.name == name), 0)
            refusal = f"it has {match} of {now.last} entries"
            if 0 < now.last - match <= CAUGHT_UP or match == now.last:
                try:
                    if instead_of:
                        return await self.replace(instead_of, name)
                    return await self.promote(name)
                except StatusError as error:
                    if error.reason != "Conflict" or "match" not in error.details:
                        raise
                    refusal = error.message
            if loop.time() >= end:
                text = f"{name} is a learner and has not caught up within {within:g} s: {refusal}; "
                text += f"`store member promote {name}` when it has, or `store member remove {name}`"
                raise StatusError("Timeout", text, definite=True)
            await asyncio.sleep(PAUSE)

    async def _change(self, kind: str, body: list[str], done: Callable[[Membership], bool]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.timeout
        doubt = False
        while True:
            now = await self.members()
            if doubt and done(now):
                return
            try:
                await self._rpc.call(now.leader, kind, [now.term, *body], timeout=ATTEMPT)
                return await self._look()
            except StatusError as error:
                doubt = doubt or not error.definite
                if (error.definite and not error.retry) or loop.time() >= end:
                    if doubt and done(await self.members()):  # what was in doubt has happened meanwhile
                        return
                    raise
            await asyncio.sleep(PAUSE)

    async def _look(self) -> None:
        """Who is asked next should know of the change; if nobody answers now, it has been made all the same."""
        try:
            await self.members(timeout=ATTEMPT)
        except StatusError:
            return

    # ── who leads ────────────────────────────────────────────────────────────────────────────────────────────

    async def move_leader(self, to: Address = "") -> Address:
        """To that voter, or to the one that has most; who leads now. StatusError NotFound, or Conflict: it does not
        answer, or has not taken over in time."""
        now = await self.members()
        before, body = now.leader, [now.term, to]
        try:
            leader: Address = await self._rpc.call(before, "store.move-leader", body, timeout=self.timeout)
        except StatusError as error:
            leader = (await self.members()).leader
            if error.definite or leader == before or to not in ("", leader):
                raise
        return leader

    # ── backups ──────────────────────────────────────────────────────────────────────────────────────────────

    async def open_backup(self, member: Address, revision: int, cluster: str) -> Backup:
        """The member's state at that revision or later. StatusError FutureRevision: it has not come that far in time;
        TooManyRequests."""
        body = [revision, cluster]
        answer = await self._rpc.call(member, "store.backup.open", body, timeout=self.timeout)
        number, index, term, newest, created = answer
        head = BackupHead(cluster, index, term, newest, created)
        return Backup(self._rpc, member, number, head)


class Backup:
    """One that a member keeps ready. `pages` gives the file's bytes in order (store/backup.py)."""

    def __init__(self, rpc: Rpc, member: Address, number: int, head: BackupHead) -> None:
        self.head = head
        self.member = member
        self._rpc = rpc
        self._number = number

    async def pages(self, timeout: float = TIMEOUT) -> AsyncIterator[bytes]:
        """StatusError Timeout when the member has fallen silent (each page is asked for three times)."""
        page, last = 0, False
        while not last:
            data, last = await self._page(page, timeout)
            yield data
            page += 1

    async def _page(self, page: int, timeout: float) -> Any:
        for attempt in (1, 2, 3):
            try:
                return await self._rpc.call(self.member, "store.backup.read", [self._number, page], timeout=timeout / 3)
            except StatusError as error:
                if error.reason != "Timeout" or attempt == 3:
                    raise
        raise AssertionError("unreachable")
