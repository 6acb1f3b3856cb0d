"""Who the members of the store are: grow, shrink, replace, hand over leadership.

Must not decide who may: the leader does (store/administrator.py is how it is asked).
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.errors import StatusError
from cluster.experiments.stage import OBSERVER, Stage
from cluster.experiments.strikes.deed import Act, Deed, names
from cluster.topology import masters, store_machines, store_spec
from store.administrator import Administrator
from store.client import StoreClient

CATCH_UP = 30.0
"""Seconds that a new member has to catch up."""


async def administrator(act: Act) -> Administrator:
    store = await act.stage.store()
    if act.stage.spec.engine != "raft" or not isinstance(store, StoreClient):
        raise act.refuse(f"not possible with engine {act.stage.spec.engine}", "engine: raft")
    return Administrator(await act.stage.seat(OBSERVER, OBSERVER), store.roster)


async def _start(stage: Stage, machine: str = "") -> str:
    """A process that may become a member, on that machine or a free one; its name."""
    number = stage.next_member()
    member, machine = f"store-{number}", machine or _free_machine(stage) or f"master-{number}"
    stage.joined(member, machine)
    await stage.world.start(member, machine, stage.store_options(store_spec(stage.spec)))
    return member


async def _never(stage: Stage, member: str) -> None:
    """It has not become one."""
    stage.left(member)
    await stage.world.remove(member)


async def grow(act: Act) -> Deed:
    stage, asked = act.stage, await administrator(act)
    joined: list[str] = []
    for _ in range(act.arg("members")):
        member = await _start(stage)
        try:
            await asked.join(member, within=CATCH_UP)
        except StatusError as error:
            if error.definite and not (await asked.members()).role(member):
                await _never(stage, member)
            raise
        joined.append(member)
    hits = [(member, "votes", 1, 0) for member in joined]
    return Deed(f"{names(joined)} joins the store", tuple(joined), (), act.plain(), hits=hits, proves="done")


def _free_machine(stage: Stage) -> str:
    taken = store_machines(stage.spec).values()
    return next((machine for machine in masters(stage.spec) if machine not in taken), "")


async def shrink(act: Act) -> Deed:
    asked, members = await administrator(act), await act.targets("hosts")
    _must_be_members(act, members)
    for member in members:
        await asked.remove(member)
        await _never(act.stage, member)
    hits = [(member, "left", 1, 0) for member in members]
    return Deed(f"{names(members)} leaves the store", members, (), act.plain(), hits=hits, proves="done")


async def replace(act: Act) -> Deed:
    asked, old = await administrator(act), await act.targets("hosts")
    _must_be_members(act, old)
    if len(old) != 1:
        raise act.refuse(f"{names(old)} are {len(old)}", "one member")
    stage = act.stage
    member = await _start(stage, store_machines(stage.spec)[old[0]])
    try:
        await asked.join(member, within=CATCH_UP, instead_of=old[0])
    except StatusError as error:
        if error.definite and not (await asked.members()).role(member):
            await _never(stage, member)
        raise
    await _never(stage, old[0])
    hits = [(member, f"in the place of {old[0]}", 1, 0)]
    return Deed(f"{member} takes the place of {old[0]}", (old[0], member), (), act.plain(), hits=hits, proves="done")


def _must_be_members(act: Act, hosts: Sequence[str]) -> None:
    other = next((host for host in hosts if host not in act.stage.members), "")
    if other:
        raise act.refuse(f"{other} is no member of the store", f"of {names(act.stage.members)}")


async def move_leader(act: Act) -> Deed:
    asked = await administrator(act)
    given = act.arg("to")
    to = (await act.targets("hosts", "to"))[0] if given else ""
    before = next(iter(await act.cast.leader("store")), "")
    now = await asked.move_leader(to)
    hits = [(now, f"leads after {before}", int(now != before), int(now == before))]
    return Deed(f"{now} leads the store, after {before}", (now,), (), act.plain(), hits=hits, proves="done")
