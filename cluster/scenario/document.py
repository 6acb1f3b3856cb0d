"""YAML with places: every part of a file knows its line and its path, and all problems of a file are collected.

Must not know what the parts mean. Values are read from the text of a scalar, never from what YAML takes it for (`yes`,
`1:30` and `1e3` are words until a field says otherwise); `Part.data` is for what is data, such as API objects.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from cluster.errors import UsageError

DEEPEST, MOST, LARGEST = 60, 50_000, 4 << 20
"""Levels, parts (each time an alias stands for them) and characters of a file that is a scenario and not an attack."""
MANY = 20
"""Of known words that a remedy names."""
_PLAIN = {
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "value", "merge")
}


class FileError(UsageError):
    """A file with problems. As text: the first one, and how many more there are; `problems` has them all, in their
    order in the file, each with its own place and remedy."""

    def __init__(self, problems: Iterable[UsageError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        more = len(self.problems) - 1
        remedy = first.remedy
        if more:
            count = f"{more} more problem{'s' if more > 1 else ''}: `launch.py scenario check` lists them"
            remedy = f"{remedy} (and {count})" if remedy else f"there are {count}"
        super().__init__(first.args[0], place=first.place, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Part:
    """A node of the file. `path`: "timeline[2].kill"; `line`: from 1, of its key if it has one."""

    node: yaml.Node
    file: str
    line: int
    path: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    @property
    def text(self) -> str | None:
        """Of a scalar as it is written (quotes off, null is ""); None for anything else."""
        if not isinstance(self.node, yaml.ScalarNode):
            return None
        return "" if self.is_null else str(self.node.value)

    def called(self) -> str:
        """What it is, in words."""
        return "a mapping" if self.is_mapping else "a list" if self.is_list else "nothing" if self.is_null else "a word"

    def items(self) -> list[Part]:
        """Of a list."""
        if not self.is_list:
            return []
        parts = enumerate(self.node.value)
        return [Part(node, self.file, node.start_mark.line + 1, f"{self.path}[{i}]") for i, node in parts]

    def fields(self) -> dict[str, Part]:
        """Of a mapping."""
        if not self.is_mapping:
            return {}
        prefix = f"{self.path}." if self.path else ""
        return {
            str(key.value): Part(value, self.file, key.start_mark.line + 1, f"{prefix}{key.value}")
            for key, value in self.node.value
        }

    def data(self) -> Any:
        """As plain data: dict, list, str, int, float, bool, None; a timestamp stays text. UsageError for a tag that
        is none of these."""
        return _data(self.node, self)


@dataclass(slots=True)
class Problems:
    """What is wrong with a file, so far."""

    found: list[tuple[int, UsageError]] = field(default_factory=list)

    def add(self, part: Part, text: str, remedy: str = "") -> None:
        path = f"{part.path}: " if part.path else ""
        self.found.append((part.line, UsageError(f"{path}{text}", place=part.place, remedy=remedy)))

    def take(self, part: Part, error: UsageError) -> None:
        """An error without a place, at this part."""
        self.add(part, str(error.args[0]), error.remedy)

    def unknown(self, part: Part, word: str, known: Iterable[str], what: str = "field") -> None:
        """A word that is none of the known ones."""
        names = list(known)
        self.add(part, f"unknown {what} {word!r}", suggest(word, names))

    def raise_if_any(self) -> None:
        if self.found:
            raise FileError(error for _, error in sorted(self.found, key=lambda pair: pair[0]))


def suggest(word: str, known: Iterable[str]) -> str:
    """ "did you mean 'kill'?", or the known words."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1) or [n for n in names if n.lower() == word.lower()]
    if near:
        return f"did you mean {near[0]!r}?"
    return f"one of {', '.join(names[:MANY])}{', ...' if len(names) > MANY else ''}"


def nothing(part: Part) -> Part:
    """An empty value in the place of this part: of an entry that is one word."""
    node = yaml.ScalarNode("tag:yaml.org,2002:null", "", part.node.start_mark, part.node.end_mark)
    return Part(node, part.file, part.line, part.path)


def compose(text: str, file: str) -> Part:
    """The one document of a file. UsageError with the line if it is not YAML, or more than one document."""
    parts = compose_all(text, file)
    if not parts:
        raise UsageError("an empty file", place=file, remedy="see docs/scenarios.md, or `launch.py scenario show`")
    if len(parts) > 1:
        raise UsageError("a second document", place=parts[1].place, remedy="a scenario is one document: remove the ---")
    return parts[0]


def compose_all(text: str, file: str) -> list[Part]:
    """Every document of a file that is not empty."""
    if len(text) > LARGEST:
        raise UsageError(f"{len(text)} characters are no scenario", place=file, remedy=f"up to {LARGEST}")
    try:
        return list(_documents(text, file))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(file, str(error.problem or error.context), mark.line + 1 if mark else 0)
    except yaml.reader.ReaderError as error:
        _refuse(file, str(error.reason), text.count("\n", 0, error.position) + 1)
    except RecursionError:
        _refuse(file, "nested too deeply", 0)
    except (ValueError, AttributeError) as error:  # a directive or an escape that the YAML library stumbles over
        _refuse(file, str(error), 0)


def _refuse(file: str, what: str, line: int) -> NoReturn:
    raise UsageError(f"not YAML: {what}", place=f"{file}:{line}" if line else file) from None


def _documents(text: str, file: str) -> Iterator[Part]:
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
                continue
            _look(loader, node, 0, [0])
            yield Part(node, file, node.start_mark.line + 1)
    finally:
        loader.dispose()


def _look(loader: yaml.SafeLoader, node: yaml.Node, depth: int, seen: list[int]) -> None:
    """Merge keys opened, keys that are words and stand once, bounded depth and size (aliases may be circles)."""
    seen[0] += 1
    if depth > DEEPEST or seen[0] > MOST:
        what = f"nested deeper than {DEEPEST} levels" if depth > DEEPEST else f"more than {MOST} parts"
        raise yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        own: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is a word", problem_mark=key.start_mark)
            if key.value in own and not key.tag.endswith(":merge"):
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            own.add(key.value)
        loader.flatten_mapping(node)  # what is merged stands first, and what stands here itself counts
        node.value = list({key.value: (key, value) for key, value in node.value}.values())
        for _, value in node.value:
            _look(loader, value, depth + 1, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _look(loader, value, depth + 1, seen)


def _data(node: yaml.Node, part: Part) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _data(value, part) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_data(value, part) for value in node.value]
    place = f"{part.file}:{node.start_mark.line + 1}"
    if node.tag not in _PLAIN:
        raise UsageError(f"{node.tag.rpartition(':')[2]!r} is no type of a scenario's data", place=place)
    if node.tag.endswith((":timestamp", ":value", ":merge")):
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, KeyError, yaml.YAMLError):
        raise UsageError(f"{node.value!r} is not what its tag says", place=place) from None
