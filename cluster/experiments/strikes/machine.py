"""What happens to machines: power, workers that join and leave, cordon and drain.

Must not know how a machine is made.
"""

from __future__ import annotations

import asyncio

from cluster.api.meta import controller_of, name_of, namespace_of
from cluster.client.client import Client
from cluster.errors import StatusError
from cluster.experiments.strikes.deed import Act, Deed, Undo, names
from cluster.topology import worker_hosts

EVICT = 30.0
"""Seconds that a drain goes on for pods that will not go."""
PAUSE = 0.1


async def poweroff(act: Act) -> Deed:
    machines, world = await act.targets("machines"), act.stage.world
    hosts = tuple(h for h, s in (await world.census()).items() if s.machine in machines)
    for machine in machines:
        await world.poweroff(machine)

    async def undo() -> None:
        have = await act.machines()
        for machine in machines:
            if machine in have:
                await world.poweron(machine)

    return Deed(f"power off {names(machines)}", (*machines, *hosts), (), act.plain(), proves="ends", undo=undo)


async def poweron(act: Act) -> Deed:
    machines, world = await act.targets("machines"), act.stage.world
    down = tuple(h for h, s in (await world.census()).items() if s.machine in machines and s.state == "down")
    for machine in machines:
        await world.poweron(machine)
    hits = [(machine, "hosts booted", len(down), 0) for machine in machines]
    return Deed(f"power on {names(machines)}", (*machines, *down), (), act.plain(), hits=hits, proves="done")


async def join(act: Act) -> Deed:
    stage = act.stage
    first = 1 + max((int(name.removeprefix("worker-")) for name in stage.workers_ever), default=-1)
    machines = tuple(f"worker-{first + i}" for i in range(act.arg("workers")))
    placed = [p for machine in machines for p in worker_hosts(stage.spec, machine, stage.venue.folders)]
    await asyncio.gather(*(stage.world.start(p.name, p.machine, p.spec) for p in placed))
    for machine in machines:
        stage.came(machine)
    hits = [(machine, "joined", 1, 0) for machine in machines]
    return Deed(f"join {names(machines)}", machines, (), act.plain(), hits=hits, proves="done")


async def leave(act: Act) -> Deed:
    """Its hosts end, and then its Node goes."""
    stage = act.stage
    machines = await act.targets("machines")
    for machine in machines:
        if not machine.startswith("worker-"):
            raise act.refuse(f"{machine} is not a worker", "worker machines")
    client = await stage.client()
    for machine in machines:
        hosts = [h for h, s in (await stage.world.census()).items() if s.machine == machine]
        await stage.world.poweroff(machine)
        for host in hosts:
            await stage.world.remove(host)
        stage.went(machine)
        try:
            await client.delete("Node", machine)
        except StatusError as error:
            if error.reason != "NotFound":
                raise
    hits = [(machine, "left", 1, 0) for machine in machines]
    return Deed(f"leave {names(machines)}", machines, (), act.plain(), hits=hits, proves="done")


async def cordon(act: Act) -> Deed:
    machines = await _cordoned(act)
    hits = [(machine, "unschedulable", 1, 0) for machine in machines]
    return Deed(
        f"cordon {names(machines)}", machines, (), act.plain(), hits=hits, proves="done", undo=_uncordon(act, machines)
    )


async def _cordoned(act: Act) -> tuple[str, ...]:
    machines, client = await act.targets("machines"), await act.stage.client()
    for machine in machines:
        await client.patch("Node", machine, {"spec": {"unschedulable": True}}, type="merge")
    return machines


def _uncordon(act: Act, machines: tuple[str, ...]) -> Undo:
    async def undo() -> None:
        client = await act.stage.client()
        for machine in machines:
            try:
                await client.patch("Node", machine, {"spec": {"unschedulable": None}}, type="merge")
            except StatusError as error:
                if error.reason != "NotFound":
                    raise

    return undo


async def drain(act: Act) -> Deed:
    """Cordon, and evict every pod that a DaemonSet does not own (its controller would make it again there)."""
    machines, client = await _cordoned(act), await act.stage.client()
    hits = []
    for machine in machines:
        gone, left = await _evict(act, client, machine)
        hits.append((machine, "pods evicted", gone, left))
    name = f"drain {names(machines)}"
    if not any(hit for _, _, hit, _ in hits):
        hits += [(machine, "unschedulable", 1, 0) for machine in machines]
    return Deed(name, machines, (), act.plain(), hits=hits, proves="done", undo=_uncordon(act, machines))


async def _evict(act: Act, client: Client, machine: str) -> tuple[int, int]:
    """How many pods went, how many are still there after EVICT seconds."""
    loop = asyncio.get_running_loop()
    end, seen = loop.time() + EVICT, dict[str, None]()
    while True:
        pods = (await client.list("Pod", fields=f"spec.nodeName={machine}"))["items"]
        pods = [p for p in pods if (controller_of(p) or {}).get("kind") != "DaemonSet"]
        if not pods or loop.time() >= end:
            return len(seen) - len(pods), len(pods)
        for pod in pods:
            uid = str(pod["metadata"]["uid"])
            if uid not in seen:
                try:
                    await client.evict(namespace_of(pod), name_of(pod))
                    seen[uid] = None
                except StatusError as error:
                    if error.reason == "NotFound":
                        seen[uid] = None
        await act.observer.change(PAUSE)
