"""Stories with a planted bug in them: does a check find it, which one, and after how many?

Must not decide what a bug is (tests/store/bugs) or what is wrong (story.py and what it uses).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from tests.store.bugs import ALL
from tests.store.proof.story import play
from tests.store.proof.witness import Violation


@dataclass(frozen=True, slots=True)
class Catch:
    """`stories`: played with the bug until then, this one included."""

    check: str
    seed: int
    stories: int
    message: str


def hunt(name: str, seeds: Iterable[int]) -> Catch | None:
    """The first violation with this bug planted; None if all stories are as they should be. What else a story raises is
    no check of ours, and goes through."""
    with pytest.MonkeyPatch.context() as patch:
        ALL[name].install(patch)
        for count, seed in enumerate(seeds, 1):
            try:
                play(seed)
            except Violation as violation:
                return Catch(violation.check, seed, count, str(violation))
    return None
