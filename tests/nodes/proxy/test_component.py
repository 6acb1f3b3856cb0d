"""The proxy's shell against a real apiserver, in the simulated world: the table only."""

from __future__ import annotations

from functools import partial

import pytest

from cluster.errors import UsageError
from cluster.world.scenario import eventually
from nodes.proxy import component
from tests.cluster.apiserver.cluster import TIMING, Cluster, simulate
from tests.nodes.proxy.objects import endpoint, slice_of


def test_changes_of_ready_endpoints_are_noted_once_each() -> None:
    async def scenario(cluster: Cluster) -> None:
        client = await cluster.client()
        await eventually(client.ready, within=20)
        config = component.Config(apiservers=cluster.apiservers, node="worker-0", timing=TIMING)
        cluster.world.add("proxy-0", "worker-0", partial(component.run, config=config))
        ports = [{"name": "http", "port": 80}]
        meta = {"name": "web", "namespace": "default"}
        await client.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}})
        made = slice_of(endpoint("127.77.16.1"), endpoint("127.77.17.1", "worker-1"))
        del made["metadata"]["resourceVersion"]
        made["apiVersion"] = "discovery.k8s.io/v1"
        created = await client.create(made)

        def noted() -> list[list[str]]:
            notes = [r[5] for r in cluster.world.notes("endpoints")]
            return [n["ready"] for n in notes if n["service"] == "default/web"]

        await eventually(lambda: noted() == [["127.77.16.1", "127.77.17.1"]], within=20)
        changed = await client.update(
            {**created, "endpoints": [endpoint("127.77.16.1"), endpoint("127.77.17.1", ready=False)]}
        )
        await eventually(lambda: noted()[1:] == [["127.77.16.1"]], within=20)
        await client.update({**changed, "metadata": {**changed["metadata"], "annotations": {"a": "b"}}})
        await client.delete("Service", "web", "default")
        await eventually(lambda: noted()[2:] == [[]], within=20)

    simulate(scenario)


def test_a_config_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="random, round-robin"):
        component.Config(apiservers=("a",), node="worker-0", mode="least")
    with pytest.raises(UsageError, match="node_ip"):
        component.Config(apiservers=("a",), node="worker-0", forward=True)
