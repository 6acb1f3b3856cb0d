"""The JSONPath of columns, scales and selectable fields: `.spec.x`, `.a[0]`, `.a[*].b`, `[?(@.type=="Ready")].b`.

Pure. Must not raise for a value that the path does not fit: then there is nothing there. Source: Kubernetes, "JSONPath
support", as far as CustomResourceDefinitions use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

Step = Callable[[Any], Iterable[Any]]

_STEP = re.compile(
    r"""
    \.?(?P<name>[A-Za-z0-9_$-](?:[A-Za-z0-9_$/-]|\\.)*)
    | \.?(?P<all>\*)
    | \[ \s* (?P<index>-?\d+) \s* \]
    | \[ \s* (?P<every>\*) \s* \]
    | \[ \s* (?P<quote>['"])(?P<key>.*?)(?P=quote) \s* \]
    | \[ \s* \?\( \s* @\.?(?P<left>[^=!<>]+?) \s* (?P<op>==|!=) \s* (?P<right>"[^"]*"|'[^']*'|[^)]+?) \s* \)\s* \]
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=4096)
def parsed(path: str) -> tuple[Step, ...]:
    """ValueError for what cannot be read. A path may stand in braces."""
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    text = text.removeprefix("$")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if text[at] == "." and at + 1 == len(text):
            break
        match = _STEP.match(text, at)
        if match is None or match.end() == at:
            raise ValueError(f"{path!r} cannot be read at {text[at : at + 20]!r}")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    found = match.groupdict()
    if found["name"] is not None:
        return _named(re.sub(r"\\(.)", r"\1", found["name"]))
    if found["key"] is not None:
        return _named(found["key"])
    if found["index"] is not None:
        index = int(found["index"])
        return lambda value: [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else ()
    if found["left"] is not None:
        return _filter(found["left"], found["op"] == "==", found["right"])
    return lambda value: value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()


def _named(name: str) -> Step:
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else ()


def _filter(left: str, equal: bool, right: str) -> Step:
    steps = parsed(left if left.startswith((".", "[")) else "." + left)
    wanted = right.strip("\"'") if right[0] in "\"'" else right

    def chosen(value: Any) -> Iterable[Any]:
        for item in value if isinstance(value, list) else ():
            there = [text(each) for each in _walk(steps, item)]
            if (wanted in there) is equal and there:
                yield item

    return chosen


def _walk(steps: tuple[Step, ...], value: Any) -> list[Any]:
    values = [value]
    for step in steps:
        values = [inner for each in values for inner in step(each)]
    return values


def find(path: str, obj: Any) -> list[Any]:
    """All values at the path, [] if there is none. ValueError for a path that cannot be read."""
    return _walk(parsed(path), obj)


def text(value: Any) -> str:
    """A value as it is compared and printed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return str(value)
