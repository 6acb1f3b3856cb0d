"""The leader of a container that people may type into: it starts the command, and carries input to it.

A program of its own, inside the container; it outlives kubelets. Must not know who types. What the command writes goes
to the container's log, as always; whoever attaches reads it there.

    argv: FOLDER ONCE TTY COMMAND...    ONCE: "1" if input ends for ever when whoever typed first has left

FOLDER/console is a socket for input, frames of one letter, four bytes of length, and data: d (data), e (end of input),
r (size of the terminal: two numbers of two bytes).
"""

from __future__ import annotations

import fcntl
import os
import pty
import selectors
import signal
import socket
import struct
import sys
import termios
from typing import Any, NoReturn

from cluster.world.proc.osprocess import command_signals, die_with

SOCKET = "console"
CHUNK = 64 * 1024
MOST_WAITING = 256 * 1024
"""Bytes of input that the command has not read; then nobody is listened to until it reads."""
HEAD = struct.Struct(">cI")


def main(argv: list[str]) -> int:
    """The command's exit code; what a signal ended ends this process by the same."""
    folder, once, tty, *command = argv
    ours, theirs = pty.openpty() if tty == "1" else _pipe()
    child = os.fork()
    if child == 0:
        _become(command, theirs, ours, terminal=tty == "1")
    os.close(theirs)
    console = Console(child, ours, once=once == "1", terminal=tty == "1")
    status = console.run(_listen(folder))
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return os.waitstatus_to_exitcode(status)


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    return writing, reading


def _become(command: list[str], own: int, other: int, *, terminal: bool) -> NoReturn:
    try:
        os.close(other)
        die_with(os.getppid())
        if terminal:
            os.setsid()
            fcntl.ioctl(own, termios.TIOCSCTTY, 0)
            os.environ.setdefault("TERM", "xterm")
        for number in (0, 1, 2) if terminal else (0,):
            os.dup2(own, number)
        if own > 2:
            os.close(own)
        command_signals()
        os.execvpe(command[0], command, dict(os.environ))
    except OSError as error:
        os.write(2, f'exec: "{command[0]}": {error.strerror}\n'.encode())
    finally:
        os._exit(127)


def _listen(folder: str) -> socket.socket:
    """By a short name: the path of a socket has a limit."""
    listener = socket.socket(socket.AF_UNIX)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o177)
    try:
        listener.bind(f"/proc/self/fd/{place}/{SOCKET}")
    finally:
        os.umask(mask)
        os.close(place)
    listener.listen(16)
    listener.setblocking(False)
    return listener


class Console:
    """`own`: our end of the command's input, and of its output if it has a terminal."""

    def __init__(self, child: int, own: int, *, once: bool, terminal: bool) -> None:
        self._child = child
        self._own = own
        self._once = once
        self._terminal = terminal
        self._selector = selectors.DefaultSelector()
        self._waiting = bytearray()
        self._ended = False
        self._typists: dict[socket.socket, bytearray] = {}
        self._status: int | None = None
        self._drained = not terminal

    def run(self, listener: socket.socket) -> int:
        """Until the command has ended and all it wrote is in the log; its wait status."""
        signal.signal(signal.SIGTERM, lambda number, frame: self._signalled(number))
        os.set_blocking(self._own, False)
        end = os.pidfd_open(self._child)
        self._selector.register(end, selectors.EVENT_READ, lambda events: self._over())
        self._selector.register(listener, selectors.EVENT_READ, lambda events: self._accept(listener))
        if self._terminal:
            self._selector.register(self._own, selectors.EVENT_READ, self._ready)
        while self._status is None or not self._drained:
            for key, events in self._selector.select(0.2 if self._status is not None else None):
                key.data(events)
            if self._status is not None and self._terminal:
                self._read()
                self._drained = True
        return self._status

    def _signalled(self, number: int) -> None:
        """Without a terminal the command is in our group, and got it too."""
        if self._terminal and self._status is None:
            os.killpg(self._child, number)

    def _over(self) -> None:
        _, self._status = os.waitpid(self._child, 0)

    def _accept(self, listener: socket.socket) -> None:
        typist, _ = listener.accept()
        typist.setblocking(False)
        self._typists[typist] = bytearray()
        self._selector.register(typist, selectors.EVENT_READ, lambda events: self._hear(typist))

    def _hear(self, typist: socket.socket) -> None:
        if len(self._waiting) > MOST_WAITING:
            self._selector.unregister(typist)  # `_write` takes it in again
            return
        try:
            data = typist.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        held = self._typists[typist]
        held += data
        while len(held) >= HEAD.size:
            letter, size = HEAD.unpack_from(held)
            if len(held) < HEAD.size + size:
                break
            self._said(letter, bytes(held[HEAD.size : HEAD.size + size]))
            del held[: HEAD.size + size]
        if not data:
            self._selector.unregister(typist)
            del self._typists[typist]
            typist.close()
            if self._once:
                self._said(b"e", b"")

    def _said(self, letter: bytes, data: bytes) -> None:
        if letter == b"d" and not self._ended:
            self._waiting += data
        elif letter == b"e" and not self._ended:
            if self._terminal:
                self._waiting += b"\x04"
            else:
                self._ended = True
        elif letter == b"r" and self._terminal and len(data) == 4:
            width, height = struct.unpack(">HH", data)
            fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._write()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write()
        if events & selectors.EVENT_READ:
            self._read()

    def _read(self) -> None:
        """What the terminal shows goes to the log."""
        while True:
            try:
                data = os.read(self._own, CHUNK)
            except BlockingIOError:
                return
            except OSError:  # EIO: nobody has the other end any more
                data = b""
            if not data:
                self._drained = True
                self._watch(writing=False, reading=False)
                return
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def _write(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._own, self._waiting[:CHUNK])]
        except BlockingIOError:
            pass
        except OSError:  # it has closed its input
            self._waiting.clear()
        if self._ended and not self._waiting and self._own >= 0:
            self._watch(writing=False, reading=False)
            os.close(self._own)
            self._own = -1
        elif self._own >= 0:
            self._watch(writing=bool(self._waiting), reading=self._terminal and not self._drained)
        if len(self._waiting) <= MOST_WAITING:
            known: Any = self._selector.get_map()
            for typist in self._typists:
                if typist not in known:
                    self._selector.register(typist, selectors.EVENT_READ, lambda events, t=typist: self._hear(t))

    def _watch(self, *, writing: bool, reading: bool) -> None:
        wanted = (selectors.EVENT_WRITE if writing else 0) | (selectors.EVENT_READ if reading else 0)
        known = self._own in self._selector.get_map()
        if wanted and known:
            self._selector.modify(self._own, wanted, self._ready)
        elif wanted:
            self._selector.register(self._own, wanted, self._ready)
        elif known:
            self._selector.unregister(self._own)
