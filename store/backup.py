"""A backup: one file with the whole key space at one moment, checked by CRC32C per part and SHA-256 over all of it.

Must not know clusters, folders or the clock: bytes come and go as arguments, members' disks are handed in.

The file: MAGIC; then as a snapshot (store/snapshot.py) its head, the parts of `Machine.dump`, its tail; then the
SHA-256 of all bytes before.

A cluster that is restored from it is a new one: term 1, a snapshot at index 1, members that are not seated yet
(store/raft). Its revisions begin above all that the old cluster can have handed out since the backup, so that no
watcher, and nobody who compares a mod_revision, goes back in time (etcd: etcdutl snapshot restore --bump-revision
--mark-compacted).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cluster.wire import pack, unpack
from cluster.world.host import Disk
from store.machine import Machine
from store.raft.messages import Configuration, HardState, SnapshotMeta
from store.records import MALFORMED
from store.snapshot import Fetch, Reader, SnapshotError, Writer
from store.storage import Storage

MAGIC = b"capstBK1"
BUMP = 1_000_000_000
"""Revisions that a restore skips (etcd's advice: more than are written between backup and restore)."""
_SHA_SIZE = 32
_BLOCK = 1 << 20


class BackupError(Exception):
    """The backup, or the place that it is to go to, is not what it must be; nothing was written. Names the file, the
    offset where there is one, and what to do."""

    def __init__(self, name: str, what: str, remedy: str) -> None:
        super().__init__(f"{name}: {what}; {remedy}")
        self.name = name
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class BackupHead:
    """What stands in the head: the cluster's name, where its log and its key space were, and when (seconds since
    1970)."""

    cluster: str
    index: int
    term: int
    revision: int
    created: float


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A backup to be read: `name` for messages, its size in bytes, `fetch(offset, size)`."""

    name: str
    size: int
    fetch: Fetch


def write_backup(head: BackupHead, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The file's bytes, piece by piece. It is complete when the iterator has ended: sync it before it gets its name."""
    digest, writer = hashlib.sha256(), Writer()
    for piece in _pieces(head, parts, writer):
        digest.update(piece)
        yield piece
    yield digest.digest()


def _pieces(head: BackupHead, parts: Iterable[bytes], writer: Writer) -> Iterator[bytes]:
    yield MAGIC
    yield writer.head(pack((head.cluster, head.index, head.term, head.revision, head.created)))
    for part in parts:
        yield writer.part(part)
    yield writer.tail()


def verify(file: BackupFile) -> BackupHead:
    """Reads all of it. BackupError if a bit is not as it was written."""
    head = _head(file, _reader(file))
    for _ in read_parts(file):
        pass
    digest, at = hashlib.sha256(), 0
    while at < file.size - _SHA_SIZE:
        block = file.fetch(at, min(_BLOCK, file.size - _SHA_SIZE - at))
        if not block:
            raise _damaged(file, "the file ends before its checksum", at)
        digest.update(block)
        at += len(block)
    if file.fetch(at, _SHA_SIZE) != digest.digest():
        raise _damaged(file, "the SHA-256 at the end does not fit", at)
    return head


def read_parts(file: BackupFile) -> Iterator[bytes]:
    """The parts as `Machine.load` takes them, each checked by itself; BackupError as soon as one is bad."""
    reader = _reader(file)
    try:
        yield from reader.parts()
    except SnapshotError as error:
        raise _damaged(file, error.what, error.offset + len(MAGIC)) from error


async def restore(file: BackupFile, disks: Mapping[str, Disk], *, bump: int = BUMP) -> BackupHead:
    """Write what each member (by name) of a new cluster begins with to its disk, which must be empty; all is durable
    on return, and `revision` of the answer is the new cluster's.

    BackupError before anything is written if the file is damaged or a disk is not empty. OSError from a disk: the
    members' data is incomplete then; remove it and restore again."""
    if bump < 1:
        raise BackupError(file.name, f"revisions cannot be bumped by {bump}", "take 1 or more")
    head = verify(file)
    for member, disk in sorted(disks.items()):
        names = disk.names()
        if names:
            remedy = "restore to an empty place, or remove the member's data first if it is not needed any more"
            raise BackupError(member, f"there is data already ({names[0]})", remedy)
    machine = Machine()
    try:
        machine.load(read_parts(file))
    except ValueError as error:
        raise BackupError(
            file.name, f"not a state of this version ({error})", "restore it with the version that made it"
        ) from error
    machine.bump(bump)
    meta = SnapshotMeta(1, 1, Configuration(tuple(sorted(disks))))
    for _, disk in sorted(disks.items()):
        storage, _ = await Storage.open(disk, 1 << 20)
        await storage.save(meta, machine.dump())  # first, so that a member has all of it or nothing
        storage.append(HardState(1, "", 1), [])
        await storage.sync()
    return BackupHead(head.cluster, meta.index, meta.term, machine.space.revision, head.created)


def _reader(file: BackupFile) -> Reader:
    if file.size < len(MAGIC) + _SHA_SIZE or file.fetch(0, len(MAGIC)) != MAGIC:
        raise BackupError(
            file.name, "this is no backup of a store at byte 0", "name a file that `store backup` has made"
        )
    end = file.size - len(MAGIC) - _SHA_SIZE

    def fetch(offset: int, size: int) -> bytes:
        return file.fetch(offset + len(MAGIC), max(0, min(size, end - offset)))

    try:
        return Reader(file.name, fetch)
    except SnapshotError as error:
        raise _damaged(file, error.what, error.offset + len(MAGIC)) from error


def _head(file: BackupFile, reader: Reader) -> BackupHead:
    try:
        cluster, index, term, revision, created = unpack(reader.meta)
        return BackupHead(str(cluster), int(index), int(term), int(revision), float(created))
    except MALFORMED as error:
        raise _damaged(file, f"its head makes no sense ({error})", len(MAGIC)) from error


def _damaged(file: BackupFile, what: str, offset: int) -> BackupError:
    return BackupError(
        file.name, f"damaged: {what} at byte {offset}", "take another backup, or another copy of this one"
    )
