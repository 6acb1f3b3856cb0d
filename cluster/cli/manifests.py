"""Objects from YAML or JSON files, folders and standard input; every error names the file, the document and the line.

Must not talk to a cluster: what is read here is checked by the apiserver.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.cli.resources import BUILT_IN, may_be_custom
from cluster.errors import UsageError

Object = dict[str, Any]
SUFFIXES = (".yaml", ".yml", ".json")


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping; leaves timestamps as the strings that they are."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, "a key is a word", key_node.start_mark)
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands here twice", key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _as_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file, with its YAML: where a field stands is looked up when somebody complains about it."""

    object: Object
    file: str
    node: yaml.Node

    @property
    def place(self) -> str:
        return f"{self.file}:{self.node.start_mark.line + 1}"

    def place_of(self, field: str) -> str:
        """ "web.yaml:12" of "spec.containers[0].image", or of the nearest thing around it that there is."""
        node, line = self.node, self.node.start_mark.line
        for part in re.findall(r"[^.\[\]]+", field):
            if isinstance(node, yaml.MappingNode):
                found = next((pair for pair in node.value if pair[0].value == part), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line, found[1]
            elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
                node = node.value[int(part)]
                line = node.start_mark.line
            else:
                break
        return f"{self.file}:{line + 1}"


def documents(paths: Sequence[str]) -> list[Document]:
    """All objects of the files, in order; `-` is standard input. UsageError before anything is returned if any
    document is not an object of a known kind, as far as that can be known without a cluster."""
    found = [document for path in paths for name, text in _texts(path) for document in _parse(text, name)]
    if not found:
        raise UsageError("no objects found", place=", ".join(paths))
    return found


def made(obj: Object) -> Document:
    """An object that no file has."""
    return Document(obj, "", yaml.ScalarNode("", ""))


def load(paths: Sequence[str]) -> list[Object]:
    """The objects of `documents`."""
    return [document.object for document in documents(paths)]


def _texts(path: str) -> Iterator[tuple[str, str]]:
    if path == "-":
        yield "standard input", sys.stdin.read()
        return
    place = Path(path)
    if place.is_dir():
        files = sorted(f for f in place.iterdir() if f.suffix in SUFFIXES)
        if not files:
            raise UsageError("no .yaml, .yml or .json file in this folder", place=path)
        for file in files:
            yield str(file), _read(file)
    else:
        yield path, _read(place)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        raise UsageError("no such file", place=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(error), place=str(file)) from None


def parse_text(text: str, name: str) -> list[Object]:
    """The objects of one file; `kind: List` is opened."""
    return [document.object for document in _parse(text, name)]


def _parse(text: str, name: str) -> list[Document]:
    try:
        return list(_documents(text, name))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise UsageError(f"not YAML: {error.problem or error.context}", place=where) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UsageError(f"not YAML: {error.reason}", place=f"{name}:{line}") from None
    except RecursionError:
        raise UsageError("not YAML: nested too deeply", place=name) from None


def _documents(text: str, name: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            value = None if node is None else loader.construct_document(node)
            if node is None or value is None:
                continue
            if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
                inner = next(v for k, v in node.value if k.value == "items")
                pairs = zip(value["items"], inner.value, strict=True)
            else:
                pairs = zip([value], [node], strict=True)
            for item, part in pairs:
                yield _checked(Document(item, name, part))
    finally:
        loader.dispose()


def _checked(document: Document) -> Document:
    obj = document.object
    if not isinstance(obj, dict):
        raise UsageError(f"an object is a mapping, this is a {type(obj).__name__}", place=document.place)
    try:
        if not may_be_custom(obj):  # else the cluster says it
            BUILT_IN.of_object(obj)
    except UsageError as error:
        field = error.place or "kind"
        raise UsageError(str(error), place=document.place_of(field)) from None
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        raise UsageError("metadata.name: Required value", place=document.place_of("metadata"))
    for field in ("name", "generateName", "namespace"):
        if not isinstance(metadata.get(field, ""), str):
            text = f"metadata.{field}: Invalid value: {metadata[field]!r}: must be of type string"
            raise UsageError(text, place=document.place_of(f"metadata.{field}"), remedy="put it in quotes")
    if not (metadata.get("name") or metadata.get("generateName")):
        raise UsageError("metadata.name: Required value", place=document.place_of("metadata"))
    return document
