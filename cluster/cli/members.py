"""`store member`: processes of the store that join, leave and replace one another while the cluster runs.

Must not decide who may: the leader does (store/admin.py). What is done here goes in this order, so that it can be done
again after it was interrupted: process, cluster's file, configuration; for who leaves the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from cluster.addresses import machine_ip
from cluster.cli import output as out
from cluster.cli.session import Session, command, save_spec
from cluster.config import ClusterSpec
from cluster.errors import StatusError, UsageError
from cluster.topology import masters, placements, store_machines, store_spec
from store.administrator import Administrator, Membership
from store.client import StoreClient

LIMIT = 60.0
"""Seconds that a new member has to catch up."""


async def raft_only(session: Session, place: str) -> tuple[StoreClient, Administrator]:
    """UsageError for an engine whose members are not ours to change."""
    store = await session.store()
    if session.spec.engine != "raft" or not isinstance(store, StoreClient):
        remedy = "etcdctl does it" if session.spec.engine == "etcd" else "a cluster of `up --store raft`"
        raise UsageError(f"not possible with engine {session.spec.engine}", place=place, remedy=remedy)
    return store, Administrator(await session.rpc(), store.roster)


@click.group("member")
def member_group() -> None:
    """Who keeps the key space: list, add, promote, remove, replace."""


_machine = click.option(
    "--machine", default="", help="Where it runs; default: a master without a member, or a new one."
)
_limit = click.option(
    "--timeout", "limit", type=click.FloatRange(min=0), default=LIMIT, show_default=True, help="Seconds to catch up."
)


def _say(output: str, data: Any, text: str) -> int:
    print(out.to_json(data) if output == "json" else text)
    return 0


@member_group.command("list")
@out.as_json
@command
async def list_command(output: str, cluster: str) -> int:
    """The members as the leader sees them."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store member list")
        now = await administrator.members()
        hosts = await session.world.call("hosts")
    rows = [{**seat._asdict(), "lag": now.last - seat.match, **_place(hosts.get(seat.name, {}))} for seat in now.seats]
    table = out.render_table(
        ["MEMBER", "ROLE", "MACHINE", "STATE", "HAS", "LAG", "HEARD", "DISK"],
        [
            [r["name"], r["role"], r["machine"], r["state"], r["match"], r["lag"], f"{r['silent']:.1f} s ago", _disk(r)]
            for r in rows
        ],
    )
    return _say(output, rows, table)


def _place(host: dict[str, Any]) -> dict[str, str]:
    return {"machine": str(host.get("machine", "-")), "state": str(host.get("state", "gone"))}


def _disk(row: dict[str, Any]) -> str:
    return f"{row['disk_id']:x}" if row["disk_id"] else "-"


@member_group.command("add")
@click.argument("member", metavar="NAME")
@_machine
@click.option("--learner", is_flag=True, help="Leave it a learner: it gets the log and has no vote.")
@_limit
@out.as_json
@command
async def add_command(member: str, machine: str, learner: bool, limit: float, output: str, cluster: str) -> int:
    """Start store-N, let it catch up as a learner, and give it a vote."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store member add")
        machine = await begin(session, administrator, member, machine)
        if not learner:
            await administrator.join(member, within=limit)
        now = await administrator.members()
    role = now.role(member)
    data = {"name": member, "machine": machine, "role": role, "voters": list(now.voters)}
    return _say(output, data, f"{member} on {machine} is a {role}; voters: {', '.join(now.voters)}")


@member_group.command("promote")
@click.argument("member", metavar="NAME")
@out.as_json
@command
async def promote_command(member: str, output: str, cluster: str) -> int:
    """A learner that has caught up gets a vote."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store member promote")
        await administrator.promote(member)
        now = await administrator.members()
    return _say(output, _voters(member, now), f"{member} is a voter; voters: {', '.join(now.voters)}")


def _voters(member: str, now: Membership) -> dict[str, Any]:
    return {"name": member, "voters": list(now.voters)}


@member_group.command("remove")
@click.argument("member", metavar="NAME")
@out.as_json
@command
async def remove_command(member: str, output: str, cluster: str) -> int:
    """It leaves the configuration, its process ends, and its data goes. Also the leader, and also one that is down."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store member remove")
        now = await administrator.members()
        if now.role(member):
            await administrator.remove(member)
        elif member not in store_machines(session.spec):
            raise _unknown(member, now)
        await end(session, member)
        now = await administrator.members()
    return _say(output, _voters(member, now), f"{member} is removed; voters: {', '.join(now.voters)}")


@member_group.command("replace")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@_machine
@_limit
@out.as_json
@command
async def replace_command(old: str, new: str, machine: str, limit: float, output: str, cluster: str) -> int:
    """Start NEW, let it catch up, and give it OLD's vote in one step; then OLD ends and its data goes."""
    async with Session(cluster) as session:
        _, administrator = await raft_only(session, "store member replace")
        now = await administrator.members()
        if now.role(old) != "voter" and now.role(new) != "voter":
            raise _unknown(old, now)
        if now.role(new) != "voter" or now.role(old):
            machine = await begin(session, administrator, new, machine)
            await administrator.join(new, within=limit, instead_of=old)
        await end(session, old)
        now = await administrator.members()
    text = f"{new} is in the place of {old}; voters: {', '.join(now.voters)}"
    return _say(output, {"removed": old, **_voters(new, now)}, text)


def _unknown(member: str, now: Membership) -> UsageError:
    right = f"one of {', '.join(seat.name for seat in now.seats)}"
    return UsageError(f"{member} is no member", place="store member", remedy=right, status=1)


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────


async def begin(session: Session, administrator: Administrator, member: str, machine: str) -> str:
    """Its process runs, and it is a learner; on which machine. Nothing is left of it when the leader refuses."""
    hosts = await session.world.call("hosts")
    now = await administrator.members()
    if now.role(member) == "voter":
        raise UsageError(f"{member} is a member already", place="store member add", remedy="another name", status=1)
    before = session.spec
    if member in hosts:
        if machine not in ("", hosts[member]["machine"]):
            raise UsageError(f"{member} runs on {hosts[member]['machine']}", place="--machine", status=1)
        machine = str(hosts[member]["machine"])
        if hosts[member]["state"] != "running":
            await session.world.restart(member)
    else:
        machine = _machine_for(session, member, machine)
        spec = replace(before, stores={**store_machines(before), member: machine})
        await session.world.start(member, machine, store_spec(spec))
        await remember(session, spec)
    if not now.role(member):
        try:
            await administrator.add(member)
        except StatusError as error:
            if error.definite and session.spec is not before:
                await session.world.remove(member)
                await remember(session, before)
            raise
    return machine


def _machine_for(session: Session, member: str, machine: str) -> str:
    role, dash, number = member.rpartition("-")
    if role != "store" or not dash or not number.isdecimal() or str(int(number)) != number:
        raise UsageError(f"{member!r} is not a member's name", place="store member", remedy="store-N, such as store-3")
    taken = store_machines(session.spec).values()
    if not machine:
        free: Callable[[str], bool] = lambda name: name not in taken  # noqa: E731
        machine = next(filter(free, (*masters(session.spec), f"master-{number}")), "")
    if not machine:
        raise UsageError(f"master-{number} has a member already", place="store member", remedy="say --machine master-N")
    machine_ip(session.spec.subnet, machine)
    return machine


async def end(session: Session, member: str) -> None:
    """Its process and its data are gone, and no `up` brings it back."""
    left = {name: machine for name, machine in store_machines(session.spec).items() if name != member}
    await remember(session, replace(session.spec, stores=left))
    if member in await session.world.call("hosts"):
        await session.world.remove(member)


async def remember(session: Session, spec: ClusterSpec) -> None:
    """For `up` and for every command; and for those who ask the store, when they are restarted. (As long as they run
    they learn it from the members.)"""
    session.spec = spec
    save_spec(session.folder, spec)
    hosts = await session.world.call("hosts")
    for placed in placements(spec):
        if placed.component in ("store", "apiserver") and placed.name in hosts:
            config = dict(placed.spec.config)
            await session.world.call("configure", name=placed.name, target=placed.spec.target, config=config)
