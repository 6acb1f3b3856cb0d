"""A runtime whose containers are real processes, started by the containers' parent, the fork server. Real by nature.

Must not decide what runs. Containers survive their kubelet; `open` finds them again. `folders.py` says what a container
sees of its volumes; a manifest's command runs with the rights of whoever started the cluster.

Limits: memory is RLIMIT_DATA with room for an interpreter on top (a container over it gets ENOMEM and is not
OOMKilled); cpu is not limited; no core dumps, 1024 open files. Environment: only PATH, HOME, HOSTNAME, LANG, POD_IP
and the manifest's own; nothing of the user's.
"""

from __future__ import annotations

import asyncio
import os
import signal as signals
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

from nodes.kubelet.runtime import (
    EXEC_LIMIT,
    Container,
    ContainerKey,
    ContainerSpec,
    Executed,
    Image,
    LogQuery,
    OnExit,
    Probed,
    RuntimeFailure,
    Usage,
)
from nodes.kubelet.stages import short_name
from nodes.runtime import accounting
from nodes.runtime.attachment import Attachment
from nodes.runtime.folders import Folders
from nodes.runtime.images import program
from nodes.runtime.link import Link, Message
from nodes.runtime.logfile import read_log
from nodes.runtime.pipe import SocketPipe
from nodes.runtime.reach import probe
from nodes.runtime.session import ProcessSession

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HEADROOM = 256 * 1024 * 1024
"""Bytes that a container may have beyond its memory limit, for what any program needs to be there at all."""
CONSOLE = "nodes.runtime.programs.console:main"
"""What leads a container that takes input."""
GONE_WITHIN = 5.0
"""Seconds for a killed container to be reaped."""


class ProcessRuntime:
    """See `nodes.kubelet.runtime.Runtime`."""

    def __init__(self, machine: str, socket: str, root: str) -> None:
        self._machine = machine
        self._link = Link(socket, machine, self._event)
        self._folders = Folders(root)
        self._containers: dict[ContainerKey, Container] = {}
        self._ends: dict[ContainerKey, asyncio.Event] = {}
        self._images: dict[str, int] = {}
        self._on_exit: OnExit | None = None

    async def open(self, on_exit: OnExit) -> list[Container]:
        self._on_exit = None
        answer = await self._link.ask({"op": "list", "machine": self._machine})
        for entry in answer["containers"]:
            container = self._described(entry)
            if container is not None:
                self._containers[container.key] = container
                self._images[container.image] = 0
        self._on_exit = on_exit
        known = {key.pod for key in self._containers}
        for pod in self._folders.pods():
            if pod not in known:  # its processes died with the machine: only files are left
                await asyncio.to_thread(self._folders.remove_pod, pod)
        return list(self._containers.values())

    async def pull(self, image: str) -> Image:
        if not short_name(image):
            raise RuntimeFailure("InvalidImageName", f"couldn't parse image name {image!r}")
        present = image in self._images
        self._images[image] = 0
        return Image(image_id(image), 0, present)

    async def start(self, spec: ContainerSpec) -> Container:
        known = self._containers.get(spec.key)
        if known is not None:
            return known
        chosen = program(spec.image, spec.command, spec.args)
        env = self._environment(spec)
        kept = {"image": spec.image, "ip": spec.ip, "env": env, "typed": spec.stdin or spec.tty}
        kept["once"] = spec.stdin and spec.stdin_once
        work = self._folders.prepare(spec, kept)
        env["PWD"] = str(work)
        request: Message = {
            "op": "start",
            "id": spec.key.id,
            "machine": self._machine,
            "argv": list(chosen.argv),
            "env": env,
            "cwd": str(work),
            "log": str(self._folders.log(spec.key)),
            "rlimits": _limits(spec.limits),
        }
        if chosen.builtin:
            request["builtin"] = chosen.builtin
        elif spec.stdin or spec.tty:
            how = ("1" if spec.stdin_once or not spec.stdin else "0", "1" if spec.tty else "0")
            request["builtin"] = CONSOLE
            request["argv"] = [str(self._folders.of(spec.key)), *how, *chosen.argv]
        try:
            answer = await self._link.ask(request)
        except RuntimeFailure as failure:
            if failure.reason == "EEXIST":
                return await self._find(spec.key)
            self._folders.remove(spec.key)
            if failure.reason == "Unreachable":
                raise
            raise RuntimeFailure("RunContainerError", _start_error(failure, chosen.argv)) from failure
        image = spec.image
        container = Container(
            spec.key, "running", answer["started"], image, image_id(image), spec.ip, message=chosen.warning
        )
        return self._containers.setdefault(spec.key, container)

    async def signal(self, key: ContainerKey, name: Literal["TERM", "KILL"]) -> None:
        container = self._containers.get(key)
        if container is None or container.state == "exited":
            return
        number = signals.SIGKILL if name == "KILL" else signals.SIGTERM
        try:
            await self._link.ask({"op": "signal", "id": key.id, "signal": int(number)})
        except RuntimeFailure as failure:
            if failure.reason != "ESRCH":  # it has just ended: the event is on its way
                raise

    async def session(self, key: ContainerKey, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ProcessSession:
        env, home = self._inside(key)
        try:
            return await ProcessSession.open(argv, env, home, stdin=stdin, tty=tty)
        except (OSError, ValueError) as error:
            text = f'exec: "{argv[0]}": {_why(error)}'
            raise RuntimeFailure("CannotStart", text) from None

    async def attach(self, key: ContainerKey) -> Attachment:
        self._inside(key)

        def live() -> bool:
            container = self._containers.get(key)
            return container is not None and container.state == "running"

        program = self._folders.program(key)
        whole = bool(program.get("once")) and self._folders.first_attached(key)
        attachment = Attachment(self._folders.of(key), self._folders.log(key), live, whole=whole)
        if program.get("typed"):
            await attachment.open()
        return attachment

    def _inside(self, key: ContainerKey) -> tuple[dict[str, str], Path]:
        """Environment and folder of what runs in a container. RuntimeFailure NotFound or NotRunning."""
        container = self._containers.get(key)
        if container is None:
            raise RuntimeFailure("NotFound", f"there is no container {key.id}")
        if container.state == "exited":
            raise RuntimeFailure("NotRunning", f"container {key.name} does not run")
        env = {str(k): str(v) for k, v in (self._folders.program(key).get("env") or {}).items()}
        return env or {"PATH": PATH}, self._folders.home(key)

    async def execute(self, key: ContainerKey, argv: tuple[str, ...], timeout: float) -> Executed:
        env, home = self._inside(key)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
                cwd=home,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Executed(b"", f"exec: {argv[0]!r}: {_why(error)}\n".encode(), 127)
        assert process.stdout is not None  # both were asked for
        assert process.stderr is not None
        try:
            async with asyncio.timeout(timeout):
                out, err = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
                code = await process.wait()
        except TimeoutError:
            raise RuntimeFailure("DeadlineExceeded", f"{argv[0]} did not end within {timeout:g} s") from None
        finally:
            _kill_group(process.pid)
            await process.wait()
        return Executed(out, err, code if code >= 0 else 128 - code)

    async def probe(self, key: ContainerKey, action: Mapping[str, Any], timeout: float) -> Probed:
        if "exec" not in action:
            return await probe(action, timeout)
        try:
            done = await self.execute(key, tuple(action["exec"].get("command") or ()), timeout)
        except RuntimeFailure as failure:
            return Probed(False, failure.message)
        return Probed(done.exit_code == 0, (done.stdout + done.stderr)[:1024].decode(errors="replace"))

    async def dial(self, pod: str, ip: str, port: int) -> SocketPipe:
        return await SocketPipe.dial(ip, port)

    async def logs(self, key: ContainerKey, query: LogQuery) -> AsyncIterator[bytes]:
        def live() -> bool:
            container = self._containers.get(key)
            return container is not None and container.state == "running"

        async for chunk in read_log(self._folders.log(key), query, live):
            yield chunk

    async def usage(self) -> Usage:
        answer = await self._link.ask({"op": "list", "machine": self._machine})
        pids: dict[int, ContainerKey] = {}
        for entry in answer["containers"]:
            container = self._described(entry)
            if container is not None and container.state == "running":
                pids[int(entry["pid"])] = container.key
        used = await asyncio.to_thread(accounting.used_by, pids)
        return Usage({key: used[pid] for pid, key in pids.items()}, accounting.own())

    async def remove(self, key: ContainerKey) -> None:
        if key in self._containers:
            await self._forget(key)
        await asyncio.to_thread(self._folders.remove, key)

    async def remove_pod(self, pod: str) -> None:
        for key in sorted(key for key in self._containers if key.pod == pod):
            if self._containers[key].state == "running":
                await self.signal(key, "KILL")
                try:
                    async with asyncio.timeout(GONE_WITHIN):
                        await self._end_of(key)
                except TimeoutError:
                    raise RuntimeFailure("Timeout", f"{key.id} has not ended {GONE_WITHIN:g} s after SIGKILL") from None
            await self._forget(key)
        await asyncio.to_thread(self._folders.remove_pod, pod)

    def images(self) -> list[tuple[str, int]]:
        return sorted(self._images.items())

    async def close(self) -> None:
        await self._link.close()

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────

    def _environment(self, spec: ContainerSpec) -> dict[str, str]:
        own = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": str(self._folders.home(spec.key)),
            "HOSTNAME": spec.pod_name,
            "POD_IP": spec.ip,
            "POD_NAME": spec.pod_name,
            "POD_NAMESPACE": spec.namespace,
        }
        return {**own, **spec.env, "CAPSTAN_POD_IP": spec.ip}

    def _described(self, entry: Message) -> Container | None:
        """A container out of the parent's list; None for one that is not ours."""
        try:
            key = ContainerKey.parse(str(entry["id"]))
        except ValueError:
            return None
        kept = self._folders.program(key)
        image = str(kept.get("image", ""))
        container = Container(key, "running", entry["started"], image, image_id(image), str(kept.get("ip", "")))
        return _ended(container, entry["exit"]) if entry.get("exit") else container

    def _event(self, message: Message) -> None:
        if message.get("event") != "exited":
            return
        try:
            key = ContainerKey.parse(str(message["id"]))
        except ValueError:
            return
        before = self._containers.get(key)
        if before is None:  # it ended before the answer to its start was read
            kept = self._folders.program(key)
            image = str(kept.get("image", ""))
            before = Container(key, "running", message["at"], image, image_id(image), str(kept.get("ip", "")))
        if before.state == "exited":
            return
        self._containers[key] = _ended(before, message)
        waiting = self._ends.pop(key, None)
        if waiting is not None:
            waiting.set()
        if self._on_exit is not None:
            self._on_exit(self._containers[key])

    async def _end_of(self, key: ContainerKey) -> None:
        if self._containers[key].state == "running":
            await self._ends.setdefault(key, asyncio.Event()).wait()

    async def _find(self, key: ContainerKey) -> Container:
        answer = await self._link.ask({"op": "list", "machine": self._machine})
        for entry in answer["containers"]:
            container = self._described(entry)
            if container is not None and container.key == key:
                return self._containers.setdefault(key, container)
        raise RuntimeFailure("RunContainerError", f"{key.id} vanished while it was started")

    async def _forget(self, key: ContainerKey) -> None:
        try:
            await self._link.ask({"op": "forget", "id": key.id})
        except RuntimeFailure as failure:
            if failure.reason != "ESRCH":
                raise
        self._containers.pop(key, None)


def image_id(image: str) -> str:
    return f"builtin://{short_name(image)}"


def _ended(container: Container, end: Mapping[str, Any]) -> Container:
    code, number = int(end["code"]), int(end["signal"])
    return Container(
        container.key,
        "exited",
        container.started_at,
        container.image,
        container.image_id,
        container.ip,
        float(end["at"]),
        code,
        number,
        "Completed" if code == 0 else "Error",
    )


def _why(error: OSError | ValueError) -> str:
    """A ValueError: a zero byte in a word or in the environment, which no program can be given."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _limits(limits: Mapping[str, int]) -> dict[str, list[int]]:
    rlimits = {"RLIMIT_CORE": [0, 0], "RLIMIT_NOFILE": [1024, 1024]}
    if limits.get("memory"):
        most = limits["memory"] + HEADROOM
        rlimits["RLIMIT_DATA"] = [most, most]
    return rlimits


def _start_error(failure: RuntimeFailure, argv: tuple[str, ...]) -> str:
    if failure.reason == "ENOENT":
        return f'exec: "{argv[0]}": executable file not found in $PATH'
    return f'exec: "{argv[0]}": {failure.message}'


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """Everything is read, so that the writer does not stand still; the first EXEC_LIMIT bytes are kept."""
    kept = bytearray()
    while chunk := await stream.read(65536):
        kept += chunk[: EXEC_LIMIT - len(kept)]
    return bytes(kept)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signals.SIGKILL)
    except ProcessLookupError:
        return
