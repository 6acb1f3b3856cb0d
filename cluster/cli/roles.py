"""Targets as people name them: hosts, machines, and roles that are looked up when a command strikes.

    store-1   worker-2   leader:store   follower:store   leader:scheduler   leader:controller-manager   node-of:POD

Must not do anything to a target.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.cli.session import Session
from cluster.errors import StatusError, UsageError
from cluster.topology import members

ANSWER = 0.5
"""Seconds that a member of the store has to say what it is."""
ELECTED = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One host, or a machine with all its hosts."""

    name: str
    is_machine: bool
    hosts: tuple[str, ...]
    states: tuple[str, ...]
    """Of the hosts: running, starting, stopped, dead or exited."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who there is now."""

    session: Session
    machines: dict[str, tuple[str, ...]]
    """machine: its hosts."""
    states: dict[str, str]
    """host: running, starting, stopped, dead or exited."""

    @classmethod
    async def of(cls, session: Session) -> Cast:
        machines: dict[str, tuple[str, ...]] = {}
        states: dict[str, str] = {}
        for name, host in (await session.world.call("hosts")).items():
            machines[host["machine"]] = (*machines.get(host["machine"], ()), name)
            states[name] = host["state"]
        return cls(session, machines, states)

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
        hosts = cast.machines[word]
        return Chosen(word, True, hosts, tuple(cast.states[h] for h in hosts))
    if word in cast.hosts:
        return Chosen(word, False, (word,), (cast.states[word],))
    known = [*cast.machines, *cast.hosts]
    near = difflib.get_close_matches(word, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"a host or machine of `status`: {', '.join(cast.machines)}"
    raise UsageError(f"there is no machine or host {word!r}", remedy=remedy)


async def _role(cast: Cast, role: str, what: str) -> str:
    if what == "store" and role in ("leader", "follower"):
        name = await (store_leader(cast.session) if role == "leader" else _store_follower(cast.session))
        return _ours(cast.session, f"{role}:{what}", name)
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


def _ours(session: Session, word: str, name: str) -> str:
    """`name`, unless it is a process of a real etcd, which no command of ours may touch."""
    if session.spec.etcd is None:
        return name
    url = session.spec.etcd.endpoints[members(session.spec).index(name)]
    raise UsageError(
        f"{name} ({url}) is it now: a real etcd's process, not one of this cluster",
        place=word,
        remedy="stop or kill it where it runs; `partition` can cut machines from it",
        status=1,
    )


async def _store_follower(session: Session) -> str:
    followers = [name for name, (role, _) in (await _store(session)).items() if role == "follower"]
    if not followers:
        raise UsageError("no member of the store follows now", place="follower:store", status=1)
    return followers[0]


async def store_leader(session: Session) -> str:
    """The member that a majority follows, as the members themselves see it; UsageError if there is none."""
    leaders = {term: name for name, (role, term) in (await _store(session)).items() if role == "leader"}
    if not leaders:
        raise UsageError("the store has no leader now", place="leader:store", remedy="see `launch.py status`", status=1)
    return leaders[max(leaders)]


async def _store(session: Session) -> dict[str, tuple[str, int]]:
    """Role and term of each member that answers; all are asked at once."""
    names = members(session.spec)
    store = await session.store()
    answers = await asyncio.gather(*(store.status(m, timeout=ANSWER) for m in names), return_exceptions=True)
    result = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, StatusError):
            continue
        if isinstance(answer, BaseException):
            raise answer
        result[name] = (answer.role, answer.term)
    return result
