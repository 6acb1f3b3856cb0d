"""Objects from YAML or JSON files, folders and standard input; every error names the file, the document and the line.

Must not talk to a cluster: what is read here is checked by the apiserver.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.api.kinds import for_object
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


def load(paths: Sequence[str]) -> list[Object]:
    """All objects of the files, in order; `-` is standard input. UsageError before anything is returned if any
    document is not an object of a known kind."""
    objects = [obj for path in paths for name, text in _texts(path) for obj in parse_text(text, name)]
    if not objects:
        raise UsageError("no objects found", place=", ".join(paths))
    return objects


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
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise UsageError(f"not YAML: {error.problem or error.context}", place=where) from None
    except yaml.YAMLError as error:
        raise UsageError(f"not YAML: {error}", place=name) from None
    result: list[Object] = []
    for number, document in enumerate(documents, 1):
        if document is None:
            continue
        place = name if len(documents) == 1 else f"{name} (document {number})"
        if not isinstance(document, dict):
            raise UsageError(f"an object is a mapping, this is a {type(document).__name__}", place=place)
        items = document["items"] if document.get("kind") == "List" and "items" in document else [document]
        for item in items:
            result.append(_checked(item, place))
    return result


def _checked(obj: Any, place: str) -> Object:
    if not isinstance(obj, dict):
        raise UsageError(f"an object is a mapping, this is a {type(obj).__name__}", place=place)
    try:
        for_object(obj)
    except UsageError as error:
        raise UsageError(str(error), place=place) from None
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not (metadata.get("name") or metadata.get("generateName")):
        raise UsageError("metadata.name: Required value", place=place)
    return obj
