"""The containers' socket, frame by frame: answers, errors, events; who survives what."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.world.proc.control import FrameReader, Message, frame
from cluster.world.proc.layout import Layout
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec
from tests.proc.trees import play, survivors, tree

pytestmark = pytest.mark.proc


def program(argv: list[str]) -> int:
    """A built-in: says what it was given, ends with as many as it got."""
    print("argv", argv, "env", dict(os.environ), "cwd", os.getcwd())
    if argv[0] == "fail":
        raise LookupError("as planned")
    return len(argv)


class Line:
    """A blocking connection to the containers' socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.events: list[Message] = []
        self._answers: list[Message] = []
        self._reader = FrameReader()

    def ask(self, op: str, **fields: Any) -> Message:
        self.sock.sendall(frame({"op": op, **fields}))
        while not self._answers:
            self.read()
        return self._answers.pop(0)

    def read(self) -> None:
        for message in self._reader.feed(self.sock.recv(1 << 16)):
            (self.events if "event" in message else self._answers).append(message)

    def start(self, id: str, *argv: str, **more: Any) -> Message:
        return self.ask("start", **{"id": id, "machine": "m", "argv": list(argv), "env": {}, "cwd": "/", **more})

    def exited(self, id: str) -> Message:
        while True:
            for event in self.events:
                if event["id"] == id:
                    return event
            self.read()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tree() as found:
        yield found


@contextmanager
def line(directory: Path) -> Iterator[Line]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(Layout.of(directory).containers))
        yield Line(sock)


def test_a_container_from_start_to_forget(directory: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with line(directory) as it:
        assert it.ask("attach", machine="m", req=5) == {"machine": "m", "req": 5}
        env = {"PATH": "/usr/bin:/bin", "A": "1"}
        started = it.start("a", "sh", "-c", "env; pwd; ulimit -n; echo err >&2; exit 7", env=env, cwd="/tmp",
                           log=str(log), rlimits={"nofile": [64, 64], "RLIMIT_CORE": [0, 0]})  # fmt: skip
        assert started["id"] == "a"
        exited = it.exited("a")
        assert (exited["code"], exited["signal"], exited["machine"]) == (7, 0, "m")
        assert started["started"] <= exited["at"]
        words = log.read_text().split()
        assert {"A=1", "/tmp", "64", "err"} <= set(words)
        assert not any(word.startswith(("HOME=", "PYTHONPATH=")) for word in words)
        (listed,) = it.ask("list", machine="m")["containers"]
        assert listed == {
            "id": "a",
            "machine": "m",
            "pid": started["pid"],
            "started": started["started"],
            "exit": {"code": 7, "signal": 0, "at": exited["at"]},
        }
        assert it.ask("list", machine="other")["containers"] == []
        assert it.ask("forget", id="a") == {"id": "a"}
        assert it.ask("list", machine="m")["containers"] == []


def test_errors_begin_with_the_errnos_name(directory: Path, tmp_path: Path) -> None:
    with line(directory) as it:
        assert it.start("x", "no-such-program")["error"].startswith("ENOENT: ")
        assert it.start("x", "/etc/passwd")["error"].startswith("EACCES: ")
        assert it.start("x", "true", cwd="/no/such/folder")["error"].startswith("ENOENT: ")
        assert it.start("x", "true", rlimits={"nonsense": [1, 1]})["error"].startswith("EINVAL: ")
        assert it.start("x", builtin="no.such:thing")["error"].startswith("EINVAL: ModuleNotFoundError")
        assert it.start("x")["error"].startswith("EINVAL: ")
        assert it.ask("no-such-op")["error"].startswith("EINVAL: ")
        assert it.ask("signal", id="nobody", signal=9)["error"].startswith("ESRCH: ")
        it.ask("attach", machine="m")
        it.start("x", "sleep", "60", env={"PATH": "/usr/bin:/bin"})
        assert it.start("x", "true")["error"].startswith("EEXIST: ")
        assert it.ask("forget", id="x")["error"].startswith("EBUSY: ")
        assert it.ask("signal", id="x", signal=int(signal.SIGTERM)) == {"id": "x"}
        exited = it.exited("x")
        assert (exited["code"], exited["signal"]) == (143, 15)
        assert it.ask("signal", id="x", signal=9)["error"].startswith("ESRCH: ")
        it.ask("forget", id="x")


def test_a_builtin_runs_without_exec_with_just_its_environment(directory: Path, tmp_path: Path) -> None:
    target = f"{__name__}:program"
    with line(directory) as it:
        it.ask("attach", machine="m")
        for id, argv, code in (("b", ["one", "two"], 2), ("c", ["fail"], 1)):
            log = tmp_path / id
            it.start(id, *argv, builtin=target, env={"ONLY": "this"}, cwd="/tmp", log=str(log))
            assert it.exited(id)["code"] == code
            assert f"argv {argv} env {{'ONLY': 'this'}} cwd /tmp" in log.read_text()
            it.ask("forget", id=id)
        assert "LookupError: as planned" in (tmp_path / "c").read_text()


def test_what_a_container_leaves_in_its_group_ends_with_it(directory: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with line(directory) as it:
        it.ask("attach", machine="m")
        it.start("d", "sh", "-c", "sleep 60 & echo $!", env={"PATH": "/usr/bin:/bin"}, log=str(log))
        it.exited("d")
        assert survivors({"sleep": int(log.read_text())}, within=1.0) == []
        it.ask("forget", id="d")


def test_containers_survive_their_kubelet_and_not_their_machine(directory: Path) -> None:
    probe = Spec("tests.conformance.probe:run")
    with line(directory) as it:
        it.ask("attach", machine="m")
        pid = it.start("e", "/bin/sleep", "60")["pid"]
        other = it.start("f", "/bin/sleep", "60", machine="other")["pid"]

        async def crash(world: ProcWorld) -> None:
            await world.start("kubelet", "m", probe)
            await world.crash("kubelet")

        async def power(world: ProcWorld) -> None:
            await world.poweroff("m")

        play(directory, crash)
        assert survivors({"e": pid}, within=0.0) == ["e"]
        play(directory, power)
        assert survivors({"e": pid, "f": other}, within=1.0) == ["f"]
        assert (it.exited("e")["code"], it.exited("e")["signal"]) == (137, 9)
