"""Conditions: sentences about observed state, read into `Condition`; what they may say is the table in `subjects`.

    kubelet-2 is NotReady            node worker-1 has taint node.kubernetes.io/unreachable      all nodes are Ready
    pods app=nginx ready >= 3        pods app=nginx on worker-1 = 0                      deployment nginx is rolled out
    store has no leader              leader:store changed                                operations ok >= 100

    condition := ["not"] [subject] [name] ["on" where] predicate [operator number | word]

`is not`, `are not` and `has no` negate as well; `is gone` is `not exists`. The subject may be left out before a role
(leader:store), a host (kubelet-2) or a machine (worker-2): the predicate tells what is meant. Pure: whether a condition
holds is found out by `cluster.experiments`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from cluster.errors import UsageError
from cluster.scenario import target
from cluster.scenario.model import Condition
from cluster.scenario.subjects import SUBJECTS, Predicate

_HOST = re.compile(rf"({'|'.join(target.COMPONENTS)})-(\d+)", re.ASCII)
_MACHINE = re.compile(r"(master|worker)-(\d+)", re.ASCII)
_OPERATOR = re.compile(r"\s*(>=|<=|!=|==|<|>)\s*")
_COMPARED = re.compile(r"(?:([A-Za-z]+) ?)?(>=|<=|!=|==|=|<|>) ?(\S+)", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_LABELS = re.compile(
    r"([-a-z0-9.]+/)?([-a-zA-Z0-9_./]+=[-a-zA-Z0-9_.]*(,[-a-zA-Z0-9_./]+=[-a-zA-Z0-9_.]*)*)?", re.ASCII
)
_WORD = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_./:=]*", re.ASCII)
_OTHER_WORDS = {"is gone": ("exists", True), "has no leader": ("has a leader", True), "is free": ("is held", True)}
"""Other words for a predicate, and whether they say the opposite."""


def parse(text: str) -> Condition:
    """The condition that `text` is. UsageError (without a place) with what would be right."""
    written = " ".join(text.split())
    if not written:
        raise UsageError("an empty condition", remedy="such as `store has a leader` or `pods app=nginx ready >= 3`")
    words = _OPERATOR.sub(r" \1 ", written).split()
    negated = words[0].lower() == "not"
    words = words[1:] if negated else words
    if words[:1] and words[0].lower() in ("all", "every") and len(words) > 1:
        words = ["nodes" if w == "node" else "are" if w == "is" and i == 1 else w for i, w in enumerate(words[1:])]
    subject, name, where, rest = _split(words, written)
    if subject:
        return _finish(written, (subject, name, where), rest, negated)
    return _bare(written, name, rest, negated)


def _split(words: Sequence[str], written: str) -> tuple[str, str, str, list[str]]:
    """Subject ("" if it was left out), name, where, the words of the predicate."""
    if not words:
        raise UsageError(f"{written!r} says nothing", remedy=f"begin with one of {', '.join(_spoken())}")
    first, rest = words[0], list(words[1:])
    if first in SUBJECTS and first != "role":
        subject = SUBJECTS[first]
        name = where = ""
        if subject.name.startswith("of "):
            if len(rest) > 1 and rest[0] == "of":
                name, rest = rest[1], rest[2:]
        elif subject.name and rest and not (subject.optional and not _names(first, rest[0])):
            name, rest = ("", rest) if _match(first, rest) else (rest[0], rest[1:])
        if subject.name and not subject.optional and not name:
            raise UsageError(f"{written!r} does not say which {first}", remedy=f"such as `{_example(first)}`")
        if subject.where and len(rest) > 1 and rest[0] == "on":
            where, rest = rest[1], rest[2:]
        return first, name, where, rest
    if target.is_target(first) or _HOST.fullmatch(first) or _MACHINE.fullmatch(first):
        return "", first, "", rest
    near = difflib.get_close_matches(first.lower(), _spoken(), n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"begin with one of {', '.join(_spoken())}, or a role or host"
    raise UsageError(f"unknown subject {first!r} in {written!r}", remedy=remedy)


def _spoken() -> list[str]:
    return [name for name in SUBJECTS if name != "role"]


def _names(subject: str, word: str) -> bool:
    """Whether this word is the (optional) name of the subject, and not the beginning of its predicate."""
    if word in ("on", "=", "!=", "==", "<", ">", "<=", ">="):
        return False
    if subject == "pods":
        return "=" in word and word.split("=")[0] not in SUBJECTS["pods"].predicates or word.endswith("/")
    return target.is_target(word)


def _example(subject: str) -> str:
    return next(iter(SUBJECTS[subject].predicates.values())).example


def _bare(written: str, name: str, rest: list[str], negated: bool) -> Condition:
    """The subject is told by what is said: worker-2 is NotReady (a node), worker-2 is down (a machine)."""
    is_role = ":" in name
    gives = (
        target.ROLES[name.partition(":")[0]].gives if is_role else "machines" if _MACHINE.fullmatch(name) else "hosts"
    )
    order = ["node", "host", "machine", "role"] if gives == "hosts" else ["node", "machine", "host", "role"]
    if is_role and rest in (["exists"], ["changed"]):
        order = ["role"]
    for subject in order:
        if _match(subject, rest) is not None and (is_role or subject != "role"):
            return _finish(written, (subject, name, ""), rest, negated)
    if not rest:
        raise UsageError(f"nothing is said of {name}", remedy=f"such as `{_example('role' if is_role else 'node')}`")
    known = [*SUBJECTS["node"].predicates, *SUBJECTS["host"].predicates]
    if ":" in name:
        known = [*SUBJECTS["role"].predicates, *known]
    raise UsageError(f"{' '.join(rest)!r} cannot be said of {name}", remedy=_suggest(" ".join(rest), known))


def _suggest(said: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(said, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"one of {', '.join(known)}"


Match = tuple[str, str, float | str | None, bool]
"""Predicate, operator, value, whether the opposite is said."""


def _match(subject: str, words: Sequence[str]) -> Match | None:
    """What the words say of the subject, None if they say nothing that is in the table."""
    predicates = SUBJECTS[subject].predicates
    said = " ".join(words)
    if compared := _COMPARED.fullmatch(said):
        metric = (compared[1] or "count").lower()
        if metric in predicates and predicates[metric].takes == "number" and _NUMBER.fullmatch(compared[3]):
            value = float(compared[3])
            number = int(value) if value.is_integer() else value
            return metric, "=" if compared[2] == "==" else compared[2], number, False
        return None
    for spoken, opposite in ((said, False), *((s, True) for s in _positive(said))):
        found = _plain(predicates, spoken)
        if found is not None:
            return (*found[:3], found[3] != opposite)
    return None


def _positive(said: str) -> list[str]:
    """The sentence without its `not`: "is not Ready" -> "is Ready"."""
    if said.startswith(("is not ", "are not ")):
        verb, _, rest = said.split(" ", 2)
        return [f"{verb} {rest}"]
    if said.startswith(("has no ", "does not have ")):
        return ["has " + said.removeprefix("has no ").removeprefix("does not have ")]
    if said.startswith(("was not ", "does not exist")):
        return ["exists"] if said == "does not exist" else ["was " + said.removeprefix("was not ")]
    return []


def _plain(predicates: Mapping[str, Predicate], said: str) -> Match | None:
    folded = {name.lower(): name for name in predicates}
    other, opposite = _OTHER_WORDS.get(said.lower(), (said, False))
    name = folded.get(other.lower())
    if name is not None and predicates[name].takes == "":
        return name, "", None, opposite
    head, _, word = said.rpartition(" ")
    name = folded.get(head.lower())
    if name is not None and predicates[name].takes == "word" and _WORD.fullmatch(word):
        return name, "=", word, False
    return None


def _finish(written: str, about: tuple[str, str, str], rest: list[str], negated: bool) -> Condition:
    subject, name, where = about
    found = _match(subject, rest)
    if found is None:
        raise _unsaid(written, subject, rest)
    predicate, operator, value, opposite = found
    if subject == "role" and predicate == "is":
        target.parse(str(value))
        operator, opposite = ("!=", False) if opposite else ("=", False)
    name = _checked_name(subject, name, written)
    where = _node(where, written) if where and subject == "pods" else where
    if subject == "event" and where and "/" not in where:
        raise UsageError(f"{where!r} is not an object in {written!r}", remedy="KIND/NAME, as pod/web-0")
    if subject == "pod" and predicate == "is on":
        value = _node(str(value), written)
    return Condition(written, subject, name, predicate, operator, value, negated != opposite, where)


def _unsaid(written: str, subject: str, rest: list[str]) -> UsageError:
    said = " ".join(rest)
    predicates = SUBJECTS[subject].predicates
    compared = _COMPARED.fullmatch(said)
    counted = [p for p, spec in predicates.items() if spec.takes == "number"]
    if compared and (compared[1] or "count") in counted:
        example = predicates[compared[1] or "count"].example
        return UsageError(f"{compared[3]!r} is not a number in {written!r}", remedy=f"such as `{example}`")
    if said in counted or not said:
        example = predicates[said].example if said else _example(subject)
        return UsageError(f"{written!r} does not say how it should be", remedy=f"such as `{example}`")
    metric = compared[1] if compared and compared[1] else said
    if predicates.get(metric) is not None and predicates[metric].takes == "word":
        return UsageError(
            f"a word is missing after {said!r} in {written!r}", remedy=f"such as `{predicates[metric].example}`"
        )
    return UsageError(f"{said!r} cannot be said of {subject} in {written!r}", remedy=_suggest(metric, list(predicates)))


def _checked_name(subject: str, name: str, written: str) -> str:
    if not name:
        return name
    if subject == "node":
        return _node(name, written)
    if subject in ("host", "machine", "role", "nodes"):
        target.parse(name)
        if subject == "role" and ":" not in name:
            raise UsageError(f"{name!r} is no role in {written!r}", remedy="such as leader:store")
        return name
    if subject == "pods":
        if not _LABELS.fullmatch(name):
            raise UsageError(f"{name!r} are no labels in {written!r}", remedy="such as app=nginx or app=nginx,tier=web")
        return name
    if subject == "object" and "/" not in name:
        raise UsageError(f"{name!r} is not an object in {written!r}", remedy="KIND/NAME, as deployment/nginx")
    if not _WORD.fullmatch(name):
        raise UsageError(f"{name!r} is not a name in {written!r}", remedy=f"such as `{_example(subject)}`")
    return name


def _node(name: str, written: str) -> str:
    """A node's name, or a role: a host of a worker means its node."""
    target.parse(name)
    if match := _HOST.fullmatch(name):
        if match[1] not in ("kubelet", "proxy"):
            raise UsageError(
                f"{name} is on a master, and masters are no nodes, in {written!r}", remedy="such as worker-1"
            )
        return f"worker-{match[2]}"
    if name.startswith("master-"):
        raise UsageError(f"{name} is a master, and masters are no nodes, in {written!r}", remedy="such as worker-1")
    return name
