"""The cluster comes up: every node Ready, one leader of each sort, whatever the dice."""

from __future__ import annotations

import pytest

from cluster.api.meta import condition
from tests.scenarios.clusters import Cluster, tell


@pytest.mark.parametrize("dice", range(3))
def test_boot(dice: int) -> None:
    async def story(c: Cluster) -> None:
        assert c.world.time() < 5.0
        for node in ("worker-0", "worker-1", "worker-2"):
            ready = condition(c.get("Node", node, ""), "Ready")
            assert ready is not None
            assert (ready["status"], ready["reason"]) == ("True", "KubeletReady")
        assert len(c.chronicle.kind("Node")) == 3
        assert (await c.holder("kube-controller-manager")).startswith("controller-manager-")
        assert (await c.holder("kube-scheduler")).startswith("scheduler-")
        assert (await c.store_leader()).startswith("store-")
        for name in ("kube-controller-manager", "kube-scheduler"):
            leaders = [r[2] for r in c.world.notes("role") if r[5].get("name") == name and r[5]["role"] == "leader"]
            assert leaders == [await c.holder(name)]
        assert all(c.world.running(name) for name in c.world.hosts())
        assert len(c.world.hosts()) == 18

    tell(story, seed=dice)
