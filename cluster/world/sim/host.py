"""One boot of a simulated host: its bus, clock and links, and the switchboard that carries what it sends.

Must not know scenarios. Bodies are packed at send and unpacked at delivery: nothing is shared between hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cluster.wire import MAX_FRAME, pack, unpack
from cluster.world.apifaults import ApiRules
from cluster.world.diskfaults import DiskRules
from cluster.world.faults import Link
from cluster.world.host import Address, Envelope, Host, Receiver
from cluster.world.journal import DELIVER, DROP, SEND, Digest, Record
from cluster.world.ruleset import RuleSet
from cluster.world.sim.disk import Platter, SimDisk
from cluster.world.sim.loop import Owner, SimLoop

EPOCH = 1767225600.0
"""Wall time at the start of every run: 2026-01-01T00:00:00Z."""
KEPT_EARLY = 1000
"""Messages kept for a host that does not listen yet, or stands still: a socket's buffer."""
OUTLIVE = 0.1
"""Chance that a message to a host that is down waits for its next boot, as in a real queue."""


@dataclass(slots=True)
class Machine:
    name: str
    offset: float = 0.0
    rate: float = 1.0
    since: float = 0.0
    """World time from which `rate` counts."""
    drift: float = 1.0
    """Rate of the clock that measures how long something takes: of the loop's time as hosts that boot here see it."""

    def wall(self, now: float) -> float:
        return EPOCH + now + self.offset + (now - self.since) * (self.rate - 1.0)


Head = tuple[Address, str, int, float]
"""Destination, kind, correlation id, timeout."""
Letter = tuple[Any, ...]
"""A message under way: link, place, kind, sender's boot, id, correlation id, timeout, Lamport time, packed body."""


class Boot(Owner):
    """One incarnation: the owner of its callbacks."""

    __slots__ = ("disk", "early", "ids", "lamport", "number", "receiver")

    def __init__(self, name: str, number: int, rate: float = 1.0) -> None:
        super().__init__(name, rate)
        self.number = number
        self.receiver: Receiver | None = None
        self.early: list[Envelope] = []
        self.disk: SimDisk | None = None
        self.lamport = 0
        self.ids = number << 32


@dataclass(slots=True)
class Place:
    """What stays of a host between boots."""

    name: Address
    machine: Machine
    platter: Platter
    seat: bool = False
    """A scenario's own: its links have no latency, and it never crashes."""
    boots: int = 0
    boot: Boot | None = None
    limbo: list[Letter] = field(default_factory=list)
    links: dict[Address, Wire] = field(default_factory=dict)
    watching: list[Callable[[], None]] = field(default_factory=list)


class Wire:
    """One direction between two places. In order, as a TCP connection is, unless a rule delays a message."""

    __slots__ = ("last", "link", "place")

    def __init__(self, link: Link, place: Place) -> None:
        self.link = link
        self.place = place
        self.last = 0.0
        """When the latest message so far arrives."""


class Switchboard:
    """Routes messages between places under the rules; keeps the journal."""

    def __init__(self, loop: SimLoop, seed: int, *, keep: bool) -> None:
        self.loop = loop
        self.seed = seed
        self.dice = Random(f"{seed}/network")
        self.rules = RuleSet()
        self.places: dict[Address, Place] = {}
        self.latency = (0.0002, 0.001)
        """Seconds between two machines, uniform; on one machine a fifth of it."""
        self.network = Context()
        """Letters in flight belong to the network, not to their sender: its crash does not take them back."""
        self.records: list[Record] = []
        self.delivered = 0
        self.kill: Callable[[Place, str], None] = lambda place, rule: None
        """Called when a rule says that a sender is dead now."""
        self._keep = keep
        self._digest = Digest()
        self._batch: list[Record] = []

    def true_time(self) -> float:
        return self.loop._now

    # ── journal ──────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, record: Record) -> None:
        if self._keep:
            self.records.append(record)
        self._batch.append(record)
        if len(self._batch) >= 512:
            self._flush()

    def _flush(self) -> None:
        self._digest.add(tuple(self._batch))
        self._batch.clear()

    def hexdigest(self) -> str:
        self._flush()
        return self._digest.hexdigest()

    def note(self, place: Place, boot: Boot, event: str, data: Mapping[str, Any]) -> None:
        if not boot.dead:
            boot.lamport += 1
            self.record((self.loop._now, boot.lamport, place.name, boot.number, event, dict(data)))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, src: Place, boot: Boot, head: Head, data: bytes) -> int:
        if boot.dead:
            return 0
        boot.ids += 1
        boot.lamport += 1
        dst, kind, corr, timeout = head
        now, id, lamport = self.loop._now, boot.ids, boot.lamport
        self.record((now, lamport, src.name, boot.number, SEND, kind, dst, id, corr, len(data)))
        found = src.links.get(dst)
        if found is None:
            place = self.places.get(dst)
            if place is None or len(data) > MAX_FRAME:
                why = "no such host" if place is None else "too large"
                self.record((now, lamport, src.name, boot.number, DROP, kind, dst, id, why))
                return id
            found = src.links[dst] = Wire(Link(src.name, src.machine.name, dst, place.machine.name), place)
        link, place = found.link, found.place
        letter = (link, place, kind, boot.number, id, corr, timeout, lamport, data)
        if not self.rules.rules:
            found.last = when = max(now + self._travel(src, place), found.last)
            self.loop.call_at(when, self._arrive, letter, context=self.network)
            return id
        verdict = self.rules.verdict(link, kind, len(data), now, self.dice)
        if not verdict.deliveries:
            self.record((now, lamport, src.name, boot.number, DROP, kind, dst, id, verdict.rule))
        for delay in verdict.deliveries:
            when = now + delay + self._travel(src, place)
            if not delay:
                found.last = when = max(when, found.last)
            self.loop.call_at(when, self._arrive, letter, context=self.network)
        if verdict.kill:
            self.kill(src, verdict.kill)
        return id

    def _travel(self, src: Place, dst: Place) -> float:
        if src.seat or dst.seat:
            return 0.0
        low, high = self.latency
        seconds = low + (high - low) * self.dice.random()
        return seconds * 0.2 if src.machine is dst.machine else seconds

    def _arrive(self, letter: Letter) -> None:
        link, place, kind, src_boot, id, corr, timeout, lamport, data = letter
        boot = place.boot
        if boot is None:
            if self.dice.random() < OUTLIVE and len(place.limbo) < KEPT_EARLY:
                place.limbo.append(letter)
            else:
                self._lost(place, link, kind, id, "host is down")
            return
        if boot.parked is not None:
            # Kept by the kernel until the process goes on; rules are looked at again by then.
            if len(place.limbo) < KEPT_EARLY:
                place.limbo.append(letter)
            else:
                self._lost(place, link, kind, id, "queue is full")
            return
        if self.rules.rules:
            rule = self.rules.cut(link, kind, self.loop._now, count=True)
            if rule:
                self._lost(place, link, kind, id, rule)
                return
        boot.lamport = max(boot.lamport, lamport) + 1
        self.delivered += 1
        self.record((self.loop._now, boot.lamport, place.name, boot.number, DELIVER, kind, link.src, src_boot, id))
        envelope = Envelope(kind, link.src, place.name, src_boot, id, corr, timeout, boot.lamport, unpack(data))
        if boot.receiver is not None:
            boot.receiver(envelope)
        elif len(boot.early) < KEPT_EARLY:
            boot.early.append(envelope)

    def _lost(self, place: Place, link: Link, kind: str, id: int, why: str) -> None:
        self.record((self.loop._now, 0, place.name, place.boots, DROP, kind, link.src, id, why))

    def redeliver(self, place: Place) -> None:
        """What waited for a boot, or for a paused host, arrives now."""
        letters, place.limbo = place.limbo, []
        for letter in letters:
            when = self.loop._now + self._travel(place, place)
            self.loop.call_at(when, self._arrive, letter, context=self.network)

    def rules_changed(self) -> None:
        for place in self.places.values():
            boot = place.boot
            if boot is not None and not boot.dead:
                for callback in place.watching:
                    callback()


class SimBus:
    def __init__(self, board: Switchboard, place: Place, boot: Boot, run_as: Callable[..., Any]) -> None:
        self._board = board
        self._place = place
        self._boot = boot
        self._run_as = run_as

    def send(self, dst: Address, kind: str, body: Any, *, corr: int = 0, timeout: float = 0.0) -> int:
        return self._board.send(self._place, self._boot, (dst, kind, corr, timeout), pack(body))

    def listen(self, receiver: Receiver) -> None:
        boot, run_as = self._boot, self._run_as

        def in_context(envelope: Envelope) -> None:
            run_as(receiver, envelope)

        boot.receiver = in_context
        early, boot.early = boot.early, []
        for envelope in early:
            in_context(envelope)

    def defer(self, callback: Callable[[], None]) -> None:
        self._board.loop.call_soon(callback)

    def flush(self) -> None:
        """Every message of the sim leaves when it is sent."""


class SimClock:
    def __init__(self, loop: SimLoop, machine: Machine) -> None:
        self._loop = loop
        self._machine = machine

    def now(self) -> float:
        return self._machine.wall(self._loop._now)

    def monotonic(self) -> float:
        return self._loop.time()


class SimLinks:
    def __init__(self, board: Switchboard, place: Place, run_as: Callable[..., Any]) -> None:
        self._board = board
        self._place = place
        self._run_as = run_as

    def connected(self, machine: str) -> bool:
        mine, now = self._place.machine.name, self._board.loop._now
        if machine == mine:
            return True
        out = self._board.rules.cut(Link("", mine, "", machine), "tcp.data", now)
        return not out and not self._board.rules.cut(Link("", machine, "", mine), "tcp.data", now)

    def on_change(self, callback: Callable[[], None]) -> None:
        self._place.watching.append(lambda: self._run_as(callback))


def make_host(board: Switchboard, place: Place, boot: Boot, rng: Random, run_as: Callable[..., Any]) -> Host:
    place.watching.clear()

    def note(event: str, data: Mapping[str, Any]) -> None:
        board.note(place, boot, event, data)

    mine = (board.rules, place.name, place.machine.name, board.true_time)
    boot.disk = SimDisk(place.platter, DiskRules(*mine, place.platter.rng))
    return Host(
        name=place.name,
        machine=place.machine.name,
        boot=boot.number,
        clock=SimClock(board.loop, place.machine),
        rng=rng,
        bus=SimBus(board, place, boot, run_as),
        disk=boot.disk,
        links=SimLinks(board, place, run_as),
        note=note,
        faults=ApiRules(*mine, Random(f"{board.seed}/faults/{place.name}/{boot.number}")),
    )
