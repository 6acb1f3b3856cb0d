"""The RBAC authorizer: what Roles, ClusterRoles and their bindings allow, answered from the watch cache.

Pure. Must not write, and must not wait. Source: Kubernetes, "Using RBAC Authorization".

Rules are indexed by subject once for each state of the four kinds; an answer that was given before is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.apiserver.auth.rules import ACCOUNT, Attributes, Rule, Who

Object = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"
KINDS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
REMEMBERED = 20_000
"""Answers that are kept."""


class Stored(Protocol):
    @property
    def obj(self) -> Object: ...


class Source(Protocol):
    """What the watch cache offers."""

    def objects(self, kind: str) -> Iterable[Any]: ...

    def version(self, kind: str) -> int:
        """Another one after every change of the kind."""
        ...


@dataclass(frozen=True, slots=True)
class Bound:
    """What one binding gives one subject. `place`: the namespace, "" for everywhere. `missing`: the role that it names
    is not there."""

    binding: str
    role: str
    subject: str
    place: str
    rules: tuple[Rule, ...]
    missing: str = ""


@dataclass(slots=True)
class _Index:
    versions: tuple[int, ...]
    everywhere: dict[str, list[Bound]] = field(default_factory=dict)
    """By subject: "u:jane", "g:developers"."""
    within: dict[str, dict[str, list[Bound]]] = field(default_factory=dict)
    """By namespace, then by subject."""
    answers: dict[tuple[str, tuple[str, ...], Attributes], bool] = field(default_factory=dict)


class Rbac:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._index = _Index(())

    def allows(self, who: Who, asked: Attributes) -> bool:
        index = self._fresh()
        key = (who.name, who.groups, asked)
        known = index.answers.get(key)
        if known is None:
            known = any(rule.allows(asked) for bound in _of(index, who, asked.namespace) for rule in bound.rules)
            if len(index.answers) >= REMEMBERED:
                index.answers.clear()
            index.answers[key] = known
        return known

    def rules(self, who: Who, namespace: str = "") -> Sequence[Rule]:
        return [rule for bound in _of(self._fresh(), who, namespace) for rule in bound.rules]

    def explain(self, who: Who, asked: Attributes) -> str:
        missing = []
        for bound in _of(self._fresh(), who, asked.namespace):
            if any(rule.allows(asked) for rule in bound.rules):
                return f"RBAC: allowed by {bound.binding} of {bound.role} to {bound.subject}"
            if bound.missing:
                missing.append(bound.missing)
        return f"RBAC: {', '.join(dict.fromkeys(missing))}" if missing else ""

    def role(self, kind: str, name: str, namespace: str = "") -> tuple[Rule, ...] | None:
        """The rules of a role; None if there is none such."""
        for stored in self._source.objects(kind):
            meta = stored.obj["metadata"]
            if meta["name"] == name and (kind == "ClusterRole" or meta.get("namespace") == namespace):
                return rules_of(stored.obj)
        return None

    def _fresh(self) -> _Index:
        versions = tuple(map(self._source.version, KINDS))
        if versions != self._index.versions:
            self._index = _indexed(self._source, versions)
        return self._index


def _of(index: _Index, who: Who, namespace: str) -> Iterator[Bound]:
    subjects = (f"u:{who.name}", *(f"g:{group}" for group in who.groups))
    tables: list[Mapping[str, list[Bound]]] = [index.everywhere]
    if namespace and namespace in index.within:
        tables.append(index.within[namespace])
    for table in tables:
        for subject in subjects:
            yield from table.get(subject, ())


def _indexed(source: Source, versions: tuple[int, ...]) -> _Index:
    index = _Index(versions)
    roles: dict[tuple[str, str, str], tuple[Rule, ...]] = {}
    for kind in ("ClusterRole", "Role"):
        for stored in source.objects(kind):
            meta = stored.obj["metadata"]
            roles[kind, meta.get("namespace") or "", meta["name"]] = rules_of(stored.obj)
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        # In the order of their names: what is said of several is then the same everywhere.
        for stored in sorted(source.objects(kind), key=lambda stored: str(stored.obj["metadata"]["name"])):
            namespace = stored.obj["metadata"].get("namespace") or ""
            table = index.within.setdefault(namespace, {}) if kind == "RoleBinding" else index.everywhere
            for subject, bound in _bounds(kind, stored.obj, roles):
                table.setdefault(subject, []).append(bound)
    return index


def _bounds(
    kind: str, binding: Object, roles: Mapping[tuple[str, str, str], tuple[Rule, ...]]
) -> Iterator[tuple[str, Bound]]:
    meta, ref = binding["metadata"], binding.get("roleRef") or {}
    namespace, name = meta.get("namespace") or "", str(ref.get("name") or "")
    role_kind = str(ref.get("kind") or "")
    found = roles.get((role_kind, namespace if role_kind == "Role" else "", name))
    missing = "" if found is not None else f'{role_kind.lower()}.{GROUP} "{name}" not found'
    place = f"{meta['name']}/{namespace}" if namespace else meta["name"]
    for subject in binding.get("subjects") or ():
        key, shown = subject_key(subject, namespace)
        if key:
            what = (f'{kind} "{place}"', f'{role_kind} "{name}"', shown, namespace)
            yield key, Bound(*what, found or (), missing)


def subject_key(subject: Mapping[str, Any], namespace: str) -> tuple[str, str]:
    """(key in the index, how a message names it); ("", "") for what is no subject. A ServiceAccount without a namespace
    is meant by nobody, but in a RoleBinding it is of that namespace."""
    kind, name = subject.get("kind"), str(subject.get("name") or "")
    if kind == "User":
        return f"u:{name}", f'User "{name}"'
    if kind == "Group":
        return f"g:{name}", f'Group "{name}"'
    home = subject.get("namespace") or namespace
    if kind == "ServiceAccount" and home:
        return f"u:{ACCOUNT}{home}:{name}", f'ServiceAccount "{name}/{home}"'
    return "", ""


def rules_of(role: Object) -> tuple[Rule, ...]:
    """What a Role or ClusterRole says."""
    return tuple(map(rule_of, role.get("rules") or ()))


def rule_of(given: Mapping[str, Any]) -> Rule:
    def words(field: str) -> tuple[str, ...]:
        return tuple(given.get(field) or ())

    names = words("resourceNames")
    return Rule(words("verbs"), words("apiGroups"), words("resources"), words("nonResourceURLs"), names)


def written(rule: Rule) -> Object:
    """The rule as a role has it."""
    fields = {
        "verbs": rule.verbs,
        "apiGroups": rule.groups,
        "resources": rule.resources,
        "resourceNames": rule.names,
        "nonResourceURLs": rule.paths,
    }
    return {name: list(words) for name, words in fields.items() if words or name == "verbs"}
