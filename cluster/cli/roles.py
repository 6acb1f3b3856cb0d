"""Targets as people name them: hosts, machines, and roles that are looked up when a command strikes.

    store-1   worker-2   leader:store   follower:store   leader:scheduler   leader:controller-manager   node-of:POD

Must not do anything to a target.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.cli.session import Session
from cluster.errors import StatusError, UsageError
from cluster.topology import members
from store.client import StoreClient

ELECTED = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One host, or a machine with all its hosts."""

    name: str
    is_machine: bool
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who there is now."""

    session: Session
    machines: dict[str, tuple[str, ...]]
    """machine: its hosts."""

    @classmethod
    async def of(cls, session: Session) -> Cast:
        status = await session.world.status()
        machines: dict[str, tuple[str, ...]] = {}
        for host in status["hosts"].values():
            machines[host["machine"]] = (*machines.get(host["machine"], ()), host["name"])
        return cls(session, machines)

    @property
    def hosts(self) -> list[str]:
        return [h for hosts in self.machines.values() for h in hosts]


async def resolve_targets(cast: Cast, words: Sequence[str]) -> list[Chosen]:
    """All of them, or UsageError for the first that is nobody; nothing has been done by then."""
    return [await _resolve(cast, word) for word in words]


async def _resolve(cast: Cast, word: str) -> Chosen:
    role, colon, what = word.partition(":")
    if colon:
        word = await _role(cast, role, what)
    if word in cast.machines:
        return Chosen(word, True, cast.machines[word])
    if word in cast.hosts:
        return Chosen(word, False, (word,))
    known = [*cast.machines, *cast.hosts]
    near = difflib.get_close_matches(word, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"a host or machine of `status`: {', '.join(cast.machines)}"
    raise UsageError(f"there is no machine or host {word!r}", remedy=remedy)


async def _role(cast: Cast, role: str, what: str) -> str:
    if (role, what) == ("leader", "store"):
        return await store_leader(cast.session)
    if (role, what) == ("follower", "store"):
        leader = await store_leader(cast.session)
        return next(m for m in members(cast.session.spec) if m != leader)
    if role == "leader" and what in ELECTED:
        client = await cast.session.client()
        lease = await client.get("Lease", ELECTED[what], "kube-system")
        holder = str(lease.get("spec", {}).get("holderIdentity") or "")
        if not holder:
            raise UsageError(f"nobody leads the {what} now", place=f"{role}:{what}", status=1)
        return holder
    if role == "node-of":
        client = await cast.session.client()
        node = (await client.get("Pod", what, "default")).get("spec", {}).get("nodeName", "")
        if not node:
            raise UsageError(f"pod {what} is not on a node", status=1)
        return str(node)
    roles = ["leader:store", "follower:store", *(f"leader:{c}" for c in ELECTED), "node-of:POD"]
    raise UsageError(f"unknown role {role}:{what}", remedy=f"one of {', '.join(roles)}")


async def store_leader(session: Session) -> str:
    """The member that a majority follows, as the members themselves see it; UsageError if there is none."""
    store = StoreClient(await session.rpc(), members(session.spec))
    best: tuple[int, str] = (-1, "")
    for member in members(session.spec):
        try:
            status = await store.status(member)
        except StatusError:
            continue
        if status.role == "leader" and status.term > best[0]:
            best = (status.term, member)
    if not best[1]:
        raise UsageError("the store has no leader now", place="leader:store", status=1)
    return best[1]
