"""`store backup`, `verify` and `restore`: the key space in one file, and a new cluster from it.

Must not know what is in the file (store/backup.py does): here it is fetched, written aside, checked and renamed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.certs import PKI
from cluster.cli.members import raft_only
from cluster.cli.secrets import adopt
from cluster.cli.session import Session, command, folder, load_spec, save_spec
from cluster.config import ClusterSpec
from cluster.errors import StatusError, UsageError
from cluster.pki import vault
from cluster.pki.chest import ENCRYPTION
from cluster.topology import members
from cluster.world.proc.disk import ProcDisk
from cluster.world.proc.layout import Layout
from store.administrator import Administrator, Backup
from store.backup import BUMP, BackupError, BackupFile, read_parts, restore, verify
from store.client import StoreClient
from store.machine import Machine

_BLOCK = 1 << 20
MOST = 1 << 60
"""Largest bump: revisions are 63 bits, and some are needed afterwards."""


@contextmanager
def backup_file(path: Path) -> Iterator[BackupFile]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path), status=1) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            remedy = "name a file that `store backup` has made"
            raise UsageError("this is no file", place=str(path), remedy=remedy, status=1)
        yield BackupFile(str(path), os.fstat(fd).st_size, lambda offset, size: os.pread(fd, size, offset))
    except BackupError as error:
        raise UsageError(str(error), status=1) from error
    finally:
        os.close(fd)


def inspect(path: Path) -> dict[str, Any]:
    """Reads all of it twice: every checksum, then every key. UsageError with the offset if it is damaged."""
    digest = hashlib.sha256()
    with backup_file(path) as file:
        head = verify(file)
        machine = Machine()
        try:
            machine.load(read_parts(file))
        except ValueError as error:
            remedy = "use it with the version that made it"
            raise UsageError(
                f"not a state of this version: {error}", place=str(path), remedy=remedy, status=1
            ) from None
        for at in range(0, file.size, _BLOCK):
            digest.update(file.fetch(at, _BLOCK))
        return {
            "file": str(path),
            "cluster": head.cluster,
            "revision": head.revision,
            "index": head.index,
            "term": head.term,
            "created": head.created,
            "keys": len(machine.space),
            "encrypted": _encrypted(machine),
            "bytes": file.size,
            "sha256": digest.hexdigest(),
        }


def _encrypted(machine: Machine) -> dict[str, int]:
    """How many values are encrypted with each key."""
    found: dict[str, int] = {}
    for row in machine.space.walk(b"\0", b"\0"):
        if row[1].startswith(vault.MARK):
            name = vault.sealed_with(row[1])
            found[name] = found.get(name, 0) + 1
    return found


def _summary(data: dict[str, Any]) -> str:
    text = f"revision {data['revision']}, {data['keys']} keys, {data['bytes']} bytes, sha256 {data['sha256']}"
    if data["encrypted"]:
        names = ", ".join(data["encrypted"])
        text += (
            f"\n{sum(data['encrypted'].values())} values in it are encrypted with {names}: keep {PKI}/{ENCRYPTION} too"
        )
    return text


# ── taking one ───────────────────────────────────────────────────────────────────────────────────────────────


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--member", default="", help="Who gives it; default: a follower, so that the leader is spared.")
@out.as_json
@command
async def backup_command(file: Path, member: str, output: str, cluster: str) -> int:
    """The whole key space as of now, at one revision, while the store goes on: checked, and only then FILE."""
    async with Session(cluster) as session:
        store, administrator = await raft_only(session, "store backup")
        if member and member not in members(session.spec):
            raise UsageError(f"{member!r} is no member", place="--member", remedy=", ".join(members(session.spec)))
        aside = Aside(file)  # before the members are asked for anything: it may not be possible there
        try:
            backup = await _open(store, administrator, member, cluster)
            data = await write(backup, aside)
        except BaseException:
            aside.give_up()
            raise
    print(out.to_json(data) if output == "json" else f"{file} from {backup.member}: {_summary(data)}")
    return 0


async def _open(store: StoreClient, administrator: Administrator, member: str, cluster: str) -> Backup:
    """It holds all that was acknowledged before it was asked for."""
    revision = await store.revision(timeout=administrator.timeout)
    now = await administrator.members()
    voters = [seat for seat in now.seats if seat.role == "voter"]
    order = [member] if member else [s.name for s in sorted(voters, key=lambda s: s.match == now.last and not s.silent)]
    failure: StatusError | None = None
    for name in order:
        try:
            return await administrator.open_backup(name, revision, cluster)
        except StatusError as error:
            failure = error
    assert failure is not None
    raise failure


class Aside:
    """A file that is written beside its place: there it is whole, or not at all."""

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise UsageError("there is a file already", place=str(file), remedy="another name", status=1)
        self.file = file
        self.path = file.with_name(file.name + ".part")
        try:
            self._target = open(self.path, "wb")
        except OSError as error:
            raise self._error(error) from None

    def _error(self, error: OSError) -> UsageError:
        self.path.unlink(missing_ok=True)
        return UsageError(f"cannot be written: {error.strerror}", place=str(self.file), status=1)

    def append(self, data: bytes) -> None:
        try:
            self._target.write(data)
        except OSError as error:
            raise self._error(error) from None

    def sync(self) -> None:
        try:
            self._target.flush()
            os.fsync(self._target.fileno())
            self._target.close()
        except OSError as error:
            raise self._error(error) from None

    def publish(self) -> None:
        self.path.rename(self.file)
        fd = os.open(self.file.absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def give_up(self) -> None:
        self._target.close()
        self.path.unlink(missing_ok=True)


async def write(backup: Backup, aside: Aside) -> dict[str, Any]:
    """Synced, checked, and only then renamed."""
    async for page in backup.pages():
        aside.append(page)
    aside.sync()
    data = await asyncio.to_thread(inspect, aside.path)
    aside.publish()
    return {**data, "file": str(aside.file), "member": backup.member}


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@out.as_json
def verify_command(file: Path, output: str) -> int:
    """Read all of a backup; exit status 1 if a bit is not as it was written."""
    data = inspect(file)
    print(out.to_json(data) if output == "json" else f"{file} is whole: {_summary(data)}")
    return 0


# ── a new cluster from one ───────────────────────────────────────────────────────────────────────────────────


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--masters", type=click.IntRange(min=1), default=None, help="How many masters, with a member each; default 3."
)
@click.option(
    "--subnet",
    type=click.IntRange(min=1),
    default=None,
    help="Addresses are 127.SUBNET.x.y, as objects in it say already.",
)
@click.option("--keys", type=click.Path(path_type=Path), help="pki/encryption.yaml of the cluster that it is from.")
@click.option("--bump", type=click.IntRange(1, MOST), default=BUMP, show_default=True, help="Revisions to skip.")
@out.as_json
@command
async def restore_command(file: Path, keys: Path | None, output: str, cluster: str, **options: Any) -> int:
    """Build the members' data of a cluster that is not there yet; `up` then starts on it.

    Its revisions begin above all that the old cluster can have handed out, so that no watcher goes back in time."""
    where = folder(cluster)
    needed = inspect(file)["encrypted"]
    spec = _spec_for(where, options["masters"] or 0, options["subnet"] or 0)
    new = not where.exists()
    layout = Layout.of(where)
    lock = layout.take_lock()
    try:
        layout.check_version()
        missing = _adopt(where, keys, needed)
        data = await build(file, layout, spec, options["bump"])
        save_spec(where, spec)
    except BaseException:
        if new:
            shutil.rmtree(where, ignore_errors=True)
        raise
    finally:
        os.close(lock)
    up = "launch.py up" + ("" if cluster == "dev" else f" --name {cluster}")
    text = f"cluster {cluster!r}: {', '.join(data['members'])} begin at revision {data['revision']}; `{up}` starts it"
    for name in missing:
        remedy = f"put it into {where / PKI / ENCRYPTION} before `up`, or begin again with --keys"
        text += f"\nwarning: {needed[name]} values are encrypted with {name}, which is not here; {remedy}"
    print(out.to_json({**data, "missing_keys": missing}) if output == "json" else text)
    return 0


def _adopt(where: Path, keys: Path | None, needed: Mapping[str, int]) -> list[str]:
    """The keys of the cluster to come: those of `keys`, or what is there. Those that are needed and missing."""
    if keys is not None:
        adopt(where, keys)
    there = where / PKI / ENCRYPTION
    known = vault.read(str(there)).known if there.exists() else {}
    return [name for name in needed if name not in known]


def _spec_for(where: Path, masters: int, subnet: int) -> ClusterSpec:
    """Of the cluster that was there, if its file is: addresses that objects hold stay valid."""
    if not (where / "cluster.json").exists():
        from cluster.cli.lifecycle import free_subnet

        return ClusterSpec(masters=masters or 3, subnet=subnet or free_subnet(str(where)))
    spec = load_spec(where)
    if spec.engine != "raft":
        raise UsageError(f"cluster {where.name!r} has engine {spec.engine}", place="store restore", remedy="--name X")
    for option, given, known in (("--masters", masters, spec.masters), ("--subnet", subnet, spec.subnet)):
        if given not in (0, known):
            raise UsageError(f"cluster {where.name!r} has {known}", place=option, remedy="--name X")
    return spec


async def build(file: Path, layout: Layout, spec: ClusterSpec, bump: int) -> dict[str, Any]:
    """The data folder of each member, durable. UsageError, and nothing is there, if one has data already."""
    names = members(spec)
    for name in names:
        if layout.data(name).exists() and any(layout.data(name).iterdir()):
            remedy = "`down --wipe` first if it is not needed any more, or another --name"
            raise UsageError("there is data already", place=str(layout.data(name)), remedy=remedy, status=1)
    layout.prepare()
    try:
        disks = {}
        for name in names:
            layout.data(name).mkdir(parents=True, exist_ok=True)
            disks[name] = ProcDisk(layout.data(name))
        try:
            with backup_file(file) as source:
                head = await restore(source, disks, bump=bump)
        finally:
            for disk in disks.values():
                disk.close()
    except BaseException:
        for name in names:
            shutil.rmtree(layout.data(name), ignore_errors=True)
        raise
    finally:
        layout.clear_all()
    return {"members": list(names), "revision": head.revision, "from": str(file), "created": head.created}
