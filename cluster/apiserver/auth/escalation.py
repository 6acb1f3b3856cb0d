"""Nobody gives what they do not have: may somebody write a role with these rules, or bind it?

Pure. Must not know who is trusted anyway. Source: Kubernetes, "Privilege escalation prevention and bootstrapping";
messages as in its registry/rbac.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from cluster.apiserver.auth.rules import ANY, Rule, Who


def single(rule: Rule) -> Iterator[Rule]:
    """The rule as rules of one verb, group, resource and name, or one verb and path, each."""
    for verb, group, resource in product(rule.verbs, rule.groups, rule.resources):
        if rule.names:
            for name in rule.names:
                yield Rule((verb,), (group,), (resource,), names=(name,))
        else:
            yield Rule((verb,), (group,), (resource,))
    for verb, path in product(rule.verbs, rule.paths):
        yield Rule((verb,), paths=(path,))


def not_covered(owned: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What of `wanted`, taken apart, no rule of `owned` gives."""
    parts = [part for rule in wanted for part in single(rule)]
    return [part for part in dict.fromkeys(parts) if not any(_covers(rule, part) for rule in owned)]


def _covers(owner: Rule, part: Rule) -> bool:
    """`part` is a single one."""
    if not _has(owner.verbs, part.verbs[0]):
        return False
    if part.paths:
        return any(_path_covers(path, part.paths[0]) for path in owner.paths)
    resource = part.resources[0]
    _, slash, sub = resource.partition("/")
    known = _has(owner.resources, resource) or bool(slash and f"*/{sub}" in owner.resources)
    if not known or not _has(owner.groups, part.groups[0]):
        return False
    return not owner.names or bool(part.names and part.names[0] in owner.names)


def _has(words: Sequence[str], word: str) -> bool:
    return ANY in words or word in words


def _path_covers(owner: str, path: str) -> bool:
    return owner == path or (owner.endswith(ANY) and path.startswith(owner[:-1]))


def compact(rules: Iterable[Rule]) -> list[Rule]:
    """Single rules with the verbs of those that are otherwise the same put together."""
    verbs: dict[Rule, list[str]] = {}
    for rule in rules:
        alike = Rule((), rule.groups, rule.resources, rule.paths, rule.names)
        verbs.setdefault(alike, []).extend(rule.verbs)
    return [Rule(tuple(v), r.groups, r.resources, r.paths, r.names) for r, v in verbs.items()]


def told(rule: Rule) -> str:
    """As Kubernetes prints one: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}."""
    fields = {
        "APIGroups": rule.groups,
        "Resources": rule.resources,
        "NonResourceURLs": rule.paths,
        "ResourceNames": rule.names,
        "Verbs": rule.verbs,
    }
    return "{" + ", ".join(f"{name}:{quoted(words)}" for name, words in fields.items() if words) + "}"


def quoted(words: Iterable[str]) -> str:
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


def refusal(who: Who, missing: Sequence[Rule]) -> str:
    lines = sorted({told(rule) for rule in compact(missing)})
    return (
        f'user "{who.name}" (groups={quoted(who.groups)}) is attempting to grant RBAC permissions not currently held:\n'
        + "\n".join(lines)
    )
