"""A request's body as a value: JSON, YAML or Kubernetes' protobuf, by its Content-Type.

Pure. Must not know what the value is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import yaml

from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import negotiation, protobuf
from cluster.errors import StatusError

MOST_BYTES = 3 << 20
"""As a Kubernetes apiserver takes."""
MOST_NODES = 100_000
"""Values and names in a YAML body, each alias counted as what it stands for. Reading YAML takes 15 us for each."""
MOST_DUPLICATES = 100
"""Fields that stand there twice, of which one is told."""
DEEPEST = 200
"""Levels of lists and maps; what is deeper no kind has."""
_YAML = (negotiation.YAML, "application/apply-patch+yaml", "text/yaml")


def decode(body: bytes, content_type: str) -> Any:
    """None for no body. TooLarge, UnsupportedMediaType, or BadRequest that says where it is not JSON or YAML."""
    if len(body) > MOST_BYTES:
        raise StatusError("TooLarge", f"Request entity too large: limit is {MOST_BYTES}")
    if not body or not body.strip():
        return None
    media = negotiation.media_of(content_type)
    if media == protobuf.MEDIA:
        value: Any = protobuf.decode(body)
    elif media in _YAML:
        value = _yaml(body)
    elif media == negotiation.JSON or media in negotiation.PATCHES:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from None
    else:
        raise negotiation.unsupported(content_type, (negotiation.JSON, negotiation.YAML, protobuf.MEDIA))
    if body.count(b"{") + body.count(b"[") >= DEEPEST or media in _YAML:
        _bounded(value)
    return value


def duplicates(body: bytes, content_type: str) -> list[str]:
    """What fieldValidation says of fields that stand there twice, of which the last one counts: 'duplicate field
    "spec.replicas"'. Only JSON bodies are looked at."""
    media = negotiation.media_of(content_type)
    if media not in (negotiation.JSON, *negotiation.PATCHES) or not body.strip():
        return []
    found: list[_Twice] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) == len(items):
            return value
        names, seen = list[str](), set[str]()
        for name, _ in items:
            if name in seen:
                names.append(name)
            seen.add(name)
        found.append(_Twice(value, names[:MOST_DUPLICATES]))
        return value

    try:
        whole = json.loads(body, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return []
    if not found:
        return []
    twice = {id(each.value): each for each in found}
    paths = dict.fromkeys(islice(_paths(whole, twice, ""), MOST_DUPLICATES))
    return [f'duplicate field "{path}"' for path in paths]


@dataclass(frozen=True, slots=True)
class _Twice:
    value: dict[str, Any]
    names: list[str]


def _paths(value: Any, found: Mapping[int, _Twice], path: str) -> Iterator[str]:
    """`found` by the identity of the map."""
    if type(value) is dict:
        twice = found.get(id(value))
        if twice is not None:
            yield from (f"{path}.{name}".lstrip(".") for name in twice.names)
        for name, item in value.items():
            yield from _paths(item, found, f"{path}.{name}".lstrip("."))
    elif type(value) is list:
        for index, item in enumerate(value):
            yield from _paths(item, found, f"{path}[{index}]")


def _yaml(body: bytes) -> Any:
    try:
        return orjson.loads(body)  # which is YAML too: what kubectl applies is written so
    except orjson.JSONDecodeError:
        pass
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = body.decode()
        _counted(yaml.parse(text, Loader=loader))
        value = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:300]
        raise bad_request(f"the object provided is unrecognized (must be of type YAML): {text}") from None
    try:
        return orjson.loads(orjson.dumps(value))  # the values that JSON has, and no others; anchors undone
    except TypeError as error:
        raise bad_request(f"the object provided has a value that JSON has not: {error}") from None


def _counted(events: Iterable[yaml.Event]) -> None:
    """TooLarge for a document that unfolds to more than MOST_NODES, before it does: ten lines of aliases of aliases
    can be more than any memory holds."""
    sizes: dict[str, int] = {}
    total, open_ = 0, list[tuple[str, int]]()
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = total - before
            continue
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.NodeEvent):
            total += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((event.anchor or "", total - 1))
            elif event.anchor:
                sizes[event.anchor] = 1
        if total > MOST_NODES:
            raise StatusError("TooLarge", f"the YAML has more than {MOST_NODES} values, aliases unfolded; send JSON")


def _bounded(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise bad_request(f"the object is more than {DEEPEST} levels deep")


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return [v for v in value.values() if type(v) in (dict, list)]
    if type(value) is list:
        return [v for v in value if type(v) in (dict, list)]
    return []
