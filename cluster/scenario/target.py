"""Targets: whom to strike, as text, read into `Target`; and the table of roles that they are made of.

    store-1   worker-2   kind:store   leader:store   one of members   50% of workers   minority of members
    members except leader:store   2 of zone:a   machine of leader:store   store-0, store-1   nodes-of:app=nginx

    target := [amount "of"] ["machine of"] names ["except" names]        names := name ("," name)*
    amount := "all" | "one" | "some" | "minority" | "majority" | a number | a percentage | "up to" a percentage

A text is one `Target`: its amount is of all the names after it. A YAML list is a union of such texts. Pure: who a role
is when the fault strikes is looked up by `cluster.experiments`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cluster.errors import UsageError
from cluster.scenario.model import Atom, Target

Needs = Literal["shape", "store", "leases", "pods", "nodes", "links", "groups"]
"""What one must know to say who it is: the cluster's shape alone; what the members of the store say (role, term);
Leases; Pods; Nodes; which apiserver or member a host talks to; the other groups of the same partition."""

COMPONENTS = ("store", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy")
ELECTED = ("scheduler", "controller-manager")
LEASES = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager"}
"""Elected component to its Lease in kube-system."""


@dataclass(frozen=True, slots=True)
class Role:
    """`argument`: what stands after the colon ("": nothing does); `choices`: all that may. `gives`: hosts or machines.
    `example` is a whole target."""

    doc: str
    example: str
    argument: str = ""
    choices: tuple[str, ...] = ()
    gives: Literal["hosts", "machines"] = "hosts"
    needs: Needs = "shape"


ROLES: Mapping[str, Role] = {
    "name": Role("one host or machine by its name (written without `name:`)", "store-1", "NAME"),
    "kind": Role("every host of a kind", "kind:store", "KIND", COMPONENTS),
    "members": Role("every member of the store", "members"),
    "masters": Role("every master machine", "masters", gives="machines"),
    "workers": Role("every worker machine", "workers", gives="machines"),
    "all": Role("every machine", "all", gives="machines"),
    "zone": Role("the worker machines of a zone", "zone:a", "ZONE", gives="machines"),
    "label": Role("the machines of nodes with a label", "label:disk=ssd", "KEY=VALUE", gives="machines", needs="nodes"),
    "leader": Role(
        "who leads the store (as a majority sees it), or holds the Lease of an elected component",
        "leader:store",
        "WHAT",
        ("store", *ELECTED),
        needs="store",
    ),
    "follower": Role("one member of the store that follows", "follower:store", "store", ("store",), needs="store"),
    "followers": Role("every member that follows", "followers:store", "store", ("store",), needs="store"),
    "holder": Role("the host that holds a Lease", "holder:kube-scheduler", "LEASE", needs="leases"),
    "apiserver-of": Role(
        "the apiserver that a host (or leader:..., holder:...) talks to",
        "apiserver-of:kubelet-2",
        "HOST",
        needs="links",
    ),
    "store-of": Role(
        "the member of the store that an apiserver talks to", "store-of:apiserver-1", "HOST", needs="links"
    ),
    "node-of": Role("the machine that a pod runs on", "node-of:web-0", "POD", gives="machines", needs="pods"),
    "nodes-of": Role(
        "the machines that run pods with labels ([NAMESPACE/]KEY=VALUE[+KEY=VALUE])",
        "nodes-of:app=nginx",
        "KEY=VALUE",
        gives="machines",
        needs="pods",
    ),
    "minority-with-leader": Role(
        "the store's leader and as many followers as still make a minority", "minority-with-leader", needs="store"
    ),
    "rest": Role("in a partition: every machine that no other group names", "rest", gives="machines", needs="groups"),
}

AMOUNTS: Mapping[str, str] = {
    "all": "every one of them (the default)",
    "one": "one, drawn by the dice",
    "N": "so many, drawn by the dice: `2 of members`",
    "P%": "that share of them, rounded to a whole number, at least one: `50% of workers`",
    "up to P%": "a random number of them, at least one and at most that share: `up to 40% of workers`",
    "some": "a random subset that is not empty",
    "minority": "the largest number that is less than half",
    "majority": "the smallest number that is more than half",
}

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_POD = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_ONE = r"[-a-zA-Z0-9_./]+=[-a-zA-Z0-9_.]*"
_LABEL = re.compile(rf"{_ONE}([+]{_ONE})*", re.ASCII)
_PODS = re.compile(rf"[-a-z0-9]+/|([-a-z0-9]+/)?{_ONE}([+]{_ONE})*", re.ASCII)
_AMOUNT = re.compile(r"(up to \d+(?:\.\d+)?%|\d+(?:\.\d+)?%|\d+|[A-Za-z]+)\s+of\s+(.+)", re.ASCII | re.DOTALL)
_MACHINE = re.compile(r"machines?\s+of\s+(.+)", re.ASCII | re.DOTALL)
_REMEDY = "such as store-1, leader:store, one of members"


def parse(text: str) -> Target:
    """The target that `text` is. UsageError (without a place) with what would be right."""
    written = " ".join(text.split())
    if not written:
        raise UsageError("an empty target", remedy=_REMEDY)
    rest, amount, number = written, "all", 0.0
    machine = False
    if match := _MACHINE.fullmatch(rest):
        machine, rest = True, match[1]
    if match := _AMOUNT.fullmatch(rest):
        amount, number = parse_amount(match[1], written)
        rest = match[2]
    if match := _MACHINE.fullmatch(rest):
        machine, rest = True, match[1]
    kept, *taken = re.split(r"\s+except\s+", rest)
    if len(taken) > 1:
        raise UsageError(f"{written!r} says `except` twice", remedy="one `except` with a comma: X except A, B")
    of = _atoms(kept, written)
    if machine:
        of = tuple(replace(atom, machine=True) for atom in of)
    return Target(written, of, _atoms(taken[0], written) if taken else (), amount, number)


def parse_amount(word: str, written: str) -> tuple[str, float]:
    """`Target.amount` and `Target.number` of "one", "2", "50%", "up to 40%"; `written` is quoted in the UsageError."""
    if re.fullmatch(r"(up to )?\d+(\.\d+)?%", word, re.ASCII):
        share = float(word.removeprefix("up to ")[:-1]) / 100
        if not 0 < share <= 1:
            raise UsageError(f"{word} of anything is not possible in {written!r}", remedy="more than 0% and up to 100%")
        return "up-to" if word.startswith("up to ") else "share", share
    if word.isdecimal():
        if not 0 < int(word) <= 100_000:
            raise UsageError(f"{word} of anything is nobody in {written!r}", remedy="at least 1")
        return "count", float(word)
    known = [name for name in AMOUNTS if name.islower()]
    if word not in known:
        near = difflib.get_close_matches(word.lower(), [*known, "machine"], n=1)
        remedy = f"did you mean `{near[0]} of`?" if near else f"one of {', '.join(known)}, 2, 50%"
        raise UsageError(f"{word!r} is no amount in {written!r}", remedy=remedy)
    return word, 0.0


def _atoms(text: str, written: str) -> tuple[Atom, ...]:
    atoms = tuple(_atom(part.strip(), written) for part in text.split(","))
    for i, atom in enumerate(atoms):
        if atom in atoms[:i]:
            raise UsageError(f"{describe(atom)} stands twice in {written!r}", remedy="once is enough")
    return atoms


def _atom(word: str, written: str) -> Atom:
    if not word:
        raise UsageError(f"a name is missing in {written!r}", remedy="between two commas stands a name")
    if " " in word:
        remedy = f"an amount stands at the beginning; for a union of two write a list: [X, {word}]"
        raise UsageError(f"{word!r} is not a name in {written!r}", remedy=remedy)
    role, colon, arg = word.partition(":")
    if not colon:
        if word in ROLES and not ROLES[word].argument:
            return Atom(word)
        return Atom("name", _named(word))
    if role not in ROLES:
        near = difflib.get_close_matches(role, ROLES, n=1)
        forms = sorted({_form(name) for name in ROLES if ROLES[name].argument and name != "name"})
        remedy = f"did you mean {_form(near[0])}?" if near else f"one of {', '.join(forms)}"
        raise UsageError(f"unknown role {role!r} in {word!r}", remedy=remedy)
    spec = ROLES[role]
    if not spec.argument:
        raise UsageError(f"{role} takes nothing after it, {word!r} has {arg!r}", remedy=f"just {role}")
    if not arg:
        raise UsageError(f"{word!r} does not say of what", remedy=f"such as {spec.example}")
    return Atom(role, _argument(role, spec, arg))


def _form(role: str) -> str:
    argument = ROLES[role].argument
    return f"{role}:{argument}" if argument else role


def _named(word: str) -> str:
    if _NAME.fullmatch(word):
        return word
    if word.endswith("*"):
        raise UsageError(
            f"{word!r} is a pattern, not a name", remedy="all hosts of a kind are kind:kubelet, kind:store, ..."
        )
    raise UsageError(f"{word!r} is not a name of a host or machine", remedy=_REMEDY)


def _argument(role: str, spec: Role, arg: str) -> str:
    if spec.choices:
        if arg not in spec.choices:
            near = difflib.get_close_matches(arg, spec.choices, n=1)
            remedy = f"did you mean {role}:{near[0]}?" if near else f"one of {', '.join(spec.choices)}"
            raise UsageError(f"there is no {role} of {arg!r}", remedy=remedy)
        return arg
    if spec.argument == "HOST" and arg.partition(":")[0] in ("leader", "holder"):
        return describe(_atom(arg, arg))
    fits = (
        _PODS if role == "nodes-of" else _LABEL if role == "label" else _POD if role in ("node-of", "holder") else _NAME
    )
    if role == "zone":
        fits = re.compile(r"[-a-zA-Z0-9_.]+", re.ASCII)
    if not fits.fullmatch(arg):
        raise UsageError(f"{arg!r} is not what stands after {role}:", remedy=f"such as {spec.example}")
    return arg


def selector(text: str) -> tuple[str, dict[str, str]]:
    """Namespace ("" if none is named) and labels of "app=nginx+tier=web", "kube-system/app=dns" or "kube-system/" (all
    of a namespace); conditions write a comma for the plus. A prefix with a dot belongs to the label's key."""
    namespace, slash, rest = text.partition("/")
    if not slash or "=" in namespace or "." in namespace:
        namespace, rest = "", text
    pairs = [pair.partition("=") for pair in re.split("[+,]", rest) if pair]
    return namespace, {key: value for key, _, value in pairs}


def describe(atom: Atom) -> str:
    """As it is written."""
    word = atom.arg if atom.role == "name" else f"{atom.role}:{atom.arg}" if atom.arg else atom.role
    return f"machine of {word}" if atom.machine else word


def is_target(word: str) -> bool:
    """One word that is a role with its argument, or a set: what a condition may name instead of a name."""
    role, colon, _ = word.partition(":")
    return role in ROLES and bool(colon or not ROLES[role].argument)
