"""What a reader of one file carries along: its folder, its problems, and what is looked at again once all is read.

Must not know the format of any file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cluster.errors import UsageError
from cluster.scenario import document
from cluster.scenario.document import Part, Problems
from cluster.scenario.model import CheckSpec, Condition, Step, Target, Workload

MANIFESTS = Path(__file__).resolve().parents[2] / "scenarios" / "manifests"
"""The shipped manifests."""


class OfferedOption(Protocol):
    @property
    def type(self) -> Any: ...
    @property
    def doc(self) -> str: ...
    @property
    def default(self) -> Any: ...
    @property
    def choices(self) -> tuple[str, ...]: ...
    def bounds(self) -> str: ...
    def allows(self, number: float, /) -> bool: ...


class Offered(Protocol):
    """A check that there is: `cluster.history.checker.Check` is one."""

    @property
    def doc(self) -> str: ...
    @property
    def looks_at(self) -> tuple[str, ...]: ...
    @property
    def options(self) -> Mapping[str, OfferedOption]: ...


Known = Mapping[str, Offered]


@dataclass(slots=True)
class Reading:
    """`folder`: where the file's own paths begin, None: it has none. `known`: the checks that there are, None: any.

    `targets`, `conditions`, `steps`, `workloads`, `checks`: all that were read, with their parts: what they may name
    depends on the whole."""

    file: str
    folder: Path | None = None
    known: Known | None = None
    problems: Problems = field(default_factory=Problems)
    targets: list[tuple[Target, Part]] = field(default_factory=list)
    conditions: list[tuple[Condition, Part]] = field(default_factory=list)
    steps: list[tuple[Step, Part]] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    """Ids of steps with a field that could not be read."""
    workloads: list[tuple[Workload, Part]] = field(default_factory=list)
    checks: list[tuple[CheckSpec, Part]] = field(default_factory=list)

    def objects(self, part: Part) -> tuple[Mapping[str, Any], ...]:
        """API objects: a path of a manifest, an object, or a list of such. What is wrong becomes a problem."""
        if part.is_list:
            return tuple(found for item in part.items() for found in self.objects(item))
        try:
            if part.is_mapping:
                return (_object(part),)
            return _opened(document.compose_all(*self._manifest(part)))
        except UsageError as error:
            if error.place and error.place != part.place:
                self.problems.add(part, f"{error.place}: {error.args[0]}", error.remedy)
            else:
                self.problems.take(part, error)
            return ()

    def _manifest(self, part: Part) -> tuple[str, str]:
        """Text and name of the file that a path means: from the scenario's folder, its `manifests`, or the shipped."""
        path = part.text or ""
        if not path:
            raise UsageError(f"{part.called()} where an object or the path of a manifest is meant")
        bases = [MANIFESTS] if self.folder is None else [self.folder, self.folder / "manifests", MANIFESTS]
        for base in bases:
            file = base / path
            try:
                if file.is_file():
                    return file.read_text(encoding="utf-8"), path
            except (OSError, ValueError) as error:
                raise UsageError(f"{path!r} cannot be read: {error}") from None
        there = [f.name for base in bases if base.is_dir() for f in sorted(base.glob("*.yaml"))]
        raise UsageError(f"there is no manifest {path!r}", remedy=document.suggest(path, there))


def _opened(parts: Sequence[Part]) -> tuple[Mapping[str, Any], ...]:
    """The objects of a file's documents; `kind: List` is opened."""
    found = []
    for part in parts:
        fields = part.fields()
        if "kind" in fields and fields["kind"].text == "List" and "items" in fields:
            found += [_object(item) for item in fields["items"].items()]
        else:
            found.append(_object(part))
    return tuple(found)


def _object(part: Part) -> Mapping[str, Any]:
    from cluster.api.kinds import for_object  # the API's tables are felt, and many scenarios have no objects

    obj = part.data()
    if not isinstance(obj, dict):
        raise UsageError(f"{part.called()} where an API object is meant", place=part.place)
    try:
        for_object(obj)
    except UsageError as error:
        raise UsageError(str(error.args[0]), place=part.place, remedy=error.remedy) from None
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise UsageError("an object needs metadata.name", place=part.place, remedy="a word")
    return obj
