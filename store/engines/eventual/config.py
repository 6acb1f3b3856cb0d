"""What a replica of the engine `eventual` is told at its start.

Must not read any of it from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.errors import UsageError
from store.engines.eventual.replica import STRIDE, Rules


@dataclass(frozen=True, slots=True)
class Config:
    """`members` are the hosts' names, in the same order everywhere; the host that runs this is one of them."""

    members: tuple[str, ...]
    keepalive: float = 2.0
    """Seconds between two signs of life of a silent watch stream."""
    gossip: float = 1.0
    """Seconds between two comparisons of trees with each peer; each is drawn from [0.5, 1] of it."""
    retry: float = 0.3
    """Seconds between two tries to reach a peer that does not answer."""
    patience: float = 0.5
    """Seconds to wait for a peer's answer; then it counts as silent, and gets hints."""
    max_ahead: float = 10.0
    """Seconds by which a write's stamp may be ahead of the own clock; more is refused, until the time has come."""
    grace: float = 3600.0
    """Seconds that a tombstone is kept at least; must be longer than any message can be under way."""
    max_hints: int = 10_000
    """Keys remembered for a silent peer; with more, all are dropped, and gossip finds what differs."""
    max_conflicts: int = 10_000
    """Conflicts named; the oldest beyond that are only counted."""
    keep_revisions: int = 10_000
    """The key space is compacted so that about so many changes stay readable (0: never by itself)."""
    max_request_bytes: int = 3 << 19
    """Largest transaction (etcd: --max-request-bytes, 1.5 MiB)."""
    max_pending: int = 20_000
    """Transactions under way before more are refused with TooManyRequests."""
    max_message_bytes: int = 1 << 20
    """About how many bytes of records go to a peer at once."""
    snapshot_batches: int = 10_000
    """Batches of the journal between two snapshots."""
    wal_segment_bytes: int = 4 << 20
    watch_chunk: int = 1_000

    def __post_init__(self) -> None:
        names = self.members
        checks = (
            (bool(names) and len(set(names)) == len(names), "members", "names, each once"),
            (len(names) < STRIDE, "members", f"fewer than {STRIDE}"),
            (self.keepalive > 0, "keepalive", "more than 0 s"),
            (self.gossip > 0, "gossip", "more than 0 s"),
            (self.retry > 0, "retry", "more than 0 s"),
            (self.patience > 0, "patience", "more than 0 s"),
            (self.max_ahead > 0, "max_ahead", "more than 0 s"),
            (self.grace >= 0, "grace", "0 s or more"),
            (self.max_hints >= 0, "max_hints", "0 or more"),
            (self.max_conflicts > 0, "max_conflicts", "more than 0"),
            (self.keep_revisions >= 0, "keep_revisions", "0 or more"),
            (0 < self.max_request_bytes <= 16 << 20, "max_request_bytes", "1 to 16 MiB"),
            (self.max_pending > 0, "max_pending", "more than 0"),
            (0 < self.max_message_bytes <= 32 << 20, "max_message_bytes", "1 to 32 MiB"),
            (self.snapshot_batches > 0, "snapshot_batches", "more than 0"),
            (self.wal_segment_bytes > 0, "wal_segment_bytes", "more than 0"),
            (self.watch_chunk > 0, "watch_chunk", "more than 0"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="store", remedy=right)

    def rules(self, name: str) -> Rules:
        """For the member of that name. UsageError if it is none."""
        if name not in self.members:
            raise UsageError(f"{name!r} is no member", place="store", remedy=f"one of {', '.join(self.members)}")
        return Rules(
            self.members.index(name),
            self.max_ahead,
            self.grace,
            self.keep_revisions,
            self.max_conflicts,
            self.watch_chunk,
        )
