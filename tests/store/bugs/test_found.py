"""Every planted bug is found again: by the story that found it first, or by one of a few more."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.store.bugs import ALL
from tests.store.bugs.found import FOUND
from tests.store.proof.hunting import hunt

MORE = 60
"""Stories that are tried besides the recorded one, for its seed may have gone stale."""


@pytest.mark.parametrize("name", FOUND)
def test_the_checks_find_it(name: str) -> None:
    _, seed = FOUND[name]
    catch = hunt(name, chain((seed,), range(seed + 1, seed + 10), range(MORE)))
    assert catch is not None, f"run `python -m tests.store.proof --bugs {name}` and record what it says"


def test_no_bug_is_left_out() -> None:
    assert list(FOUND) == list(ALL)
