"""Rubbish on every socket: counted, dropped, no process harmed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.rpc import Rpc
from cluster.wire import encode
from cluster.world.proc.control import ask
from cluster.world.proc.layout import Layout
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec
from tests.proc.trees import journal, pids, play, tree

pytestmark = pytest.mark.proc

GOOD = encode("some.kind", "p", "p", 1, 1, 0, 0.0, 1, {"a": [1, 2, {"b": "c"}]})


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tree(curve=False) as found:  # with keys, none of this would come as far as our own code (test_curve.py)
        play(found, lambda world: world.start("p", "master-0", Spec("tests.conformance.probe:run")))
        yield found


def endpoint(directory: Path) -> tuple[str, int]:
    host = ask(Layout.of(directory).control, "hosts")["p"]
    return host["ip"], host["port"]


def still_well(directory: Path, pid: int) -> None:
    """The same process answers."""

    async def scenario(world: ProcWorld) -> None:
        rpc = Rpc(await world.join("seat", "master-1"))
        assert await rpc.call("p", "do", ["well?"], timeout=5) == ["well?"]

    play(directory, scenario)
    assert pids(directory)["p"] == pid


def damaged() -> st.SearchStrategy[bytes]:
    """Cut, flipped, stretched, or nothing of ours."""
    cut = st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n])
    flip = st.tuples(st.integers(0, len(GOOD) - 1), st.integers(1, 255)).map(
        lambda t: GOOD[: t[0]] + bytes((GOOD[t[0]] ^ t[1],)) + GOOD[t[0] + 1 :]
    )
    more = st.binary(min_size=1, max_size=50).map(lambda tail: GOOD + tail)
    deep = st.integers(65, 2000).map(lambda n: GOOD[:-14] + b"\x91" * n + b"\xc0")
    return st.one_of(st.binary(max_size=200), cut, flip, more, deep)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(messages=st.lists(st.lists(damaged(), min_size=1, max_size=4), min_size=1, max_size=20))
def test_malformed_and_truncated_frames_of_many_parts(directory: Path, messages: list[list[bytes]]) -> None:
    pid = pids(directory)["p"]
    ip, port = endpoint(directory)
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.setsockopt(zmq.LINGER, 1000)
        sock.connect(f"tcp://{ip}:{port}")
        for parts in messages:
            sock.send_multipart(parts)
    still_well(directory, pid)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.binary(min_size=1, max_size=300))
def test_bytes_that_are_not_zmtp_on_the_port(directory: Path, data: bytes) -> None:
    pid = pids(directory)["p"]
    with socket.create_connection(endpoint(directory), timeout=5) as sock:
        sock.sendall(data)
    still_well(directory, pid)


def test_an_oversized_frame_is_refused_before_it_is_read(directory: Path) -> None:
    pid = pids(directory)["p"]
    ip, port = endpoint(directory)
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.setsockopt(zmq.LINGER, 0)
        sock.connect(f"tcp://{ip}:{port}")
        sock.send(bytes(64 * 1024 * 1024 + 1))
        still_well(directory, pid)


def test_refused_frames_are_noted_once_per_kind_of_error(directory: Path) -> None:
    ip, port = endpoint(directory)
    stranger = encode("k", "nobody", "p", 1, 1, 0, 0.0, 1, None)
    misled = encode("k", "p", "q", 1, 1, 0, 0.0, 1, None)
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.setsockopt(zmq.LINGER, 1000)
        sock.connect(f"tcp://{ip}:{port}")
        for _ in range(3):
            for data in (b"rubbish", stranger, misled):
                sock.send(data)
    still_well(directory, pids(directory)["p"])

    async def later() -> list[str]:
        await asyncio.sleep(0.1)
        return [r[5]["reason"] for r in journal(directory, "p") if r[4] == "bad-frame"]

    reasons = asyncio.run(later())
    assert sorted(reasons) == ["malformed", "misdirected", "unknown sender"]


@pytest.mark.parametrize("name", ["control", "containers"])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.binary(min_size=1, max_size=100), framed=st.booleans())
def test_rubbish_on_the_unix_sockets(directory: Path, name: str, data: bytes, framed: bool) -> None:
    before = pids(directory)
    layout = Layout.of(directory)
    path = layout.control if name == "control" else layout.containers
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.settimeout(5)
        with contextlib.suppress(BrokenPipeError):
            sock.sendall(struct.pack(">I", len(data)) + data if framed else data)
    assert pids(directory) == before


@pytest.mark.parametrize(
    "body",
    [
        b"\x80",
        b"\x81\xa2op\x93\x01\x02\x03",
        b"\x82\xa2op\xa4join\xa3req\x01",
        b"\x82\xa2op\xa5start\xa3req\x91\x01",
        b"\x82\xa2op\xa5crash\xa3req\xc0",
    ],
)
def test_maps_of_the_wrong_shape_on_the_unix_sockets(directory: Path, body: bytes) -> None:
    before = pids(directory)
    layout = Layout.of(directory)
    for path in (layout.control, layout.containers):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(struct.pack(">I", len(body)) + body)
    assert pids(directory) == before
