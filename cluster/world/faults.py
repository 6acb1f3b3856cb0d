"""Faults as data: what each rule makes of one message (disks: diskfaults.py, apiservers: apifaults.py).

Rules are frozen dataclasses because they cross process boundaries. Nothing here keeps a clock or dice: both are
arguments. Must not know sockets, simulators or components, nor which rules are in force (ruleset.py).

Rules compose in install order: a message starts as one delivery at once; each rule that matches maps the
deliveries to new ones; no delivery left means dropped, and the rule that took the last one is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any, ClassVar, NamedTuple

from cluster.errors import UsageError

Deliveries = tuple[float, ...]
"""One entry per delivery: seconds of extra delay. () drops, (0.0,) delivers at once, two entries repeat."""

DELIVER: Deliveries = (0.0,)


class Link(NamedTuple):
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
    """What a rule remembers about one link: messages seen, those that it hit and let through, when the wire is free
    again, its latest draw."""

    seen: int = 0
    free_at: float = 0.0
    last: float | None = None
    hit: int = 0
    passed: int = 0

    def random(self, dice: Random, correlation: float) -> float:
        """From 0 to 1, `correlation` of it the draw before (as netem: it narrows the spread as well)."""
        return self.mixed(dice.random(), correlation)

    def mixed(self, drawn: float, correlation: float) -> float:
        if correlation:
            if self.last is not None:
                drawn = correlation * self.last + (1 - correlation) * drawn
            self.last = drawn
        return drawn


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
    correlation: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.correlation)
        if self.distribution not in DISTRIBUTIONS:
            raise UsageError(f"unknown distribution {self.distribution!r}", remedy=f"one of {', '.join(DISTRIBUTIONS)}")
        _at_least(self.seconds, 0, "delay")
        _at_least(self.jitter, 0, "jitter")

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d + state.mixed(self._draw(dice), self.correlation) for d in deliveries)

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
    correlation: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.probability)
        _probability(self.correlation)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d for d in deliveries if state.random(dice, self.correlation) >= self.probability)


@dataclass(frozen=True)
class Duplicate(Rule):
    """With `probability` a second copy, up to `spread` seconds after the first."""

    TYPE: ClassVar[str] = "duplicate"
    probability: float = 1.0
    spread: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.probability)
        _probability(self.correlation)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        if deliveries and state.random(dice, self.correlation) < self.probability:
            return (*deliveries, deliveries[0] + dice.uniform(0, self.spread))
        return deliveries


@dataclass(frozen=True)
class Reorder(Rule):
    """With `probability` a message is held back by up to `window` seconds, so that later ones overtake it."""

    TYPE: ClassVar[str] = "reorder"
    probability: float = 0.5
    window: float = 0.05
    correlation: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.probability)
        _probability(self.correlation)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d + self._held(state, dice) for d in deliveries)

    def _held(self, state: LinkState, dice: Random) -> float:
        return dice.uniform(0, self.window) if state.random(dice, self.correlation) < self.probability else 0.0


@dataclass(frozen=True)
class Corrupt(Rule):
    """With `probability` the frame arrives damaged. Every frame is checked by its receiver, so what a component
    sees is a loss; the bus flips a real byte where it can (see `damaged`)."""

    TYPE: ClassVar[str] = "corrupt"
    probability: float = 1.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        _probability(self.probability)
        _probability(self.correlation)

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return tuple(d for d in deliveries if state.random(dice, self.correlation) >= self.probability)


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
class KillAfter(Rule):
    """A host of `src` is killed right after it has sent its n-th message (from 1, to whomever) of these kinds: what it
    sent before goes out, what it would have done next never happens."""

    TYPE: ClassVar[str] = "kill-after"
    n: int = 1

    def __post_init__(self) -> None:
        _at_least(self.n, 1, "n")

    def apply(self, deliveries: Deliveries, size: int, state: LinkState, now: float, dice: Random) -> Deliveries:
        return deliveries


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


@dataclass(frozen=True)
class ApiFault(Rule):
    """The apiservers `src` (hosts or machines; empty: all) misbehave in one `way`, at each request (or event) with
    `probability`. Touches no message. `kinds`: of objects; `verbs`: get, list, watch, create, update, patch, delete
    (or the bus's own, such as bind); `users`: hosts that ask; all fnmatch patterns, empty: any. `spares`: hosts that
    are served as ever (what a cache that stands still does not know, it cannot tell them either). The ways: `slow`
    (by `seconds`), `overloaded` (TooManyRequests), `error` (`code`; one that leaves it open whether it happened does
    it half of the time), `stale` (its watch cache stands still, and lists and watches show the past), `missed`
    (events are left out of its watches)."""

    TYPE: ClassVar[str] = "api"
    way: str = "slow"
    probability: float = 1.0
    seconds: float = 0.5
    code: int = 500
    verbs: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()

    WAYS: ClassVar[tuple[str, ...]] = ("slow", "overloaded", "error", "stale", "missed")
    CODES: ClassVar[tuple[int, ...]] = (429, 500, 503, 504)

    def __post_init__(self) -> None:
        if self.way not in self.WAYS:
            raise UsageError(f"unknown API fault {self.way!r}", remedy=f"one of {', '.join(self.WAYS)}")
        if self.code not in self.CODES:
            raise UsageError(f"code {self.code} is not possible", remedy=f"one of {', '.join(map(str, self.CODES))}")
        _probability(self.probability)
        _at_least(self.seconds, 0, "delay")

    def matches_link(self, link: Link) -> bool:
        return False

    def concerns(self, host: str, machine: str, now: float) -> bool:
        return (not self.src or host in self.src or machine in self.src) and not 0 < self.expires <= now


RULES: Mapping[str, type[Rule]] = {
    kind.TYPE: kind
    for kind in (
        *(Partition, Delay, Loss, Duplicate, Reorder, Corrupt, Bandwidth, DropNth),
        *(KillAfter, DiskFault, ApiFault),
    )
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
    for key in ("src", "dst", "kinds", "verbs", "users", "spares"):
        if key in known:
            rest[key] = tuple(rest.get(key) or ())
    return RULES[kind](**rest)


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
