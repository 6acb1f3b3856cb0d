"""The cluster's certificates in its folder: made once, read by everybody who needs them, renewed on demand.

Must not know sockets. PKI/:

    ca.crt ca.key    NAME.crt NAME.key for each server, component and node, and for the administrator
    sa.key           signs ServiceAccounts' tokens        tokens.csv  static tokens
    encryption.yaml  the keys of what is encrypted in the store (Secrets)

Private keys are readable by their owner only (0600). What is there is never overwritten but by `renew`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cluster.errors import UsageError
from cluster.pki import vault
from cluster.pki.authority import Facts, Pair, Subject, authority, facts, issue
from cluster.pki.keyring import signing_key

CA = "ca"
ACCOUNTS, TOKENS = "sa", "tokens.csv"
ENCRYPTION = "encryption.yaml"
DAYS = 365
CA_DAYS = 7300
"""Longer than the ten years that somebody may want of a certificate, whenever in the first ten it is made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One certificate that the cluster needs. `hosts`: names and addresses of a server."""

    subject: Subject
    hosts: tuple[str, ...] = ()


class Chest:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cert(self, name: str) -> Path:
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def pair(self, name: str) -> Pair:
        """UsageError that names the file that is missing."""
        try:
            return Pair(self.cert(name).read_bytes(), self.key(name).read_bytes())
        except FileNotFoundError as error:
            remedy = "`launch.py down --wipe` and `up` make new ones"
            raise UsageError("a certificate is missing", place=str(error.filename), remedy=remedy, status=1) from None

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.crt"))

    def facts(self, name: str) -> Facts:
        return facts(self.cert(name).read_bytes(), str(self.cert(name)))

    def ensure(self, cluster: str, wanted: Mapping[str, Wanted], now: datetime, days: int = DAYS) -> list[str]:
        """Make what is missing, or good for other addresses than are wanted; the names of those made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.cert(CA).exists() and self.key(CA).exists()):
            self._write(CA, authority(f"capstan-{cluster}", now, max(CA_DAYS, days)))
        ca, made = self.pair(CA), []
        for name, want in wanted.items():
            if self._fits(name, want):
                continue
            self._write(name, issue(ca, want.subject, now, days, want.hosts))
            made.append(name)
        return made

    def ensure_keys(self) -> None:
        """The key that signs ServiceAccounts' tokens, a file for static ones, which is empty, and a key of the store's
        Secrets."""
        if not self.key(ACCOUNTS).exists():
            self._put(self.key(ACCOUNTS), signing_key(), 0o600)
        tokens = self.folder / TOKENS
        if not tokens.exists():
            self._put(tokens, b'# token,user,uid,"group1,group2"; apiservers read it when they start\n', 0o600)

        if not (self.folder / ENCRYPTION).exists():
            self.add_sealing_key()

    def sealing_keys(self) -> vault.Keys:
        """UsageError."""
        return vault.read(str(self.folder / ENCRYPTION))

    def add_sealing_key(self) -> str:
        """A new key that seals from now on, before those that are there, which still open; its name."""
        known = dict(self.sealing_keys().known) if (self.folder / ENCRYPTION).exists() else {}
        key = os.urandom(vault.SIZES[-1])
        self._put_sealing_keys([(vault.name_of(key), key), *known.items()])
        return vault.name_of(key)

    def forget_sealing_key(self, name: str) -> None:
        self._put_sealing_keys([(known, key) for known, key in self.sealing_keys().known.items() if known != name])

    def _put_sealing_keys(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """The keys, for the resources that are encrypted now."""
        path = self.folder / ENCRYPTION
        sealed = [name for name, first in self.sealing_keys().first.items() if first] if path.exists() else []
        document = vault.configuration(keys, sealed or [vault.SECRETS])
        self._put(path, json.dumps(document, indent=2).encode() + b"\n", 0o600)  # JSON is YAML

    def renew(self, names: Iterable[str], now: datetime, days: int) -> None:
        """The same subjects and hosts for so many days from now on. UsageError if the authority would end before."""
        ca = self.pair(CA)
        left = self.facts(CA).not_after
        if now + timedelta(days=days) > left:
            text = f"the authority itself ends on {left:%Y-%m-%d}, before {days} days are over"
            raise UsageError(text, place=str(self.cert(CA)), remedy="fewer days, or a new cluster", status=1)
        for name in names:
            old = self.facts(name)
            self._write(name, issue(ca, old.subject, now, days, old.hosts))

    def _fits(self, name: str, want: Wanted) -> bool:
        if not (self.cert(name).exists() and self.key(name).exists()):
            return False
        old = self.facts(name)
        return old.subject == want.subject and set(want.hosts) <= set(old.hosts)

    def _write(self, name: str, pair: Pair) -> None:
        """The key first: a certificate that is there has its key."""
        self._put(self.key(name), pair.key, 0o600)
        self._put(self.cert(name), pair.cert, 0o644)

    def _put(self, path: Path, data: bytes, mode: int) -> None:
        aside = path.with_suffix(path.suffix + ".aside")
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        aside.replace(path)
