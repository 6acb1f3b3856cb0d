"""The HTTP/2 client and the load against a real etcd of three members, where it is installed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench.peers import etcdpb as pb
from bench.peers.etcd import EtcdCluster, program
from bench.peers.etcd_load import after, asked
from bench.peers.http2 import Connection
from bench.samples import Cell
from bench.store_loaders import LoadError
from bench.store_workload import KEYS, PREFIX, VALUE, key

REQUIRED = os.environ.get("CAPSTAN_REQUIRE_ETCD") == "1"
pytestmark = [
    pytest.mark.proc,
    pytest.mark.timeout(90),
    pytest.mark.skipif(program() is None and not REQUIRED, reason="etcd is not installed (Debian: etcd-server)"),
]


def with_etcd(folder: Path, story: Callable[[EtcdCluster], Awaitable[None]], *, load: bool = False) -> None:
    async def run() -> None:
        cluster = EtcdCluster(folder)
        try:
            await (cluster.start() if load else cluster.start_members())
            await story(cluster)
        finally:
            await cluster.stop()

    asyncio.run(run())


async def connected(cluster: EtcdCluster) -> Connection:
    host, _, port = cluster.endpoint(await cluster.leader()).partition(":")
    return await Connection.open(host, int(port))


def test_requests_and_watches(tmp_path: Path) -> None:
    async def story(cluster: EtcdCluster) -> None:
        connection = await connected(cluster)
        first = pb.revision(await asked(connection, pb.PUT, pb.put(b"k", b"one")))
        got = await asked(connection, pb.RANGE, pb.get(b"k"))
        assert b"one" in got
        assert pb.modified(got) == {b"k": first}
        update = pb.update(pb.guard(b"k"), first, pb.branches(b"k", b"two"))
        done = await asked(connection, pb.TXN, update)
        assert (pb.succeeded(done), pb.revision(done)) == (True, first + 1)
        again = await asked(connection, pb.TXN, update)
        assert not pb.succeeded(again)
        assert b"two" in again, "the other branch reads it"
        created = pb.update(pb.guard(b"new"), 0, pb.branches(b"new", b"x"))
        assert pb.succeeded(await asked(connection, pb.TXN, created))

        messages: asyncio.Queue[bytes] = asyncio.Queue()
        stream = connection.stream(pb.WATCH, messages.put_nowait)
        stream.send(pb.watch(b"k", after(b"k"), first))
        assert dict(pb.fields(await messages.get()))[3] == 1, "created"
        history = await messages.get()
        assert history.index(b"one") < history.index(b"two")
        with pytest.raises(ConnectionError, match="refused"):
            await asked(connection, pb.PUT, pb.put(b"", b"no key"))
        with pytest.raises(ConnectionError, match="refused"):
            await asked(connection, "/etcdserverpb.KV/Nothing", b"")
        connection.close()

    with_etcd(tmp_path / "bench", story)


def test_many_calls_at_once_are_each_answered_for_themselves(tmp_path: Path) -> None:
    """More bytes than the server's window: they wait for it."""

    async def story(cluster: EtcdCluster) -> None:
        connection = await connected(cluster)
        answers = await asyncio.gather(*(asked(connection, pb.PUT, pb.put(key(i), VALUE)) for i in range(600)))
        revisions = [pb.revision(answer) for answer in answers]
        assert sorted(revisions) == list(range(min(revisions), min(revisions) + 600))
        found = pb.modified(await asked(connection, pb.RANGE, pb.get(PREFIX, after(PREFIX), keys_only=True)))
        assert found == {key(i): revision for i, revision in enumerate(revisions)}
        gets = await asyncio.gather(*(asked(connection, pb.RANGE, pb.get(key(i))) for i in range(600)))
        assert [pb.modified(answer) for answer in gets] == [{key(i): r} for i, r in enumerate(revisions)]
        connection.close()

    with_etcd(tmp_path / "bench", story)


def test_each_kind_of_load_does_what_it_says(tmp_path: Path) -> None:
    async def story(cluster: EtcdCluster) -> None:
        connection = await connected(cluster)

        async def revision() -> int:
            return pb.revision(await asked(connection, pb.RANGE, pb.get(b"x")))

        everything = await asked(connection, pb.RANGE, pb.get(PREFIX, after(PREFIX), keys_only=True))
        assert len(pb.modified(everything)) == KEYS
        writes = {"puts": 1.0, "gets": 0.0, "serializable": 0.0, "txns": 1.0, "mixed": 0.3, "watch": 1.0}
        for kind, share in writes.items():
            before = await revision()
            sample = await cluster.measure(Cell(kind, 4), 0.3)
            written = await revision() - before
            assert sample.errors == 0, kind
            slack = 8 if kind == "mixed" else 0  # four clients, each somewhere in its ten operations
            assert abs(written - share * sample.operations) <= slack, kind
        connection.close()

    with_etcd(tmp_path / "bench", story, load=True)


def test_a_member_that_ends_is_told_of(tmp_path: Path) -> None:
    async def story(cluster: EtcdCluster) -> None:
        member = cluster._members[1]
        assert member is not None
        member.kill()
        member.wait()
        with pytest.raises(LoadError, match="etcd n1 ended with status -9"):
            await cluster.leader()

    with_etcd(tmp_path / "bench", story)
