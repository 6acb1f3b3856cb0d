"""What one story is like, drawn from its seed: how many members, how they are configured, what goes wrong.

Pure. Must not run anything. A theme only shifts the weights of what goes wrong, so that rare meetings of faults become
less rare; every seed draws its theme, and no bug needs a story of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

MACHINES = 7
"""Places for members; as many names there are, those of spares included."""

MIXED = {
    "crash": 6,
    "crash_leader": 4,
    "blackout": 2,
    "cut": 5,
    "cut_leader": 4,
    "one_way": 3,
    "noise": 5,
    "pause": 3,
    "pause_leader": 2,
    "slow_disk": 2,
    "broken_disk": 2,
    "flipped_bits": 1,
    "lost_disk": 1,
    "lying_disk": 1,
    "transfer": 2,
    "member_joins": 2,
    "member_leaves": 1,
    "member_replaced": 2,
    "ambush_vote": 2,
    "ambush_leader": 2,
    "ambush_append": 2,
    "ambush_commit": 3,
    "ambush_read": 3,
    "ambush_rivals": 1,
    "ambush_overwrite": 1,
    "ambush_older_term": 1,
    "ambush_configuration": 1,
    "ambush_promise": 1,
    "ambush_transfer": 1,
    "forgotten_copies": 2,
    "alarm": 1,
    "rest": 2,
}
THEMES: Mapping[str, Mapping[str, int]] = {
    "mixed": MIXED,
    "votes": {
        "ambush_vote": 8,
        "ambush_rivals": 8,
        "ambush_leader": 4,
        "cut_leader": 3,
        "crash": 2,
        "blackout": 2,
        "noise": 2,
    },
    "logs": {
        "ambush_append": 6,
        "ambush_commit": 6,
        "ambush_overwrite": 6,
        "ambush_older_term": 8,
        "ambush_late_append": 5,
        "ambush_leader": 5,
        "cut_leader": 4,
        "blackout": 3,
        "one_way": 2,
        "crash_leader": 2,
    },
    "members": {
        "member_joins": 6,
        "member_leaves": 3,
        "member_replaced": 6,
        "ambush_configuration": 6,
        "ambush_two_changes": 5,
        "transfer": 3,
        "cut": 3,
        "cut_leader": 3,
        "crash": 3,
        "crash_leader": 2,
        "ambush_leader": 2,
        "lost_disk": 2,
        "pause": 1,
    },
    "reads": {
        "ambush_read": 10,
        "ambush_promise": 8,
        "ambush_transfer": 6,
        "cut_leader": 6,
        "pause_leader": 5,
        "one_way": 3,
        "transfer": 3,
        "noise": 2,
        "crash": 2,
        "ambush_leader": 3,
    },
    "network": {
        "noise": 10,
        "late_copies": 10,
        "forgotten_copies": 10,
        "crash": 3,
        "one_way": 3,
        "cut": 3,
        "pause": 2,
        "transfer": 1,
    },
    "disks": {
        "broken_disk": 6,
        "slow_disk": 5,
        "flipped_bits": 2,
        "lost_disk": 3,
        "lying_disk": 2,
        "blackout": 4,
        "ambush_commit": 4,
        "crash": 4,
    },
}
"""Theme: how often what happens, relative to each other."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`rates`: of the machines' clocks, one for each of `MACHINES`. `lanes`: so many things go wrong at a time.
    `calm`: most seconds between two of them in a lane. `lose_all`: share of crashes that lose all that was not synced
    (the others lose some of it). `think`: most seconds between two operations of a client."""

    seed: int
    theme: str
    members: int
    clients: int
    watchers: int
    seconds: float
    lanes: int
    calm: float
    lose_all: float
    think: float
    rates: tuple[float, ...]
    options: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"store-{i}" for i in range(self.members))

    @property
    def election(self) -> float:
        return float(self.options["election"])

    @property
    def fastest(self) -> float:
        return max(self.rates)


def draw(seed: int) -> Plan:
    dice = Random(f"{seed}/plan")
    theme = dice.choice(("mixed", "mixed", *THEMES))
    paces = ((0.05, 0.2), (0.1, 0.3), (0.1, 0.5))
    heartbeat, election = dice.choice(paces if theme != "reads" else ((0.1, 0.4), (0.1, 0.6), (0.1, 0.8)))
    clock_error = dice.choice((0.0, 0.05, 0.5, 0.5) if theme != "reads" else (0.05, 0.05, 0.5))
    fast = 1 + clock_error if clock_error else 1.3  # without leases a clock may be as wrong as it likes
    rates = tuple(dice.choice((1.0, 1.0, fast, 1 + (fast - 1) * dice.random())) for _ in range(MACHINES))
    if theme == "reads" and clock_error:  # one slow clock: what its member believes lasts longer than it should
        rates = tuple(1.0 if i == rates.index(min(rates)) else fast for i in range(MACHINES))
    options = {
        "heartbeat": heartbeat,
        "election": election,
        "keepalive": 0.5,
        "lease_clock_error": clock_error,
        "snapshot_entries": dice.choice((8, 20, 60, 10_000)),
        "snapshot_bytes": dice.choice((1500, 1 << 20)),
        "retain_entries": dice.choice((0, 3, 20)),
        "wal_segment_bytes": dice.choice((1200, 4000, 1 << 20)),
        "snapshot_chunk_bytes": dice.choice((400, 3000)),
        "max_append_bytes": dice.choice((200, 2000, 1 << 20)),
        # A patient voter promises more than leases count on: with all of them patient, nothing would test those.
        "patience": (5.0, 5.0, 1.0)[seed % 3] if theme != "reads" else (1.0, 1.0, 5.0, 1.0)[seed % 4],
        "batch_operations": dice.choice((1, 3, 1000)),
        "watch_chunk": dice.choice((1, 5, 1000)),
        "keep_revisions": dice.choice((0, 0, 30)),
        "keep_seconds": dice.choice((0.0, 0.0, 1.0)),
    }
    return Plan(
        seed=seed,
        theme=theme,
        members=dice.choice((3, 3, 3, 4, 5) if theme != "network" else (1, 1, 3, 3, 5)),
        clients=dice.choice((2, 3, 4)),
        watchers=dice.choice((1, 2)),
        seconds=dice.uniform(5.0, 9.0),
        lanes=dice.choice((1, 2, 2)),
        calm=dice.choice((0.3, 0.8, 1.5)),
        lose_all=dice.choice((0.3, 1.0)),
        think=0.04 if theme == "reads" else dice.choice((0.05, 0.15)),
        rates=rates,
        options=options,
    )
