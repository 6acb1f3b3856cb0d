"""What a raft member is told at its start: who it is, its timing in seconds, its limits; validated once.

Must not read any of it from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.errors import UsageError


@dataclass(frozen=True, slots=True)
class Config:
    """`members` are the first voters and count only until the log or a snapshot holds a configuration; empty for a
    member that joins a cluster that exists."""

    id: str
    members: tuple[str, ...]
    heartbeat_seconds: float = 0.1
    election_seconds: float = 1.0
    """Least election timeout; each is drawn from [1, 2) of it (3.4, 9.3)."""
    patience: float = 5.0
    """So many times as long it may grow by itself where delays are seen (patience.py); 1: it never does."""
    max_append_bytes: int = 1 << 20
    """Most payload of one Append; a single larger entry still goes alone."""
    max_inflight: int = 64
    """Appends under way to one follower before the leader waits for an answer."""
    max_inflight_bytes: int = 16 << 20
    """Payload under way to one follower before the leader waits for an answer."""
    snapshot_chunk_bytes: int = 1 << 20
    snapshot_window: int = 4
    """Chunks under way to one follower."""
    retain_entries: int = 1000
    """Entries kept in memory below a compaction, for followers that lag a little."""
    retain_bytes: int = 1 << 62
    """At most so many bytes of them."""
    commit_delay_seconds: float = 0.0
    """How long a leader keeps the news of a commit for the next Append before it sends it alone. Under load there is
    always a next one, and two messages a write are saved; a follower learns of the last write so much later."""
    check_quorum: bool = True
    """A leader that hears no majority for `election_seconds` steps down (6.2); voters who hear one refuse (4.2.3)."""
    pre_vote: bool = True
    lease_clock_error: float = 0.05
    """While one member's clock advances by t, no other's advances by more than t * (1 + this). Lease reads (6.4.1) are
    safe within it and not beyond. 0: no leases."""

    @property
    def leases(self) -> bool:
        """Without check-quorum voters promise a leader nothing, so there is no lease."""
        return self.check_quorum and self.lease_clock_error > 0

    def __post_init__(self) -> None:
        checks = (
            (bool(self.id), "id", "a name"),
            (len(set(self.members)) == len(self.members), "members", "each name once"),
            (self.heartbeat_seconds > 0, "heartbeat_seconds", "more than 0"),
            (
                self.election_seconds >= 2 * self.heartbeat_seconds,
                "election_seconds",
                f"at least two heartbeats of {self.heartbeat_seconds} s",
            ),
            (self.patience >= 1, "patience", "1 (the election timeout stays as it is) or more"),
            (self.max_append_bytes > 0, "max_append_bytes", "more than 0"),
            (self.max_inflight > 0, "max_inflight", "more than 0"),
            (self.max_inflight_bytes > 0, "max_inflight_bytes", "more than 0"),
            (self.snapshot_chunk_bytes > 0, "snapshot_chunk_bytes", "more than 0"),
            (self.snapshot_window > 0, "snapshot_window", "more than 0"),
            (self.retain_entries >= 0, "retain_entries", "0 or more"),
            (self.retain_bytes >= 0, "retain_bytes", "0 or more"),
            (
                0 <= self.commit_delay_seconds <= self.heartbeat_seconds,
                "commit_delay_seconds",
                "from 0 to a heartbeat",
            ),
            (0 <= self.lease_clock_error < 1, "lease_clock_error", "from 0 (no leases) to less than 1"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="raft", remedy=right)
