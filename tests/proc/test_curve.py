"""CURVE on the bus: who has no key of the tree's own is not heard, whatever it says, and harms nobody."""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq

from cluster.errors import UsageError
from cluster.rpc import Rpc
from cluster.wire import encode
from cluster.world.faults import KillAfter
from cluster.world.proc import greetings
from cluster.world.proc.bus import BusOptions, ZmqBus
from cluster.world.proc.buskeys import SEATS, KeyPair
from cluster.world.proc.control import ask, frame
from cluster.world.proc.gate import Gate
from cluster.world.proc.journal import Journal
from cluster.world.proc.layout import Layout
from cluster.world.proc.network import Network, VersionPage
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec, eventually
from tests.proc.trees import journal, pids, play, tree

pytestmark = pytest.mark.proc

PROBE = Spec("tests.conformance.probe:run")
BOTH = ("p", "q")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tree() as found:

        async def start(world: ProcWorld) -> None:
            for name in BOTH:
                await world.start(name, "master-0", PROBE)
            await world.join("seat", "master-1")

        play(found, start)
        yield found


def key(directory: Path, name: str) -> KeyPair:
    return KeyPair.read(Layout.of(directory).bus_keys / f"{name}.key")


def endpoint(directory: Path, name: str = "p") -> tuple[str, int]:
    host = ask(Layout.of(directory).control, "hosts")[name]
    return host["ip"], host["port"]


def until(holds: Callable[[], Any], within: float = 15.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(0.02)


def events(directory: Path, event: str) -> list[dict[str, str]]:
    return [r[5] for r in journal(directory, "p") if r[4] == event]


def heard(directory: Path, kind: str) -> bool:
    """Has p's bus delivered a message of that kind?"""
    return any(r[4] == "deliver" and r[5] == kind for r in journal(directory, "p"))


def unheard(directory: Path) -> int:
    """How often somebody knocked at p in vain."""
    counts: dict[str, int] = ask(Layout.of(directory).control, "status")["hosts"]["p"]["unheard"]
    return sum(counts.values())


def knocked(directory: Path, times: int) -> bool:
    return unheard(directory) == times


@contextmanager
def dealer(directory: Path, server: KeyPair | None, mine: KeyPair | None) -> Iterator[zmq.Socket[bytes]]:
    """A socket towards p with what it knows of p, and a key."""
    ip, port = endpoint(directory)
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.setsockopt(zmq.LINGER, 0)
        if server is not None and mine is not None:
            sock.setsockopt(zmq.CURVE_SERVERKEY, server.public)
            sock.setsockopt(zmq.CURVE_PUBLICKEY, mine.public)
            sock.setsockopt(zmq.CURVE_SECRETKEY, mine.secret)
        sock.connect(f"tcp://{ip}:{port}")
        yield sock


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def letter(kind: str) -> bytes:
    """What p would take from its neighbour q."""
    return encode(kind, "q", "p", 1, 1, 0, 0.0, 1, None)


def still_well(directory: Path, before: dict[str, int]) -> None:
    """The same processes answer, also each other."""

    async def scenario(world: ProcWorld) -> None:
        rpc = Rpc(await world.join("seat", "master-1"))
        for name in BOTH:
            assert await rpc.call(name, "do", ["well?"], timeout=5) == ["well?"]

    play(directory, scenario)
    assert pids(directory) == before


def test_who_has_a_key_of_the_tree_is_heard(directory: Path) -> None:
    """The measure for the tests below: the same letter with the right key arrives."""
    with dealer(directory, key(directory, "p"), key(directory, "q")) as sock:
        sock.send(letter("known.kind"))
        until(lambda: heard(directory, "known.kind"))


def test_a_key_of_another_tree_is_not_heard_and_told_once(directory: Path) -> None:
    before, begun, foreign = pids(directory), unheard(directory), KeyPair.new()
    for n in range(1, 4):
        with dealer(directory, key(directory, "p"), foreign) as sock:
            sock.send(letter("foreign.kind"))
            until(partial(knocked, directory, begun + n))
    still_well(directory, before)
    until(lambda: events(directory, "unheard"))
    (told,) = [data for data in events(directory, "unheard") if " with key " in data["from"]]
    assert told["why"] == "it is not a key of this cluster"
    assert not heard(directory, "foreign.kind")


@pytest.mark.parametrize("knows", ["nothing", "another key"])
def test_who_has_no_key_or_takes_p_for_another_is_not_heard(directory: Path, knows: str) -> None:
    before = pids(directory)
    server, mine = (None, None) if knows == "nothing" else (KeyPair.new(), key(directory, "q"))
    whys = {greetings.NO_KEY, greetings.GONE} if knows == "nothing" else {greetings.BAD}
    with dealer(directory, server, mine) as sock:
        sock.send(letter("deaf.kind"))
        until(lambda: whys & {data["why"] for data in events(directory, "unheard")})
    still_well(directory, before)
    assert not heard(directory, "deaf.kind")


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00" * 20, b"\xff" * 200, letter("raw.kind"), b"\xff" + bytes(8) + b"\x7f"],
    ids=["http", "old", "ones", "letter", "half a greeting"],
)
def test_bytes_that_are_not_zeromq(directory: Path, data: bytes) -> None:
    before, begun = pids(directory), unheard(directory)
    with socket.create_connection(endpoint(directory), timeout=5) as sock:
        sock.sendall(data)
        if data.endswith(b"\x7f"):  # p waits for the other half; two turns of its loop, and it has seen who this is
            assert sock.recv(10)
            assert [unheard(directory) for _ in range(2)] == [begun, begun]
        else:
            until(partial(knocked, directory, begun + 1))
    until(partial(knocked, directory, begun + 1))
    still_well(directory, before)
    assert not heard(directory, "raw.kind")


def test_private_keys_are_for_their_owner_only(directory: Path) -> None:
    folder = Layout.of(directory).bus_keys
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"p.key", "q.key", f"{SEATS}.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_one_that_comes_later_is_heard_by_those_who_run(directory: Path) -> None:
    """Its key is made then; who stood still meanwhile hears it too. Gone for good, its key is worth nothing."""
    before, path = pids(directory), Layout.of(directory).bus_keys / "late.key"

    async def scenario(world: ProcWorld) -> None:
        await world.pause("p")
        await world.start("late", "worker-0", PROBE)
        rpc = Rpc(await world.join("seat", "worker-0"))
        await world.resume("p")
        for name in ("late", *BOTH):
            assert await rpc.call(name, "do", ["well?"], timeout=5) == ["well?"]
        old = key(directory, "late")
        with dealer(directory, key(directory, "p"), old) as sock:
            sock.send(encode("late.kind", "late", "p", 1, 1, 0, 0.0, 1, None))
            until(lambda: heard(directory, "late.kind"))
        await world.restart("late")
        assert key(directory, "late") == old
        assert await rpc.call("late", "do", ["well?"], timeout=5) == ["well?"]
        await world.remove("late")
        assert not path.exists()
        with dealer(directory, key(directory, "p"), old) as sock:
            sock.send(letter("removed.kind"))
            until(lambda: sum("with key" in data["from"] for data in events(directory, "unheard")) == had + 1)
        assert not heard(directory, "removed.kind")
        await world.start("late", "worker-0", PROBE)
        assert key(directory, "late") != old
        assert await rpc.call("late", "do", ["well?"], timeout=5) == ["well?"]
        await world.remove("late")

    had = sum("with key" in data["from"] for data in events(directory, "unheard"))
    play(directory, scenario)
    assert pids(directory) == before


def test_who_may_be_on_a_list_that_has_not_come_yet_waits_for_it(tmp_path: Path) -> None:
    """A refusal would be for good: ZeroMQ does not connect again after one."""
    mine, theirs = KeyPair.new(), KeyPair.new()
    page = tmp_path / "page"
    page.write_bytes(bytes(4096))
    got: list[str] = []

    async def body() -> None:
        near, far = socket.socketpair()
        network = Network(near, on_end=lambda: None)
        orders: dict[str, Any] = {"name": "a", "machine": "left", "epoch": 0.0, "page": str(page), "version": 0}
        peers = {"a": ["left", "127.0.0.1", free_port(), mine.public]}
        network.become({**orders, "lamport": 0, "rules": [], "skew": [0.0, 1.0, 0.0], "peers": peers})
        gate, book = Gate(), Journal(tmp_path / "a.1")
        bus = ZmqBus(gate, BusOptions("a", 1, "seed", mine), network, book)
        network.attach(asyncio.get_running_loop())
        bus.listen(lambda envelope: got.append(envelope.kind))
        VersionPage(page).raise_to(1)
        with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
            sock.setsockopt(zmq.LINGER, 0)
            sock.setsockopt(zmq.CURVE_SERVERKEY, mine.public)
            sock.setsockopt(zmq.CURVE_PUBLICKEY, theirs.public)
            sock.setsockopt(zmq.CURVE_SECRETKEY, theirs.secret)
            sock.connect(network.peers["a"].endpoint)
            sock.send(encode("late.kind", "b", "a", 1, 1, 0, 0.0, 1, None))
            await eventually(lambda: bool(gate.waiting), within=10)
            assert not network.unheard
            late = {"op": "peers", "set": {"b": ["right", "127.0.0.1", 9, theirs.public]}, "gone": []}
            far.sendall(frame({**late, "version": 1, "lamport": 5}))
            await eventually(lambda: bool(got), within=10)
        bus.close()
        gate.close()
        network.close()
        far.close()
        book.close()

    asyncio.run(body())
    assert got == ["late.kind"]


def test_a_file_that_is_no_key_is_named_and_nothing_is_started(directory: Path) -> None:
    path = Layout.of(directory).bus_keys / "broken.key"
    path.write_text("no key")

    async def scenario(world: ProcWorld) -> None:
        with pytest.raises(UsageError, match=r"bus key cannot be read.*broken\.key|broken\.key.*bus key") as caught:
            await world.start("broken", "master-0", PROBE)
        assert "remove it" in caught.value.remedy
        assert "broken" not in world.hosts()
        path.unlink()
        await world.start("broken", "master-0", PROBE)
        await world.remove("broken")

    play(directory, scenario)


def test_what_a_host_sent_before_it_kills_itself_arrives(directory: Path) -> None:
    """Encrypted frames that are still in ZeroMQ's hands, too."""

    async def scenario(world: ProcWorld) -> None:
        await world.start("doomed", "worker-0", PROBE)
        rpc = Rpc(await world.join("seat", "worker-0"))
        assert await rpc.call("doomed", "do", [0], timeout=5) == [0]
        rule = await world.fault(KillAfter(src=("doomed",), n=3))
        assert [await rpc.call("doomed", "do", [n], timeout=5) for n in range(3)] == [[0], [1], [2]]
        await world.ended("doomed")
        await world.heal(rule)
        await world.remove("doomed")

    play(directory, scenario)
