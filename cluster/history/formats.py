"""Histories in any of the formats: which one it is, by its content; reading, and writing.

Must not judge, and must not open files: bytes in, operations out. `jsonl` and `msgpack` are our own, `edn` and `log`
Jepsen's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cluster.errors import UsageError
from cluster.history import jepsen, packed, record
from cluster.history.record import Operation

FORMATS = ("jsonl", "msgpack", "edn", "log")
WRITABLE = FORMATS


@dataclass(frozen=True, slots=True)
class Loaded:
    """`torn`: where and how it was cut off, if `salvage` was asked for and something was missing."""

    format: str
    history: tuple[Operation, ...]
    torn: str = ""


def detect(data: bytes, place: str) -> str:
    """One of `FORMATS`; UsageError if it is none."""
    if data[:4] == packed.MAGIC:
        return "msgpack"
    head = data[:100_000].decode("utf-8", "replace")
    first = next((line.strip() for line in head.splitlines() if line.strip()), "")
    if "jepsen.util - " in head:
        return "log"
    if first.startswith("{") and '"' in first[:3]:
        return "jsonl"
    if first.startswith(("{:", "[{:", "#jepsen", ";", "[", "{")):
        return "edn"
    raise UsageError(
        "no history: neither JSON lines, nor msgpack, EDN, or lines of jepsen.util" if first else "an empty file",
        place=place,
        remedy=f"name its format with --format: {', '.join(FORMATS)}",
    )


def load(data: bytes, place: str, format: str = "", salvage: bool = False) -> Loaded:
    """The history; UsageError names the line or record that cannot be. `salvage`: what is before a tear (of jsonl and
    msgpack) counts, instead."""
    format = format or detect(data, place)
    if format not in FORMATS:
        raise UsageError(f"no format {format!r}", place="--format", remedy=f"one of {', '.join(FORMATS)}")
    if format == "msgpack":
        return _own(format, packed.numbered(data, place), salvage)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        remedy = "is it another format? see --format"
        raise UsageError(f"byte {error.start} is not UTF-8", place=place, remedy=remedy) from None
    if format == "jsonl":
        return _own(format, record.numbered(text, place), salvage)
    history = jepsen.from_edn(text, place) if format == "edn" else jepsen.from_log(text, place=place)
    if not history:
        raise UsageError("no operation in it", place=place, remedy="calls and answers of clients")
    return Loaded(format, history)


def _own(format: str, found: Iterator[tuple[Operation, str]], salvage: bool) -> Loaded:
    operations: list[Operation] = []
    places: list[str] = []
    torn = ""
    try:
        for operation, here in found:
            operations.append(operation)
            places.append(here)
    except UsageError as error:
        if not salvage:
            raise
        torn = str(error)
    _refuse_lies(operations, places)
    return Loaded(format, tuple(operations), torn)


def _refuse_lies(history: Sequence[Operation], places: Sequence[str]) -> None:
    """UsageError if calls are not in the order of time, or a process calls while its operation has no answer."""
    open_: dict[int, Operation] = {}
    latest = float("-inf")
    for operation, here in zip(history, places, strict=True):
        if operation.start < latest:
            text = f"time goes back: it starts at {operation.start:g} s, after one that starts at {latest:g} s"
            raise UsageError(text, place=here, remedy="operations in the order of their calls")
        latest = operation.start
        before = open_.get(operation.process)
        if before is not None and before.outcome != "unknown" and before.end > operation.start:
            text = (
                f"process {operation.process} calls at {operation.start:g} s, before its {before.kind} has its answer"
            )
            remedy = f"(at {before.end:g} s): one operation of a process at a time"
            raise UsageError(text, place=here, remedy=remedy)
        open_[operation.process] = operation


def dump(history: Iterable[Operation], format: str) -> bytes:
    if format == "msgpack":
        return packed.to_bytes(history)
    if format == "edn":
        return jepsen.to_edn(history).encode()
    if format == "log":
        return jepsen.to_log(history).encode()
    if format == "jsonl":
        return record.to_text(history).encode()
    raise UsageError(f"no format {format!r} to write", place="--to", remedy=f"one of {', '.join(WRITABLE)}")
