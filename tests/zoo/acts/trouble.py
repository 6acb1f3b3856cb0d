"""What goes wrong: crashes, pauses, cuts, stale caches, missed events; each again and again, drawn from the seed.

Must not judge, nor leave anything broken that `Stage.mend` does not mend.
"""

from __future__ import annotations

import asyncio
from random import Random

from cluster.topology import apiservers, workers
from cluster.world.faults import ApiFault, Delay, KillAfter, Loss, Partition
from tests.zoo.stage import Stage, tried

MANAGERS, SCHEDULERS = "kube-controller-manager", "kube-scheduler"


async def apiservers_crash(stage: Stage, dice: Random) -> None:
    while True:
        await asyncio.sleep(dice.uniform(0.5, 2.5))
        await stage.bounce(dice.choice(apiservers(stage.spec)), dice.uniform(0.05, 1.0))


async def apiservers_lag(stage: Stage, dice: Random) -> None:
    """What the store tells one of them comes late: its cache is in the past, and it does not know."""
    while True:
        lag, lasting = dice.uniform(0.05, 0.4), dice.uniform(0.5, 2.0)
        behind = dice.choice(apiservers(stage.spec))
        await stage.fault(Delay(dst=(behind,), kinds=("store.watch.item*",), seconds=lag), lasting)
        await asyncio.sleep(lasting + dice.uniform(0.0, 1.0))


async def apiservers_stand_still(stage: Stage, dice: Random) -> None:
    """The cache of one of them stays in the past for a while."""
    while True:
        lasting = dice.uniform(1.0, 4.0)
        await stage.fault(ApiFault(src=(dice.choice(apiservers(stage.spec)),), way="stale"), lasting)
        await asyncio.sleep(lasting + dice.uniform(0.0, 0.5))


async def desks_cut(stage: Stage, dice: Random) -> None:
    """Viewers lose touch with all apiservers for a while, and meet them again as they then are."""
    while True:
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        desk = f"desk-{dice.randrange(3)}"
        await stage.fault(Partition(src=(desk,), dst=apiservers(stage.spec)), dice.uniform(0.5, 3.0))


async def proxies_cut(stage: Stage, dice: Random) -> None:
    """Proxies lose touch with all apiservers for a while, which is no reason to stop what they do."""
    while True:
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        proxy = f"proxy-{dice.randrange(stage.spec.workers)}"
        await stage.fault(Partition(src=(proxy,), dst=apiservers(stage.spec)), dice.uniform(0.5, 2.0))


async def kubelets_crash(stage: Stage, dice: Random) -> None:
    kubelets = [f"kubelet-{i}" for i in range(stage.spec.workers)]
    while True:
        await asyncio.sleep(dice.uniform(0.3, 2.0))
        await stage.bounce(dice.choice(kubelets), dice.uniform(0.05, 1.5))


async def kubelets_lag(stage: Stage, dice: Random) -> None:
    """Kubelets hear late of what is asked of them."""
    kubelets = tuple(f"kubelet-{i}" for i in range(stage.spec.workers))
    while True:
        lasting = dice.uniform(0.5, 2.0)
        await stage.fault(Delay(dst=kubelets, kinds=("pod.watch.item*",), seconds=dice.uniform(0.05, 0.5)), lasting)
        await asyncio.sleep(lasting + dice.uniform(0.0, 0.5))


async def managers_hear_late(stage: Stage, dice: Random) -> None:
    """What changes reaches the controllers late, each kind by its own delay: what they know does not fit together."""
    managers = tuple(f"controller-manager-{i}" for i in range(stage.spec.masters))
    kinds = ("pod.watch.item*", "replicaset.watch.item*", "object.watch.item*", "namespace.watch.item*")
    while True:
        lasting = dice.uniform(0.5, 2.0)
        kind = dice.choice(kinds)
        await stage.fault(Delay(dst=managers, kinds=(kind,), seconds=dice.uniform(0.05, 0.4)), lasting)
        await asyncio.sleep(lasting * 0.7)


async def managers_hear_of_pods_late(stage: Stage, dice: Random) -> None:
    """As late as it takes another to lead."""
    managers = tuple(f"controller-manager-{i}" for i in range(stage.spec.masters))
    while True:
        lasting = dice.uniform(0.5, 2.0)
        await stage.fault(Delay(dst=managers, kinds=("pod.watch.item*",), seconds=dice.uniform(0.2, 1.4)), lasting)
        await asyncio.sleep(lasting + dice.uniform(0.0, 0.5))


async def managers_die_between_writes(stage: Stage, dice: Random) -> None:
    """Whoever leads dies right after a write, before the next."""
    kinds = (
        "pod.create",
        "pod.delete",
        "configmap.delete",
        "object.purge",
        "*.update-status",
        "controllerrevision.create",
    )
    while True:
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        host = stage.leader(MANAGERS)
        if not host:
            continue
        rule = KillAfter(src=(host,), kinds=(dice.choice(kinds),), n=dice.randrange(1, 3))
        await stage.fault(rule, lasting=2.0)
        await asyncio.sleep(2.1)
        if not stage.world.running(host):
            await stage.world.restart(host)


async def answers_get_lost(stage: Stage, dice: Random) -> None:
    """What was done is not confirmed: nobody knows whether it happened."""
    while True:
        await asyncio.sleep(dice.uniform(0.2, 1.0))
        kinds = ("*.create.reply", "pod.bind.reply", "*.delete.reply")
        await stage.fault(Loss(kinds=(dice.choice(kinds),), probability=0.5), dice.uniform(0.2, 0.8))


async def leaders_pause(stage: Stage, dice: Random) -> None:
    """Whoever leads stands still for about as long as its lease, and wakes."""
    while True:
        await asyncio.sleep(dice.uniform(0.3, 1.2))
        host = stage.leader(MANAGERS)
        if host and stage.world.running(host):
            await stage.world.pause(host)
            await asyncio.sleep(dice.uniform(0.6, 1.6))
            await stage.world.resume(host)


async def renewals_get_lost(stage: Stage, dice: Random) -> None:
    """Whoever leads cannot renew its lease, and everything else it can."""
    while True:
        await asyncio.sleep(dice.uniform(0.5, 1.0))
        host = stage.leader(MANAGERS)
        if host:
            lasting = dice.uniform(1.5, 3.0)
            await stage.fault(Loss(src=(host,), kinds=("lease.renew", "lease.get")), lasting)
            await asyncio.sleep(lasting)


async def a_node_is_cut_off(stage: Stage, dice: Random) -> None:
    """One worker at a time, often for longer than it takes to find that out; none before it is registered."""
    await asyncio.sleep(1.0)
    while True:
        lasting = dice.uniform(1.0, 8.0)
        await stage.cut(dice.choice(workers(stage.spec)), lasting)
        await asyncio.sleep(lasting + dice.uniform(0.5, 2.0))


async def all_nodes_are_cut_off(stage: Stage, dice: Random) -> None:
    """It is rather the masters that are: nobody else hears anything of any node."""
    await asyncio.sleep(dice.uniform(1.0, 3.0))
    nodes = tuple(workers(stage.spec))
    masters = tuple(f"master-{i}" for i in range(stage.spec.masters))
    await stage.fault(Partition(src=nodes, dst=masters), 1000.0)
    await asyncio.sleep(1000.0)


async def nodes_are_tainted(stage: Stage, dice: Random) -> None:
    """By an administrator, for a while each."""
    while True:
        node = dice.choice(workers(stage.spec))
        taint: dict[str, object] = {
            "op": "add",
            "path": "/spec/taints",
            "value": [{"key": "zoo", "effect": "NoSchedule"}],
        }
        await _patch_node(stage, node, [taint])
        await asyncio.sleep(dice.uniform(2.0, 4.0))
        await _patch_node(stage, node, [{**taint, "value": []}])
        await asyncio.sleep(dice.uniform(0.2, 1.0))


async def _patch_node(stage: Stage, node: str, patch: list[dict[str, object]]) -> None:
    await tried(stage.admin.patch("Node", node, patch, type="json"))


async def nodes_leave(stage: Stage, dice: Random) -> None:
    """A worker is gone for good and its Node deleted; after a while it comes again."""
    while True:
        await asyncio.sleep(dice.uniform(0.5, 1.5))
        i = dice.randrange(stage.spec.workers)
        await stage.world.crash(f"kubelet-{i}")
        await tried(stage.admin.delete("Node", f"worker-{i}"))
        await asyncio.sleep(dice.uniform(3.0, 5.0))
        await stage.world.restart(f"kubelet-{i}")
        await asyncio.sleep(1.0)


async def binds_fail(stage: Stage, dice: Random) -> None:
    """Bindings are refused now and then, for sure or with nobody knowing."""
    while True:
        code = dice.choice((429, 500, 503, 504))
        rule = ApiFault(way="overloaded" if code == 429 else "error", code=code, verbs=("bind",), probability=0.5)
        await stage.fault(rule, dice.uniform(0.3, 1.0))
        await asyncio.sleep(dice.uniform(0.5, 1.5))
