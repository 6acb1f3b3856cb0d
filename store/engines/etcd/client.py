"""The key space of a real etcd cluster, with the promises of `StoreClient`: nothing of ours is in between.

Must not know HTTP/2 or field numbers, nor what may be tried again (`roster` does). Revisions are etcd's own. Members
are `etcd-0`, `etcd-1`, ... in the order in which they were named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cluster.config import Etcd
from cluster.errors import StatusError
from cluster.world.host import Address, Host
from store.client import Conflicts, Lease, MemberStatus
from store.engines.etcd import leases, messages
from store.engines.etcd.roster import Roster
from store.engines.etcd.transport import Transport
from store.engines.etcd.watch import EtcdWatch, Terms
from store.mvcc.values import Compare, Delete, Op, Put, Range, RangeResult, TxnResult


class EtcdClient:
    """`prefer` (the member on this machine) is asked first, and serves serializable reads and watches. `timeout`:
    seconds that a call may take unless it says otherwise. UsageError in a world without sockets, or for bad files."""

    def __init__(self, host: Host, config: Etcd, *, prefer: Address | None = None, timeout: float = 1.0) -> None:
        self.timeout = timeout
        self._transport = Transport(config, host.links)
        self.members: tuple[Address, ...] = tuple(e.name for e in self._transport.endpoints)
        machines = [e.machine for e in self._transport.endpoints]
        near = self.members.index(prefer) if prefer in self.members else 0
        self._roster = Roster(self._transport, machines.index(host.machine) if host.machine in machines else near)
        self._watched = self._roster.near
        self._ids: dict[int, Address] = {}
        """Names of the members whose ids are known."""

    def close(self) -> None:
        """Closes every connection."""
        self._transport.close()

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────

    async def range(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        limit: int = 0,
        read: str = "linearizable",
        keys_only: bool = False,
        count_only: bool = False,
        timeout: float | None = None,
        member: Address | None = None,
    ) -> RangeResult:
        """Keys in order; as `StoreClient.range`. Errors besides: Forbidden, Unauthorized."""
        query = Range(key, end, limit, keys_only, count_only, revision)
        return await self.read(query, read=read, timeout=timeout, member=member)

    async def read(
        self, query: Range, *, read: str = "linearizable", timeout: float | None = None, member: Address | None = None
    ) -> RangeResult:
        """As `range`, with everything that etcd's range can do: sorting, filters (`Range`)."""
        serializable, within = read == "serializable", self._within(timeout)
        body = messages.range_request(query, serializable=serializable)
        try:
            if member is not None:
                answer = await self._roster.ask(
                    self.members.index(member), messages.RANGE, body, within, led=not serializable
                )
            else:
                answer = await self._roster.read(messages.RANGE, body, within, serializable)
        except StatusError as error:
            if error.reason == "Compacted":
                error.details["compacted"] = await self._compacted(query.key, within)
            raise
        return messages.range_result(answer)

    async def revision(self, *, timeout: float | None = None) -> int:
        """The newest revision, linearizably: what a cache must have caught up with."""
        found = await self.read(Range(b"\0", None, 1, False, True), timeout=timeout)
        return found.revision

    async def _compacted(self, key: bytes, within: float) -> int:
        """The oldest revision that can be read: only a watch from too early a one is told it. 0: not to be had."""
        try:
            async with asyncio.timeout(within), self.watch(key, revision=1, progress=False) as batches:
                async for _ in batches:
                    pass
        except (TimeoutError, StatusError) as error:
            if isinstance(error, StatusError):
                return int(error.details.get("compacted", 0))
        return 0

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────

    async def txn(
        self,
        compares: Sequence[Compare],
        success: Sequence[Op],
        failure: Sequence[Op] = (),
        *,
        timeout: float | None = None,
    ) -> TxnResult:
        """All of `success` if every compare holds, else all of `failure`, at one revision; as `StoreClient.txn`."""
        body = messages.txn_request(compares, success, failure)
        if messages.writes(success) or messages.writes(failure):
            answer = await self._roster.write(messages.TXN, body, self._within(timeout))
        else:
            answer = await self._roster.read(messages.TXN, body, self._within(timeout), False)
        return messages.txn_result(answer)

    async def put(
        self, key: bytes, value: bytes, *, prev: bool = False, lease: int = 0, timeout: float | None = None
    ) -> TxnResult:
        """StatusError NoSpace when the quota is used up, NotFound for an unknown lease; else as `txn`."""
        return await self.txn((), (Put(key, value, prev, lease),), timeout=timeout)

    async def delete(
        self, key: bytes, end: bytes | None = None, *, prev: bool = False, timeout: float | None = None
    ) -> TxnResult:
        return await self.txn((), (Delete(key, end, prev),), timeout=timeout)

    async def compact(self, revision: int, *, timeout: float | None = None) -> None:
        """Forget what was overwritten before `revision`. StatusError Compacted if that has been done already."""
        await self._roster.write(messages.COMPACT, messages.compact_request(revision), self._within(timeout))

    async def alarm(self, action: str = "list", *, timeout: float | None = None) -> tuple[str, ...]:
        """The alarms that are on after `action`: list, raise or clear NOSPACE. Cleared with the quota still used up,
        it comes back with the next write (etcd: alarm disarm)."""
        within = self._within(timeout)
        on, asked = messages.alarms_of(await self._roster.read(messages.ALARM, b"", within, False))
        if action == "raise":
            await self._roster.write(messages.ALARM, messages.alarm_request(True, asked), within)
        elif action == "clear":
            for member in [member for member, name in on if name == "NOSPACE"]:
                await self._roster.write(messages.ALARM, messages.alarm_request(False, member), within)
        elif action == "list":
            return tuple(dict.fromkeys(name for _, name in on))
        else:
            raise StatusError("BadRequest", f"alarm action {action!r}: one of list, raise, clear")
        return await self.alarm(timeout=timeout)

    # ── leases ───────────────────────────────────────────────────────────────────────────────────────────────

    async def lease_grant(self, ttl: int, id: int = 0, *, timeout: float | None = None) -> Lease:
        """A lease of `ttl` seconds, or of etcd's minimum if that is more; `id` 0: one that is free. StatusError
        AlreadyExists."""
        answer = await self._roster.write(leases.GRANT, leases.grant_request(ttl, id), self._within(timeout))
        found, granted, _, _ = leases.lease_of(answer)
        return Lease(found, granted, granted)

    async def lease_revoke(self, id: int, *, timeout: float | None = None) -> int:
        """End it now: its keys go, at one revision. How many it had right before. StatusError NotFound."""
        count = len((await self.lease(id, keys=True, timeout=timeout)).keys)
        await self._roster.write(leases.REVOKE, leases.id_request(id), self._within(timeout))
        return count

    async def lease_keepalive(self, id: int, *, timeout: float | None = None) -> int:
        """Its full time again; those seconds. StatusError NotFound: it is over."""
        answer = await self._roster.first(leases.KEEP_ALIVE, leases.id_request(id), self._within(timeout))
        _, left, _, _ = leases.lease_of(answer)
        if left <= 0:
            raise StatusError("NotFound", f"no lease {id}")
        return left

    async def lease(self, id: int, *, keys: bool = False, timeout: float | None = None) -> Lease:
        """StatusError NotFound."""
        body = leases.id_request(id, keys=keys)
        answer = await self._roster.read(leases.TIME_TO_LIVE, body, self._within(timeout), False)
        _, left, granted, attached = leases.lease_of(answer)
        if left < 0:
            raise StatusError("NotFound", f"no lease {id}")
        return Lease(id, granted, left, attached)

    async def leases(self, *, timeout: float | None = None) -> tuple[tuple[int, int], ...]:
        """(id, granted seconds) of all; etcd names them only, so each is asked for, and one that ends meanwhile is left
        out."""
        answer = await self._roster.read(leases.LEASES, b"", self._within(timeout), False)
        ids = leases.leases_of(answer)
        found = await asyncio.gather(*(self.lease(id, timeout=timeout) for id in ids), return_exceptions=True)
        rows: list[tuple[int, int]] = []
        for lease in found:
            if isinstance(lease, Lease):
                rows.append((lease.id, lease.granted))
            elif not isinstance(lease, StatusError) or lease.reason != "NotFound":
                raise lease
        return tuple(rows)

    # ── watching ─────────────────────────────────────────────────────────────────────────────────────────────

    def watch(
        self,
        key: bytes,
        end: bytes | None = None,
        *,
        revision: int = 0,
        prev: bool = False,
        progress: bool = True,
        filters: Sequence[str] = (),
        member: Address | None = None,
    ) -> EtcdWatch:
        """Events from `revision` on (0: from the next one), in one order, none twice, none left out; as
        `StoreClient.watch`, `filters` too. A member that loses its leader ends the watch (StreamBroken) instead of
        falling silent."""
        at = self._watched if member is None else self.members.index(member)
        if not set(filters) <= {"noput", "nodelete"}:
            raise ValueError(f"unknown filters {filters!r}")
        terms = Terms(key, end, revision, prev, progress, tuple(filters))
        watch = EtcdWatch(self._transport, at, terms, self.timeout)
        if member is None:
            watch.on_broken = self._elsewhere
        return watch

    def _elsewhere(self, member: Address) -> None:
        """The next watch goes to the member after this one."""
        if self.members[self._watched] == member:
            self._watched = (self._watched + 1) % len(self.members)

    # ── asking members ───────────────────────────────────────────────────────────────────────────────────────

    async def status(self, member: Address, *, timeout: float | None = None) -> MemberStatus:
        """As the member sees itself. `leader`: its name here, or etcd's own id in hexadecimal when none of ours has
        it. `compacted` 0: etcd does not say."""
        within = self._within(timeout)
        found = await self._status(member, within)
        if found.leader and found.leader not in self._ids:
            others = [name for name in self.members if name not in self._ids.values()]
            await asyncio.gather(*(self._status(name, within) for name in others), return_exceptions=True)
        leader = self._ids.get(found.leader, f"{found.leader:x}") if found.leader else ""
        role = "leader" if found.leader == found.member else "learner" if found.learner else "follower"
        if not found.leader:
            role = "candidate"
        return MemberStatus(
            name=member,
            role=role,
            term=found.term,
            leader=leader,
            commit=found.committed,
            applied=found.applied,
            revision=found.revision,
            compacted=0,
            members=self.members,
            size=found.size,
        )

    async def _status(self, member: Address, within: float) -> messages.Status:
        answer = await self._roster.ask(self.members.index(member), messages.STATUS, b"", within)
        found = messages.status_of(answer)
        self._ids[found.member] = member
        return found

    async def hash(self, member: Address, revision: int = 0, *, timeout: float | None = None) -> tuple[int, str]:
        """(revision, digest of all keys with their versions at that revision): equal on all members that have been
        compacted to the same revision (etcd: HashKV)."""
        body = messages.compact_request(revision)  # the same one field
        at = self.members.index(member)
        answer = await self._roster.ask(at, messages.HASH_KV, body, self._within(timeout))
        digest, newest, _ = messages.hash_of(answer)
        return revision or newest, f"{digest:08x}"

    async def conflicts(self, member: Address, limit: int = 0, *, timeout: float | None = None) -> Conflicts:
        """etcd has none: StatusError MethodNotAllowed."""
        raise StatusError("MethodNotAllowed", f"{member}: etcd has no conflicts to name")

    def _within(self, timeout: float | None) -> float:
        return self.timeout if timeout is None else timeout
