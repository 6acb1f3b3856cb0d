"""The process runtime on a real tree: programs, commands, logs, exec, probes, limits, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from cluster.world.proc.launch import down, launch
from cluster.world.proc.layout import Layout
from cluster.world.scenario import eventually
from nodes.kubelet.runtime import Container, ContainerKey, ContainerSpec, LogQuery, Mount, RuntimeFailure, Volume
from nodes.runtime.process import ProcessRuntime

pytestmark = pytest.mark.proc

IP = "127.131.16.7"
PRELOAD = [f"nodes.runtime.programs.{name}" for name in ("nginx", "redis", "hello", "placeholder")]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("tree")
    launch(directory, {"subnet": 131, "preload": PRELOAD})
    yield directory
    down(directory, wipe=True)


class Bench:
    """One kubelet's runtime; `boot` is a kubelet that comes up (again)."""

    def __init__(self, tree: Path, machine: str) -> None:
        self.machine = machine
        self.socket = str(Layout.of(tree).containers)
        self.root = tree / "pods" / machine
        self.exits: asyncio.Queue[Container] = asyncio.Queue()

    async def boot(self) -> list[Container]:
        self.runtime = ProcessRuntime(self.machine, self.socket, str(self.root))
        return await self.runtime.open(self.exits.put_nowait)

    async def start(self, name: str, image: str, *command: str, **more: Any) -> ContainerKey:
        key = ContainerKey(f"uid-{self.machine}-{name}", "main", 0)
        await self.runtime.start(ContainerSpec(key, "default", name, image, command, ip=IP, **more))
        return key

    async def run(self, name: str, image: str, *command: str, **more: Any) -> tuple[Container, str]:
        """To its end: how it ended, and its log."""
        key = await self.start(name, image, *command, **more)
        return await self.ended(key), await self.log(key)

    async def ended(self, key: ContainerKey) -> Container:
        async with asyncio.timeout(5):
            while (container := await self.exits.get()).key != key:
                pass
        return container

    async def log(self, key: ContainerKey, **query: Any) -> str:
        return b"".join([chunk async for chunk in self.runtime.logs(key, LogQuery(**query))]).decode()

    async def probes(self, key: ContainerKey, action: dict[str, Any]) -> None:
        """Until it succeeds."""

        async def succeeds() -> bool:
            return (await self.runtime.probe(key, action, 1.0)).ok

        await eventually(succeeds, within=5)


def play(tree: Path, machine: str, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def body() -> None:
        bench = Bench(tree, machine)
        await bench.boot()
        try:
            await scenario(bench)
        finally:
            await bench.runtime.close()

    asyncio.run(body())


def processes(word: str) -> list[int]:
    """Those whose command line or environment has `word`, but for ourselves."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if word.encode() in entry.joinpath("cmdline").read_bytes() + entry.joinpath("environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has just ended, or is not ours
                continue
    return found


def test_a_command_has_its_exit_code_log_and_scrubbed_environment(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")

    async def scenario(bench: Bench) -> None:
        ended, log = await bench.run("env", "busybox", "sh", "-c", "env; pwd; exit 3", env={"COLOUR": "red"})
        assert (ended.exit_code, ended.signal, ended.reason) == (3, 0, "Error")
        assert ended.finished_at >= ended.started_at > time.time() - 60
        names = {line.partition("=")[0] for line in log.splitlines()}
        assert "COLOUR=red" in log
        assert "HOSTNAME=env" in log
        assert f"POD_IP={IP}" in log
        assert names & {"SECRET_OF_THE_USER", "USER", "SSH_AUTH_SOCK", "PYTHONPATH"} == set()
        assert str(bench.root / ended.key.pod / "main/0/home") in log

    play(tree, "worker-0", scenario)


def test_a_command_that_is_not_there_is_named(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(RuntimeFailure, match='exec: "no-such-thing": executable file not found') as caught:
            await bench.start("none", "busybox", "no-such-thing")
        assert caught.value.reason == "RunContainerError"

    play(tree, "worker-1", scenario)


def test_nginx_serves_is_probed_and_ends_on_sigterm(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("web", "nginx:1.25")
        await bench.probes(key, {"httpGet": {"host": IP, "port": 80, "path": "/hello"}})
        await bench.probes(key, {"tcpSocket": {"host": IP, "port": 80}})
        assert (await bench.runtime.probe(key, {"tcpSocket": {"host": IP, "port": 81}}, 1.0)).ok is False
        assert "GET /hello HTTP/1.1" in await bench.log(key)
        await bench.runtime.signal(key, "TERM")
        assert (await bench.ended(key)).exit_code == 0

    play(tree, "worker-2", scenario)


def test_nginx_serves_a_mounted_volume(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        volume = Volume("page", {"index.html": b"<p>mine"})
        mounts = (Mount("page", "/usr/share/nginx/html"),)
        key = await bench.start("pages", "nginx", volumes=(volume,), mounts=mounts)
        await bench.probes(key, {"httpGet": {"host": IP, "port": 80, "path": "/index.html"}})
        missing = await bench.runtime.probe(key, {"httpGet": {"host": IP, "port": 80, "path": "/no"}}, 1.0)
        assert missing.message == "HTTP probe failed with statuscode: 404"
        await bench.runtime.remove_pod(key.pod)

    play(tree, "worker-3", scenario)


def test_hello_world_and_a_placeholder(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        ended, log = await bench.run("hello", "hello-world")
        assert (ended.exit_code, ended.reason) == (0, "Completed")
        assert log.startswith("Hello from Capstan!")
        key = ContainerKey("uid-x", "main", 0)
        started = await bench.runtime.start(ContainerSpec(key, "default", "x", "acme/shop", ip=IP))
        assert "no program here" in started.message

        async def says_so() -> bool:
            return "acme/shop" in await bench.log(key)

        await eventually(says_so, within=5)
        await bench.runtime.remove_pod("uid-x")

    play(tree, "worker-4", scenario)


def test_exec_runs_inside_and_is_bounded_in_time_and_size(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("exec", "busybox", "sleep", "1000", env={"COLOUR": "red"})
        done = await bench.runtime.execute(key, ("sh", "-c", "echo $COLOUR; echo bad >&2; exit 4"), 5.0)
        assert (done.stdout, done.stderr, done.exit_code) == (b"red\n", b"bad\n", 4)
        big = await bench.runtime.execute(key, ("head", "-c", "3000000", "/dev/zero"), 5.0)
        assert (len(big.stdout), big.exit_code) == (1024 * 1024, 0)
        with pytest.raises(RuntimeFailure) as caught:
            await bench.runtime.execute(key, ("sh", "-c", "sleep 987 & sleep 987"), 0.3)
        assert caught.value.reason == "DeadlineExceeded"
        assert processes("sleep\x00987") == []
        assert (await bench.runtime.execute(key, ("nothing-of-that-name",), 1.0)).exit_code == 127
        await bench.runtime.signal(key, "KILL")
        assert (await bench.ended(key)).exit_code == 137
        with pytest.raises(RuntimeFailure) as caught:
            await bench.runtime.execute(key, ("true",), 1.0)
        assert caught.value.reason == "NotRunning"

    play(tree, "worker-5", scenario)


def test_containers_survive_their_kubelet_and_are_not_started_twice(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("stay", "busybox", "sh", "-c", "echo started; sleep 1000")
        short = await bench.start("short", "busybox", "sh", "-c", "sleep 0.2; exit 5")
        await bench.runtime.close()
        await asyncio.sleep(0.5)
        found = {container.key: container for container in await bench.boot()}
        assert (found[key].state, found[key].image, found[key].ip) == ("running", "busybox", IP)
        assert (found[short].state, found[short].exit_code) == ("exited", 5)
        await bench.start("stay", "busybox", "sh", "-c", "echo started; sleep 1000")
        assert await bench.log(key) == "started\n"

    play(tree, "worker-6", scenario)


def test_nothing_is_left_of_a_pod(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("many", "busybox", "sh", "-c", "trap '' TERM; sleep 654 & sleep 654 & wait; sleep 654")
        await eventually(lambda: len(processes("sleep\x00654")) >= 2, within=5)
        await bench.runtime.signal(key, "TERM")
        await bench.runtime.remove_pod(key.pod)
        assert not (bench.root / key.pod).exists()
        await eventually(lambda: processes("sleep\x00654") == [], within=2)
        with pytest.raises(RuntimeFailure):
            await bench.log(key)

    play(tree, "worker-7", scenario)


def test_logs_tail_and_follow(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("log", "busybox", "sh", "-c", "echo a; echo b; echo c; sleep 0.4; echo d")
        await asyncio.sleep(0.2)
        assert await bench.log(key, tail=2) == "b\nc\n"
        assert await bench.log(key, tail=1, follow=True) == "c\nd\n"

    play(tree, "worker-8", scenario)


def test_memory_is_limited(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        hog = "x = bytearray(1 << 30)"
        ended, log = await bench.run("hog", "python", "python3", "-c", hog, limits={"memory": 64 << 20})
        assert ended.exit_code == 1
        assert "MemoryError" in log
        ended, _ = await bench.run("free", "python", "python3", "-c", "x = bytearray(1 << 26)")
        assert ended.exit_code == 0

    play(tree, "worker-9", scenario)


def test_redis_answers(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("kv", "redis:7")
        await bench.probes(key, {"tcpSocket": {"host": IP, "port": 6379}})
        reader, writer = await asyncio.open_connection(IP, 6379)
        writer.write(b"SET k v\r\nINCR n\r\nGET k\r\n")
        assert await reader.readexactly(16) == b"+OK\r\n:1\r\n$1\r\nv\r\n"
        writer.close()
        await bench.runtime.signal(key, "TERM")
        assert (await bench.ended(key)).exit_code == 0

    play(tree, "worker-10", scenario)


def test_who_attaches_types_into_a_container_and_sees_its_terminal(tree: Path) -> None:
    """With a terminal and without; the exit code is the command's, and the log has what was shown."""

    async def scenario(bench: Bench) -> None:
        key = await bench.start("plain", "busybox", "sh", "-c", "cat; exit 3", stdin=True, stdin_once=True)
        session = await bench.runtime.attach(key)
        await session.write(b"one\n" * 50_000)  # more than a pipe holds
        await session.end_input()
        assert (await bench.ended(key)).exit_code == 3
        assert await bench.log(key) == "one\n" * 50_000
        await session.close()
        key = await bench.start("terminal", "busybox", "sh", stdin=True, tty=True)
        session = await bench.runtime.attach(key)
        session.resize(101, 43)
        await session.write(b"stty size; exit 4\n")
        shown = b"".join([data async for _, data in session.output()])
        assert b"43 101" in shown
        assert (await bench.ended(key)).exit_code == 4
        assert "43 101" in await bench.log(key)
        await session.close()

    play(tree, "worker-7", scenario)


def test_who_comes_first_to_a_container_for_one_session_misses_nothing(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        key = await bench.start("once", "busybox", "sh", "-c", "echo early; cat", stdin=True, stdin_once=True)
        await eventually(lambda: _says(bench, key, "early"), within=60)
        first, second = await bench.runtime.attach(key), await bench.runtime.attach(key)
        await first.write(b"late\n")
        await first.end_input()
        assert b"".join([data async for _, data in first.output()]) == b"early\nlate\n"
        assert b"early" not in b"".join([data async for _, data in second.output()])
        await first.close()
        await second.close()

    play(tree, "worker-11", scenario)


def test_signals_reach_a_command_that_has_a_terminal(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        ways: tuple[tuple[Literal["TERM", "KILL"], int], ...] = (("TERM", 15), ("KILL", 9))
        for signal, number in ways:
            key = await bench.start(signal.lower(), "busybox", "sh", "-c", "echo up; exec sleep 600", tty=True)
            await eventually(partial(_says, bench, key, "up"), within=60)
            await bench.runtime.signal(key, signal)
            assert (await bench.ended(key)).signal == number

    play(tree, "worker-8", scenario)


async def _says(bench: Bench, key: ContainerKey, word: str) -> bool:
    return word in await bench.log(key)


async def _noted(bench: Bench, key: ContainerKey, word: str) -> bool:
    """Is the line there, and has the containers' parent noted its time? Until then each reading gives it its own."""
    first, second = [await bench.log(key, timestamps=True) for _ in range(2)]
    return word in first and first == second


def test_lines_have_the_time_at_which_they_were_written_and_use_is_measured(tree: Path) -> None:
    async def scenario(bench: Bench) -> None:
        command = "echo one; while [ ! -e go ]; do :; done; echo two; exec sleep 600"
        key = await bench.start("lines", "busybox", "sh", "-c", command)
        await eventually(lambda: _noted(bench, key, "one"), within=60)
        between = time.time()
        used = (await bench.runtime.usage()).containers[key]
        (Path(bench.root) / key.pod / key.name / "0" / "home" / "go").touch()
        await eventually(lambda: _says(bench, key, "two"), within=60)
        assert await bench.log(key, since=between) == "two\n"
        stamps = [line.split(" ")[0] for line in (await bench.log(key, timestamps=True)).splitlines()]
        assert stamps == sorted(stamps)
        assert [len(stamp) for stamp in stamps] == [30, 30]
        later = (await bench.runtime.usage()).containers[key]
        assert later.cpu >= used.cpu
        assert later.memory > 0

    play(tree, "worker-9", scenario)
