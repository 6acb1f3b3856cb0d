"""What a store member is told at its start.

Must not read any of it from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.errors import UsageError


@dataclass(frozen=True, slots=True)
class Config:
    """`members` are the hosts' names that found the cluster, this one among them; they count until there is a
    configuration on the disk. Empty: this one joins a cluster that exists (store/admin.py: store.member.add)."""

    members: tuple[str, ...]
    peers: str = "store-*"
    """Hosts that may be members, as an fnmatch pattern: raft is spoken with no other."""
    heartbeat: float = 0.1
    """Seconds between a leader's signs of life."""
    election: float = 1.0
    """Least election timeout in seconds; each is drawn from [1, 2) of it."""
    patience: float = 5.0
    """So many times as long it grows by itself where members are seen to be late (1: it never does)."""
    keepalive: float = 2.0
    """Seconds between two signs of life of a silent watch stream."""
    snapshot_entries: int = 10_000
    """Applied entries between two snapshots."""
    snapshot_bytes: int = 32 << 20
    """Or so many bytes of log, or as many as the last snapshot has if that is more."""
    retain_entries: int = 1_000
    """Entries below a snapshot kept in memory for followers that lag a little."""
    retain_bytes: int = 8 << 20
    """And at most so many bytes of them."""
    commit_delay: float = 0.001
    """Seconds that a leader waits for an Append that says it anyway before it tells followers what is committed."""
    wal_segment_bytes: int = 16 << 20
    keep_revisions: int = 10_000
    """The leader compacts the key space so that about so many revisions stay readable (0: never by itself)."""
    keep_seconds: float = 0.0
    """The leader compacts the key space so that about so many seconds of it stay readable (0: never by itself)."""
    quota_bytes: int = 2 << 30
    """Keys and values with their history that a member holds before it refuses more (etcd: --quota-backend-bytes)."""
    lease_min_ttl: int = 1
    """Seconds; a shorter lease is granted so long (etcd: minimum lease TTL)."""
    lease_clock_error: float = 0.05
    """How much faster one member's clock may run than another's, as a fraction, for lease reads (0: none)."""
    max_request_bytes: int = 3 << 19
    """Largest transaction (etcd: --max-request-bytes, 1.5 MiB)."""
    max_pending: int = 20_000
    """Proposals under way before more are refused with TooManyRequests."""
    batch_operations: int = 1_000
    """Operations in one log entry; the next go into another."""
    max_append_bytes: int = 1 << 20
    snapshot_chunk_bytes: int = 1 << 20
    watch_chunk: int = 1_000
    """About so many events of history at once to a watcher that is behind."""
    trace: float = 0.0
    """Seconds between two notes in the journal of where the log stands (0: none)."""

    def __post_init__(self) -> None:
        checks = (
            (len(set(self.members)) == len(self.members), "members", "names, each once"),
            (self.heartbeat > 0, "heartbeat", "more than 0 s"),
            (self.election >= 2 * self.heartbeat, "election", f"at least two heartbeats of {self.heartbeat} s"),
            (self.patience >= 1, "patience", "1 or more"),
            (self.keepalive > 0, "keepalive", "more than 0 s"),
            (self.snapshot_entries > 0, "snapshot_entries", "more than 0"),
            (self.snapshot_bytes > 0, "snapshot_bytes", "more than 0"),
            (self.retain_entries >= 0, "retain_entries", "0 or more"),
            (self.retain_bytes >= 0, "retain_bytes", "0 or more"),
            (0 <= self.commit_delay <= self.heartbeat, "commit_delay", "0 s to a heartbeat"),
            (self.wal_segment_bytes > 0, "wal_segment_bytes", "more than 0"),
            (self.keep_revisions >= 0, "keep_revisions", "0 or more"),
            (self.keep_seconds >= 0, "keep_seconds", "0 or more"),
            (self.quota_bytes > 0, "quota_bytes", "more than 0"),
            (self.lease_min_ttl > 0, "lease_min_ttl", "more than 0 s"),
            (0 <= self.lease_clock_error < 1, "lease_clock_error", "from 0 (none) to less than 1"),
            (self.batch_operations > 0, "batch_operations", "more than 0"),
            (0 < self.max_request_bytes <= 16 << 20, "max_request_bytes", "1 to 16 MiB"),
            (self.max_pending > 0, "max_pending", "more than 0"),
            (self.max_append_bytes > 0, "max_append_bytes", "more than 0"),
            (0 < self.snapshot_chunk_bytes <= 32 << 20, "snapshot_chunk_bytes", "1 to 32 MiB"),
            (self.watch_chunk > 0, "watch_chunk", "more than 0"),
            (self.trace >= 0, "trace", "0 s or more"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="store", remedy=right)
