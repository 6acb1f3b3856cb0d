"""A member's administrative rpc face: how it is, who the members are and who is to be one, handing leadership over, and
backups page by page.

Must not decide which change of the configuration is valid (the raft core does), nor serve the key space (service.py).
What is refused here besides is what would leave too few members that answer (etcd: --strict-reconfig-check).

    store.status          []                    a `MemberStatus`
    store.member.list     []                    (leader, its term, commit, last index, rows of a `Seat`:
                                                store/administrator.py)
    store.member.add      [term, name]          [] once it is committed, as a learner
    store.member.promote  [term, name]          []
    store.member.remove   [term, name]          []
    store.member.replace  [term, voter, learner]  []
    store.move-leader     [term, name or ""]    who leads now
    store.backup.open     [revision, cluster]   (id, index, term, revision, created)
    store.backup.read     [id, page]            (bytes, is it the last one)

`term`: of the leadership that is to do it (store/commands.py). A second copy of a request, of which the bus may make
one, gets the answer of the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from cluster.errors import StatusError
from cluster.rpc import Answer, Request, Rpc
from store.backup import BackupHead, write_backup
from store.config import Config
from store.fields import Shape, bad
from store.machine import Machine
from store.raft import confchange
from store.raft.messages import Configuration
from store.raft.node import ChangeRefusedError, FollowerStatus, NotLeaderError, Role
from store.storage import Storage

if TYPE_CHECKING:
    from store.member import Member

REMEMBERED = 1000
"""Requests by which second copies are known."""
LOOK = 0.01
"""Seconds between two looks whether a change is committed."""
PAGE_BYTES = 1 << 20
IDLE = 30.0
"""Seconds after which a backup is given up that nobody reads on."""
MAX_BACKUPS = 4

_NOTHING = Shape("a request", **{})
_NAME = Shape("a request", term=int, name=str)
_NAMES = Shape("store.member.replace", term=int, old=str, new=str)
_OPEN = Shape("store.backup.open", revision=int, cluster=str)
_READ = Shape("store.backup.read", id=int, page=int)


class Admin:
    def __init__(self, rpc: Rpc, config: Config, member: Member, storage: Storage) -> None:
        self._config = config
        self._member = member
        self._storage = storage
        self._loop = asyncio.get_running_loop()
        self._met: dict[tuple[str, int, int, int], asyncio.Task[Any]] = {}
        self._backups: dict[int, Backup] = {}
        self._backup_number = 0
        rpc.serve_fast("store.status", self.status)
        for kind, work in (
            ("store.member.list", self.list_members),
            ("store.member.add", self.add),
            ("store.member.promote", self.promote),
            ("store.member.remove", self.remove),
            ("store.member.replace", self.replace),
            ("store.move-leader", self.move_leader),
            ("store.backup.open", self.open_backup),
            ("store.backup.read", self.read_backup),
        ):
            rpc.serve(kind, self._once(work))

    def _once(self, work: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Any]]:
        async def handler(request: Request) -> Any:
            key, met = (request.src, request.boot, request.id, request.place), self._met
            task = met.get(key)
            if task is None:
                task = met[key] = asyncio.ensure_future(work(request))
                if len(met) > REMEMBERED:
                    del met[next(iter(met))]
            return await asyncio.shield(task)

        return handler

    # ── how it is ────────────────────────────────────────────────────────────────────────────────────────────

    def status(self, request: Request, answer: Answer) -> None:
        member, storage = self._member, self._storage
        status, space, snapshot = member.node.status(), member.machine.space, storage.snapshot
        answer.ok(
            (
                status.id,
                str(status.role),
                status.term,
                status.leader,
                status.commit,
                member.applied,
                space.revision,
                space.compacted,
                status.configuration.voters,
                status.configuration.learners,
                status.last,
                storage.disk_id,
                space.size,
                member.machine.quota,
                member.machine.alarms,
                snapshot.index if snapshot is not None else 0,
                storage.snapshot_size(snapshot) if snapshot is not None else 0,
                storage.wal_bytes,
                storage.wal_segments,
            )
        )

    async def list_members(self, request: Request) -> Any:
        """As the leader sees them. `role`: voter, learner, or leaving (until a joint configuration is left)."""
        _NOTHING.check(request.body)
        self._member.leaderships.leads_in()
        status, now = self._member.node.status(), self._loop.time()
        followers = {follower.id: follower for follower in status.followers}
        configuration = status.configuration
        rows = []
        for name in configuration.everyone:
            role = "voter" if name in configuration.voters else "learner"
            if name in configuration.outgoing and name not in configuration.voters:
                role = "leaving"
            follower = followers.get(name)
            if follower is None:
                rows.append((name, role, configuration.seat(name), status.last, 0.0, 0))
            else:
                silent = max(0.0, now - follower.heard)
                rows.append((name, role, configuration.seat(name), follower.match, silent, follower.arrived))
        return (status.id, status.term, status.commit, status.last, rows)

    # ── who is a member ──────────────────────────────────────────────────────────────────────────────────────

    async def add(self, request: Request) -> Any:
        name = self._new_name(request)
        return await self._change(lambda now: confchange.with_learner(now, name))

    async def promote(self, request: Request) -> Any:
        """Conflict with details.match and details.last: it has not caught up yet."""
        (name,) = self._member_names(request, _NAME)
        return await self._change(lambda now: confchange.promoted(now, name), name)

    async def remove(self, request: Request) -> Any:
        (name,) = self._member_names(request, _NAME)
        return await self._change(lambda now: confchange.without(now, name))

    async def replace(self, request: Request) -> Any:
        """In one step, through a joint configuration. Conflict as for `promote`."""
        old, new = self._member_names(request, _NAMES)
        return await self._change(lambda now: confchange.replaced(now, old, new), new)

    def _new_name(self, request: Request) -> str:
        _NAME.check(request.body)
        name: str = request.body[1]
        self._member.leaderships.check(request.body[0])
        if len(name.split()) != 1:
            raise bad(f"store.member.add: {name!r} is not a host's name")
        if name in self._member.node.status().configuration.everyone:
            raise StatusError("AlreadyExists", f"{name} is a member already")
        return name

    def _member_names(self, request: Request, shape: Shape) -> list[str]:
        shape.check(request.body)
        self._member.leaderships.check(request.body[0])
        names: list[str] = request.body[1:]
        everyone = self._member.node.status().configuration.everyone
        for name in names:
            if name not in everyone:
                raise StatusError("NotFound", f"{name} is no member, they are {', '.join(everyone)}")
        return names

    async def _change(self, target_of: Callable[[Configuration], Configuration], learner: str = "") -> Any:
        """Propose, and wait until it is committed. StatusError ServiceUnavailable while another change is under way,
        Conflict when it is refused, Dropped (indefinite) when leadership is lost before it is known."""
        member, node = self._member, self._member.node
        status = node.status()
        settled = node.term_at(status.commit) == status.term
        if not settled or node.configuration_at(status.commit) != status.configuration or status.configuration.outgoing:
            raise StatusError("ServiceUnavailable", "another change of the members is not finished yet")
        try:
            target = target_of(status.configuration)
            self._check_majority(target)
            index = node.propose_configuration(target, self._loop.time())
        except NotLeaderError as error:
            raise member.leaderships.refusal(error) from None
        except ChangeRefusedError as error:
            match = next((f.match for f in status.followers if f.id == learner), 0)
            raise StatusError("Conflict", str(error), {"match": match, "last": status.last}) from None
        member.stir()
        await self._committed(index, status.term)
        return []

    async def _committed(self, index: int, term: int) -> None:
        node = self._member.node
        while True:
            status = node.status()
            if status.commit >= index and node.term_at(index) == term:
                if not node.configuration_at(status.commit).outgoing:
                    return
            elif status.term != term or status.role is not Role.LEADER:
                text = f"{status.id} lost its leadership; the members may or may not have been changed"
                raise StatusError("Dropped", text)
            await asyncio.sleep(LOOK)

    def _check_majority(self, target: Configuration) -> None:
        """Of those who are to vote enough must have answered this leader lately, or nothing could be committed any
        more, not even the next change. (A follower that has not answered since the election is not counted.)"""
        if not target.voters:
            raise StatusError("Conflict", "it is the last voter: a cluster without one has lost its data")
        if set(target.voters) == set(self._member.node.status().configuration.voters):
            return
        up = [name for name in target.voters if name in self._answering()]
        need = len(target.voters) // 2 + 1
        if len(up) < need:
            silent = ", ".join(name for name in target.voters if name not in up)
            raise StatusError(
                "Conflict",
                f"{len(target.voters)} voters would be left, {need} of them must answer and {len(up)} "
                f"{'does' if len(up) == 1 else 'do'}; {silent} must be started, or removed, first",
                {"voters": list(target.voters), "answering": up, "needed": need},
            )

    def _answering(self) -> list[str]:
        member, now = self._member, self._loop.time()

        def answers(follower: FollowerStatus) -> bool:
            return member.upkeep.led_since < follower.heard and now < follower.heard + self._config.election

        return [member.host.name, *(f.id for f in member.node.status().followers if answers(f))]

    # ── who leads ────────────────────────────────────────────────────────────────────────────────────────────

    async def move_leader(self, request: Request) -> Any:
        """Conflict when it cannot take over, or has not within an election timeout (Raft thesis 3.10): then this one
        goes on. Nothing is written meanwhile."""
        _NAME.check(request.body)
        member, node = self._member, self._member.node
        member.leaderships.check(request.body[0])
        status, to, answering = node.status(), request.body[1], self._answering()
        if to == status.id:
            return to
        if not to:
            best = sorted((f for f in status.followers if f.voter and f.id in answering), key=lambda f: -f.match)
            if not best:
                raise StatusError("Conflict", f"no other voter answers {status.id}")
            to = best[0].id
        if to not in status.configuration.voters:
            raise StatusError("NotFound", f"{to} is no voter, they are {', '.join(status.configuration.voters)}")
        if to not in answering:
            raise StatusError("Conflict", f"{to} does not answer {status.id}; start it first")
        try:
            node.transfer_leader(to, self._loop.time())
        except NotLeaderError as error:
            raise member.leaderships.refusal(error) from None
        except ChangeRefusedError as error:
            raise StatusError("Conflict", str(error)) from None
        member.stir()
        end = self._loop.time() + 2 * self._config.election
        while node.leader != to:
            await asyncio.sleep(LOOK)
            if self._loop.time() >= end:
                leader = node.leader or "nobody"
                raise StatusError("Conflict", f"{to} has not taken over in time; {leader} leads")
        return to

    # ── backups ──────────────────────────────────────────────────────────────────────────────────────────────

    async def open_backup(self, request: Request) -> Any:
        """The state as of now, once it has that revision: for whoever has asked the leader how far that is."""
        _OPEN.check(request.body)
        revision, cluster = request.body
        member = self._member
        while member.machine.space.revision < revision:
            if 0 < request.deadline <= self._loop.time():
                raise StatusError("FutureRevision", f"{member.host.name} is not at revision {revision} yet")
            await asyncio.sleep(LOOK)
        if len(self._backups) >= MAX_BACKUPS:
            raise StatusError("TooManyRequests", f"{len(self._backups)} backups are being taken")
        node, index = member.node, member.applied
        term = node.term_at(index) or node.term
        head = BackupHead(cluster, index, term, member.machine.space.revision, member.host.clock.now())
        self._backup_number += 1
        number = self._backup_number
        self._backups[number] = Backup(head, member.machine, self._loop.time())
        self._loop.call_later(IDLE, self._give_up, number)
        return (number, head.index, head.term, head.revision, head.created)

    def _give_up(self, number: int) -> None:
        backup = self._backups.get(number)
        if backup is None:
            return
        wait = backup.used + IDLE - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._give_up, number)
        else:
            del self._backups[number]

    async def read_backup(self, request: Request) -> Any:
        """Pages from 0 on; the last one that was given may be had again. NotFound: it was given up, begin anew."""
        _READ.check(request.body)
        number, page = request.body
        backup = self._backups.get(number)
        if backup is None:
            raise StatusError("NotFound", f"{self._member.host.name} has no backup {number} (any more); begin anew")
        backup.used = self._loop.time()
        return backup.read(page)


class Backup:
    """One that is being read: packed as it goes, while the member goes on."""

    def __init__(self, head: BackupHead, machine: Machine, now: float) -> None:
        self.used = now
        self._pieces: Iterator[bytes] = write_backup(head, machine.dump())
        self._page = -1
        self._last: tuple[bytes, bool] = (b"", False)

    def read(self, page: int) -> tuple[bytes, bool]:
        if page == self._page + 1 and not self._last[1]:
            self._page = page
            self._last = self._next()
        elif page != self._page:
            raise bad(f"page {page} of a backup was asked for after page {self._page}")
        return self._last

    def _next(self) -> tuple[bytes, bool]:
        found, size = [], 0
        for piece in self._pieces:
            found.append(piece)
            size += len(piece)
            if size >= PAGE_BYTES:
                return b"".join(found), False
        return b"".join(found), True
