"""Runs many stories, or hunts the planted bugs, and prints what came of it.

    python -m tests.store.proof --seeds 0:10000 --jobs 2        every story; goes on after a violation; status 1 if any
    python -m tests.store.proof --bugs [NAME ...] --seeds 0:1000    each planted bug until a check finds it; the table

Must not judge: story.py does.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.store.bugs import ALL
from tests.store.proof.hunting import Catch, hunt
from tests.store.proof.story import play
from tests.store.proof.witness import Violation

CHUNK = 25


@dataclass(slots=True)
class Report:
    """Of a run of seeds: counts by name, (seed, message) of each violation, and themes."""

    stories: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    themes: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.stories += other.stories
        self.seconds += other.seconds
        self.counts.update(other.counts)
        self.themes.update(other.themes)
        self.violations.extend(other.violations)


def run_some(seeds: range) -> Report:
    report = Report()
    for seed in seeds:
        report.stories += 1
        try:
            outcome = play(seed)
        except Violation as violation:
            report.violations.append((seed, str(violation)))
        except Exception as error:
            report.violations.append((seed, f"{type(error).__name__}: {error}"))
        else:
            report.seconds += outcome.seconds
            report.counts.update(outcome.counts)
            report.themes[outcome.plan.theme] += 1
    return report


def run_all(seeds: range, jobs: int) -> Report:
    total = Report()
    with ProcessPoolExecutor(jobs) as pool:
        for report in pool.map(run_some, _chunks(seeds)):
            for seed, message in report.violations:
                print(f"seed {seed}: {message}", flush=True)
            total.add(report)
            if total.stories % 500 < CHUNK:
                print(f"{total.stories} stories, {len(total.violations)} violations", flush=True)
    return total


def _chunks(seeds: range) -> Iterator[range]:
    for start in range(seeds.start, seeds.stop, CHUNK):
        yield range(start, min(start + CHUNK, seeds.stop))


def table(catches: list[tuple[str, Catch | None]]) -> str:
    rows = ["| rule that was taken out | planted bug | found by the check | seed | stories |", "|---|---|---|---|---|"]
    for name, catch in catches:
        bug = ALL[name]
        found = (catch.check, str(catch.seed), str(catch.stories)) if catch else ("not found", "", "")
        rows.append(f"| {bug.rule} ({bug.section}) | `{name}` | {found[0]} | {found[1]} | {found[2]} |")
    return "\n".join(rows)


def seeds_of(parser: argparse.ArgumentParser, text: str) -> range:
    """Exits with status 2 for none: no story told is no proof."""
    low, _, high = text.rpartition(":")
    if not (high.isdecimal() and (low or "0").isdecimal()):
        parser.error(f"--seeds: {text!r} is not FROM:TO, such as 0:1000, or a number")
    seeds = range(int(low or 0), int(high))
    if not seeds:
        parser.error(f"--seeds: {text!r} has no seed in it")
    return seeds


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.store.proof",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", default="0:1000", help="FROM:TO, or a number: from 0")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--bugs", nargs="*", choices=[*ALL, []], metavar="NAME", help="hunt these, or all")
    asked = parser.parse_args()
    seeds = seeds_of(parser, asked.seeds)
    if asked.bugs is not None:
        names = asked.bugs or list(ALL)
        with ProcessPoolExecutor(asked.jobs) as pool:
            catches = []
            for name, catch in zip(names, pool.map(hunt, names, [seeds] * len(names)), strict=True):
                print(f"{name}: {catch or 'NOT FOUND'}", flush=True)
                catches.append((name, catch))
        print(table(catches))
        return int(any(catch is None for _, catch in catches))
    report = run_all(seeds, asked.jobs)
    print(f"{report.stories} stories, {report.seconds:.0f} s of their time, {len(report.violations)} violations")
    for name, count in (*sorted(report.themes.items()), *sorted(report.counts.items())):
        print(f"{count:12,} {name}")
    if report.violations:
        print(f"first: seed {min(report.violations)[0]}: {min(report.violations)[1]}")
    return int(bool(report.violations))


if __name__ == "__main__":
    sys.exit(main())
