"""Whom a target means at the moment of the strike: roles looked up, sets divided, amounts drawn by the dice.

Must not do anything to them. UsageError for a target that is nobody now, with what there is.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Literal

from cluster.api.meta import labels_of, name_of, namespace_of
from cluster.errors import UsageError
from cluster.experiments.observer import Observer, leader_of
from cluster.scenario.model import Atom, Target
from cluster.scenario.target import LEASES, ROLES, describe, selector
from cluster.world.host import Address
from cluster.world.scenario import Standing

Want = Literal["hosts", "machines", "any"]
Lookup = Callable[["Cast", str], Awaitable[Sequence[str]]]


class Cast:
    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.stage = observer.stage
        self._hosts: Mapping[Address, Standing] = {}

    async def resolve(self, targets: Sequence[Target], dice: Random, want: Want = "any") -> tuple[str, ...]:
        """All that they name, each once, in the order in which they are named. `want` hosts: a machine means all its
        hosts; machines: a host means the machine that it is on."""
        self._hosts = await self.stage.world.census()
        found: dict[str, None] = {}
        for target in targets:
            names = await self._target(target, dice)
            found.update(dict.fromkeys(self._as(names, want)))
        return tuple(found)

    async def groups(self, groups: Sequence[Sequence[Target]], dice: Random) -> tuple[tuple[str, ...], ...]:
        """Of machines (or hosts); `rest` is every machine of the cluster that no other group names."""
        self._hosts = await self.stage.world.census()
        rest = [all(t.of == (Atom("rest"),) for t in group) and bool(group) for group in groups]
        named = [() if r else await self.resolve(g, dice) for g, r in zip(groups, rest, strict=True)]
        taken = {name for group in named for name in self._as(group, "machines")}
        others = tuple(m for m in self._machines() if m not in taken)
        result = tuple(others if r else group for group, r in zip(named, rest, strict=True))
        for i, group in enumerate(result):
            twice = next((n for n in group if any(n in other for other in result[:i])), "")
            if twice:
                raise UsageError(f"{twice} is on two sides", remedy="each machine on one side")
            if not group:
                raise UsageError("a side of the partition is nobody", remedy="name somebody on each side")
        return result

    async def one(self, word: str) -> str:
        """The host or machine that a role or name means, "" if nobody has it now."""
        from cluster.scenario.target import parse

        self._hosts = await self.stage.world.census()
        try:
            names = await self._target(parse(word), self.stage.dice("one"))
        except UsageError:
            return ""
        return names[0] if len(names) == 1 else ""

    async def machines_of(self, hosts: Sequence[str]) -> tuple[str, ...]:
        """Where these are, as far as they are there."""
        self._hosts = await self.stage.world.census()
        return tuple(self._as([h for h in hosts if h in self._hosts], "machines"))

    def machine(self, host: str) -> str:
        return self._hosts[host].machine if host in self._hosts else host

    # ── one target ───────────────────────────────────────────────────────────────────────────────────────────

    async def _target(self, target: Target, dice: Random) -> Sequence[str]:
        found: dict[str, None] = {}
        for atom in target.of:
            found.update(dict.fromkeys(await self._atom(atom)))
        for atom in target.but:
            for name in await self._atom(atom):
                found.pop(name, None)
                for other in [n for n in found if self.machine(n) == name]:  # a machine takes its hosts with it
                    found.pop(other)
        if not found:
            raise UsageError(f"{target.text} is nobody now", remedy="a target that is there when the fault strikes")
        return drawn(list(found), target, dice)

    async def _atom(self, atom: Atom) -> Sequence[str]:
        lookup = LOOKUPS.get(atom.role)
        if lookup is None:
            raise UsageError(f"{describe(atom)} has no meaning here", remedy=f"one of {', '.join(LOOKUPS)}")
        names = [name for name in await lookup(self, atom.arg) if name]
        if not names:
            raise UsageError(f"{describe(atom)}: nobody is it now", remedy=ROLES[atom.role].doc)
        return list(dict.fromkeys(self.machine(name) for name in names)) if atom.machine else names

    def _as(self, names: Sequence[str], want: Want) -> list[str]:
        if want == "machines":
            return list(dict.fromkeys(self.machine(name) for name in names))
        if want == "hosts":
            return [h for name in names for h in ([name] if name in self._hosts else self._on(name))]
        return list(names)

    def _on(self, machine: str) -> list[str]:
        return [name for name, standing in self._hosts.items() if standing.machine == machine]

    def _machines(self) -> list[str]:
        return list(dict.fromkeys(standing.machine for standing in self._hosts.values()))

    # ── roles ────────────────────────────────────────────────────────────────────────────────────────────────

    async def named(self, word: str) -> Sequence[str]:
        if word in self._hosts or word in self._machines():
            return [word]
        known = [*self._machines(), *self._hosts]
        near = difflib.get_close_matches(word, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"
        raise UsageError(f"there is no machine or host {word!r}", remedy=remedy)

    async def kind(self, word: str) -> Sequence[str]:
        return [name for name in self._hosts if name.rpartition("-")[0] == word]

    async def members(self, _: str) -> Sequence[str]:
        return [name for name in self.stage.members if name in self._hosts]

    async def machines_like(self, prefix: str) -> Sequence[str]:
        return [m for m in self._machines() if m.startswith(prefix)]

    async def zone(self, zone: str) -> Sequence[str]:
        zones = self.stage.spec.zones
        workers = [m for m in self._machines() if m.startswith("worker-")]
        return [m for m in workers if zones and zones[int(m.removeprefix("worker-")) % len(zones)] == zone]

    async def label(self, pair: str) -> Sequence[str]:
        _, wanted = selector(pair)
        return [name_of(node) for node in self.observer.objects("Node") if wanted.items() <= labels_of(node).items()]

    async def leader(self, what: str) -> Sequence[str]:
        if what in LEASES:
            return await self.holder(LEASES[what])
        return [leader_of(await self.observer.statuses())]

    async def followers(self, _: str) -> Sequence[str]:
        return [name for name, s in (await self.observer.statuses()).items() if s.role == "follower"]

    async def follower(self, _: str) -> Sequence[str]:
        return (await self.followers(""))[:1]

    async def minority_with_leader(self, _: str) -> Sequence[str]:
        statuses = await self.observer.statuses()
        leader = leader_of(statuses)
        if not leader:
            return []
        others = [name for name, s in statuses.items() if s.role == "follower"]
        return [leader, *others[: (len(self.stage.members) - 1) // 2 - 1]]

    async def holder(self, lease: str) -> Sequence[str]:
        found = self.observer.object("Lease", lease, "kube-system")
        return [str((found or {}).get("spec", {}).get("holderIdentity") or "")]

    async def node_of(self, pod: str) -> Sequence[str]:
        found = self.observer.object("Pod", pod)
        return [str((found or {}).get("spec", {}).get("nodeName") or "")]

    async def nodes_of(self, pair: str) -> Sequence[str]:
        where, wanted = selector(pair)
        found = [p for p in self.observer.objects("Pod") if wanted.items() <= labels_of(p).items()]
        pods = [pod for pod in found if namespace_of(pod) and where in ("", namespace_of(pod))]
        return list(dict.fromkeys(str(pod.get("spec", {}).get("nodeName") or "") for pod in pods))

    async def server_of(self, host: str, pattern: str) -> Sequence[str]:
        """To whom of these its latest request went; the host may be a role (leader:scheduler)."""
        host = await self.one(host) if ":" in host else host
        await self.named(host)
        return [await self.stage.world.latest_peer(host, pattern)]


def drawn(names: list[str], target: Target, dice: Random) -> list[str]:
    """As many of them as the target's amount says, in their order. UsageError for more than there are, or nobody."""
    count = len(names)
    match target.amount:
        case "all":
            return names
        case "one":
            wanted = 1
        case "count":
            wanted = int(target.number)
        case "share":
            wanted = max(1, math.floor(target.number * count + 0.5))
        case "up-to":
            wanted = dice.randint(1, max(1, math.floor(target.number * count)))
        case "some":
            wanted = dice.randint(1, count)
        case "minority":
            wanted = (count - 1) // 2
        case "majority":
            wanted = count // 2 + 1
        case other:
            raise UsageError(
                f"unknown amount {other!r}", remedy="all, one, count, share, up-to, some, minority or majority"
            )
    if not 0 < wanted <= count:
        raise UsageError(f"{target.text}: {wanted} of {count} is not possible", remedy=f"there are {', '.join(names)}")
    chosen = set(dice.sample(range(count), wanted))
    return [name for i, name in enumerate(names) if i in chosen]


LOOKUPS: Mapping[str, Lookup] = {
    "name": Cast.named,
    "kind": Cast.kind,
    "members": Cast.members,
    "masters": lambda cast, _: cast.machines_like("master-"),
    "workers": lambda cast, _: cast.machines_like("worker-"),
    "all": lambda cast, _: cast.machines_like(""),
    "zone": Cast.zone,
    "label": Cast.label,
    "leader": Cast.leader,
    "follower": Cast.follower,
    "followers": Cast.followers,
    "holder": Cast.holder,
    "apiserver-of": lambda cast, host: cast.server_of(host, "apiserver-*"),
    "store-of": lambda cast, host: cast.server_of(host, "store-*"),
    "node-of": Cast.node_of,
    "nodes-of": Cast.nodes_of,
    "minority-with-leader": Cast.minority_with_leader,
}
"""By role; `rest` is a partition's own (`groups`)."""
