"""Key pairs of the bus: one a host, made when it is first started, kept where only their owner can read.

Must not know who is heard (`zap.py`). The files are ZeroMQ's own (zmq.auth): Z85 in a few lines of text.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from cluster.errors import UsageError

SEATS = "admin"
"""Whose key every seat has: who may use the control socket is the cluster's owner."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """32 bytes each."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> KeyPair:
        public, secret = zmq.curve_keypair()
        return cls(z85.decode(public), z85.decode(secret))

    @classmethod
    def read(cls, path: Path) -> KeyPair:
        """UsageError when there is none."""
        try:
            public, secret = load_certificate(path)
            pair = cls(z85.decode(public), z85.decode(secret or b""))
        except (OSError, ValueError, LookupError) as error:
            raise _no_key(path, str(error)) from None
        if len(pair.public) != 32 or len(pair.secret) != 32:
            raise _no_key(path, "not a key pair")
        return pair

    def write(self, path: Path) -> None:
        """All or nothing, readable by its owner only from the first moment."""
        text = (
            "# A key pair of the bus. Who can read this file can speak as a process of this cluster.\n"
            f'metadata\ncurve\n    public-key = "{z85.encode(self.public).decode()}"\n'
            f'    secret-key = "{z85.encode(self.secret).decode()}"\n'
        )
        aside = path.with_name(path.name + ".aside")
        aside.unlink(missing_ok=True)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)
        aside.replace(path)


class KeyFolder:
    """Used by the supervisor alone, so nobody else writes there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def ensure(self, name: str) -> KeyPair:
        """The pair that is there, or a new one. UsageError when what is there is none."""
        path = self.path(name)
        if path.exists():
            return KeyPair.read(path)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = KeyPair.new()
        pair.write(path)
        return pair

    def forget(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)


def _no_key(path: Path, why: str) -> UsageError:
    remedy = "remove it, `down` and `up`: a new one is made"
    return UsageError(f"the bus key cannot be read: {why}", place=str(path), remedy=remedy, status=1)
