"""What a member of the engine `raftos` is told at its start; the defaults are the package's own.

Must not read any of it from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.errors import UsageError

SERIALIZERS = ("msgpack", "json")


@dataclass(frozen=True, slots=True)
class Config:
    """`members` are the hosts' names; the host that runs this is one of them."""

    members: tuple[str, ...]
    keepalive: float = 2.0
    """Seconds between two signs of life of a silent watch stream."""
    heartbeat: float = 0.3
    """raftos: heartbeat_interval."""
    missed: int = 5
    """raftos: step_down_missed_heartbeats; a leader without a majority for so many steps down."""
    spread: float = 3.0
    """raftos: election_interval_spread; an election timeout is drawn from [1, spread] times heartbeat * missed."""
    serializer: str = "msgpack"
    """`msgpack`, the package's default, or `json`, its other one, whose log does not break at byte 0x0A."""
    writeback: float = 5.0
    """Seconds after which what was written reaches the disk by itself, as a kernel does it (Linux:
    vm.dirty_writeback_centisecs). raftos never syncs, so a loss of power takes what is younger."""
    max_request_bytes: int = 3 << 19
    """Largest transaction (etcd: --max-request-bytes, 1.5 MiB)."""

    def __post_init__(self) -> None:
        checks = (
            (bool(self.members) and len(set(self.members)) == len(self.members), "members", "names, each once"),
            (not any(":" in name for name in self.members), "members", "names without a colon"),
            (self.keepalive > 0, "keepalive", "more than 0 s"),
            (self.heartbeat > 0, "heartbeat", "more than 0 s"),
            (self.missed > 0, "missed", "more than 0"),
            (self.spread >= 1, "spread", "1 or more"),
            (self.serializer in SERIALIZERS, "serializer", f"one of {', '.join(SERIALIZERS)}"),
            (self.writeback > 0, "writeback", "more than 0 s"),
            (0 < self.max_request_bytes <= 16 << 20, "max_request_bytes", "1 to 16 MiB"),
        )
        for holds, name, right in checks:
            if not holds:
                raise UsageError(f"{name}={getattr(self, name)!r} is not possible", place="store", remedy=right)
