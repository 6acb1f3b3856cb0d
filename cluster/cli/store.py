"""`store`: how the members are, who leads, and the care of the key space: compaction, hashes, quota, alarms, leases.

Must not start or stop members (members.py), touch files (backups.py) or know what was lost (conflicts.py); their
commands are in this group too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import click

from cluster.cli import output as out
from cluster.cli.backups import backup_command, restore_command, verify_command
from cluster.cli.conflicts import conflicts_command
from cluster.cli.members import member_group, raft_only
from cluster.cli.session import Session, command
from cluster.errors import StatusError, UsageError
from cluster.topology import members
from cluster.world.proc.layout import Layout
from store.client import Lease, MemberStatus

T = TypeVar("T")
ANSWER = 0.5
"""Seconds that a member has to say how it is."""
PATIENCE = 5.0
"""Seconds for what a majority has to agree on."""
CATCH_UP = 10.0
"""Seconds that a member has to come to the revision whose hash is asked."""
MOST = (1 << 63) - 1
NUMBER = click.IntRange(1, MOST)
"""Revisions and leases, as all numbers of the key space, have 63 bits."""
SAME_REVISIONS = ("raft", "etcd")
"""Engines whose members give the hash of any revision, the same one on each."""


class Keeper(Protocol):
    """What of a store's client is asked here besides: of raft's and etcd's."""

    async def alarm(self, action: str = "list", *, timeout: float | None = None) -> tuple[str, ...]: ...

    async def lease_grant(self, ttl: int, id: int = 0, *, timeout: float | None = None) -> Lease: ...

    async def lease_revoke(self, id: int, *, timeout: float | None = None) -> int: ...

    async def lease_keepalive(self, id: int, *, timeout: float | None = None) -> int: ...

    async def lease(self, id: int, *, keys: bool = False, timeout: float | None = None) -> Lease: ...

    async def leases(self, *, timeout: float | None = None) -> tuple[tuple[int, int], ...]: ...


async def keeper(session: Session) -> Keeper:
    if session.spec.engine not in SAME_REVISIONS:
        raise UsageError(
            f"engine {session.spec.engine} has neither leases nor alarms",
            place="store",
            remedy=f"a cluster of `up --store {' or '.join(SAME_REVISIONS)}`",
        )
    return cast(Keeper, await session.store())


def say(output: str, data: Any, text: str) -> None:
    print(out.to_json(data) if output == "json" else text)


@click.group("store")
def store_command() -> None:
    """The store's members, leadership, backups and care."""


store_command.add_command(member_group)
for _command in (backup_command, restore_command, verify_command, conflicts_command):
    store_command.add_command(_command)


# ── how the members are ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Found:
    """One member: what it says, or None when it does not answer. `state`: its process's."""

    name: str
    machine: str
    status: MemberStatus | None
    state: str


async def look(session: Session) -> list[Found]:
    """All are asked at once."""
    store, names = await session.store(), members(session.spec)
    hosts = await session.world.call("hosts")
    answers = await asyncio.gather(*(_answer(store.status(name, timeout=ANSWER)) for name in names))
    return [
        Found(name, str(hosts.get(name, {}).get("machine", "")), answer, str(hosts.get(name, {}).get("state", "")))
        for name, answer in zip(names, answers, strict=True)
    ]


async def _answer(asked: Any) -> Any:
    try:
        return await asked
    except StatusError:
        return None


def leader_among(found: Sequence[Found]) -> MemberStatus | None:
    leaders = [one.status for one in found if one.status is not None and one.status.role == "leader"]
    return max(leaders, key=lambda status: status.term, default=None)


async def disks(session: Session) -> dict[str, int]:
    """Whose disk may vote under each name, as the leader says; nothing when nobody leads, or in another engine."""
    if session.spec.engine != "raft":
        return {}
    _, administrator = await raft_only(session, "store status")
    try:
        return {seat.name: seat.disk_id for seat in (await administrator.members(timeout=ANSWER)).seats}
    except StatusError:
        return {}


def describe(one: Found, leader: MemberStatus | None, disks: Mapping[str, int]) -> dict[str, Any]:
    """As data. `lag`: applied entries that it has less than the leader; None when nobody leads."""
    status = one.status
    if status is None:
        return {"name": one.name, "machine": one.machine, "answers": False, "state": one.state}
    role = status.role
    if leader is not None and one.name in leader.learners:
        role = "learner"
    elif leader is not None and leader.disk_id and one.name not in leader.members:
        role = "no member"
    elif disks.get(one.name, 0) not in (0, status.disk_id):
        role = OTHER_DISK
    data = {"name": one.name, "machine": one.machine, "answers": True, **status._asdict()}
    lag = None if leader is None else max(0, leader.applied - status.applied)
    return {**data, "role": role, "lag": lag}


OTHER_DISK = "other disk"
"""In the place of a role: what this member had promised is lost, so it may not vote."""
COLUMNS = ("MEMBER", "ROLE", "TERM", "LEADER", "APPLIED", "LAG", "REVISION", "COMPACTED", "SIZE", "SNAPSHOT", "WAL")


def octets(number: int) -> str:
    """12 B, 3.4 KB, 5.6 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def row(data: dict[str, Any]) -> list[str]:
    if not data["answers"]:
        return [data["name"], "no answer", *["-"] * (len(COLUMNS) - 1)]
    quota = f" of {octets(data['quota'])}" if data["quota"] else ""
    snapshot = f"{data['snapshot']} ({octets(data['snapshot_bytes'])})" if data["snapshot"] else "-"
    log = f"{octets(data['wal_bytes'])} in {data['wal_segments']}" if data["wal_segments"] else "-"
    size = f"{octets(data['size'])}{quota}" if data["disk_id"] else "-"
    numbers = (data["term"], data["leader"] or "-", data["applied"], "-" if data["lag"] is None else data["lag"])
    disk = f"{data['disk_id']:x}" if data["disk_id"] else "-"
    words = (*numbers, data["revision"], data["compacted"], size, snapshot, log, disk)
    return [data["name"], data["role"], *[str(word) for word in words]]


@store_command.command("status")
@out.as_json
@command
async def status_command(output: str, cluster: str) -> int:
    """Each member: role, term, applied, lag behind the leader, sizes. Exit status 1 when nobody leads."""
    async with Session(cluster) as session:
        found, seated = await look(session), await disks(session)
        log = Layout.of(session.folder).log
    leader = leader_among(found)
    rows = [describe(one, leader, seated) for one in found]
    alarms = sorted({alarm for one in found if one.status is not None for alarm in one.status.alarms})
    table = out.render_table([*COLUMNS, "DISK"], [row(data) for data in rows])
    led = leader is not None or any(data.get("role") == "replica" for data in rows)
    notes = [f"alarms: {', '.join(alarms)}; `store alarm --help`"] if alarms else []
    notes += [] if led else ["nobody leads: a majority must run and reach one another"]
    for name in [data["name"] for data in rows if data.get("role") == OTHER_DISK]:
        remedy = f"`store member remove {name}`, then `store member add {name}`"
        notes.append(f"{name} has come back with another disk, and may not vote: {remedy}")
    for one in found:
        if one.status is None and one.state == "exited":
            notes.append(f"{one.name} has ended by itself; see {log(one.name)}")
    say(
        output,
        {"leader": leader.name if leader else "", "alarms": alarms, "members": rows},
        "\n\n".join([table, *notes]),
    )
    return 0 if led else 1


@store_command.command("move-leader")
@click.argument("member", metavar="[NAME]", default="")
@out.as_json
@command
async def move_leader_command(member: str, output: str, cluster: str) -> int:
    """Hand leadership to that member, or to the one that has most of the log."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store move-leader")
        leader = await administrator.move_leader(member)
    say(output, {"leader": leader}, f"{leader} leads")
    return 0


# ── the key space ────────────────────────────────────────────────────────────────────────────────────────────


@store_command.command("compact")
@click.argument("revision", type=NUMBER, required=False)
@click.option("--keep", type=click.IntRange(min=0), default=None, help="So many revisions stay readable.")
@out.as_json
@command
async def compact_command(revision: int | None, keep: int | None, output: str, cluster: str) -> int:
    """Forget what was overwritten before REVISION (default: the newest), or before the last --keep revisions."""
    if revision is not None and keep is not None:
        raise UsageError("a revision and --keep say two things", place="store compact", remedy="one of them")
    async with Session(cluster) as session:
        store = await session.store()
        at = revision if revision is not None else await store.revision(timeout=PATIENCE) - (keep or 0)
        if at < 1:
            raise UsageError(f"there are no {keep} revisions yet", place="--keep", remedy="nothing to do", status=1)
        await store.compact(at, timeout=PATIENCE)
    say(output, {"compacted": at}, f"compacted to revision {at}")
    return 0


@store_command.command("hash")
@click.option("--revision", type=NUMBER, default=None, help="Default: the newest.")
@out.as_json
@command
async def hash_command(revision: int | None, output: str, cluster: str) -> int:
    """The digest of all keys on each member at one revision. Exit status 1 if they differ, or one does not answer."""
    async with Session(cluster) as session:
        store = await session.store()
        if session.spec.engine not in SAME_REVISIONS:
            if revision is not None:
                raise UsageError(f"of engine {session.spec.engine} only the newest can be had", place="--revision")
            at = 0
        else:
            at = revision or await store.revision(timeout=PATIENCE)
        rows = await asyncio.gather(*(_hash(store, name, at) for name in members(session.spec)))
    same = len({row["hash"] for row in rows}) == 1 and all(row["hash"] for row in rows)
    table = out.render_table(
        ["MEMBER", "REVISION", "HASH"],
        [[row["name"], str(row["revision"] or "-"), row["hash"] or row["error"]] for row in rows],
    )
    say(output, {"same": same, "members": rows}, table + ("" if same else f"\n\n{_not_the_same(rows)}"))
    return 0 if same else 1


def _not_the_same(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two hashes are a fault of the store; none is not."""
    if len({row["hash"] for row in rows if row["hash"]}) > 1:
        return "the members are not the same"
    silent = [row["name"] for row in rows if not row["hash"]]
    return f"nothing to compare with of {', '.join(silent)}"


async def _hash(store: Any, name: str, at: int) -> dict[str, Any]:
    """Whoever lags has some time to catch up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + CATCH_UP
    while True:
        try:
            revision, digest = await store.hash(name, at, timeout=PATIENCE)
            return {"name": name, "revision": revision, "hash": digest, "error": ""}
        except StatusError as error:
            if error.reason != "FutureRevision" or loop.time() >= end:
                return {"name": name, "revision": 0, "hash": "", "error": str(error)}
        await asyncio.sleep(0.1)


@store_command.command("alarm")
@click.argument("action", type=click.Choice(["list", "clear"]), default="list")
@out.as_json
@command
async def alarm_command(action: str, output: str, cluster: str) -> int:
    """list, clear. NOSPACE: the quota is used up; delete, `store compact`, then clear it."""
    async with Session(cluster) as session:
        alarms = await (await keeper(session)).alarm(action, timeout=PATIENCE)
    say(output, {"alarms": list(alarms)}, "\n".join(alarms) or "no alarms")
    return 0


@store_command.command("quota")
@click.argument("size", metavar="[BYTES]", type=click.IntRange(0, MOST), required=False)
@out.as_json
@command
async def quota_command(size: int | None, output: str, cluster: str) -> int:
    """What keys and values with their history may take on each member, or set it to BYTES (0: no limit). Lowered below
    what is used it refuses the next write; raised, it lets writes in again after `store alarm clear`."""
    async with Session(cluster) as session:
        store, _ = await raft_only(session, "store quota")
        if size is not None:
            await store.quota(size, timeout=PATIENCE)
        leader = leader_among(await look(session))
    if leader is None:
        raise StatusError("NoQuorum", "nobody leads: a majority must run and reach one another")
    quota = octets(leader.quota) if leader.quota else ""
    size_now = octets(leader.size)
    say(
        output,
        {"quota": leader.quota, "size": leader.size},
        f"{size_now} of {quota}" if quota else f"{size_now}, no limit",
    )
    return 0


@store_command.command("lease")
@click.argument("action", type=click.Choice(["list", "grant", "keepalive", "revoke"]), default="list")
@click.argument("number", type=NUMBER, required=False)
@out.as_json
@command
async def lease_command(action: str, number: int | None, output: str, cluster: str) -> int:
    """list [ID], grant SECONDS, keepalive ID, revoke ID."""
    if number is None and action != "list":
        what = "how many seconds?" if action == "grant" else "which lease?"
        raise UsageError(what, place=f"store lease {action}", remedy=f"store lease {action} 60")
    async with Session(cluster) as session:
        store = await keeper(session)
        data, text = await _lease(store, action, number or 0)
    say(output, data, text)
    return 0


async def _lease(store: Keeper, action: str, number: int) -> tuple[Any, str]:
    if action == "grant":
        lease = await store.lease_grant(number, timeout=PATIENCE)
        return {"id": lease.id, "ttl": lease.granted}, f"lease {lease.id} granted for {lease.granted} s"
    if action == "keepalive":
        ttl = await store.lease_keepalive(number, timeout=PATIENCE)
        return {"id": number, "ttl": ttl}, f"lease {number} has {ttl} s again"
    if action == "revoke":
        gone = await store.lease_revoke(number, timeout=PATIENCE)
        return {"id": number, "deleted": gone}, f"lease {number} revoked, {gone} keys deleted"
    ids = [number] if number else [id for id, _ in await store.leases(timeout=PATIENCE)]
    leases = [await store.lease(id, keys=True, timeout=PATIENCE) for id in ids]
    rows = [
        {"id": lease.id, "ttl": lease.granted, "remaining": round(lease.remaining, 3), "keys": len(lease.keys)}
        for lease in leases
    ]
    table = out.render_table(
        ["LEASE", "TTL", "REMAINING", "KEYS"],
        [[str(r["id"]), f"{r['ttl']} s", f"{r['remaining']:.1f} s", str(r["keys"])] for r in rows],
    )
    return rows, table if rows else "no leases"
