"""How long a container waits before it is started again. Must not know clocks or containers: numbers in, numbers out.

Kubernetes: kubelet's crash-loop and image-pull back-off. The first restart is at once, then 10 s, 20 s, 40 s, to 300 s;
a run of twice the longest wait (10 minutes) forgets the past.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` and `longest` wait in seconds."""

    first: float
    longest: float

    def delay(self, restarts: int) -> float:
        """Seconds to wait after an exit that `restarts` restarts in a row came before; 0 restarts: none."""
        if restarts <= 0:
            return 0.0
        if restarts > 60:  # 2 ** 60 times anything is past every limit, and floats end somewhere
            return self.longest
        return min(self.first * 2.0 ** (restarts - 1), self.longest)

    def retry(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure in a row of something that never worked (image pulls)."""
        return self.delay(max(failures, 1))

    def streak(self, restarts: int, ran: float) -> int:
        """Restarts in a row that count after a run of `ran` seconds."""
        return 0 if ran >= 2 * self.longest else restarts
