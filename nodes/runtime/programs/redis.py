"""Stands for redis: RESP on port 6379 of the pod, strings and counters with expiry, in memory. Must not keep anything.

PING SET (EX PX NX XX GET) GET MGET DEL EXISTS INCR DECR INCRBY DECRBY EXPIRE PEXPIRE PERSIST TTL PTTL KEYS DBSIZE
FLUSHALL SELECT INFO COMMAND QUIT; others answer an error.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from fnmatch import fnmatchcase

from nodes.runtime.programs.place import pod_ip, port_here

Value = bytes | int | None | list["Value"]
MAX_BULK = 16 * 1024 * 1024


class Refused(Exception):
    """An error answer; its text is the answer."""


class Space:
    """Keys and values; `now` is the caller's clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._values: dict[bytes, bytes] = {}
        self._expires: dict[bytes, float] = {}

    def run(self, words: list[bytes]) -> Value | str:
        """The answer of one command; a str is a status line. Refused for what cannot be."""
        name = words[0].upper().decode(errors="replace")
        verb = getattr(self, f"_do_{name.lower()}", None)
        if verb is None:
            raise Refused(f"ERR unknown command '{name}'")
        try:
            answer: Value | str = verb(*words[1:])
        except TypeError:
            raise Refused(f"ERR wrong number of arguments for '{name.lower()}' command") from None
        except ValueError:
            raise Refused("ERR value is not an integer or out of range") from None
        return answer

    def _get(self, key: bytes) -> bytes | None:
        if self._expires.get(key, float("inf")) <= self._now():
            self._drop(key)
        return self._values.get(key)

    def _drop(self, key: bytes) -> bool:
        self._expires.pop(key, None)
        return self._values.pop(key, None) is not None

    def _do_ping(self, text: bytes | None = None) -> Value | str:
        return "PONG" if text is None else text

    def _do_get(self, key: bytes) -> Value:
        return self._get(key)

    def _do_set(self, key: bytes, value: bytes, *options: bytes) -> Value | str:
        words = [option.upper() for option in options]
        before, seconds = self._get(key), None
        if b"EX" in words:
            seconds = float(int(options[words.index(b"EX") + 1]))
        if b"PX" in words:
            seconds = int(options[words.index(b"PX") + 1]) / 1000
        refused = (b"NX" in words and before is not None) or (b"XX" in words and before is None)
        if not refused:
            self._drop(key)
            self._values[key] = value
            if seconds is not None:
                self._expires[key] = self._now() + seconds
        if b"GET" in words:
            return before
        return None if refused else "OK"

    def _do_mget(self, *keys: bytes) -> Value:
        return [self._get(key) for key in keys]

    def _do_del(self, *keys: bytes) -> Value:
        return sum(self._get(key) is not None and self._drop(key) for key in keys)

    def _do_exists(self, *keys: bytes) -> Value:
        return sum(self._get(key) is not None for key in keys)

    def _do_incrby(self, key: bytes, by: bytes) -> Value:
        value = int(self._get(key) or b"0") + int(by)
        self._values[key] = str(value).encode()
        return value

    def _do_incr(self, key: bytes) -> Value:
        return self._do_incrby(key, b"1")

    def _do_decr(self, key: bytes) -> Value:
        return self._do_incrby(key, b"-1")

    def _do_decrby(self, key: bytes, by: bytes) -> Value:
        return self._do_incrby(key, str(-int(by)).encode())

    def _do_expire(self, key: bytes, seconds: bytes) -> Value:
        return self._do_pexpire(key, str(int(seconds) * 1000).encode())

    def _do_pexpire(self, key: bytes, millis: bytes) -> Value:
        if self._get(key) is None:
            return 0
        self._expires[key] = self._now() + int(millis) / 1000
        return 1

    def _do_persist(self, key: bytes) -> Value:
        return int(self._get(key) is not None and self._expires.pop(key, None) is not None)

    def _do_pttl(self, key: bytes) -> Value:
        if self._get(key) is None:
            return -2
        at = self._expires.get(key)
        return -1 if at is None else max(round((at - self._now()) * 1000), 0)

    def _do_ttl(self, key: bytes) -> Value:
        left = self._do_pttl(key)
        return left if not isinstance(left, int) or left < 0 else round(left / 1000)

    def _do_keys(self, pattern: bytes) -> Value:
        text = pattern.decode(errors="replace")
        found = [key for key in sorted(self._values) if fnmatchcase(key.decode(errors="replace"), text)]
        return [key for key in found if self._get(key) is not None]

    def _do_dbsize(self) -> Value:
        return len([key for key in list(self._values) if self._get(key) is not None])

    def _do_flushall(self) -> str:
        self._values.clear()
        self._expires.clear()
        return "OK"

    def _do_select(self, number: bytes) -> str:
        if int(number) != 0:
            raise Refused("ERR DB index is out of range")
        return "OK"

    def _do_info(self, section: bytes = b"") -> Value:
        return f"# Server\r\nredis_version:7.0.0-capstan\r\n# Keyspace\r\ndb0:keys={len(self._values)}\r\n".encode()

    def _do_command(self, *rest: bytes) -> Value:
        return []


def encode(answer: Value | str) -> bytes:
    """RESP2."""
    if isinstance(answer, str):
        return f"+{answer}\r\n".encode()
    if answer is None:
        return b"$-1\r\n"
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    if isinstance(answer, bytes):
        return b"$%d\r\n%s\r\n" % (len(answer), answer)
    return b"*%d\r\n" % len(answer) + b"".join(encode(item) for item in answer)


async def read_command(reader: asyncio.StreamReader) -> list[bytes]:
    """One command, as an array of bulk strings or as a plain line; [] for an empty line. ValueError for bad RESP."""
    line = (await reader.readuntil(b"\r\n")).strip()
    if not line.startswith(b"*"):
        return line.split()
    words = []
    for _ in range(min(int(line[1:]), 1 << 20)):
        head = (await reader.readuntil(b"\r\n")).strip()
        size = int(head[1:])
        if head[:1] != b"$" or not 0 <= size <= MAX_BULK:
            raise ValueError("expected a bulk string")
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


async def serve(space: Space, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            try:
                words = await read_command(reader)
            except ValueError as error:
                writer.write(f"-ERR Protocol error: {error}\r\n".encode())
                return
            if not words:
                continue
            try:
                writer.write(encode(space.run(words)) if words[0].upper() != b"QUIT" else b"+OK\r\n")
            except Refused as refused:
                writer.write(f"-{refused}\r\n".encode())
            await writer.drain()
            if words[0].upper() == b"QUIT":
                return
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return
    finally:
        writer.close()


async def _run(port: int) -> int:
    space, stop = Space(time.monotonic), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await asyncio.start_server(lambda r, w: serve(space, r, w), pod_ip(), port, limit=1 << 20)
    print(f"redis (capstan's own) ready to accept connections on {pod_ip()}:{port}", flush=True)
    await stop.wait()
    print("redis is now ready to exit, bye bye...", flush=True)
    server.close()
    return 0


def main(argv: list[str]) -> int:
    """Serve until SIGTERM. `--port N` or CAPSTAN_LISTEN_PORT: another port than 6379."""
    text = os.environ.get("CAPSTAN_LISTEN_PORT", "")
    port = int(text) if text.isdigit() else 6379
    if "--port" in argv[:-1]:
        port = int(argv[argv.index("--port") + 1])
    return asyncio.run(_run(port_here(port)))
