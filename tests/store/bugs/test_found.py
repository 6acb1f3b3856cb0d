"""Every planted bug is found again: by the story that found it first, or by one of a few more."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.store.bugs import ALL
from tests.store.bugs.found import FOUND, ONLY_BELOW
from tests.store.proof.hunting import hunt
from tests.store.raft.bugs import BUGS as CORE

MORE = 60
"""Stories that are tried besides the recorded one, for its seed may have gone stale."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", FOUND)
def test_the_checks_find_it(name: str) -> None:
    _, seed = FOUND[name]
    catch = hunt(name, chain((seed,), range(seed + 1, seed + 10), range(MORE)))
    assert catch is not None, f"run `python -m tests.store.proof --bugs {name}` and record what it says"


def test_no_bug_is_left_out() -> None:
    assert set(FOUND) | set(ONLY_BELOW) == set(ALL)
    assert set(ONLY_BELOW) <= set(CORE)
    assert len(FOUND) >= 15
