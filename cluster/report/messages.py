"""Messages of a run, put together from the journal's lines: who sent what to whom, when it came, or what took it.

Pure. Must not draw, and must not know what kinds mean.

A `send` and its `deliver` belong together by (sender, its boot, id). A `drop` is written by the sender, when a rule
took the message on its way out, or by the receiver, when it found nobody there or a partition; its line does not say
the sender's boot, so the newest message of that number is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cluster.world.journal import DELIVER, DROP, SEND, Record

Key = tuple[str, int, int]
"""Sender, its boot, the message's id."""

LOST_TRACK = "not seen to arrive"
"""Still on its way at the end, or the receiver's journal ends before."""


class Message(NamedTuple):
    """`sent`, `arrived`: seconds; `arrived` of a dropped one: when it was taken; None: nobody knows. `fate`: "" it was
    delivered, else the rule's id or the reason. `copy`: not the first delivery of it. `to_boot`: of the receiver, 0 if
    it did not arrive. `told`: its sender's line is there (it is not if that journal was cut off)."""

    sent: float
    arrived: float | None
    src: str
    dst: str
    boot: int
    to_boot: int
    id: int
    corr: int
    size: int
    kind: str
    fate: str
    lamport: int
    arrival_lamport: int
    copy: bool = False
    told: bool = True


@dataclass(slots=True)
class _Letter:
    """A message while its lines are gathered."""

    sent: float
    lamport: int
    src: str
    dst: str
    boot: int
    id: int
    corr: int
    size: int
    kind: str
    told: bool = True
    arrivals: list[tuple[float, int, int]] = field(default_factory=list)
    """(time, Lamport time, receiver's boot)."""
    drops: list[tuple[float, str]] = field(default_factory=list)


def match(records: Iterable[Record]) -> list[Message]:
    """All messages in the order in which they were sent; one that was delivered twice is there twice."""
    letters: dict[Key, _Letter] = {}
    drops: list[Record] = []
    deliveries: list[Record] = []
    for record in records:
        event = record[4]
        if event == SEND:
            time, lamport, src, boot, _, kind, dst, id, corr, size = record
            letters[src, boot, id] = _Letter(time, lamport, src, dst, boot, id, corr, size, kind)
        elif event == DELIVER:
            deliveries.append(record)
        elif event == DROP:
            drops.append(record)
    for time, lamport, host, boot, _, kind, peer, peer_boot, id in deliveries:
        letter = letters.get((peer, peer_boot, id))
        if letter is None:
            letter = _Letter(time, max(0, lamport - 1), peer, host, peer_boot, id, 0, 0, kind, told=False)
            letters[peer, peer_boot, id] = letter
        letter.arrivals.append((time, lamport, boot))
    _attribute(letters, drops)
    messages = [message for letter in letters.values() for message in _messages(letter)]
    messages.sort(key=lambda m: (m.sent, m.lamport, m.src, m.id))
    return messages


def _attribute(letters: dict[Key, _Letter], drops: Sequence[Record]) -> None:
    boots: dict[str, int] = {}
    for src, boot, _ in letters:
        boots[src] = max(boots.get(src, 0), boot)
    for time, _, host, boot, _, kind, peer, id, why in sorted(drops, key=lambda r: r[0]):
        own = letters.get((host, boot, id))
        if own is not None and own.dst == peer and own.kind == kind and not own.arrivals and not own.drops:
            own.drops.append((time, why))
            continue
        for number in range(boots.get(peer, 0), 0, -1):
            letter = letters.get((peer, number, id))
            if letter is not None and letter.dst == host and letter.kind == kind and letter.sent <= time:
                letter.drops.append((time, why))
                break
        else:
            letter = _Letter(time, 0, peer, host, 0, id, 0, 0, kind, told=False, drops=[(time, why)])
            letters[peer, -len(letters) - 1, id] = letter


def _messages(letter: _Letter) -> list[Message]:
    if not letter.drops and len(letter.arrivals) == 1:  # nearly all: spare them the rest
        return [_message(letter, *letter.arrivals[0])]
    found = [
        _message(letter, time, lamport, boot, copy=n > 0)
        for n, (time, lamport, boot) in enumerate(sorted(letter.arrivals))
    ]
    for time, why in letter.drops:
        found.append(_message(letter, time, 0, 0, fate=why, copy=bool(found)))
    return found or [_message(letter, None, 0, 0, fate=LOST_TRACK)]


def _message(
    letter: _Letter, arrived: float | None, lamport: int, to_boot: int, *, fate: str = "", copy: bool = False
) -> Message:
    return Message(
        letter.sent, arrived, letter.src, letter.dst, letter.boot, to_boot, letter.id, letter.corr, letter.size,
        letter.kind, fate, letter.lamport, lamport, copy, letter.told,
    )  # fmt: skip
