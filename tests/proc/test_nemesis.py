"""A short run of the nemesis on real processes; the long one: `python -m tests.proc.nemesis --minutes 30`."""

from __future__ import annotations

import pytest

from tests.proc.nemesis import LINKS, NODES, run

pytestmark = pytest.mark.proc


def test_real_processes_that_are_killed_stopped_and_cut_stay_linearizable() -> None:
    summary = run(seconds=20.0, rate=300.0, seed=3)
    assert summary.problems == []
    assert summary.outcomes["ok"] > 2000
    assert sum(summary.faults.values()) >= 5
    assert set(summary.faults) & set(NODES)
    assert set(summary.faults) & set(LINKS)
    assert summary.terms_with_a_leader >= 2
