"""The containers' parent: starts, signals, lists and reaps what kubelets run, inside the fork server.

Must not know pods or images. Containers survive their kubelet; they end with their machine's power and with the tree.

AF_UNIX stream DIR/run/containers.sock (0600); frames of `control.py`; answers come in the order of the requests and
echo `req` if the request has one. Requests and answers:

    {op: attach, machine}                               -> {machine}; from now on this connection gets the events
    {op: start, id, machine, argv: [...], env: {}, cwd, log, rlimits: {name: [soft, hard]}}   -> {id, pid, started}
    {op: start, id, machine, builtin: "module:function", argv: [...], ...}                    -> {id, pid, started}
    {op: signal, id, signal: number}                    -> {id}           to the whole process group
    {op: list, machine}                                 -> {containers: [{id, machine, pid, started, exit}, ...]}
    {op: forget, id}                                    -> {id}           only what has ended
    event                                                  {event: "exited", id, machine, code, signal, at}

`exit` is None or {code, signal, at}. `code` is 128 + signal for what a signal ended (as a shell says it), `signal` 0
for what ended by itself; `started` and `at` are wall seconds. Anything that fails answers {id, error: "ENOENT: ..."},
the errno's name first; a name that is in use is EEXIST, an unknown one ESRCH, a malformed request EINVAL. rlimits are
named as in `resource` ("RLIMIT_AS", or "as"); -1 is none. Each container leads a session and process group of its
own; what is left of the group when its leader ends is killed.
"""

from __future__ import annotations

import errno
import importlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from cluster.world.proc.control import Message
from cluster.world.proc.growth import Growth
from cluster.world.proc.osprocess import call_me, command_signals, default_signals, die_with, redirect
from cluster.world.proc.peer import Peer


@dataclass(slots=True)
class Container:
    id: str
    machine: str
    pid: int
    started: float
    exit: dict[str, Any] | None = None

    def to_data(self) -> Message:
        return {
            "id": self.id,
            "machine": self.machine,
            "pid": self.pid,
            "started": self.started,
            "exit": self.exit,
        }


@dataclass(frozen=True, slots=True)
class Start:
    """A start request, checked."""

    id: str
    machine: str
    argv: list[str]
    builtin: str
    env: dict[str, str]
    cwd: str
    log: str
    rlimits: dict[int, tuple[int, int]]

    @classmethod
    def parse(cls, message: Mapping[str, Any]) -> Start:
        """KeyError, TypeError or ValueError for what is not one."""
        argv = [str(word) for word in message.get("argv") or []]
        builtin = str(message.get("builtin") or "")
        if not argv and not builtin:
            raise ValueError("argv is empty")
        limits = {
            limit_number(name): (int(pair[0]), int(pair[1])) for name, pair in (message.get("rlimits") or {}).items()
        }
        env = {str(k): str(v) for k, v in (message.get("env") or {}).items()}
        cwd, log = str(message.get("cwd") or "/"), str(message.get("log") or os.devnull)
        return cls(str(message["id"]), str(message["machine"]), argv, builtin, env, cwd, log, limits)


def limit_number(name: str) -> int:
    full = name.upper() if name.upper().startswith("RLIMIT_") else f"RLIMIT_{name.upper()}"
    number = getattr(resource, full, None)
    if number is None:
        raise ValueError(f"no limit is called {name!r}")
    return int(number)


class Containers:
    """`in_child` closes what a forked child must not have of the fork server's descriptors. `growth`: who takes notes
    of the logs."""

    def __init__(self, in_child: Callable[[], None], changed: Callable[[Message], None], growth: Growth) -> None:
        self._in_child = in_child
        self._growth = growth
        self._changed = changed
        self._by_id: dict[str, Container] = {}
        self._by_pid: dict[int, Container] = {}
        self._peers: list[Peer] = []

    def owns(self, pid: int) -> bool:
        return pid in self._by_pid

    def handle(self, peer: Peer, message: Message) -> None:
        """Carry out one request and answer it."""
        verbs = {
            "attach": self._attach,
            "start": self._start,
            "signal": self._signal,
            "list": self._list,
            "forget": self._forget,
        }
        try:
            answer = verbs[message["op"]](peer, message)
        except OSError as error:
            answer = {"id": message.get("id", ""), "error": describe(error)}
        except (KeyError, TypeError, ValueError, IndexError) as error:
            answer = {"id": message.get("id", ""), "error": f"EINVAL: {type(error).__name__}: {error}"}
        if "req" in message:
            answer["req"] = message["req"]
        peer.send(answer)

    def ended(self, peer: Peer) -> None:
        if peer in self._peers:
            self._peers.remove(peer)

    def _attach(self, peer: Peer, message: Message) -> Message:
        peer.machine = str(message["machine"])
        if peer not in self._peers:
            self._peers.append(peer)
        return {"machine": peer.machine}

    def _start(self, peer: Peer, message: Message) -> Message:
        start = Start.parse(message)
        if start.id in self._by_id:
            raise OSError(errno.EEXIST, "there is a container of that id", start.id)
        readable, writable = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(start, parent, readable, writable)
        os.close(writable)
        with open(readable, "rb") as pipe:
            failure = pipe.read()
        if failure:
            os.waitpid(pid, 0)
            return {"id": start.id, "error": failure.decode(errors="replace")}
        container = Container(start.id, start.machine, pid, time.time())
        self._by_id[start.id] = self._by_pid[pid] = container
        self._growth.watch(start.id, start.log)
        self._changed({"event": "container", "id": start.id, "machine": start.machine, "pid": pid})
        return {"id": start.id, "pid": pid, "started": container.started}

    def _become(self, start: Start, parent: int, readable: int, writable: int) -> NoReturn:
        """In the child: never returns into the fork server's code, whatever happens."""
        try:
            os.setsid()
            die_with(parent)
            default_signals()
            self._in_child()
            os.close(readable)
            redirect(start.log)
            os.chdir(start.cwd)
            function = _import(start.builtin) if start.builtin else None
            for number, limits in start.rlimits.items():
                resource.setrlimit(number, limits)
            if function is None:
                command_signals()
                os.execvpe(start.argv[0], start.argv, start.env)
            os.close(writable)
        except BaseException as error:
            os.write(writable, describe(error, start.argv[0] if start.argv else start.builtin).encode()[:4000])
            os._exit(127)
        os._exit(_run_builtin(start, function))

    def _signal(self, peer: Peer, message: Message) -> Message:
        container = self._get(message)
        if container.exit is not None:
            raise OSError(errno.ESRCH, "it has ended", container.id)
        os.killpg(container.pid, int(message["signal"]))
        return {"id": container.id}

    def _list(self, peer: Peer, message: Message) -> Message:
        machine = message.get("machine", "")
        found = [c.to_data() for c in self._by_id.values() if not machine or c.machine == machine]
        return {"containers": found}

    def _forget(self, peer: Peer, message: Message) -> Message:
        container = self._get(message)
        if container.exit is None:
            raise OSError(errno.EBUSY, "it is running", container.id)
        del self._by_id[container.id]
        return {"id": container.id}

    def _get(self, message: Message) -> Container:
        try:
            return self._by_id[str(message["id"])]
        except KeyError:
            raise OSError(errno.ESRCH, "no such container", str(message.get("id"))) from None

    def kill(self, machine: str | None = None, *, forget: bool = False) -> int:
        """SIGKILL to all containers of `machine` (None: of all); how many ran."""
        running = [c for c in self._by_pid.values() if machine is None or c.machine == machine]
        for container in running:
            kill_group(container.pid)
        if forget:
            for id in [c.id for c in self._by_id.values() if machine is None or c.machine == machine]:
                del self._by_id[id]
        return len(running)

    def reaped(self, pid: int, code: int, number: int) -> None:
        """Its leader has ended, its group is killed: say so to whom it concerns."""
        container = self._by_pid.pop(pid)
        self._growth.ended(container.id)
        container.exit = {"code": 128 + number if number else code, "signal": number, "at": time.time()}
        event = {"event": "exited", "id": container.id, "machine": container.machine, **container.exit}
        self._changed({"event": "container-exited", "id": container.id, "machine": container.machine, "pid": pid})
        for peer in list(self._peers):
            if peer.machine == container.machine:
                peer.send(event)


def kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def describe(error: BaseException, what: str = "") -> str:
    """ "ENOENT: No such file or directory: nginx"."""
    if isinstance(error, OSError) and error.errno is not None:
        name = errno.errorcode.get(error.errno, str(error.errno))
        return f"{name}: {error.strerror}: {error.filename or what}"
    return f"EINVAL: {type(error).__name__}: {error}"


def _import(target: str) -> Callable[[list[str]], int]:
    module, _, function = target.partition(":")
    found: Callable[[list[str]], int] = getattr(importlib.import_module(module), function)
    return found


def _run_builtin(start: Start, function: Callable[[list[str]], int] | None) -> int:
    """Run it as if it were a program: environment, argv, exit code, traceback on stderr."""
    assert function is not None
    try:
        call_me(start.builtin.rpartition(":")[0].rpartition(".")[2])
        os.environ.clear()
        os.environ.update(start.env)
        sys.argv = list(start.argv) or [start.builtin]
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        code = function(list(start.argv))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0) & 0xFF
