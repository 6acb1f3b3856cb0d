"""What the disk faults in force do to one sync of one file.

Pure. Must not touch a file: the disks of both worlds ask here and act on the answer.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from cluster.world.faults import DiskFault
from cluster.world.ruleset import RuleSet

_SAYS = {errno.ENOSPC: "No space left on device", errno.EIO: "Input/output error"}


@dataclass(frozen=True, slots=True)
class Harm:
    """What is wrong with one sync. `write`, `sync`: an errno to fail with, 0 for none; `seconds` slower."""

    write: int = 0
    sync: int = 0
    seconds: float = 0.0
    lie: bool = False
    flip: bool = False
    tear: bool = False

    def check(self) -> None:
        """OSError if the write or the sync is to fail."""
        code = self.write or self.sync
        if code:
            raise OSError(code, _SAYS[code])

    def written(self, data: bytes, dice: Random) -> bytes:
        """What of `data` reaches the medium, and how."""
        if self.write or not data:
            return b""
        if self.flip:
            at = dice.randrange(len(data))
            data = data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]
        return data[: dice.randrange(len(data))] if self.tear else data


NO_HARM = Harm()


@dataclass(slots=True)
class DiskRules:
    """The rules as they concern one host's disk. `now` gives the world's time."""

    rules: RuleSet
    host: str
    machine: str
    now: Callable[[], float]
    dice: Random

    def any(self) -> bool:
        return bool(self.rules.rules) and any(True for _ in self._mine())

    def harm(self, file: str) -> Harm:
        """For one sync of `file`; counts it as evidence."""
        if not self.rules.rules:
            return NO_HARM
        struck: dict[str, float] = {}
        for rule in self._mine():
            if rule.matches_kind(file):
                hit = self.dice.random() < rule.probability
                self.rules.count(rule.id, self.host, file.rpartition("/")[0], hit)
                if hit:
                    struck[rule.way] = rule.seconds
        write = errno.ENOSPC if "full" in struck else errno.EIO if "write-error" in struck else 0
        sync = errno.EIO if "sync-error" in struck or "tear" in struck else 0
        return Harm(write, sync, struck.get("slow", 0.0), "lie" in struck, "flip" in struck, "tear" in struck)

    def _mine(self) -> Sequence[DiskFault]:
        now = self.now()
        rules = self.rules.rules
        return [r for r in rules if isinstance(r, DiskFault) and r.concerns(self.host, self.machine, now)]
