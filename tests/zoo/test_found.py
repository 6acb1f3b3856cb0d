"""Every planted bug is found again by the check that must find it; the healthy code is clean in the same stories."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.zoo.bugs import ALL
from tests.zoo.bugs.store import PROOF
from tests.zoo.found import FOUND, ONCE
from tests.zoo.hunting import Catch, healthy, hunt

MORE = 12
"""Seeds that are tried besides the recorded one, which may have gone stale."""
CLUSTER = [name for name, bug in ALL.items() if bug.story != PROOF]
"""Those of the store are found again by tests/store/bugs, with the same stories and seeds."""
PLACES = sorted({(ALL[name].story, FOUND[name]) for name in CLUSTER} | set(ONCE))


@pytest.mark.parametrize("name", CLUSTER)
def test_its_check_finds_it_and_says_why(name: str) -> None:
    catch = hunt(ALL[name], chain((FOUND[name],), range(MORE)))
    assert isinstance(catch, Catch), f"run `launch.py zoo {name}`: {catch}"
    assert catch.check == ALL[name].check
    assert catch.message
    assert catch.because


@pytest.mark.parametrize(("story", "number"), PLACES)
def test_the_healthy_code_is_clean(story: str, number: int) -> None:
    assert healthy(story, number) is None


def test_every_bug_has_been_found() -> None:
    assert set(FOUND) == set(ALL)
