"""What the CAP experiment found on one engine, and which promises of that engine it did not keep. Values only.

Must not run anything, and must not draw: `cappage` and the command line do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cluster.history.record import Operation
from cluster.report.caplatency import LatencyRow
from cluster.report.ledger import Row

AVAILABLE = ("eventual",)
"""Engines that promise to answer on both sides."""
OUTSIDE = ("etcd",)
"""Engines whose members are not ours: no fault of ours comes between them."""
PROMISING_NOTHING = ("raftos",)
"""Engines that are there to be looked at: what they do is told, not judged (docs/engines.md)."""
SIDES = ("minority", "majority")
KINDS = ("write", "linearizable read", "serializable read")


@dataclass(slots=True)
class CapReport:
    engine: str = "raft"
    leader: str = ""
    """Whose machine was cut off."""
    minority: tuple[str, ...] = ()
    majority: tuple[str, ...] = ()
    partition_seconds: float = 0.0
    """How long it took to install."""
    new_leader: str = ""
    new_leader_seconds: float | None = None
    first_write_seconds: float | None = None
    """From the cut to the first write acknowledged on the majority's side."""
    cut_from: float = 0.0
    cut_until: float = 0.0
    """The world's time; the ledger counts the operations that began in between."""
    heal_seconds: float | None = None
    """From healing until all replicas hold the same."""
    replicas: dict[str, str] = field(default_factory=dict)
    """Digest of each replica's key space after healing."""
    rows: list[Row] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    """Everything that was written, in the order of the calls."""
    serializable_on_minority: str = ""
    """What the minority's replica last said during the partition."""
    linearizable: str = "unknown"
    message: str = ""
    finals: dict[str, str | None] = field(default_factory=dict)
    """Per side, what a linearizable read said after healing; a side that nobody answered is not in it."""
    lost: list[str] = field(default_factory=list)
    """Values whose write was acknowledged during the partition and did not survive it (`ledger.lost_writes`)."""
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    """What the store itself says about that, as all its replicas together know it: key, stamp, lost_to, writes."""
    problem: str = ""
    """Why the story could not be told to its end: one sentence."""
    history: tuple[Operation, ...] = ()
    distance: float = 0.0
    """Without a partition: seconds that a message takes from one side to the other, one way."""
    latency: list[LatencyRow] = field(default_factory=list)
    """Without a partition: how long operations took (PACELC's "else")."""

    def row(self, side: str, what: str) -> Row:
        """All zeros when nothing of it was tried."""
        return next((r for r in self.rows if (r.side, r.what) == (side, what)), Row(side, what, 0, 0, 0, 0, 0))

    def during(self) -> list[Operation]:
        """The operations of the partition: begun while it lasted, and not answered by the healed network."""
        begun = (o for o in self.history if self.cut_from <= o.start < self.cut_until)
        return [o for o in begun if o.end <= self.cut_until or o.outcome == "unknown"]

    @property
    def leaderless(self) -> bool:
        """Whether the engine has no leader that could change (or none of ours)."""
        return self.engine in (*AVAILABLE, *OUTSIDE)

    @property
    def survivor(self) -> str | None:
        """The value that was left after healing; None when nobody answered, or nothing was there."""
        return self.finals.get("majority", self.finals.get("minority"))

    def problems(self) -> list[str]:
        """Which expectations of the engine do not hold; empty if all do."""
        if self.engine in PROMISING_NOTHING:
            return [] if self.history else [self.problem or "no operation was tried"]
        checks = self._consistent()
        if self.engine in AVAILABLE:
            checks = self._available()
        elif self.engine in OUTSIDE:
            checks = self._outside()
        told = [self.problem] if self.problem else []
        return [*told, *(problem for holds, problem in checks if not holds)]

    def short_of_consistent(self) -> list[str]:
        """What a consistent store would not have done: also asked of engines that promise nothing."""
        return [problem for holds, problem in self._consistent() if not holds]

    def _available(self) -> list[tuple[Any, str]]:
        """One of each kind may be under way when the asking ends. Nothing is said about linearizability: the verdict
        is in the report, and hardly ever is good."""
        named = sum(conflict["writes"] for conflict in self.conflicts)
        return [
            *self._answered_but(1),
            (self.heal_seconds is not None, "the replicas did not become equal after healing"),
            (named >= len(self.lost), f"{len(self.lost)} acknowledged writes were lost, the store names {named}"),
        ]

    def _outside(self) -> list[tuple[Any, str]]:
        """One of each kind may be under way when the cut comes, and one when the asking ends."""
        return [
            *self._answered_but(2),
            (self.heal_seconds is not None, "the members do not agree"),
            (self.linearizable == "ok", f"the history is not linearizable: {self.message}"),
        ]

    def _answered_but(self, few: int) -> list[tuple[Any, str]]:
        asked = [self.row(side, kind) for side in SIDES for kind in KINDS]
        return [
            (
                row.tried and row.answered >= row.tried - few,
                f"not every {row.what} was answered on the {row.side}'s side",
            )
            for row in asked
        ]

    def _consistent(self) -> list[tuple[Any, str]]:
        minority_write = self.row("minority", "write")
        minority_read = self.row("minority", "linearizable read")
        minority_any = self.row("minority", "serializable read")
        majority_write = self.row("majority", "write")
        return [
            (minority_write.tried and not minority_write.answered, "a write was acknowledged on the minority's side"),
            (minority_read.tried and not minority_read.answered, "a linearizable read was answered by the minority"),
            (minority_any.stale, "no serializable read on the minority's side was stale"),
            (majority_write.answered, "no write was acknowledged on the majority's side"),
            (self.new_leader and self.new_leader != self.leader, "the majority elected no leader"),
            (self.heal_seconds is not None, "the replicas did not agree after healing"),
            (self.linearizable == "ok", f"the history is not linearizable: {self.message}"),
        ]

    def data(self) -> dict[str, Any]:
        names = [f for f in self.__slots__ if f not in ("rows", "history", "latency")]
        result = {name: getattr(self, name) for name in names}
        result |= {"ledger": [row.data() for row in self.rows], "latency": [asdict(row) for row in self.latency]}
        return result | {"survivor": self.survivor, "problems": self.problems()}
