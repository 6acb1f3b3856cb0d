"""The fork server: single-threaded and loop-less, parent of every process, so it reaps and reports every exit.

Must not touch event loops, ZeroMQ or threads: a process that has any cannot be forked safely.

The supervisor speaks to it over a socketpair with frames of `control.py`:

    {op: spawn, req, name, log}  with one end of the child's control socket as SCM_RIGHTS  -> {req, ok: {pid}}
    {op: signal, req, pid, signal}        -> {req, ok: true}, or ok: false when it has ended
    {op: poweroff, req, machine, forget}  -> {req, ok: number of containers killed}
    {op: shutdown, req}                   -> {req, ok: true} after all have been killed and reaped
    event: {event: exited, pid, code, signal, at, cpu, maxrss}    a child's end; cpu in seconds, maxrss in bytes
    event: {event: container | container-exited, id, machine, pid}
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from cluster.world.proc.containers import Containers, kill_group
from cluster.world.proc.control import Message, error_body
from cluster.world.proc.growth import Growth
from cluster.world.proc.layout import Layout
from cluster.world.proc.osprocess import adopt_orphans, default_signals, descendants, die_with, redirect
from cluster.world.proc.peer import Peer

TEARDOWN = 5.0
"""Seconds for everything to die after SIGKILL before the fork server gives up waiting."""


@dataclass(frozen=True, slots=True)
class Roots:
    """What both roots of the tree have from the start."""

    layout: Layout
    lock: int
    supervisor: int
    link: socket.socket
    """The fork server's end of the socketpair with the supervisor."""
    child_main: Callable[[socket.socket, str], None]
    """Body of a host process; returns only to exit with status 0."""


class ForkServer:
    def __init__(self, roots: Roots, listener: socket.socket) -> None:
        self._roots = roots
        self._selector = selectors.DefaultSelector()
        self._children: set[int] = set()
        self._peers: list[Peer] = []
        self._ending = False
        self._wake, self._woken = socket.socketpair()
        self._listener = listener
        self._growth = Growth(self._selector)
        self._containers = Containers(self._in_child, self._tell, self._growth)
        self._supervisor = Peer(self._selector, roots.link, self._handle, self._orphaned)

    def run(self) -> NoReturn:
        """Serve until the supervisor ends; then kill everything and exit."""
        adopt_orphans()
        for sock in (self._wake, self._woken, self._listener):
            sock.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._terminated)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wakened)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        while not self._ending:
            for key, events in self._selector.select(self._growth.pause()):
                key.data(events)
        self._teardown(spare=0)
        self._roots.layout.clear_all()
        os._exit(0)

    def _terminated(self, number: int, frame: Any) -> None:
        self._ending = True

    def _orphaned(self, peer: Peer) -> None:
        self._ending = True

    def _tell(self, event: Message) -> None:
        self._supervisor.send(event)

    def _accept(self, events: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except BlockingIOError:
            return
        self._peers.append(Peer(self._selector, sock, self._containers.handle, self._gone))

    def _gone(self, peer: Peer) -> None:
        self._peers.remove(peer)
        self._containers.ended(peer)

    # ── requests of the supervisor ───────────────────────────────────────────────────────────────────────────

    def _handle(self, peer: Peer, message: Message) -> None:
        verbs: dict[str, Callable[[Message], Any]] = {
            "spawn": self._spawn,
            "signal": self._signal,
            "poweroff": self._poweroff,
            "shutdown": self._shutdown,
        }
        try:
            answer: Message = {"ok": verbs[message["op"]](message)}
        except OSError as error:  # no more processes, say: the supervisor reports it
            answer = {"error": error_body(error)}
        peer.send({"req": message["req"], **answer})

    def _spawn(self, message: Message) -> Message:
        fd = self._supervisor.fds.popleft()
        parent = os.getpid()
        try:
            pid = os.fork()
            if pid == 0:
                self._become(message, fd, parent)
        finally:
            os.close(fd)
        self._children.add(pid)
        return {"pid": pid}

    def _become(self, message: Message, fd: int, parent: int) -> NoReturn:
        """In the child: never returns into the fork server's code, whatever happens."""
        status = 1
        try:
            os.setsid()
            die_with(parent)
            default_signals()
            self._in_child()
            redirect(message["log"])
            self._roots.child_main(socket.socket(fileno=fd), message["name"])
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _in_child(self) -> None:
        """Close every descriptor of the fork server's own."""
        self._selector.close()
        for peer in (self._supervisor, *self._peers):
            peer.close()
        for sock in (self._wake, self._woken, self._listener):
            sock.close()
        self._growth.close()
        os.close(self._roots.lock)

    def _signal(self, message: Message) -> bool:
        if message["pid"] not in self._children:
            return False
        os.kill(message["pid"], message["signal"])
        return True

    def _poweroff(self, message: Message) -> int:
        return self._containers.kill(message["machine"], forget=message["forget"])

    def _shutdown(self, message: Message) -> bool:
        return self._teardown(spare=self._roots.supervisor)

    # ── the dead ─────────────────────────────────────────────────────────────────────────────────────────────

    def _wakened(self, events: int) -> None:
        try:
            while self._woken.recv(4096):
                pass
        except BlockingIOError:
            pass
        self._reap()

    def _reap(self) -> None:
        while (dead := self._wait()) is not None:
            pid, status, usage = dead
            container = self._containers.owns(pid)
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
            if container:
                self._containers.reaped(pid, code, number)
            elif pid == self._roots.supervisor:
                self._ending = True
            elif pid in self._children:
                self._children.discard(pid)
                cpu = usage.ru_utime + usage.ru_stime
                event = {"event": "exited", "pid": pid, "code": code, "signal": number, "at": time.time()}
                self._tell({**event, "cpu": cpu, "maxrss": usage.ru_maxrss * 1024})

    def _wait(self) -> tuple[int, int, Any] | None:
        """Reap one child: (pid, status, rusage). A container's group is killed first, while the zombie of its leader
        still holds the number (where the platform lets us look before we reap)."""
        try:
            if not hasattr(os, "waitid"):
                dead = os.wait4(-1, os.WNOHANG)
                if dead[0] and self._containers.owns(dead[0]):
                    kill_group(dead[0])
                return dead if dead[0] else None
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return None
            if self._containers.owns(found.si_pid):
                kill_group(found.si_pid)
            return os.wait4(found.si_pid, 0)
        except ChildProcessError:
            return None

    def _teardown(self, spare: int) -> bool:
        """Kill and reap all descendants but `spare`; whether none is left."""
        end = time.monotonic() + TEARDOWN
        while True:
            self._containers.kill()
            spared = {spare, *(descendants(spare) if spare else ())}
            left = sorted({*descendants(os.getpid()), *self._children} - spared)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._reap()
            if not left:
                return True
            if time.monotonic() > end:
                print(f"still there after SIGKILL: {left}", file=sys.stderr, flush=True)
                return False
            time.sleep(0.002)


def listen(layout: Layout) -> socket.socket:
    """The containers' socket, for nobody but its owner."""
    sock = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        sock.bind(str(layout.containers))
    finally:
        os.umask(mask)
    sock.listen(256)
    return sock
