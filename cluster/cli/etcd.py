"""`up --store etcd --etcd URL,...`: the flags of a real etcd cluster, to a spec and back.

Before anything is started it is seen to it that the files can be used, that etcd answers and lets us in, and that no
other cluster lives there. Must not write to etcd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import click

from cluster.config import Etcd
from cluster.errors import StatusError, UsageError
from cluster.world.host import Host
from store.mvcc.values import prefix_end

F = TypeVar("F", bound=Callable[..., Any])

FLAGS = {
    "etcd": "Members' client URLs, or MACHINE=URL, comma-separated; with --store etcd.",
    "etcd_cacert": "PEM file: who signed etcd's certificates.",
    "etcd_cert": "PEM file: our certificate for etcd.",
    "etcd_key": "PEM file: its key.",
    "etcd_user": "Who we are for etcd.",
    "etcd_password_file": "File whose first line is the password.",
}
REGISTRY = b"/registry/"
PATIENCE = 5.0
"""Seconds that etcd has to answer."""
FILES = ("cacert", "cert", "key", "password_file")


def etcd_options(function: F) -> F:
    for name, text in reversed(FLAGS.items()):
        function = click.option(f"--{name.replace('_', '-')}", name, default="", help=text)(function)
    return function


def etcd_of(flags: Mapping[str, Any]) -> Etcd | None:
    """None for another engine. UsageError for flags that do not fit together, or files that cannot be used."""
    given = {name: str(flags.get(name, "")) for name in FLAGS}
    if flags["engine"] != "etcd":
        stray = next((name for name, value in given.items() if value), "")
        if stray:
            raise UsageError(
                "is for --store etcd", place=f"--{stray.replace('_', '-')}", remedy="add it, or leave this"
            )
        return None
    words = tuple(word.strip() for word in given.pop("etcd").split(",") if word.strip())
    rest = {name.removeprefix("etcd_"): value for name, value in given.items()}
    rest |= {name: str(Path(rest[name]).absolute()) for name in FILES if rest[name]}
    found = Etcd(words, **rest)
    try:
        from store.engines.etcd.endpoints import endpoints
        from store.engines.etcd.transport import password_of, tls_context
    except ModuleNotFoundError as error:
        raise UsageError(
            f"engine etcd needs {error.name}", place="--store", remedy="pip install 'capstan[etcd]'"
        ) from None
    where = endpoints(words)
    if where[0].tls:
        tls_context(found)
    elif found.cacert or found.cert:
        raise UsageError("is for https URLs", place="--etcd-cacert" if found.cacert else "--etcd-cert", remedy="--etcd")
    password_of(found)
    return found


async def look(etcd: Etcd, *, fresh: bool) -> None:
    """UsageError when etcd does not serve us. `fresh`: the cluster is new, so etcd must not hold one's objects yet."""
    from store.engines.etcd.client import EtcdClient

    nobody: Any = None
    host = Host("up", "client", 1, nobody, Random(0), nobody, nobody, Whole(), lambda event, data: None)
    store = EtcdClient(host, etcd, timeout=PATIENCE)
    try:
        await store.range(b"\0", b"\0", count_only=True)
        held = (await store.range(REGISTRY, prefix_end(REGISTRY), count_only=True)).count
    except StatusError as error:
        raise UsageError(str(error), place="--etcd", remedy="is it up, and may we read all keys?", status=1) from None
    finally:
        store.close()
    if fresh and held:
        remedy = "another etcd, or `etcdctl del --prefix /registry/` if that cluster is no more"
        raise UsageError(f"holds {held} objects of another cluster", place="--etcd", remedy=remedy, status=1)


class Whole:
    """A network without cuts: there is no cluster yet."""

    def connected(self, machine: str) -> bool:
        return True

    def on_change(self, callback: Callable[[], None]) -> None:
        """It never does."""


def flags_of(etcd: Etcd | None) -> dict[str, str]:
    """The flags that this came from."""
    if etcd is None:
        return dict.fromkeys(FLAGS, "")
    rest = {f"etcd_{name}": str(getattr(etcd, name)) for name in (*FILES, "user")}
    return {"etcd": ",".join(etcd.endpoints), **rest}
