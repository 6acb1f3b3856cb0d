"""What a simulated container does, as a table: image -> pull, start, runs, exit codes, logs, answers to exec.

Must not keep time: `life` says what a container has become by `now`. Habit: kwok's stages. A scenario hands in
{"shop:1": {"runs": [{"seconds": 3, "exit_code": 1, "times": 2}, {}]}}: crashes after 3 s, twice, then runs on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.config import parse


@dataclass(frozen=True, slots=True)
class Run:
    """One incarnation. `seconds`: it ends by itself after so long (None: never). `ready_after`: http and tcp probes
    succeed from then on; `healthy_for`: and fail again after so long (None: never). `stop_seconds`: how long it takes
    to end on SIGTERM (None: it does not); `stop_code`: its exit code then. `log`: lines that it writes when it starts;
    `log_every`: one more line each so many seconds (0: none). `times`: so many incarnations in a row are like this.
    `cpu`: cores that it uses; `memory`: bytes."""

    seconds: float | None = None
    exit_code: int = 0
    ready_after: float = 0.0
    healthy_for: float | None = None
    stop_seconds: float | None = 0.0
    stop_code: int = 0
    log: tuple[str, ...] = ()
    log_every: float = 0.0
    oom: bool = False
    times: int = 1
    cpu: float = 0.001
    memory: int = 10_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What an exec of one command says. `seconds`: how long it takes."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One row of the table. `pull`, `start`: seconds. `missing`: the image cannot be pulled. The last of `runs` goes
    on for ever. `execs`: command line to answer."""

    pull: float = 0.02
    start: float = 0.02
    missing: bool = False
    size: int = 50_000_000
    runs: tuple[Run, ...] = (Run(),)
    execs: dict[str, Answer] = field(default_factory=dict)

    def run(self, attempt: int) -> Run:
        """The row for incarnation `attempt`, from 0."""
        for run in self.runs:
            if attempt < run.times:
                return run
            attempt -= run.times
        return self.runs[-1] if self.runs else Run()


Stages = Mapping[str, Behaviour]

DEFAULTS: Stages = {
    "busybox": Behaviour(size=4_300_000, runs=(Run(seconds=0.0),)),
    "hello-world": Behaviour(size=13_000, runs=(Run(seconds=0.0, log=("Hello from Capstan!",)),)),
}
"""Images whose own program ends by itself; every other image runs until it is told to stop."""


def parse_stages(data: Mapping[str, Any], place: str = "stages") -> dict[str, Behaviour]:
    """The table of a Config; UsageError with the field's path."""
    return {image: parse(Behaviour, row, f"{place}.{image}") for image, row in data.items()}


def short_name(image: str) -> str:
    """ "registry:5000/team/nginx:1.25@sha256:.." is nginx."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def behaviour(stages: Stages, image: str, argv: Sequence[str]) -> Behaviour:
    """The row for a container: the image as written, its short name, what its command says, the default."""
    for name in (image, short_name(image)):
        if name in stages:
            return stages[name]
    if argv:
        run = of_command(argv)
        return Behaviour() if run is None else Behaviour(runs=(run,))
    return DEFAULTS.get(short_name(image), Behaviour())


_SEPARATORS = re.compile(r"\s*(?:;|&&|\n)\s*")


def of_command(argv: Sequence[str]) -> Run | None:
    """What a plain command does, by its words: sleep, exit, true, false, echo, also in `sh -c` with ; and &&.
    None for what we cannot read (it runs until it is stopped)."""
    words = list(argv)
    if len(words) >= 3 and words[0].rpartition("/")[2] in ("sh", "bash", "ash") and words[1] in ("-c", "-ec", "-ce"):
        parts = [part for part in _SEPARATORS.split(words[2].strip()) if part]
    else:
        parts = [shlex.join(words)]
    seconds, code = 0.0, 0
    log: list[str] = []
    for part in parts:
        try:
            step = shlex.split(part)
        except ValueError:
            return None
        name, rest = (step[0].rpartition("/")[2], step[1:]) if step else ("", [])
        if name == "sleep" and len(rest) == 1 and _duration(rest[0]) is not None:
            seconds += _duration(rest[0]) or 0.0
        elif name == "sleep" and rest == ["infinity"]:
            return Run(log=tuple(log), stop_code=143)
        elif name == "exit" and len(rest) <= 1 and all(word.isdigit() for word in rest):
            return Run(seconds=seconds, exit_code=int(rest[0]) & 0xFF if rest else code, log=tuple(log), stop_code=143)
        elif name == "echo" and not any(mark in part for mark in "|<>`$"):
            log.append(" ".join(rest))
            code = 0
        elif name in ("true", "false", ":"):
            code = 1 if name == "false" else 0
        else:
            return None
    return Run(seconds=seconds, exit_code=code, log=tuple(log), stop_code=143)


def _duration(text: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        return None
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


@dataclass(frozen=True, slots=True)
class Life:
    """What becomes of one container. `ends_at`: when it ends by itself or by what was done to it, None: never."""

    ends_at: float | None
    exit_code: int = 0
    signal: int = 0
    reason: str = ""


def life(run: Run, started_at: float, termed_at: float | None, killed_at: float | None) -> Life:
    """How a container ends: by itself, by SIGTERM if it heeds it, or by SIGKILL, whichever is first."""
    ends: list[tuple[float, int, Life]] = []
    if run.seconds is not None:
        at = started_at + run.seconds
        reason = "OOMKilled" if run.oom else "Completed" if run.exit_code == 0 else "Error"
        code = 137 if run.oom else run.exit_code
        ends.append((at, 0, Life(at, code, 9 if run.oom else 0, reason)))
    if termed_at is not None and run.stop_seconds is not None:
        at = termed_at + run.stop_seconds
        ends.append((at, 1, Life(at, run.stop_code, 0, "Completed" if run.stop_code == 0 else "Error")))
    if killed_at is not None:
        ends.append((killed_at, 2, Life(killed_at, 137, 9, "Error")))
    return min(ends, key=lambda end: end[:2])[2] if ends else Life(None)


def log_lines(run: Run, started_at: float, until: float, most: int = 1000) -> list[tuple[float, str]]:
    """The lines that a container has written by `until`, each with its time; of the periodic ones the last `most`."""
    lines = [(started_at, line) for line in run.log]
    if run.log_every > 0:
        count = int(max(until - started_at, 0.0) / run.log_every)
        first = max(count - most, 0)
        lines += [(started_at + number * run.log_every, f"tick {number}") for number in range(first + 1, count + 1)]
    return lines


def serving(run: Run, started_at: float, now: float) -> bool:
    """Do http and tcp probes of a running container succeed?"""
    age = now - started_at
    return age >= run.ready_after and (run.healthy_for is None or age < run.ready_after + run.healthy_for)
