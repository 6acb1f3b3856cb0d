"""One seed is one run: two interpreters that hash strings differently write the same journal, to the byte.

Real by nature: it starts interpreters.
"""

from __future__ import annotations

import os
import subprocess  # noqa: TID251  # another interpreter is another process
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(seed: int, what: str, hash_seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.sim.rehearsal", str(seed), what]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE)


def both(seed: int, what: str) -> list[str]:
    """What two interpreters print, run side by side."""
    running = [start(seed, what, hash_seed) for hash_seed in ("1", "20241")]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    return printed


def first_difference(seed: int) -> str:
    one, other = (text.splitlines() for text in both(seed, "records"))
    for number, (left, right) in enumerate(zip_longest(one, other, fillvalue="(the journal ends)")):
        if left != right:
            return f"record {number} differs:\n{left}\n{right}\nafter\n" + "\n".join(one[max(0, number - 5) : number])
    return "the records print alike"


@pytest.mark.parametrize("dice", range(2))
def test_two_interpreters_write_the_same_journal(dice: int) -> None:
    one, other = both(dice, "digest")
    assert int(one.split()[1]) > 5000, "too little happened"
    if one != other:
        pytest.fail(f"seed {dice}: {one.strip()} and {other.strip()}; {first_difference(dice)}")


def test_another_seed_is_another_journal() -> None:
    running = [start(seed, "digest", "0") for seed in (0, 1)]
    one, other = (process.communicate()[0].split()[0] for process in running)
    assert one != other
