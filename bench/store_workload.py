"""What the clients of `bench store` ask, the same of every system: keys, values, the order of a mixed load, events.

Pure. Must not know how anything is asked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

KEYS = 10_000
PREFIX = b"/bench/"
EVENTS = b"/event/"
VALUE = b"capstan." * 32
"""256 bytes."""
KINDS = ("puts", "txns", "gets", "serializable", "mixed")
MIX = "RRURRERRUR"
"""Ten operations of a mixed load: 7 linearizable reads, 2 updates of the key just read guarded by its mod_revision, 1
put that watchers see."""
MIX_WATCHERS = 100
MAGIC = b"\xfecapstan\xfe"
_EVENT = struct.Struct(">dII")


def key(number: int) -> bytes:
    """16 bytes."""
    return b"/bench/%09d" % number


def event_key(writer: int) -> bytes:
    return b"/event/%09d" % writer


def event_value(sent: float, writer: int, number: int) -> bytes:
    """256 bytes that say when they were sent (monotonic seconds, one clock for all processes), and which they are."""
    return (MAGIC + _EVENT.pack(sent, writer, number)).ljust(256, b".")


def event_of(value: bytes, at: int = 0) -> tuple[float, tuple[int, int]]:
    """(sent, (writer, number)) of the event value that begins at `at`."""
    sent, writer, number = _EVENT.unpack_from(value, at + len(MAGIC))
    return sent, (writer, number)


def events_in(data: bytes) -> Iterator[tuple[float, tuple[int, int]]]:
    """All event values inside of a message, found by how they begin: the lightest way to read it."""
    at = data.find(MAGIC)
    while at >= 0:
        yield event_of(data, at)
        at = data.find(MAGIC, at + 256)


@dataclass(frozen=True, slots=True)
class Phase:
    """One load process's part of one measurement. Its clients have the numbers first, first + step, ... below
    `clients`; each has keys of its own, so that no two meet. `kind`: of KINDS, or fill (each key once), or watch (this
    process's client writes events one after the other, if it has one). `watchers`: how many this process has."""

    kind: str
    clients: int
    first: int
    step: int
    seconds: float
    watchers: int = 0

    @property
    def numbers(self) -> range:
        return range(self.first, self.clients, self.step)

    def keys(self, client: int) -> list[bytes]:
        return [key(i) for i in range(client % KEYS, KEYS, self.clients)]

    def data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Phase:
        return cls(**data)


def phases(kind: str, clients: int, seconds: float, processes: int) -> list[Phase]:
    """One for each load process. With kind watch, `clients` are the watchers, and the first process has the one
    writer."""
    if kind == "watch":
        watchers = shares(clients, processes)
        return [Phase(kind, 1, i, processes, seconds, watchers[i]) for i in range(processes)]
    watchers = shares(MIX_WATCHERS if kind == "mixed" else 0, processes)
    return [Phase(kind, clients, i, processes, seconds, watchers[i]) for i in range(processes)]


def shares(whole: int, parts: int) -> list[int]:
    return [whole // parts + (i < whole % parts) for i in range(parts)]


class Deliveries:
    """What the watchers of one process saw: each delay, and for each event its latest."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.last: dict[tuple[int, int], float] = {}
        self.latest = 0.0
        """When the last one came."""

    def saw(self, now: float, sent: float, event: tuple[int, int]) -> None:
        delay = now - sent
        self.delays.append(delay)
        self.last[event] = delay  # the newest is the latest
        self.latest = now


def latest_of(parts: Sequence[Mapping[tuple[int, int], float]]) -> list[float]:
    """Delay to the last watcher, of each event, over all processes."""
    merged: dict[tuple[int, int], float] = {}
    for part in parts:
        for event, delay in part.items():
            merged[event] = max(delay, merged.get(event, 0.0))
    return list(merged.values())
