"""What is wrong with a field of an object, in Kubernetes' words, and where.

Must not know which fields exist; schema and validators decide, this says it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Path: TypeAlias = tuple[Any, ...]
"""(parent path, last part), () at the root: one small tuple per level while all is well, text only for an error."""

ROOT: Path = ()


class MapKey(str):
    """A part of a path that is a map's key: written [key], not .key."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class FieldError:
    """`path`: "spec.containers[0].image"; `reason`: Kubernetes' CauseType; `message`: all after the path."""

    path: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


UNKNOWN_FIELD = "UnknownField"
"""The reason of fields that do not exist: a server that only warns about those sorts them out by it."""


def at(path: Path, *parts: str | int) -> Path:
    """The path below `path`."""
    for part in parts:
        path = (path, part)
    return path


def render(path: Path) -> str:
    """The path as Kubernetes writes it: spec.ports[0].name, resources.limits[cpu]."""
    parts: list[Any] = []
    while path:
        path, part = path
        parts.append(part)
    text = ""
    for part in reversed(parts):
        if isinstance(part, int | MapKey):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def shown(value: Any) -> str:
    """A value as messages show it: JSON, cut short."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 256 else text[:253] + "..."


MOST_FOUND, MOST_TOLD = 1000, 100
"""Errors of one object that are looked for, and told: a refusal must not be a hundred times as long as its object."""


class Errors:
    """Collects what is wrong, in the order of finding; no more than MOST_FOUND."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[FieldError] = []

    def add(self, path: Path, reason: str, message: str) -> None:
        if len(self.found) < MOST_FOUND:
            self.found.append(FieldError(render(path), reason, message))

    def required(self, path: Path, detail: str = "") -> None:
        self.add(path, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value")

    def invalid(self, path: Path, value: Any, detail: str) -> None:
        self.add(path, "FieldValueInvalid", f"Invalid value: {shown(value)}: {detail}")

    def wrong_type(self, path: Path, value: Any, right: str) -> None:
        self.add(path, "FieldValueTypeInvalid", f"Invalid value: {shown(value)}: must be of type {right}")

    def unsupported(self, path: Path, value: Any, supported: Iterable[str]) -> None:
        words = ", ".join(f'"{word}"' for word in sorted(supported))
        self.add(path, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {words}")

    def duplicate(self, path: Path, value: Any) -> None:
        self.add(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")

    def not_found(self, path: Path, value: Any) -> None:
        self.add(path, "FieldValueNotFound", f"Not found: {shown(value)}")

    def forbidden(self, path: Path, detail: str) -> None:
        self.add(path, "FieldValueForbidden", f"Forbidden: {detail}")

    def too_long(self, path: Path, detail: str) -> None:
        self.add(path, "FieldValueTooLong", f"Too long: {detail}")

    def unknown(self, path: Path, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f', did you mean "{near[0]}"?' if near else ""
        self.add((path, name), UNKNOWN_FIELD, f"unknown field{hint}")
