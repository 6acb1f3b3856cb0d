"""Jobs with known faults, for campaigns to run: what they do with a seed is said by their arguments."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.campaign.job import Job, Runs
from cluster.campaign.result import Result
from cluster.errors import UsageError
from cluster.world.journal import Record


def job(**arguments: Any) -> Job:
    """`bad`: seeds that are violated; `deadly`: that kill the process that runs them; `stuck`: that never end; `odd`:
    whose journal depends on the order of a set of strings; `raising`: that raise; `dead`: that no process survives even
    preparing; `refused`: arguments that cannot be meant."""
    return Job("tests.cluster.campaign.jobs:prepare", arguments)


def prepare(arguments: Mapping[str, Any]) -> Runs:
    if arguments.get("refused"):
        raise UsageError("cannot be meant", place="here", remedy="another")
    if arguments.get("dead"):
        os._exit(7)

    def runs(seed: int, records: bool) -> tuple[Result, Sequence[Record]]:
        return _run(arguments, seed, records)

    return runs


def _run(arguments: Mapping[str, Any], seed: int, records: bool) -> tuple[Result, Sequence[Record]]:
    if seed in arguments.get("deadly", ()):
        os.kill(os.getpid(), signal.SIGKILL)
    if seed in arguments.get("raising", ()):
        raise ValueError("what now")
    while seed in arguments.get("stuck", ()):
        pass
    words = {f"word-{number}" for number in range(20)} if seed in arguments.get("odd", ()) else set()
    journal: list[Record] = [(0.5, 1, "a", 1, "boot", {}), (1.25, 2, "b", 1, "seed", seed)]
    journal += [(2.0, 3, "c", 1, "word", word) for word in words]
    bad = seed in arguments.get("bad", ())
    failed = ("linearizable",) if bad else ()
    return (
        Result(
            seed,
            "violated" if bad else "holds",
            "it is bad" if bad else "it is good",
            failed,
            f"{seed}:{'/'.join(str(record[5]) for record in journal)}",
            10.0,
            operations=3,
            strikes={"kill": {"confirmed": 1}},
        ),
        journal if records else (),
    )
