"""How many of a set: drawn by dice, as an amount says; pods by namespace and several labels."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.meta import name_of
from cluster.experiments.cast import drawn
from cluster.experiments.runner import simulate
from cluster.scenario.reader import read
from cluster.scenario.target import parse

NAMES = [f"worker-{i}" for i in range(10)]


@given(st.integers(1, 10), st.integers(1, 100), st.integers(0, 1000))
def test_up_to_a_share_is_at_least_one_and_never_more(count: int, percent: int, seed: int) -> None:
    chosen = drawn(NAMES[:count], parse(f"up to {percent}% of workers"), Random(seed))
    assert 1 <= len(chosen) <= max(1, count * percent // 100)
    assert chosen == sorted(set(chosen), key=NAMES.index)


def test_up_to_a_share_is_sometimes_less() -> None:
    sizes = {len(drawn(NAMES, parse("up to 40% of workers"), Random(seed))) for seed in range(100)}
    assert sizes == {1, 2, 3, 4}


STORY = """\
capstan: 1
checks: [bound-once]
cluster: {objects: [deployment-nginx.yaml]}
steadyState: [deployment nginx is rolled out]
timeline:
- scale: {object: deployment/nginx, replicas: 4}
- await: pods app=nginx ready = 4
- ENTRY
- wait: 500ms
"""


def deleted(entry: str) -> set[str]:
    """The pods that the entry deleted."""
    run = simulate(read(STORY.replace("ENTRY", entry), "story.yaml"), 3)
    assert run.meta.complete, run.meta.problem
    marked = {name_of(e.object) for e in run.events if e.kind == "Pod" and "deletionTimestamp" in e.object["metadata"]}
    said = [m.text for m in run.moments if m.text.startswith("delete")]
    assert len(said) == 1
    assert all(f"pod/{name}" in said[0] for name in marked)
    return marked


@pytest.mark.parametrize(("amount", "count"), [("one", 1), ("2", 2), ("75%", 3)])
def test_so_many_of_those_with_the_labels_are_deleted(amount: str, count: int) -> None:
    assert len(deleted(f"delete: {{kind: Pod, labels: app=nginx, amount: {amount}}}")) == count


def test_pods_by_namespace_and_several_labels() -> None:
    targets = ("app=nginx", "default/app=nginx", "kube-system/app=nginx", "app=nginx+tier=web")
    entries = "".join(f"- pause: nodes-of:{labels}\n  for: 100ms\n- wait: 200ms\n" for labels in targets)
    run = simulate(read(STORY.partition("- ENTRY")[0] + entries, "story.yaml"), 3)
    everywhere, default, system, web = run.strikes
    assert everywhere.targets
    assert default.targets == everywhere.targets
    assert "nobody is it now" in system.error
    assert "nobody is it now" in web.error
