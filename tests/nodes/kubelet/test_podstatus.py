"""What a status shows, beyond what the state machine's own tests look at."""

from __future__ import annotations

import pytest

from nodes.kubelet.podstatus import qos_class
from tests.nodes.kubelet.fakes import Play, pod


def test_rendering_again_changes_nothing() -> None:
    play = Play(pod("a", "b"))
    play.step()
    play.runs("a")
    play.runs("b")
    before = play.status
    play.wait(1000)
    assert play.status == before


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_qos_class(resources: list[dict[str, object]], expected: str) -> None:
    assert qos_class({"containers": [{"name": "c", "resources": r} for r in resources]}) == expected
