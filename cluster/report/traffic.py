"""What was sent: messages and bytes by kind and by link, and messages for each operation that clients asked for.

Pure. Must not draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cluster.history.record import Operation
from cluster.report.messages import Message

_SUFFIXES = (".many.reply", ".many", ".reply", ".items", ".item", ".ping")


@dataclass(slots=True)
class Count:
    """`sent` messages of `bytes` in all; `delivered`, `dropped` of them; `copies`: delivered again."""

    sent: int = 0
    bytes: int = 0
    delivered: int = 0
    dropped: int = 0
    copies: int = 0

    def add(self, message: Message) -> None:
        if message.copy:
            self.copies += message.fate == ""
            return
        self.sent += 1
        self.bytes += message.size
        self.delivered += message.fate == ""
        self.dropped += message.fate != "" and message.arrived is not None

    def take(self, other: Count) -> None:
        self.sent += other.sent
        self.bytes += other.bytes
        self.delivered += other.delivered
        self.dropped += other.dropped
        self.copies += other.copies


@dataclass(slots=True)
class Traffic:
    """`kinds`: by kind; `links`: by (sender, receiver); `families`: by the kind's first word. `operations`: what
    clients asked for, `answered` of them."""

    total: Count = field(default_factory=Count)
    kinds: dict[str, Count] = field(default_factory=dict)
    links: dict[tuple[str, str], Count] = field(default_factory=dict)
    families: dict[str, Count] = field(default_factory=dict)
    why: Counter[str] = field(default_factory=Counter)
    operations: int = 0
    answered: int = 0

    def per_operation(self, count: int) -> float | None:
        """So many messages for each answered operation; None if none was answered."""
        return count / self.answered if self.answered else None


def family(kind: str) -> str:
    """The first word of a kind: "raft" of raft.append-reply, "store" of store.txn.many."""
    return kind.partition(".")[0]


def base(kind: str) -> str:
    """The kind of the request or stream that a message belongs to: "pod.watch" of pod.watch.items."""
    for suffix in _SUFFIXES:
        if kind.endswith(suffix):
            return kind.removesuffix(suffix)
    return kind


def traffic(messages: Iterable[Message], operations: Iterable[Operation] = ()) -> Traffic:
    found = Traffic()
    for operation in operations:
        found.operations += 1
        found.answered += operation.outcome == "ok"
    counts: dict[tuple[str, str, str], Count] = {}
    for message in messages:
        place = (message.kind, message.src, message.dst)
        count = counts.get(place)
        if count is None:
            count = counts[place] = Count()
        count.add(message)
        if message.fate and message.arrived is not None:
            found.why[message.fate] += 1
    for (kind, src, dst), count in counts.items():
        found.total.take(count)
        found.kinds.setdefault(kind, Count()).take(count)
        found.links.setdefault((src, dst), Count()).take(count)
        found.families.setdefault(family(kind), Count()).take(count)
    return found


def ranked(counts: Mapping[str, Count]) -> list[tuple[str, Count]]:
    """Most messages first, then by name."""
    return sorted(counts.items(), key=lambda item: (-item[1].sent, item[0]))
