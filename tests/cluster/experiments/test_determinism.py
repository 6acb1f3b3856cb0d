"""One seed decides all of it: the same digest in the same process, in another one, and under another PYTHONHASHSEED."""

from __future__ import annotations

import os
import subprocess  # noqa: TID251  # another interpreter is another process
import sys
from pathlib import Path

from cluster.experiments.runner import simulate
from tests.cluster.experiments.stories import step, story, told, with_nginx

ROOT = Path(__file__).resolve().parents[3]
STORY = story(
    step("poweroff", {"targets": "one of nodes-of:app=nginx"}, after=0.5, lasting=3.0),
    step("partition", {"shape": "random", "of": "masters"}, after=0.5, lasting=1.5),
    step("api", {"way": "error", "probability": 0.3}, lasting=1.0),
    step("kill", {"targets": "one of members"}, every=1.0, repeat=2, lasting=0.5),
    shape=with_nginx(),
    workload="objects",
    seconds=5.0,
)
PROGRAM = (
    "from tests.cluster.experiments.test_determinism import STORY; "
    "from cluster.experiments.runner import simulate; print(simulate(STORY, 11).meta.digest)"
)


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    one, again, other = (simulate(STORY, seed) for seed in (11, 11, 12))
    assert one == again
    assert one.meta.digest != other.meta.digest
    assert one.meta.complete, one.meta.problem


def test_the_hash_seed_changes_nothing() -> None:
    expected = simulate(STORY, 11).meta.digest
    for hash_seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_who_is_struck_is_the_seed_s_too() -> None:
    victims = {told(story(step("kill", {"targets": "one of members"})), seed).strikes[0].targets for seed in range(12)}
    assert len(victims) == 3
