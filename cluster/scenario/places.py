"""What a cluster of a given shape has, and whether a target, a condition or an action can be meant in it.

Must not guess: only what the shape and the timeline alone decide is wrong here; who leads is not known before it runs.
Each function gives pairs of what is wrong and what would be right.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cluster.errors import UsageError
from cluster.scenario.model import Atom, Condition, Shape, Step, Target
from cluster.scenario.target import COMPONENTS, ROLES, describe, parse_amount

Wrong = tuple[str, str]
NEEDS_CLUSTER = ("leases", "pods", "nodes", "links")
SHAPES = {
    "isolate": 2,
    "halves": 2,
    "majorities-ring": 3,
    "bridge": 3,
    "minority-with-leader": 3,
    "minority": 3,
    "random": 2,
}
"""Ways to divide a set: the fewest that they divide."""
ON_WORKERS = ("leave", "cordon", "drain")
ON_MEMBERS = {"shrink": "targets", "replaceMember": "targets", "moveLeader": "to"}
LEADERLESS = ("eventual",)
_NUMBERED = re.compile(rf"({'|'.join(COMPONENTS)}|master|worker)-(\d+)", re.ASCII)
_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Extent:
    """`members`, `workers`: how many there may come to be, those that join in the timeline included."""

    shape: Shape
    members: int
    workers: int

    def names(self, kind: str) -> int:
        """How many hosts or machines of a kind may come to be."""
        if kind in ("store", "master"):
            return self.members if kind == "store" else self.shape.masters
        if self.shape.only == "store":
            return 0
        return self.workers if kind in ("worker", "kubelet", "proxy") else self.shape.masters


def extent(shape: Shape, steps: Sequence[Step]) -> Extent:
    members, workers = shape.masters, 0 if shape.only == "store" else shape.workers
    for step in steps:
        times = max(step.repeat, 1) if not step.every or step.repeat else _MANY
        if step.action == "grow":
            members += times * int(step.args.get("members", 1))
        elif step.action == "replaceMember":
            members += times
        elif step.action == "join":
            workers += times * int(step.args.get("workers", 1))
    return Extent(shape, members, workers)


# ── targets ──


def wrong(target: Target, extent: Extent) -> list[Wrong]:
    found = [w for atom in (*target.of, *target.but) if (w := _atom(atom, extent)) is not None]
    if found:
        return found
    of = [_who(atom, extent) for atom in target.of]
    if any(names is None for names in of):
        return []
    there = {name for names in of for name in names or ()}
    there -= {name for atom in target.but for name in _who(atom, extent) or ()}
    if not there:
        return [(f"{target.text!r} is nobody", "`except` leaves somebody over")]
    if target.amount == "count" and target.number > len(there):
        return [(f"{target.text!r}: there are only {len(there)}", f"up to {len(there)}")]
    if target.amount == "minority" and len(there) < 3:
        return [(f"{target.text!r}: a minority of {len(there)} is nobody", "at least 3")]
    return []


def _atom(atom: Atom, extent: Extent) -> Wrong | None:
    shape, role = extent.shape, ROLES[atom.role]
    alone = "cluster.only: cluster"
    if atom.role == "name":
        return _name(atom.arg, extent)
    if shape.only == "store" and _beyond_the_store(atom):
        return f"{describe(atom)} in a cluster of the store alone", alone
    if atom.role == "zone":
        return _zone(atom.arg, extent)
    if atom.role in ("workers", "label", "node-of", "nodes-of") and not extent.workers:
        return f"{describe(atom)} in a cluster without workers", "cluster.workers: 3"
    if shape.engine in LEADERLESS and role.needs == "store" and atom.arg in ("store", ""):
        return f"{describe(atom)}: nobody leads in engine {shape.engine}", "engine: raft, or `one of members`"
    fewest = {"minority-with-leader": 3, "follower": 2, "followers": 2}.get(atom.role, 1)
    if extent.members < fewest:
        return f"{describe(atom)} in a store of {extent.members}", f"cluster.masters: {max(fewest, 3)}"
    if role.argument == "HOST":
        inner, colon, arg = atom.arg.partition(":")
        return _atom(Atom(inner, arg), extent) if colon else _name(atom.arg, extent)
    return None


def _beyond_the_store(atom: Atom) -> bool:
    if atom.role in ("kind", "leader"):
        return atom.arg != "store"
    return atom.role in ("workers", "zone") or ROLES[atom.role].needs in NEEDS_CLUSTER


def _name(name: str, extent: Extent) -> Wrong | None:
    match = _NUMBERED.fullmatch(name)
    if match is None:
        known = [n for kind in (*COMPONENTS, "master", "worker") for n in _all(kind, extent)[:50]]
        roles = [*(r for r, spec in ROLES.items() if not spec.argument), *(s.example for s in ROLES.values())]
        near = difflib.get_close_matches(name, [*known, *roles], n=1)
        return f"there is no host or machine {name!r}", f"did you mean {near[0]!r}?" if near else _range(
            "store", extent
        )
    count = extent.names(match[1])
    if int(match[2]) < count and str(int(match[2])) == match[2]:
        return None
    if count == 0 and extent.shape.only == "store":
        return f"{name} in a cluster of the store alone", "cluster.only: cluster"
    return f"this cluster has no {name}", _range(match[1], extent)


def _all(kind: str, extent: Extent) -> list[str]:
    return [f"{kind}-{i}" for i in range(min(extent.names(kind), _MANY))]


def _range(kind: str, extent: Extent) -> str:
    count = extent.names(kind)
    return f"{kind}-0 to {kind}-{count - 1}" if count > 1 else f"{kind}-0" if count else f"it has no {kind} at all"


def _zone(zone: str, extent: Extent) -> Wrong | None:
    zones = extent.shape.zones
    if not zones:
        return f"there is no zone {zone!r}: the cluster has none", f"cluster.zones: [{zone}, ...]"
    if zone not in zones:
        near = difflib.get_close_matches(zone, zones, n=1)
        return f"there is no zone {zone!r}", f"one of {', '.join(near or zones)}"
    if zones.index(zone) >= extent.workers:
        return f"zone {zone!r} has no worker", f"{len(zones)} zones need {len(zones)} workers"
    return None


def _who(atom: Atom, extent: Extent) -> set[str] | None:
    """All names that it stands for, None if only a running cluster can tell. Of `machine of`: hosts stand for it."""
    if atom.role == "name":
        return {atom.arg}
    if atom.role == "kind":
        return set(_all(atom.arg, extent)[:5000])
    if atom.role in ("members", "masters", "workers"):
        return set(_all({"members": "store", "masters": "master", "workers": "worker"}[atom.role], extent)[:5000])
    if atom.role == "zone":
        zones = extent.shape.zones
        return {f"worker-{i}" for i in range(min(extent.workers, 5000)) if zones[i % len(zones)] == atom.arg}
    return None


# ── conditions ──


def wrong_condition(condition: Condition, extent: Extent) -> list[Wrong]:
    names = []
    if condition.subject in ("node", "host", "machine", "role", "nodes") and condition.name:
        names.append(condition.name)
    if condition.subject == "pods" and condition.where:
        names.append(condition.where)
    if condition.predicate in ("is held by", "is on") or (condition.subject == "role" and condition.predicate == "is"):
        names.append(str(condition.value))
    found = []
    for name in names:
        role, colon, arg = name.partition(":")
        atom = (
            Atom(role, arg)
            if colon
            else Atom(name)
            if name in ROLES and not ROLES[name].argument
            else Atom("name", name)
        )
        if (w := _atom(atom, extent)) is not None:
            found.append(w)
    return found


# ── actions ──


def wrong_step(step: Step, extent: Extent) -> Iterator[Wrong]:
    """What an action's fields cannot say in this cluster, or cannot say together."""
    if step.action == "partition":
        yield from _partition(step, extent)
    if step.action in ON_WORKERS:
        yield from _only("worker", step.args.get("targets", ()), extent)
    if step.action in ON_MEMBERS:
        yield from _only("store", step.args.get(ON_MEMBERS[step.action], ()), extent)
    if step.action == "api":
        yield from _only("apiserver", step.args.get("targets", ()), extent)
        if step.args.get("code") not in (429, 500, 503, 504):
            yield f"an apiserver does not answer {step.args.get('code')}", "code: 429, 500, 503 or 504"
    if step.action == "delete":
        yield from _amount(str(step.args.get("amount", "all")))
    if step.action == "delete" and bool(step.args.get("name")) == bool(step.args.get("labels")):
        yield "name or labels, and not both", "name: web-0, or labels: app=nginx"
    at_least = {"n": 1, "members": 1, "workers": 1, "replicas": 0, "thenEvery": 0, "rate": 1e-9}
    for name, low in at_least.items():
        value = step.args.get(name)
        if isinstance(value, int | float) and value < low:
            yield f"{name} of {value:g} is not possible", f"at least {low:g}" if low >= 1 or not low else "more than 0"
    named = step.args.get("object")
    if isinstance(named, str) and named.count("/") != 1:
        yield f"{named!r} is not an object", "KIND/NAME, as deployment/nginx"


def _amount(word: str) -> Iterator[Wrong]:
    try:
        parse_amount(word, word)
    except UsageError as error:
        yield str(error.args[0]), error.remedy


OVERLAPPING = ("bridge", "majorities-ring")
"""Shapes in which somebody hears more than one side."""


def _partition(step: Step, extent: Extent) -> Iterator[Wrong]:
    between, shape, of = step.args.get("between", ()), step.args.get("shape", ""), step.args.get("of", ())
    if bool(between) == bool(shape):
        yield "groups or a shape, and not both", 'between: "master-0 | rest", or shape: halves'
        return
    if of and not shape:
        yield "`of` is for a shape", "shape: halves"
    if shape:
        sets = [_who(atom, extent) for target in of for atom in target.of]
        known = None if any(s is None for s in sets) else {name for s in sets for name in s or ()}
        count = extent.members if not of else None if known is None else len(known)
        if count is not None and count < SHAPES[shape]:
            yield f"{shape} divides at least {SHAPES[shape]}, and there are {count}", "a larger set, or another shape"
        if step.args.get("oneWay") and shape in OVERLAPPING:
            yield f"oneWay is not for {shape}: who hears whom is its shape", "leave it out, or another shape"
        if shape == "minority-with-leader" and extent.shape.engine in LEADERLESS:
            yield f"{shape}: nobody leads in engine {extent.shape.engine}", "engine: raft, or shape: minority"
    seen: dict[str, int] = {}
    for i, group in enumerate(between):
        for name in {a.arg for target in group for a in target.of if a.role == "name"}:
            if name in seen:
                yield f"{name} is on two sides", "each once"
            seen[name] = i


def _only(kind: str, targets: Iterable[Target], extent: Extent) -> Iterator[Wrong]:
    """Targets that the shape knows to be something else than this action is for."""
    on_worker = ("worker", "kubelet", "proxy")
    for target in targets:
        for atom in target.of:
            names = _who(atom, extent)
            kinds = {m[1] for name in names or () if (m := _NUMBERED.fullmatch(name))}
            if atom.role in ("leader", "follower", "followers", "minority-with-leader") and atom.arg in ("store", ""):
                kinds = {"store"}
            fits = on_worker if kind == "worker" else (kind, "master")
            for other in sorted(kinds - set(fits)):
                what = {"worker": "a worker", "store": "a member of the store"}.get(kind, f"an {kind}")
                yield (
                    f"{describe(atom)} is not {what}, but {'an' if other[0] == 'a' else 'a'} {other}",
                    f"such as {kind}-0",
                )
                break
