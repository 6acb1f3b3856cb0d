"""Planted bugs in the parts around the raft core: member, storage, key space, watches, leases.

Must not contain correct code. As in tests/store/raft/bugs.py, `install` is given pytest's MonkeyPatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from cluster.world.sim.disk import SimDisk
from store import service, wal
from store.leaderships import Leaderships, not_leader
from store.machine import Machine
from store.member import Member
from store.mvcc.lessor import Lessor
from store.mvcc.rows import PUT
from store.mvcc.space import Space
from store.mvcc.watchers import Watcher, Watchers
from store.raft.messages import Entry, SnapshotMeta
from store.segments import Segments
from store.sessions import Session, Sessions
from store.storage import Storage
from store.upkeep import Upkeep
from store.waiting import Batch, Waiting
from tests.store.raft.bugs import Bug, Patch

PLANTED: dict[str, Bug] = {}


def planted(name: str, rule: str, section: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def register(install: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTED[name] = Bug(name, rule, section, install)
        return install

    return register


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────────────────


@planted("no-sync", "what is acknowledged was synced", "3.8")
def no_sync(patch: Patch) -> None:
    async def sync(segments: Segments) -> None:
        return None

    patch.setattr(Segments, "sync", sync)
    patch.setattr(Segments, "try_sync", lambda segments: True)


@planted("torn-tail-kept", "a torn tail is cut before anything is appended", "store/wal")
def torn_tail_kept(patch: Patch) -> None:
    """The next record goes after the garbage, so it is lost at the start after the next."""

    async def truncate(disk: SimDisk, name: str, size: int) -> None:
        return None

    patch.setattr(SimDisk, "truncate", truncate)


@planted("no-checksums", "no record is believed that does not match its checksum", "store/wal")
def no_checksums(patch: Patch) -> None:
    def look(data: bytes, at: int, sequence: int) -> tuple[str, int]:
        body = at + wal.HEADER_SIZE
        if body > len(data):
            return "a record that is cut short", 0
        type, length, _, _ = wal._HEADER.unpack_from(data, at)
        size = length + wal.OVERHEAD
        if at + size > len(data) or type & ~wal.MASKED not in (wal.HEAD, wal.BATCH, wal.MARK):
            return "a record that is cut short", 0
        return "", size

    patch.setattr(wal, "_look", look)


@planted("vote-not-stored", "term and vote are in the record that is synced", "3.8")
def vote_not_stored(patch: Patch) -> None:
    right = Storage.append

    def append(storage: Storage, hard: Any, entries: Sequence[Entry]) -> None:
        right(storage, hard if entries else None, entries)

    patch.setattr(Storage, "append", append)


# ── applying and answering ───────────────────────────────────────────────────────────────────────────────────


@planted("applied-twice", "a request that the network repeats happens once", "6.3")
def applied_twice(patch: Patch) -> None:
    patch.setattr(Session, "first_time", lambda session, serial: True)


@planted("sessions-not-in-snapshots", "what has happened is in the snapshot with the state", "6.3")
def sessions_not_in_snapshots(patch: Patch) -> None:
    patch.setattr(Sessions, "taken", lambda sessions: [])


@planted("snapshot-of-later-state", "a snapshot holds the state at its index", "5.1")
def snapshot_of_later_state(patch: Patch) -> None:
    """Told to be older than it is, so that its last entries are applied once more."""
    right = Storage.save

    async def save(storage: Storage, meta: SnapshotMeta, parts: Iterator[bytes]) -> None:
        await right(storage, replace(meta, index=meta.index - 1) if meta.index > 1 else meta, parts)

    patch.setattr(Storage, "save", save)


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────


@planted("leader-reads-its-state", "a leader must not answer reads from its state without asking anybody", "6.4")
def leader_reads_its_state(patch: Patch) -> None:
    def read(member: Member, read: Any) -> None:
        member.leaderships.leads_in()
        read.serve()

    patch.setattr(Member, "read", read)


@planted("followers-answer-linearizable-reads", "only who leads answers linearizable reads", "6.4")
def followers_answer(patch: Patch) -> None:
    patch.setattr(Member, "read", lambda member, read: read.serve())


# ── watches ──────────────────────────────────────────────────────────────────────────────────────────────────


@planted("watch-resumes-late", "a watch from revision n tells n", "etcd: watch")
def watch_resumes_late(patch: Patch) -> None:
    right = Watchers.add

    def add(watchers: Watchers, watcher: Watcher) -> None:
        watcher.next += watcher.next > 2
        right(watchers, watcher)

    patch.setattr(Watchers, "add", add)


@planted(
    "watch-forgets-at-restore", "watchers go on from where they are when a snapshot replaces the state", "etcd: watch"
)
def watch_forgets_at_restore(patch: Patch) -> None:
    patch.setattr(Watchers, "reset", lambda watchers: None)


@planted("compacted-before-told", "watchers are told before a compaction takes away what they are owed", "etcd: watch")
def compacted_before_told(patch: Patch) -> None:
    def compact(machine: Machine, op: Any) -> Any:
        machine.space.compact(op[3])
        machine.space.scrub(1 << 30)
        return []

    right = Machine.__init__

    def init(machine: Machine, *args: Any) -> None:
        right(machine, *args)
        machine._rare[4] = lambda op: compact(machine, op)

    patch.setattr(Machine, "__init__", init)


@planted("watch-chunk-skips", "a watcher that is behind gets its history in chunks without gaps", "etcd: watch")
def watch_chunk_skips(patch: Patch) -> None:
    right = Space.rows_since

    def rows_since(space: Space, revision: int, limit: int = 0) -> Any:
        found = right(space, revision, limit)
        return found[1:] if limit and len(found) > 1 else found

    patch.setattr(Space, "rows_since", rows_since)


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────


@planted("lease-shortened-by-new-leader", "a new leader gives every lease its full time again", "etcd: lessor.Promote")
def lease_shortened(patch: Patch) -> None:
    right = Lessor.promote

    def promote(lessor: Lessor, leases: Any, now: float, extend: float = 0.0) -> None:
        right(lessor, [(id, 0) for id, _ in leases], now, extend)

    patch.setattr(Lessor, "promote", promote)


@planted("lease-keepalive-lost", "a keep-alive gives a lease its full time again", "etcd: lessor.Renew")
def lease_keepalive_lost(patch: Patch) -> None:
    def keepalive(lessor: Lessor, id: int, now: float) -> int:
        lessor._check_leading()
        return lessor._ttl.get(id, 1)

    patch.setattr(Lessor, "keepalive", keepalive)


@planted("lease-keepalive-too-late", "a lease whose end is on its way is not kept alive", "etcd: lessor.Renew")
def lease_keepalive_too_late(patch: Patch) -> None:
    right = Lessor.keepalive

    def keepalive(lessor: Lessor, id: int, now: float) -> int:
        lessor._named.pop(id, None)
        return right(lessor, id, now)

    patch.setattr(Lessor, "keepalive", keepalive)


@planted(
    "lease-not-told-to-new-leader", "a new leader ends leases that another one has granted", "etcd: lessor.Promote"
)
def lease_not_told(patch: Patch) -> None:
    right = Lessor.promote
    patch.setattr(Lessor, "promote", lambda lessor, leases, now, extend=0.0: right(lessor, (), now, extend))


@planted("snapshot-without-leases", "a snapshot holds the leases", "5.1")
def snapshot_without_leases(patch: Patch) -> None:
    right = Space.dump
    patch.setattr(Space, "dump", lambda space: right(space)._replace(leases=(0, ())))


@planted("answered-before-commit", "a write is answered when its entry is applied", "3.6")
def answered_before_commit(patch: Patch) -> None:
    right = Waiting.proposed

    def proposed(waiting: Waiting, first: int, term: int, batches: Sequence[Batch]) -> None:
        right(waiting, first, term, batches)
        for index in range(first, first + len(batches)):
            batch = waiting._batches[index]
            if all(operation[0] == PUT and not operation[6] for operation in batch.operations):
                batch.settle([index] * len(batch.operations))

    patch.setattr(Waiting, "proposed", proposed)


# ── definite answers ─────────────────────────────────────────────────────────────────────────────────────────


@planted("lost-leadership-refuses", "what may still commit is not refused for certain", "6.3")
def lost_leadership_refuses(patch: Patch) -> None:
    """A leader that steps down tells its clients that nothing has happened."""
    right = Upkeep.role_changed

    def role_changed(upkeep: Upkeep, now: float) -> None:
        right(upkeep, now)
        member = upkeep._member
        if member.node.role.value != "leader":
            refuse_all(member)

    def refuse_all(member: Member) -> None:
        for index in sorted(member._waiting._batches):
            batch = member._waiting.take(index)
            assert batch is not None
            batch.refuse(not_leader(member.host.name, "", 0))

    patch.setattr(Upkeep, "role_changed", role_changed)


@planted("any-term-taken", "a leader takes no write that is addressed to another leadership", "docs/decisions.md")
def any_term_taken(patch: Patch) -> None:
    """So the copy of a write that was refused for certain happens once its member leads."""
    patch.setattr(service, "addressed", lambda body, term: term is not None)


@planted(
    "forgotten-boot-refuses",
    "what an earlier boot may have taken is not refused for certain",
    "docs/decisions.md",
)
def forgotten_boot_refuses(patch: Patch) -> None:
    patch.setattr(Leaderships, "not_taken", lambda leaderships, named: leaderships.not_leader())
