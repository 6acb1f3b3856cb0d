"""One boot of a simulated host: its bus, clock and links, and the switchboard that carries what it sends.

Must not know scenarios. Bodies are packed at send and unpacked at delivery: nothing is shared between hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from cluster.world.sim.loop import SimLoop
from cluster.world.sim.owner import Owner
from cluster.world.sim.schedule import Schedule

EPOCH = 1767225600.0
"""Wall time at the start of every run: 2026-01-01T00:00:00Z."""
KEPT_EARLY = 1000
"""Messages kept for a host that does not listen yet, or stands still: a socket's buffer."""
OUTLIVE = 0.1
"""Chance that a message to a host that is down waits for its next boot, as in a real queue."""
BATCH = 512
"""Records that go into the digest at once."""
EVERY = 0xFF
"""After so many deliveries it is looked whether there are as many."""

_new = tuple.__new__


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


Letter = tuple[Any, ...]
"""A message under way: link, place, kind, sender's boot, id, correlation id, timeout, Lamport time, packed body."""


class Boot(Owner):
    """One incarnation: the owner of its callbacks. `run_as` runs a function as it; None for a seat, which is the
    scenario's own."""

    __slots__ = ("disk", "early", "ids", "lamport", "number", "receiver", "run_as")

    def __init__(self, name: str, number: int, rate: float = 1.0) -> None:
        super().__init__(name, rate)
        self.number = number
        self.receiver: Receiver | None = None
        self.run_as: Callable[..., Any] | None = None
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

    __slots__ = ("last", "length", "link", "place")

    def __init__(self, src: Place, dst: Place) -> None:
        self.link = Link(src.name, src.machine.name, dst.name, dst.machine.name)
        self.place = dst
        self.length = 0.0 if src.seat or dst.seat else 0.2 if src.machine is dst.machine else 1.0
        """What the switchboard's latency is multiplied with."""
        self.last = 0.0
        """When the latest message so far arrives."""


class Switchboard:
    """Routes messages between places under the rules; keeps the journal."""

    def __init__(self, loop: SimLoop, seed: int, *, keep: bool) -> None:
        self.loop = loop
        self.seed = seed
        self.dice = Random(f"{seed}/network")
        self.random = self.dice.random
        self.rules = RuleSet()
        self.places: dict[Address, Place] = {}
        self.latency = (0.0002, 0.001)
        """Seconds between two machines, uniform; on one machine a fifth of it."""
        self.delivered = 0
        self.kill: Callable[[Place, str], None] = lambda place, rule: None
        """Called when a rule says that a sender is dead now."""
        self.handing: Boot | None = None
        """Who is being handed a message."""
        self.deferred: Callable[[], None] | None = None
        """What that one wants to do next."""
        self.schedule: Schedule | None = None
        """Who says how long messages take, if it is not left to `latency`."""
        self.records: list[Record] = []
        """All so far, if they are kept; else those that the digest has not seen yet."""
        self.record = self.records.append
        """Take down one record. Not a method: this is called twice a message."""
        self._keep = keep
        self._digest = Digest()
        self._digested = 0
        """So many of `records`."""
        loop.carry = self._arrive

    def true_time(self) -> float:
        return self.loop._now

    # ── journal ──────────────────────────────────────────────────────────────────────────────────────────────

    def _flush(self, least: int = BATCH) -> None:
        """Into the digest, in batches of the same size; a smaller one, if there are at least so many, at the end."""
        records = self.records
        while len(records) - self._digested >= least:
            part = records[self._digested : self._digested + BATCH]
            self._digest.add(tuple(part))
            if self._keep:
                self._digested += len(part)
            else:
                del records[: len(part)]

    def hexdigest(self) -> str:
        self._flush()
        self._flush(1)
        return self._digest.hexdigest()

    def note(self, place: Place, boot: Boot, event: str, data: Mapping[str, Any]) -> None:
        if not boot.dead:
            boot.lamport += 1
            self.record((self.loop._now, boot.lamport, place.name, boot.number, event, dict(data)))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────

    def wire(self, src: Place, dst: Address) -> Wire | None:
        """The wire from `src` to `dst`; None if there is no such host."""
        place = self.places.get(dst)
        if place is None:
            return None
        src.links[dst] = found = Wire(src, place)
        return found

    def carry_ruled(self, wire: Wire, letter: Letter, size: int, sender: tuple[Address, int, int]) -> str:
        """`letter` under the rules in force: the rule that says that its sender is dead now, or "". `sender`: name,
        boot, Lamport time."""
        now = self.loop._now
        verdict = self.rules.verdict(wire.link, letter[2], size, now, self.dice)
        if not verdict.deliveries:
            name, boot, lamport = sender
            self.record((now, lamport, name, boot, DROP, letter[2], wire.link.dst, letter[4], verdict.rule))
        for delay in verdict.deliveries:
            when = now + delay + self.travel(wire)
            if not delay:
                wire.last = when = max(when, wire.last)
            self.loop.post(when, letter)
        return verdict.kill

    def travel(self, wire: Wire) -> float:
        if not wire.length:
            return 0.0
        if self.schedule is not None:
            return self.schedule.seconds(wire.link)
        low, high = self.latency
        return (low + (high - low) * self.random()) * wire.length

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
        boot.lamport = lamport = (lamport if lamport > boot.lamport else boot.lamport) + 1
        self.delivered = delivered = self.delivered + 1
        src = link.src
        self.record((self.loop._now, lamport, place.name, boot.number, DELIVER, kind, src, src_boot, id))
        if not delivered & EVERY:
            self._flush()
        fields = (kind, src, place.name, src_boot, id, corr, timeout, lamport, unpack(data))
        envelope = _new(Envelope, fields)  # as Envelope(...) would, at half the cost
        receiver, run_as = boot.receiver, boot.run_as
        if receiver is None:
            if len(boot.early) < KEPT_EARLY:
                boot.early.append(envelope)
        elif run_as is None:
            receiver(envelope)
        else:
            self.handing = boot
            run_as(receiver, envelope)
            self.handing = None
            callback = self.deferred
            if callback is not None:
                self.deferred = None
                if not boot.dead:
                    run_as(callback)

    def _lost(self, place: Place, link: Link, kind: str, id: int, why: str) -> None:
        self.record((self.loop._now, 0, place.name, place.boots, DROP, kind, link.src, id, why))

    def redeliver(self, place: Place) -> None:
        """What waited for a boot, or for a paused host, arrives now."""
        letters, place.limbo = place.limbo, []
        wire = Wire(place, place)
        for letter in letters:
            self.loop.post(self.loop._now + self.travel(wire), letter)

    def rules_changed(self) -> None:
        for place in self.places.values():
            boot = place.boot
            if boot is not None and not boot.dead:
                for callback in place.watching:
                    callback()


class SimBus:
    def __init__(self, board: Switchboard, place: Place, boot: Boot) -> None:
        self._board = board
        self._loop = board.loop
        self._place = place
        self._boot = boot

    def send(self, dst: Address, kind: str, body: Any, *, corr: int = 0, timeout: float = 0.0) -> int:
        boot, board, place = self._boot, self._board, self._place
        data = pack(body)
        if boot.dead:
            return 0
        boot.ids = id = boot.ids + 1
        boot.lamport = lamport = boot.lamport + 1
        now, name, number = self._loop._now, place.name, boot.number
        board.record((now, lamport, name, number, SEND, kind, dst, id, corr, len(data)))
        wire = place.links.get(dst) or board.wire(place, dst)
        if wire is None or len(data) > MAX_FRAME:
            why = "no such host" if wire is None else "too large"
            board.record((now, lamport, name, number, DROP, kind, dst, id, why))
            return id
        letter = (wire.link, wire.place, kind, number, id, corr, timeout, lamport, data)
        if board.rules.rules:
            killer = board.carry_ruled(wire, letter, len(data), (name, number, lamport))
            if killer:
                board.kill(place, killer)
            return id
        if wire.length:
            if board.schedule is None:  # as `travel`, spelled out: nearly every message comes by here
                low, high = board.latency
                now += (low + (high - low) * board.random()) * wire.length
            else:
                now += board.schedule.seconds(wire.link)
        if now < wire.last:
            now = wire.last
        else:
            wire.last = now
        self._loop.post(now, letter)
        return id

    def defer(self, callback: Callable[[], None]) -> None:
        """At once after what is being handed over, if nothing else is ready to run: there it would be next anyway."""
        board = self._board
        if board.handing is self._boot and board.deferred is None and not self._loop._ready:
            board.deferred = callback
        else:
            self._loop.call_soon(callback)

    def listen(self, receiver: Receiver) -> None:
        boot = self._boot
        boot.receiver = receiver
        early, boot.early = boot.early, []
        for envelope in early:
            receiver(envelope)

    def flush(self) -> None:
        """Every message of the sim leaves when it is sent."""


class SimClock:
    def __init__(self, loop: SimLoop, machine: Machine) -> None:
        self._loop = loop
        self._machine = machine
        self.monotonic: Callable[[], float] = loop.time

    def now(self) -> float:
        return self._machine.wall(self._loop._now)


class SimLinks:
    def __init__(self, board: Switchboard, place: Place, boot: Boot) -> None:
        self._board = board
        self._place = place
        self._boot = boot

    def connected(self, machine: str) -> bool:
        mine, now = self._place.machine.name, self._board.loop._now
        if machine == mine:
            return True
        out = self._board.rules.cut(Link("", mine, "", machine), "tcp.data", now)
        return not out and not self._board.rules.cut(Link("", machine, "", mine), "tcp.data", now)

    def on_change(self, callback: Callable[[], None]) -> None:
        run_as = self._boot.run_as
        self._place.watching.append(callback if run_as is None else lambda: run_as(callback))


def make_host(board: Switchboard, place: Place, boot: Boot, rng: Random) -> Host:
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
        bus=SimBus(board, place, boot),
        disk=boot.disk,
        links=SimLinks(board, place, boot),
        note=note,
        faults=ApiRules(*mine, Random(f"{board.seed}/faults/{place.name}/{boot.number}")),
    )
