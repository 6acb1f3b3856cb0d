"""Elections: the rules by table, and the shell with cuts, crashes and pauses: never two leaders."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from cluster.client.client import Client
from cluster.client.election import Candidate, lead
from cluster.rpc import Rpc
from cluster.world.faults import Partition
from cluster.world.host import Host
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import TIMING, Cluster, simulate

Object = dict[str, Any]
FAST = dataclasses.replace(TIMING, leader_lease=3.0, leader_renew_deadline=2.0, leader_retry=0.4)


def lease(holder: str, renew: str = "t0", uid: str = "u") -> Object:
    return {"metadata": {"uid": uid, "name": "x"}, "spec": {"holderIdentity": holder, "renewTime": renew}}


def test_only_silence_frees_a_lease() -> None:
    me = Candidate("me", lease=15, renew_deadline=10)
    me.observe(None, 100)
    assert me.may_take(100)
    me.observe(lease("you"), 100)
    assert not me.may_take(114.9)
    me.observe(lease("you"), 110)
    assert me.may_take(115)
    me.observe(lease("you", "t1"), 114)
    assert not me.may_take(128.9)
    me.observe(lease(""), 120)
    assert me.may_take(120)
    me.observe(lease("me"), 121)
    assert me.may_take(121)


def test_a_leader_counts_from_when_it_asked() -> None:
    me = Candidate("me", lease=15, renew_deadline=10)
    assert me.expires() < 0
    me.renewed(lease("me"), sent=100, now=104)
    assert me.expires() == 110
    me.lost()
    assert me.expires() < 0


def test_what_is_written() -> None:
    me = Candidate("me", lease=0.75, renew_deadline=0.5)
    me.observe(None, 0)
    first = me.wanted("x", 1_700_000_000.5)
    assert first["metadata"] == {"name": "x", "namespace": "kube-system"}
    assert first["spec"]["leaseDurationSeconds"] == 1
    assert first["spec"]["leaseTransitions"] == 0
    me.observe({**first, "metadata": {**first["metadata"], "uid": "u", "resourceVersion": "9"}}, 0)
    renewed = me.wanted("x", 1_700_000_005.0)
    assert renewed["metadata"]["resourceVersion"] == "9"
    assert renewed["spec"]["acquireTime"] == first["spec"]["acquireTime"]
    assert renewed["spec"]["renewTime"] > first["spec"]["renewTime"]
    other = Candidate("other", lease=1, renew_deadline=0.5)
    other.observe(renewed, 0)
    taken = other.wanted("x", 1_700_000_009.0)
    assert (taken["spec"]["holderIdentity"], taken["spec"]["leaseTransitions"]) == ("other", 1)


class Leaders:
    """Who works now, by the world's true time; two at once is what must not be."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.working: dict[str, int] = {}
        self.terms: list[str] = []
        self.paused: set[str] = set()

    async def run(self, host: Host) -> None:
        self.working.pop(host.name, None)  # a crash ran no finally
        client = Client(Rpc(host, keepalive=1.0), self.cluster.apiservers, timeout=2.0)

        async def work() -> None:
            others = [name for name in self.working if name not in self.paused and self.cluster.world.running(name)]
            assert others == [], f"{host.name} starts while {others} works"
            self.working[host.name] = host.boot
            self.terms.append(host.name)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                if self.working.get(host.name) == host.boot:
                    del self.working[host.name]

        await lead(client, host, "job", FAST, work)

    @property
    def leader(self) -> str:
        names = [name for name in self.working if self.cluster.world.running(name)]
        return names[0] if len(names) == 1 else ""


@pytest.mark.parametrize("fault", ["crash", "pause", "cut", "apiserver"])
def test_one_leads_at_a_time_and_another_takes_over(fault: str, seed: int) -> None:
    terms: list[str] = []

    async def story(cluster: Cluster) -> None:
        leaders = Leaders(cluster)
        for i in range(3):
            cluster.world.add(f"manager-{i}", f"machine-{i}", leaders.run)
        await eventually(lambda: bool(leaders.leader), within=5, what="a leader")
        first = leaders.leader
        world = cluster.world
        if fault == "crash":
            await world.crash(first)
        elif fault == "pause":
            leaders.paused.add(first)
            await world.pause(first)
        elif fault == "cut":
            await world.fault(Partition(src=(first,)))
        else:
            await world.crash("apiserver-0")
            await asyncio.sleep(10)
            assert leaders.leader == first
            assert leaders.terms == [first]
            return
        await eventually(lambda: leaders.terms[-1] != first, within=8, what="another leader")
        second = leaders.terms[-1]
        assert leaders.working.keys() - leaders.paused - {first} == {second}
        if fault == "cut":
            assert first not in leaders.working
        await world.heal()
        await (world.resume(first) if fault == "pause" else world.restart(first))
        await asyncio.sleep(10)
        assert leaders.terms == [first, second]
        assert leaders.leader == second
        terms.extend(leaders.terms)

    world = simulate(story, apiservers=2, seed=seed)
    notes = [(r[2], r[5]["role"]) for r in world.notes("role") if r[5]["name"] == "job"]
    assert [name for name, role in notes if role == "leader"][: len(terms)] == terms


def test_work_that_ends_gives_the_lease_back() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        seat = await cluster.world.join("short", "desk")
        done: list[float] = []

        async def short() -> None:
            done.append(cluster.world.time())

        await lead(cluster.seated(seat), seat, "job", FAST, short)
        assert (await client.get("Lease", "job", "kube-system"))["spec"]["holderIdentity"] == ""

        async def broken() -> None:
            raise RuntimeError("the work failed")

        other = await cluster.world.join("other", "desk")
        start = cluster.world.time()
        with pytest.raises(RuntimeError, match="the work failed"):
            await lead(cluster.seated(other), other, "job", FAST, broken)
        assert cluster.world.time() - start < 0.2
        assert (await client.get("Lease", "job", "kube-system"))["spec"]["leaseTransitions"] >= 1

    simulate(story)
