"""A store under faults, seed by seed: linearizable, its replicas equal in the end, one leader a term.

More of them: `pytest tests/scenarios/test_store_seeds.py --seeds 1000`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cluster.experiments.register import Outcome, Plan, run_register
from cluster.history.invariants import one_leader_per_term
from cluster.world.sim import SimWorld

PLANS: Mapping[str, Plan] = {
    "everything": Plan(),
    "five members": Plan(members=5, clients=4),
    "partitions only": Plan(faults=("isolate", "halves", "one-way"), every=0.8),
    "crashes only": Plan(faults=("crash", "crash-leader", "power"), every=0.8),
    "snapshots all the time": Plan(snapshot_entries=8, wal_segment_bytes=1024),
}


def run(plan: Plan, seed: int) -> Outcome:
    with SimWorld(seed) as world:
        outcome = world.run(run_register(world, plan, seed))
        assert outcome.problems == []
        assert [str(v) for v in one_leader_per_term(world.board.records)] == []
        assert any(r[4] == "role" and r[5]["role"] == "leader" for r in world.board.records)
    return outcome


@pytest.mark.parametrize("name", PLANS)
def test_no_seed_breaks_a_promise(seed: int, name: str) -> None:
    outcome = run(PLANS[name], seed)
    assert outcome.acknowledged > 50
    assert len(outcome.faults) >= 3


def test_without_faults_everything_is_answered() -> None:
    outcome = run(Plan(faults=()), 0)
    assert outcome.acknowledged == len(outcome.history) > 100
