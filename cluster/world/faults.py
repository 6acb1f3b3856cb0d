"""Faults as data, and the pure verdict on one message: when is it delivered, and how often (disks: diskfaults.py).

Rules are frozen dataclasses because they cross process boundaries. Nothing here keeps a clock or dice: both are
arguments. Must not know sockets, simulators or components.

Rules compose in install order: a message starts as one delivery at once; each rule that matches maps the
deliveries to new ones; no delivery left means dropped, and the rule that took the last one is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any, ClassVar

from cluster.errors import UsageError

Deliveries = tuple[float, ...]
"""One entry per delivery: seconds of extra delay. () drops, (0.0,) delivers at once, two entries repeat."""

DELIVER: Deliveries = (0.0,)


@dataclass(frozen=True, slots=True)
class Link:
    """One direction between two hosts, with the machines they are on: what rules match against."""

    src: str
    src_machine: str
    dst: str
    dst_machine: str


@dataclass(frozen=True)
class Rule:
    """Acts on messages from `src` to `dst` (names of hosts or machines; empty: any) whose kind matches one of
    `kinds` (fnmatch patterns; empty: any). `both`: the other direction too.

    `id` is given at installation. `expires` is the world's time at which it ends by itself (0: never)."""

    src: tuple[str, ...] = ()
    dst: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    both: bool = False
    id: str = ""
    expires: float = 0.0

    TYPE: ClassVar[str] = ""

    def matches_link(self, link: Link) -> bool:
        """A rule between machines leaves alone what stays on one machine, unless it names the two hosts."""
        return self._one_way(link.src, link.src_machine, link.dst, link.dst_machine) or (
            self.both and self._one_way(link.dst, link.dst_machine, link.src, link.src_machine)
        )

    def _one_way(self, src: str, src_machine: str, dst: str, dst_machine: str) -> bool:
        if src_machine == dst_machine and not (src in self.src or dst in self.dst):
            return False
        return (not self.src or src in self.src or src_machine in self.src) and (
            not self.dst or dst in self.dst or dst_machine in self.dst
        )

    def matches_kind(self, kind: str) -> bool:
        return not self.kinds or any(fnmatchcase(kind, pattern) for pattern in self.kinds)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        raise NotImplementedError


@dataclass(slots=True)
class LinkState:
    """What a rule remembers about one link: messages seen, when the wire is free again."""

    seen: int = 0
    free_at: float = 0.0


@dataclass(frozen=True)
class Partition(Rule):
    """Nothing crosses. The only rule that receivers enforce too (it needs no dice)."""

    TYPE: ClassVar[str] = "partition"
    both: bool = True

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return ()


DISTRIBUTIONS = ("constant", "uniform", "normal", "exponential")


@dataclass(frozen=True)
class Delay(Rule):
    """Each delivery later by a draw: `constant` seconds; `uniform` in seconds +- jitter; `normal` with that
    deviation; `exponential` with that mean. Never negative."""

    TYPE: ClassVar[str] = "delay"
    seconds: float = 0.1
    jitter: float = 0.0
    distribution: str = "constant"

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise UsageError(f"unknown distribution {self.distribution!r}", remedy=f"one of {', '.join(DISTRIBUTIONS)}")
        _at_least(self.seconds, 0, "delay")
        _at_least(self.jitter, 0, "jitter")

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d + self._draw(dice) for d in deliveries)

    def _draw(self, dice: Random) -> float:
        if self.distribution == "uniform":
            return max(0.0, dice.uniform(self.seconds - self.jitter, self.seconds + self.jitter))
        if self.distribution == "normal":
            return max(0.0, dice.gauss(self.seconds, self.jitter))
        if self.distribution == "exponential":
            return dice.expovariate(1 / self.seconds) if self.seconds else 0.0
        return self.seconds


@dataclass(frozen=True)
class Loss(Rule):
    TYPE: ClassVar[str] = "loss"
    probability: float = 1.0

    def __post_init__(self) -> None:
        _probability(self.probability)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d for d in deliveries if dice.random() >= self.probability)


@dataclass(frozen=True)
class Duplicate(Rule):
    """With `probability` a second copy, up to `spread` seconds after the first."""

    TYPE: ClassVar[str] = "duplicate"
    probability: float = 1.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.probability)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        if deliveries and dice.random() < self.probability:
            return (*deliveries, deliveries[0] + dice.uniform(0, self.spread))
        return deliveries


@dataclass(frozen=True)
class Reorder(Rule):
    """With `probability` a message is held back by up to `window` seconds, so that later ones overtake it."""

    TYPE: ClassVar[str] = "reorder"
    probability: float = 0.5
    window: float = 0.05

    def __post_init__(self) -> None:
        _probability(self.probability)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(
            d + (dice.uniform(0, self.window) if dice.random() < self.probability else 0.0) for d in deliveries
        )


@dataclass(frozen=True)
class Corrupt(Rule):
    """With `probability` the frame arrives damaged. Every frame is checked by its receiver, so what a component
    sees is a loss; the bus flips a real byte where it can (see `damaged`)."""

    TYPE: ClassVar[str] = "corrupt"
    probability: float = 1.0

    def __post_init__(self) -> None:
        _probability(self.probability)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d for d in deliveries if dice.random() >= self.probability)


@dataclass(frozen=True)
class Bandwidth(Rule):
    """Each link carries `bytes_per_second`; what does not fit waits its turn, at most `queue_seconds`."""

    TYPE: ClassVar[str] = "bandwidth"
    bytes_per_second: float = 125_000.0
    queue_seconds: float = 1.0

    def __post_init__(self) -> None:
        _at_least(self.bytes_per_second, 1, "bandwidth")

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        result = []
        for d in deliveries:
            start = max(now + d, state.free_at)
            if start - now - d > self.queue_seconds:
                continue
            state.free_at = start + size / self.bytes_per_second
            result.append(state.free_at - now)
        return tuple(result)


@dataclass(frozen=True)
class DropNth(Rule):
    """The n-th message (from 1) of each link that matches is dropped; with `then_every` each so-many-th after."""

    TYPE: ClassVar[str] = "drop-nth"
    n: int = 1
    then_every: int = 0

    def __post_init__(self) -> None:
        _at_least(self.n, 1, "n")

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        past = state.seen - self.n
        hit = past == 0 or (self.then_every > 0 and past > 0 and past % self.then_every == 0)
        return () if hit else deliveries


@dataclass(frozen=True)
class DiskFault(Rule):
    """The disks of `src` (hosts or machines; empty: all) fail in one `way`, at each sync with `probability`; `kinds`
    are patterns of file names. Touches no message. The ways: `full` (ENOSPC) and `write-error` (EIO) on the write,
    `sync-error` (EIO), `slow` (by `seconds`), `lie` (acknowledged, lost at a crash while it lasts), `flip` (a bit of
    what is written), `tear` (a part is written, then EIO)."""

    TYPE: ClassVar[str] = "disk"
    way: str = "full"
    probability: float = 1.0
    seconds: float = 0.05

    WAYS: ClassVar[tuple[str, ...]] = ("full", "write-error", "sync-error", "slow", "lie", "flip", "tear")

    def __post_init__(self) -> None:
        if self.way not in self.WAYS:
            raise UsageError(f"unknown disk fault {self.way!r}", remedy=f"one of {', '.join(self.WAYS)}")
        _probability(self.probability)
        _at_least(self.seconds, 0, "delay")

    def matches_link(self, link: Link) -> bool:
        return False

    def concerns(self, host: str, machine: str, now: float) -> bool:
        return (not self.src or host in self.src or machine in self.src) and not 0 < self.expires <= now


RULES: Mapping[str, type[Rule]] = {
    kind.TYPE: kind for kind in (Partition, Delay, Loss, Duplicate, Reorder, Corrupt, Bandwidth, DropNth, DiskFault)
}


def to_data(rule: Rule) -> dict[str, Any]:
    """A rule as plain data: {"type": "delay", "src": [...], ...}."""
    return {"type": rule.TYPE, **asdict(rule)}


def from_data(data: Mapping[str, Any]) -> Rule:
    """The rule, or UsageError for an unknown type or field."""
    rest = dict(data)
    kind = rest.pop("type", None)
    if kind not in RULES:
        raise UsageError(f"unknown fault {kind!r}", remedy=f"one of {', '.join(sorted(RULES))}")
    known = {f.name for f in fields(RULES[kind])}
    for key in rest:
        if key not in known:
            raise UsageError(f"fault {kind!r} has no field {key!r}", remedy=f"one of {', '.join(sorted(known))}")
    for key in ("src", "dst", "kinds"):
        rest[key] = tuple(rest.get(key) or ())
    return RULES[kind](**rest)


@dataclass(frozen=True, slots=True)
class Verdict:
    deliveries: Deliveries
    rule: str
    """Id of the rule that took or changed the message; "" if none did."""


PASS = Verdict(DELIVER, "")


@dataclass(slots=True)
class RuleSet:
    """The rules in force, with the per-link work done once: the fast path of a link without rules is one look.

    Counts, per rule, what it hit and what it let through: {id: [hit, passed]}; the evidence of a fault."""

    rules: list[Rule] = field(default_factory=list)
    evidence: dict[str, list[int]] = field(default_factory=dict)
    _links: dict[Link, list[tuple[Rule, LinkState]]] = field(default_factory=dict)

    def install(self, rule: Rule) -> None:
        self.rules = [r for r in self.rules if r.id != rule.id] + [rule]
        self.evidence.setdefault(rule.id, [0, 0])
        self._links.clear()

    def heal(self, rule_id: str | None = None) -> list[Rule]:
        """Remove one rule or all; those removed."""
        gone = [r for r in self.rules if rule_id is None or r.id == rule_id]
        self.rules = [r for r in self.rules if r not in gone]
        self._links.clear()
        return gone

    def expire(self, now: float) -> list[Rule]:
        """Remove what has ended by `now`; those removed."""
        gone = [r for r in self.rules if r.expires and r.expires <= now]
        if gone:
            self.rules = [r for r in self.rules if r not in gone]
            self._links.clear()
        return gone

    def _on(self, link: Link) -> list[tuple[Rule, LinkState]]:
        found = self._links.get(link)
        if found is None:
            found = [(rule, LinkState()) for rule in self.rules if rule.matches_link(link)]
            self._links[link] = found
        return found

    def verdict(self, link: Link, kind: str, size: int, now: float, dice: Random) -> Verdict:
        """What happens to a message of `size` bytes sent at `now`; `dice` are drawn only by rules that match."""
        if not self.rules:
            return PASS
        deliveries, touched = DELIVER, ""
        for rule, state in self._on(link):
            if (rule.expires and rule.expires <= now) or not rule.matches_kind(kind):
                continue
            state.seen += 1
            before, deliveries = deliveries, rule.apply(deliveries, size, state, now, dice)
            hit = deliveries != before
            self.evidence[rule.id][0 if hit else 1] += 1
            if hit:
                touched = rule.id
            if not deliveries:
                break
        return Verdict(deliveries, touched)

    def cut(self, link: Link, kind: str, now: float) -> str:
        """Id of the partition that forbids this delivery, or "": what a receiver asks about what was in flight."""
        if not self.rules:
            return ""
        for rule, _ in self._on(link):
            if isinstance(rule, Partition) and rule.matches_kind(kind) and not 0 < rule.expires <= now:
                return rule.id
        return ""


def partition_groups(groups: Sequence[Sequence[str]], **options: Any) -> list[Partition]:
    """Rules that separate each group from each other one: n groups give n(n-1)/2 two-way partitions."""
    rules = []
    for i, left in enumerate(groups):
        for right in groups[i + 1 :]:
            rules.append(replace(Partition(src=tuple(left), dst=tuple(right)), **options))
    return rules


def _at_least(value: float, low: float, what: str) -> None:
    if not value >= low:
        raise UsageError(f"{what} of {value} is not possible", remedy=f"at least {low}")


def _probability(value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"probability {value} is not possible", remedy="a number from 0 to 1")
