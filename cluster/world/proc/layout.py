"""Where everything of one cluster lies on disk, and who may use the folder: names, lock, version, short socket paths.

Must not know processes or protocols. DIR/:

    VERSION   lock   log/NAME.log   data/NAME/...   boots/NAME   journal/NAME.BOOT   pki/bus/NAME.key
    run/{control,containers}.sock
    run/rules.page   run/socket-folder (only when DIR is too deep for unix sockets: names the folder that has them)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import UsageError

VERSION = "capstan 1"
"""Of the layout of a data folder; a folder of another version is refused."""
MAX_SOCKET_PATH = 100
"""Bytes; Linux allows 107, macOS 103."""
FOLDERS = ("log", "data", "boots", "journal", "run")
SOCKETS = ("control.sock", "containers.sock")


@dataclass(frozen=True, slots=True)
class Layout:
    """`root` is the cluster's folder, absolute."""

    root: Path

    @classmethod
    def of(cls, directory: Path | str) -> Layout:
        return cls(Path(directory).absolute())

    @property
    def version(self) -> Path:
        return self.root / "VERSION"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def page(self) -> Path:
        return self.root / "run" / "rules.page"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def data(self, name: str) -> Path:
        return self.root / "data" / name

    def boots(self, name: str) -> Path:
        return self.root / "boots" / name

    def journal(self, name: str, boot: int) -> Path:
        return self.root / "journal" / f"{name}.{boot}"

    @property
    def bus_keys(self) -> Path:
        """Beside the cluster's certificates."""
        return self.root / "pki" / "bus"

    @property
    def sockets(self) -> Path:
        """The folder of the unix sockets: DIR/run, or a private one under the system's temporary folder."""
        run = self.root / "run"
        if len(os.fsencode(run / max(SOCKETS, key=len))) <= MAX_SOCKET_PATH:
            return run
        digest = hashlib.blake2b(os.fsencode(self.root), digest_size=8).hexdigest()
        return Path(tempfile.gettempdir()) / f"capstan-{os.getuid()}-{digest}"

    @property
    def control(self) -> Path:
        return self.sockets / "control.sock"

    @property
    def containers(self) -> Path:
        return self.sockets / "containers.sock"

    def prepare(self) -> None:
        """Make the folders and the version file, and clear what a killed tree left. Call with the lock held. The folder
        is its owner's alone: what pods mount of Secrets lies in it as it is, and tokens, logs and audit logs."""
        self.root.chmod(0o700)
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.version.write_text(VERSION + "\n")
        sockets, run = self.sockets, self.root / "run"
        if sockets != run:
            sockets.mkdir(mode=0o700, exist_ok=True)
            found = sockets.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise UsageError("is not a private folder of yours", place=str(sockets), remedy="remove it")
            (run / "socket-folder").write_text(f"{sockets}\n")
        self.clear()
        self.page.write_bytes(bytes(4096))

    def clear(self) -> None:
        """Remove sockets, and the folder made for them."""
        for name in SOCKETS:
            (self.sockets / name).unlink(missing_ok=True)
        self.page.unlink(missing_ok=True)

    def clear_all(self) -> None:
        self.clear()
        if self.sockets != self.root / "run" and self.sockets.is_dir():
            self.sockets.rmdir()

    def check_version(self) -> None:
        """UsageError when the folder holds another version's data, or things that are not ours."""
        try:
            found = self.version.read_text().strip()
        except FileNotFoundError:
            if (self.root / "data").exists():
                found = "no version"
            else:
                return
        if found != VERSION:
            raise UsageError(
                f"the data folder is of {found!r}, this is {VERSION!r}",
                place=str(self.version),
                remedy="use that version, or `down --wipe` and begin anew",
                status=1,
            )

    def take_lock(self) -> int:
        """An fd that holds the folder's lock; processes that inherit it share it, and the kernel frees it with the
        last of them. UsageError when a tree is up."""
        self.root.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise UsageError(
                "the cluster is up already", place=str(self.root), remedy="use it, or `down` first", status=1
            ) from None
        return fd

    def is_up(self) -> bool:
        """Does a tree hold the lock?"""
        if not self.lock.exists():
            return False
        try:
            os.close(self.take_lock())
        except UsageError:
            return True
        return False
