"""A few dozen random stories in the gate; thousands: `python -m tests.store.proof --seeds 0:10000 --jobs 2`."""

from __future__ import annotations

from collections import Counter

from tests.store.proof.plan import THEMES, draw
from tests.store.proof.story import play


def test_every_promise_holds_whatever_goes_wrong(seed: int) -> None:
    for number in range(4 * seed, 4 * seed + 4):
        play(number)


def test_the_stories_reach_what_they_are_about() -> None:
    """A proof of nothing proves nothing: all of this must have happened, and often."""
    counts: Counter[str] = Counter()
    for seed in range(1000, 1012):
        counts.update(play(seed).counts)
    for what, least in (
        ("calls ok", 1000),
        ("calls unknown", 20),
        ("elections", 30),
        ("snapshots installed", 4),
        ("membership changes", 8),
        ("keepalives", 20),
        ("compactions", 20),
        ("events watched", 500),
        ("watches broken", 12),
    ):
        assert counts[what] >= least, f"{what}: {counts[what]}"


def test_one_seed_is_one_story() -> None:
    first, second = (play(7) for _ in range(2))
    assert (first.counts, first.seconds, first.revision) == (second.counts, second.seconds, second.revision)


def test_every_theme_is_drawn_and_clocks_stay_within_what_leases_are_promised() -> None:
    plans = [draw(seed) for seed in range(200)]
    assert {plan.theme for plan in plans} == set(THEMES)
    for plan in plans:
        error = plan.options["lease_clock_error"]
        assert not error or plan.fastest <= 1 + error
    assert any(not plan.options["lease_clock_error"] and plan.fastest > 1.2 for plan in plans)
