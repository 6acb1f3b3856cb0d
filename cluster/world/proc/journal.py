"""Writes a host's journal: records gathered for a moment, then one write; capped, with one older file kept. Reads all.

Must not decide what is worth a record. Records are those of `cluster.world.journal`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster.errors import UsageError
from cluster.wire import pack
from cluster.world.journal import Reader, Record, merge
from cluster.world.proc.layout import Layout

LEVELS = ("off", "events", "messages")
GATHER = 0.002
"""Seconds that a record waits for others; what a SIGKILL may lose."""
MAX_BYTES = 64 * 1024 * 1024
"""Of one file; then it is renamed to NAME.BOOT.old (over an older one) and a new one begun."""


class Journal:
    """`messages` says whether sends, deliveries and drops are wanted: ask before building a record."""

    def __init__(self, path: Path, level: str = "messages", cap: int = MAX_BYTES) -> None:
        if level not in LEVELS:
            raise UsageError(f"unknown journal level {level!r}", remedy=f"one of {', '.join(LEVELS)}")
        self.messages = level == "messages"
        self.events = level != "off"
        self._path = path
        self._cap = cap
        self._size = 0
        self._fd = -1
        self._records: list[Record] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on records are written a moment after they come; until then they wait for `flush`."""
        self._loop = loop
        if self._records:
            self.flush()

    def add(self, record: Record) -> None:
        records = self._records
        records.append(record)
        if len(records) == 1 and self._loop is not None:
            self._loop.call_later(GATHER, self.flush)

    def note(self, head: tuple[float, int, str, int], event: str, data: Mapping[str, Any]) -> None:
        """`head`: time, Lamport time, host, boot."""
        if self.events:
            self.add((*head, event, dict(data)))

    def flush(self) -> None:
        if not self._records:
            return
        parts: list[bytes] = []
        for record in self._records:
            data = pack(record)
            parts.append(len(data).to_bytes(4, "big"))
            parts.append(data)
        self._records.clear()
        if self._fd < 0 or self._size > self._cap:
            self._open()
        self._size += os.write(self._fd, b"".join(parts))

    def _open(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._path.rename(self._path.with_name(self._path.name + ".old"))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._fd).st_size

    def close(self) -> None:
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


CHUNK = 1 << 20


def read_all(layout: Layout) -> Iterator[Record]:
    """The records of every boot of every host, merged (cluster.world.journal.merge); files are read piece by piece."""
    paths = sorted(path for path in (layout.root / "journal").iterdir() if not path.name.endswith(".old"))
    return merge([read_one(path) for path in paths])


def read_one(path: Path) -> Iterator[Record]:
    """Those of one boot of one host."""
    older = path.with_name(path.name + ".old")
    for part in (older, path):
        if part.exists():
            reader = Reader()
            with open(part, "rb") as file:
                while data := file.read(CHUNK):
                    yield from reader.feed(data)
