"""The process tree: how it comes up, what it refuses, and that nothing survives the death of any root."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.errors import UsageError
from cluster.world.proc.control import FrameReader, ask, frame
from cluster.world.proc.launch import down, launch
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import is_alive
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec, eventually
from tests.proc.trees import pids, play, survivors, tree

pytestmark = pytest.mark.proc

PROBE = Spec("tests.conformance.probe:run")
SHELL = "sleep 60 & sleep 60 & wait"


def container(directory: Path, id: str = "c1", machine: str = "worker-0", *argv: str) -> int:
    """Start one (by default a shell with two children of its own); the pid of its leader."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(Layout.of(directory).containers))
        words = list(argv) or ["/bin/sh", "-c", SHELL]
        sock.sendall(frame({"op": "start", "id": id, "machine": machine, "argv": words, "env": {}, "cwd": "/"}))
        (answer,) = FrameReader().feed(sock.recv(1 << 16))
        return int(answer["pid"])


def group(leader: int) -> list[int]:
    """Live processes of the leader's group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == leader and is_alive(int(entry.name)):
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def wait_for_group(leader: int, size: int) -> None:
    end = time.monotonic() + 5
    while len(group(leader)) != size:
        assert time.monotonic() < end, group(leader)
        time.sleep(0.01)


@pytest.mark.parametrize("root", ["supervisor", "fork server"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_a_root(root: str, number: signal.Signals) -> None:
    with tree() as directory:

        async def scenario(world: ProcWorld) -> None:
            for i in range(3):
                await world.start(f"p-{i}", f"worker-{i}", PROBE)
            await world.pause("p-2")

        play(directory, scenario)
        leader = container(directory)
        wait_for_group(leader, 3)
        found = {**pids(directory), **{f"container {pid}": pid for pid in group(leader)}}
        assert len(found) == 2 + 3 + 3
        os.kill(found[root], number)
        assert survivors(found, within=1.0) == []
        with pytest.raises(UsageError, match="no cluster is up"):
            ask(Layout.of(directory).control, "ping")
        launch(directory, {})  # what was left behind does not hinder the next
        assert len(pids(directory)) == 2


def test_down_leaves_no_process_and_no_socket_and_says_so_twice(tmp_path: Path) -> None:
    launch(tmp_path, {"subnet": 121})
    play(tmp_path, lambda world: world.start("p", "m", PROBE))
    leader = container(tmp_path)
    wait_for_group(leader, 3)
    found = {**pids(tmp_path), **{f"container {pid}": pid for pid in group(leader)}}
    down(tmp_path)
    assert survivors(found, within=0.0) == []
    assert not Layout.of(tmp_path).control.exists()
    assert not Layout.of(tmp_path).containers.exists()
    with pytest.raises(UsageError, match="no cluster is up here"):
        down(tmp_path)
    assert (tmp_path / "data").exists()
    down(tmp_path, wipe=True)
    assert not tmp_path.exists()


def test_a_second_up_is_refused_and_harms_nobody() -> None:
    with tree() as directory:
        before = pids(directory)
        with pytest.raises(UsageError, match="is up already") as caught:
            launch(directory, {})
        assert caught.value.remedy
        assert pids(directory) == before


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.122.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        config = {"subnet": 122, "ports": {"p": port}}
        with pytest.raises(UsageError, match=f"127.122.0.1:{port}: the port of p is in use.*"):
            launch(tmp_path, {**config, "places": {"p": "master-0"}})
        assert not Layout.of(tmp_path).is_up()
        launch(tmp_path, config)

        async def scenario(world: ProcWorld) -> None:
            with pytest.raises(UsageError, match=f"127.122.0.1:{port}"):
                await world.start("p", "master-0", PROBE)
            assert world.hosts() == []

        play(tmp_path, scenario)
        down(tmp_path, wipe=True)


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("capstan 0\n")
    with pytest.raises(UsageError, match="'capstan 0'.*'capstan 1'"):
        launch(tmp_path, {})
    (tmp_path / "VERSION").unlink()
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match="no version"):
        launch(tmp_path, {})


def test_a_tree_that_cannot_come_up_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no_such_module"):
        launch(tmp_path, {"preload": ["no_such_module"]})
    assert not Layout.of(tmp_path).is_up()
    with pytest.raises(UsageError, match="unknown key 'nonsense'"):
        launch(tmp_path, {"nonsense": 1})


def test_a_deep_folder_has_its_sockets_elsewhere_in_private(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    world = launch(deep, {"subnet": 123})
    sockets = world.layout.sockets
    try:
        assert Path((deep / "run" / "socket-folder").read_text().strip()) == sockets
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(world.layout.control.stat().st_mode) == 0o600
        assert stat.S_IMODE(world.layout.containers.stat().st_mode) == 0o600
        play(deep, lambda world: world.start("p", "m", PROBE))
    finally:
        down(deep, wipe=True)
    assert not sockets.exists()


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    try:
        launch(tmp_path, {"subnet": 122})
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        down(tmp_path, wipe=True)


def test_it_outlives_its_starter_and_has_no_terminal(tmp_path: Path) -> None:
    code = f"from cluster.world.proc.launch import launch; launch({str(tmp_path)!r}, {{'subnet': 124}})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20, cwd=Path(__file__).parents[2])
    try:
        found = pids(tmp_path)
        assert all(os.getsid(pid) != os.getsid(0) for pid in found.values())
    finally:
        down(tmp_path, wipe=True)


def test_a_death_that_nobody_ordered_is_reported_and_not_repaired() -> None:
    with tree() as directory:

        async def scenario(world: ProcWorld) -> None:
            await world.start("p", "m", PROBE)
            await world.start("q", "m", Spec(PROBE.target, {"ends_after": 0.05}))
            os.kill(pids(directory)["p"], signal.SIGSEGV)
            await eventually(lambda: not world.running("p") and not world.running("q"), within=5)
            hosts = (await world.status())["hosts"]
            assert (hosts["p"]["state"], hosts["p"]["pid"], hosts["q"]["state"]) == ("signal 11", 0, "exit 0")
            told = [e for e in (await world.events())[0] if e["event"] == "exited"]
            assert {(e["host"], e["data"]["signal"]) for e in told} == {("p", 11), ("q", 0)}
            await world.restart("p")
            assert (await world.status())["hosts"]["p"]["boot"] == 2

        play(directory, scenario)
        assert "p (pid " in Layout.of(directory).log("supervisor").read_text()


def test_a_component_that_fails_leaves_its_place_in_the_log() -> None:
    with tree() as directory:

        async def scenario(world: ProcWorld) -> None:
            await world.start("p", "m", Spec("tests.proc.failing:run"))
            await eventually(lambda: not world.running("p"), within=5)
            assert (await world.status())["hosts"]["p"]["state"] == "exit 1"
            await world.start("q", "m", Spec("tests.proc.failing:run", {"in_callback": True}))
            await eventually(lambda: not world.running("q"), within=5)
            await world.start("s", "m", Spec("tests.proc.failing:run", {"halts": True}))
            await eventually(lambda: not world.running("s"), within=5)
            assert (await world.status())["hosts"]["s"]["state"] == "exit 1"
            with pytest.raises(UsageError, match="ModuleNotFoundError"):
                await world.start("r", "m", Spec("no.such:run"))

        play(directory, scenario)
        for name in ("p", "q"):
            text = Layout.of(directory).log(name).read_text()
            assert "ArithmeticError: as planned" in text
            assert "failing.py" in text
        said = Layout.of(directory).log("s").read_text()
        assert said == "s stops: wal/1: no bit is right at byte 7; start anew\n", "no traceback"


def test_who_writes_to_a_reader_that_has_gone_is_told_so_and_lives() -> None:
    """A balancer and whole clusters ended so (signal 13), whenever a client hung up at the wrong moment."""
    with tree() as directory:

        async def scenario(world: ProcWorld) -> None:
            await world.start("p", "m", Spec("tests.proc.unread:run"))
            await eventually(lambda: not world.running("p"), within=5)
            assert (await world.status())["hosts"]["p"]["state"] == "exit 0"

        play(directory, scenario)


def test_a_command_ends_when_its_reader_has_gone() -> None:
    """As in any shell: `yes | head` has an end. What a Python process ignores must not reach it."""
    with tree() as directory:
        leader = container(directory, "c1", "worker-0", "/bin/sh", "-c", "yes | head -1; sleep 60")
        wait_for_group(leader, 2)
