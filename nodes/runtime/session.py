"""A command in a container that somebody talks to: its streams as they come, or a terminal. Real by nature.

Must not know who talks. See `nodes.kubelet.runtime.Session`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal as signals
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nodes.kubelet.runtime import STDERR, STDOUT

CHUNK = 64 * 1024
_TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
try:
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit(f'exec: "{sys.argv[1]}": {error.strerror}')
"""
"""Becomes the command, with standard input as its controlling terminal. A program of its own, because what a loop runs
between fork and exec, and in which order, differs from loop to loop."""


class ProcessSession:
    def __init__(self, process: asyncio.subprocess.Process, terminal: int = -1) -> None:
        """`terminal`: our end of the command's, or -1."""
        self._process = process
        self._terminal = terminal

    @classmethod
    async def open(
        cls, argv: Sequence[str], env: Mapping[str, str], folder: Path, *, stdin: bool, tty: bool
    ) -> ProcessSession:
        """OSError if the command cannot be started."""
        if tty:
            return await cls._on_terminal(argv, env, folder)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=pipe if stdin else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
        return cls(process)

    @classmethod
    async def _on_terminal(cls, argv: Sequence[str], env: Mapping[str, str], folder: Path) -> ProcessSession:
        ours, theirs = pty.openpty()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *argv),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env={"TERM": "xterm", **env},
                cwd=folder,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(ours, False)
        return cls(process, ours)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        if self._terminal >= 0:
            while data := await self._read_terminal():
                yield STDOUT, data
            return
        found: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue(maxsize=16)
        readers = [
            asyncio.ensure_future(_pump(stream, channel, found))
            for channel, stream in ((STDOUT, self._process.stdout), (STDERR, self._process.stderr))
            if stream is not None
        ]
        open_ = len(readers)
        try:
            while open_:
                channel, data = await found.get()
                if data:
                    yield channel, data
                else:
                    open_ -= 1
        finally:
            for reader in readers:
                reader.cancel()

    async def write(self, data: bytes) -> None:
        if self._terminal >= 0:
            await self._write_terminal(data)
        elif self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.write(data)
                await self._process.stdin.drain()

    async def end_input(self) -> None:
        if self._terminal >= 0:
            await self._write_terminal(b"\x04")
        elif self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.close()

    def resize(self, width: int, height: int) -> None:
        if self._terminal >= 0:
            size = struct.pack("HHHH", height & 0xFFFF, width & 0xFFFF, 0, 0)
            with suppress(OSError):
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signals.SIGKILL)
        await self._process.wait()
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    # ── the terminal ─────────────────────────────────────────────────────────────────────────────────────────

    async def _read_terminal(self) -> bytes:
        """b"" when nobody has the other end any more."""
        while True:
            try:
                return os.read(self._terminal, CHUNK)
            except BlockingIOError:
                await self._ready(reading=True)
            except OSError:  # EIO: the last of them has closed it
                return b""

    async def _write_terminal(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._terminal, data) :]
            except BlockingIOError:
                await self._ready(reading=False)
            except OSError:
                return

    async def _ready(self, *, reading: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        add, remove = (loop.add_reader, loop.remove_reader) if reading else (loop.add_writer, loop.remove_writer)

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        add(self._terminal, wake)
        try:
            await ready
        finally:
            remove(self._terminal)


async def _pump(stream: asyncio.StreamReader, channel: int, found: asyncio.Queue[tuple[int, bytes]]) -> None:
    while True:
        data = await stream.read(CHUNK)
        await found.put((channel, data))
        if not data:
            return
