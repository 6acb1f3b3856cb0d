"""Tells the zoo's stories to the healthy code, for as many seeds as one has time for.

    python -m tests.zoo --seeds 0:500 [--story NAME ...] [--jobs 2]      every violation with its seed; status 1 if any

Must not judge. Planted bugs are hunted by `launch.py zoo`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.zoo.hunting import Wrong, healthy
from tests.zoo.stories import STORIES

CHUNK = 10


def _some(story: str, seeds: range) -> tuple[int, list[Wrong]]:
    found = [healthy(story, seed) for seed in seeds]
    return len(seeds), [wrong for wrong in found if wrong is not None]


def _chunks(stories: list[str], seeds: range) -> Iterator[tuple[str, range]]:
    for start in range(seeds.start, seeds.stop, CHUNK):
        for story in stories:
            yield story, range(start, min(start + CHUNK, seeds.stop))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("--seeds", default="0:100", help="FROM:TO, or a number: from 0")
    parser.add_argument("--story", nargs="*", choices=[*STORIES, []], metavar="NAME", help="these only")
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    low, _, high = asked.seeds.rpartition(":")
    told, wrong = 0, list[Wrong]()
    work = list(_chunks(asked.story or list(STORIES), range(int(low or 0), int(high))))
    with ProcessPoolExecutor(asked.jobs) as pool:
        for count, found in pool.map(_some, *zip(*work, strict=True)):
            told += count
            wrong += found
            for each in found:
                print(f"{each.story}, seed {each.seed}: {each.check}: {each.message}", flush=True)
    print(f"{told} stories told to the healthy code, {len(wrong)} with a violation", flush=True)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
