"""What happened on the bus and to the hosts, line by line: records, their digest, and merging by Lamport time.

Pure: records are values, time comes in. Must not know files or sockets (the worlds write the bytes).

A record is an array [time, lamport, host, boot, event, data...]:

    send     [t, lamport, host, boot, "send", kind, peer, id, corr, size]
    deliver  [t, lamport, host, boot, "deliver", kind, peer, peer's boot, id]
    drop     [t, lamport, host, boot, "drop", kind, peer, id, rule]        "drop": the rule that took it, or why
    others   [t, lamport, host, boot, event, {...}]     boot, crash, exit, role, ... (`Host.note`)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from heapq import merge as heap_merge
from typing import Any

from cluster.wire import WireError, pack, unpack

Record = tuple[Any, ...]

SEND, DELIVER, DROP = "send", "deliver", "drop"


class Digest:
    """A running BLAKE2b over records: two runs with the same digest did the same, to the byte."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, record: Record) -> None:
        self._hash.update(pack(record))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def frame(record: Record) -> bytes:
    """One record as bytes in a journal file: length (4 bytes, big-endian), then msgpack."""
    data = pack(record)
    return len(data).to_bytes(4, "big") + data


def read(data: bytes) -> Iterator[Record]:
    """Records of a journal file; a torn tail (its writer was killed) ends the file."""
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            return
        try:
            yield tuple(unpack(data[at + 4 : at + 4 + size]))
        except (WireError, TypeError):
            return
        at += 4 + size


class Reader:
    """Records of a journal that comes in pieces: `feed` them in their order. A torn tail is left waiting."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Record]:
        data, at, found = self._rest + data, 0, list[Record]()
        while at + 4 <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            if at + 4 + size > len(data):
                break
            try:
                found.append(tuple(unpack(data[at + 4 : at + 4 + size])))
            except (WireError, TypeError):
                self._rest = b""
                return found
            at += 4 + size
        self._rest = data[at:]
        return found


def latest_peer(records: Iterable[Record], pattern: str) -> str:
    """Of one boot's records, the latest last: to whom of those whose names match (fnmatch) a request went at last, ""
    for none. Signs of life of streams count only if there is nothing else."""
    asked = pinged = ""
    for record in records:
        if record[4] == SEND and fnmatchcase(record[6], pattern):
            if record[5].endswith(".ping"):
                pinged = record[6]
            else:
                asked = record[6]
    return asked or pinged


def merge(journals: Iterable[Iterable[Record]]) -> Iterator[Record]:
    """All records in an order that respects cause and effect: Lamport time, then host, then own order."""
    return heap_merge(*journals, key=lambda record: (record[1], record[2]))
