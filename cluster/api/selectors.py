"""Selectors over labels and fields: parsed once, then asked about many objects.

Must not look objects up; a selector knows only what it is handed. Grammar and meaning are Kubernetes' own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cluster.errors import StatusError

_NAME = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|>|<|[^\s=!,()<>]+)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. `operator`: In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """NotIn holds for a label that is absent; Gt and Lt do not (Kubernetes: labels.Requirement)."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                found, bound = _integer(value), _integer(self.values[0])
                if found is None or bound is None:
                    return False
                return found > bound if self.operator == "Gt" else found < bound
        raise AssertionError(f"operator {self.operator!r} passed the parser")

    def __str__(self) -> str:
        match self.operator:
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case "In" if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case "Gt" | "Lt":
                return f"{self.key}{'>' if self.operator == 'Gt' else '<'}{self.values[0]}"
        return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Selector:
    """All of the requirements; none at all matches everything, unless `nothing`."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.nothing:
            return False
        for requirement in self.requirements:
            if not requirement.matches(labels):
                return False
        return True

    @property
    def everything(self) -> bool:
        return not self.requirements and not self.nothing

    def __str__(self) -> str:
        """The text `parse_label_selector` reads back; <none> for one that matches nothing."""
        return "<none>" if self.nothing else ",".join(str(r) for r in self.requirements)


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on one field: equal, or not, to the field's text."""

    path: str
    equal: bool
    value: str


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All of the requirements; none at all matches everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, obj: Mapping[str, Any]) -> bool:
        for requirement in self.requirements:
            if (field_text(obj, requirement.path) == requirement.value) is not requirement.equal:
                return False
        return True

    def exact(self, path: str) -> str | None:
        """The one value that `path` must have, None if the selector does not say: for indexes."""
        return next((r.value for r in self.requirements if r.path == path and r.equal), None)

    @property
    def everything(self) -> bool:
        return not self.requirements

    def __str__(self) -> str:
        return ",".join(f"{r.path}{'=' if r.equal else '!='}{r.value}" for r in self.requirements)


_NUMBERS = {"status.successful": "status.succeeded", "status.replicas": "status.replicas"}
"""Fields that are 0 where they are absent, and where they stand (Kubernetes: a Job's is called otherwise)."""


def field_text(obj: Mapping[str, Any], path: str) -> str:
    """The field at a dotted path as a field selector compares it; "" for one that is absent."""
    number = _NUMBERS.get(path)
    absent = "" if number is None else "0"
    value: Any = obj
    for part in (number or path).split("."):
        if not isinstance(value, Mapping):
            return absent
        value = value.get(part)
    if value is None:
        return absent
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(maxsize=1024)
def parse_label_selector(text: str) -> Selector:
    """`a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`; "" matches everything. StatusError BadRequest when malformed."""
    tokens = _tokens(text)
    if not tokens:
        return EVERYTHING
    requirements: list[Requirement] = []
    at = 0
    while True:
        requirement, at = _requirement(text, tokens, at)
        requirements.append(requirement)
        if at == len(tokens):
            return Selector(tuple(requirements))
        if tokens[at] != ",":
            raise _unparsable(text, f"found '{tokens[at]}', expected: ',' or 'end of string'")
        at += 1


def from_label_selector(selector: Mapping[str, Any] | None) -> Selector:
    """A LabelSelector (matchLabels and matchExpressions); None matches nothing, {} everything.

    StatusError BadRequest for an operator that does not exist.
    """
    if selector is None:
        return NOTHING
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    requirements = [Requirement(key, "In", (value,)) for key, value in sorted(labels.items())]
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator")
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            raise StatusError("BadRequest", f"{operator!r} is not a valid label selector operator")
        requirements.append(Requirement(expression.get("key", ""), operator, tuple(expression.get("values") or ())))
    return Selector(tuple(requirements))


def of_workload(selector: Mapping[str, Any] | None) -> Selector:
    """The selector of anything that has one: a LabelSelector, or a plain map as ReplicationControllers have."""
    if selector and all(type(value) is str for value in selector.values()):
        return from_labels(selector)
    return from_label_selector(selector)


def from_labels(labels: Mapping[str, str] | None) -> Selector:
    """A plain map, as a Service's spec.selector; None and {} match nothing (such a Service has no endpoints)."""
    if not labels:
        return NOTHING
    return Selector(tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels.items())))


@lru_cache(maxsize=1024)
def _parse_fields(text: str) -> FieldSelector:
    requirements = []
    for part in _split_fields(text):
        match = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", part, re.DOTALL)
        if match is None:
            raise StatusError("BadRequest", f"invalid selector: '{text}'; can't understand '{part}'")
        path, operator, value = match.groups()
        value = re.sub(r"\\([\\,=])", r"\1", value)
        requirements.append(FieldRequirement(path.strip(), operator != "!=", value))
    return FieldSelector(tuple(requirements))


_ALWAYS = ("metadata.name", "metadata.namespace")


def parse_field_selector(text: str, supported: Collection[str] | None = None) -> FieldSelector:
    """`spec.nodeName=a,status.phase!=Running`; "" matches everything. StatusError BadRequest when malformed, or when a
    path is not among `supported` (a Kind's `fields`; None: any path) nor one that every kind has."""
    selector = _parse_fields(text)
    for requirement in selector.requirements:
        if supported is not None and requirement.path not in supported and requirement.path not in _ALWAYS:
            raise StatusError("BadRequest", f"field label not supported: {requirement.path}")
    return selector


def _split_fields(text: str) -> list[str]:
    """At commas that no backslash escapes; empty parts are dropped, as Kubernetes does."""
    return [part for part in re.findall(r"(?:\\.|[^,\\])+", text) if part.strip()]


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unparsable(text, f"at {text[at:]!r}")
        tokens.append(match[1])
        at = match.end()
    return tokens


def _requirement(text: str, tokens: list[str], at: int) -> tuple[Requirement, int]:
    """The requirement that begins at `at`, and where the next token stands."""
    if tokens[at : at + 1] == ["!"]:
        return Requirement(_key(text, tokens, at + 1), "DoesNotExist"), at + 2
    key = _key(text, tokens, at)
    at += 1
    operator = tokens[at] if at < len(tokens) else ","
    if operator == ",":
        return Requirement(key, "Exists"), at
    if operator in ("in", "notin"):
        values, at = _value_set(text, tokens, at + 1)
        return Requirement(key, "In" if operator == "in" else "NotIn", values), at
    if operator in ("=", "==", "!=", ">", "<"):
        empty = at + 1 == len(tokens) or tokens[at + 1] == ","
        value = "" if empty else _value(text, tokens[at + 1])
        at += 1 if empty else 2
        if operator in (">", "<"):
            if _integer(value) is None:
                raise _unparsable(text, f"'{value}': for 'Gt', 'Lt' operators, the value must be an integer")
            return Requirement(key, "Gt" if operator == ">" else "Lt", (value,)), at
        return Requirement(key, "NotIn" if operator == "!=" else "In", (value,)), at
    raise _unparsable(text, f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _key(text: str, tokens: list[str], at: int) -> str:
    if at >= len(tokens):
        raise _unparsable(text, "found '', expected: identifier")
    if not _NAME.fullmatch(tokens[at]):
        raise _unparsable(text, f"found '{tokens[at]}', expected: a label's key")
    return tokens[at]


def _value(text: str, token: str) -> str:
    if not _VALUE.fullmatch(token):
        raise _unparsable(text, f"found '{token}', expected: a label's value")
    return token


def _value_set(text: str, tokens: list[str], at: int) -> tuple[tuple[str, ...], int]:
    """`(a, b)`; an empty place stands for "" as in Kubernetes. Sorted, without repeats."""
    if tokens[at : at + 1] != ["("]:
        raise _unparsable(text, f"found '{tokens[at] if at < len(tokens) else ''}', expected: '('")
    values = [""]
    for position in range(at + 1, len(tokens)):
        token = tokens[position]
        if token == ")":
            return tuple(sorted(dict.fromkeys(values))), position + 1
        if token == ",":
            values.append("")
        elif values[-1]:
            raise _unparsable(text, f"found '{token}', expected: ',', or ')'")
        else:
            values[-1] = _value(text, token)
    raise _unparsable(text, "found '', expected: ')'")


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d{1,19}", text) else None


def _unparsable(text: str, why: str) -> StatusError:
    return StatusError("BadRequest", f"unable to parse requirement: {why} (in label selector {text!r})")
