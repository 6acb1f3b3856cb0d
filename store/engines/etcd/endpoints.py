"""Where etcd's members are, and how to prove who we are: from the words of a command line to values.

Pure. Must not read the files that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.errors import UsageError
from cluster.world.host import Address

CLIENT_PORT = 2379
REMEDY = "such as http://127.0.0.1:2379 or master-0=https://127.0.0.1:2379"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One member's client address. `machine` "" when no machine of the cluster stands for it: no partition of ours
    concerns it then."""

    name: Address
    machine: str
    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def endpoint(index: int, word: str) -> Endpoint:
    """From "URL" or "MACHINE=URL". UsageError for anything else."""
    machine, equals, url = word.partition("=")
    if not equals:
        machine, url = "", word
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{word!r}: {error}", place="--etcd", remedy=REMEDY) from None
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in ("http", "https") or not parts.hostname or extra or (equals and not machine):
        raise UsageError(f"{word!r} is not an etcd member's client URL", place="--etcd", remedy=REMEDY)
    return Endpoint(f"etcd-{index}", machine, parts.hostname, port or CLIENT_PORT, parts.scheme == "https")


def endpoints(words: Sequence[str]) -> tuple[Endpoint, ...]:
    """All of one cluster, at least one, none twice, all with TLS or all without. Their names count from etcd-0."""
    found = tuple(endpoint(i, word) for i, word in enumerate(words))
    if not found:
        raise UsageError("engine etcd needs a member's URL", place="--etcd", remedy=REMEDY)
    urls = [e.url for e in found]
    double = next((url for url in urls if urls.count(url) > 1), "")
    if double:
        raise UsageError(f"{double} is named twice", place="--etcd", remedy="each member once")
    if len({e.tls for e in found}) > 1:
        raise UsageError("some members with https and some with http", place="--etcd", remedy="one or the other")
    return found
