"""Objects as text: tables, YAML, JSON, names. Must not fetch anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from cluster.api.kinds import KINDS, Kind
from cluster.errors import UsageError

FORMATS = ("", "wide", "yaml", "json", "name")

Object = dict[str, Any]


def check_format(output: str) -> None:
    if output not in FORMATS:
        raise UsageError(f"unknown output format {output!r}", place="-o", remedy="wide, yaml, json or name")


def to_yaml(value: Any) -> str:
    """Block style, literal blocks, double quotes where quotes are needed, no anchors: what kubectl prints."""
    from cluster.cli.yamltext import dump

    return dump(without_owners(value))


def _text_or_json(context: click.Context, option: click.Parameter, value: str) -> str:
    if value not in ("", "json"):
        raise UsageError(f"unknown output format {value!r}", place="-o", remedy="json")
    return value


as_json = click.option("-o", "--output", "output", default="", callback=_text_or_json, help="json for data.")
"""Of commands that print text, or data: before anything is done a format that there is not is refused."""


def to_json(value: Any) -> str:
    return json.dumps(without_owners(value), indent=4, ensure_ascii=False)


def without_owners(value: Any) -> Any:
    """An object, or each of a list, without the owners of its fields: as kubectl, nobody wants to read those."""
    if type(value) is dict and type(value.get("items")) is list:
        return {**value, "items": [without_owners(item) for item in value["items"]]}
    if type(value) is not dict or type(value.get("metadata")) is not dict or "managedFields" not in value["metadata"]:
        return value
    return {**value, "metadata": {k: v for k, v in value["metadata"].items() if k != "managedFields"}}


def reference(obj: Object) -> str:
    """ "deployment.apps/web": how kubectl names an object in its answers."""
    kind = KINDS.get(obj.get("kind", ""))
    name = obj.get("metadata", {}).get("name", "")
    return f"{obj.get('kind', '?').lower()}/{name}" if kind is None else f"{called(kind)}/{name}"


def called(kind: Kind) -> str:
    """ "deployment.apps", "pod", "widget.example.com": a kind in kubectl's answers."""
    return f"{kind.singular}.{kind.group}" if kind.group else kind.singular


def widths_of(lines: Sequence[Sequence[str]], least: Sequence[int] = ()) -> list[int]:
    columns = max((len(line) for line in lines), default=0)
    floor = [*least, *[0] * columns]
    return [max(floor[i], *(len(line[i]) for line in lines)) for i in range(columns)]


def render_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, header: bool = True, least: Sequence[int] = ()
) -> str:
    """Left-aligned, three spaces between columns; `least`: widths that columns have at least."""
    cells = [[str(cell) for cell in row] for row in rows]
    lines = ([list(columns)] if header else []) + cells
    if not lines:
        return ""
    widths = widths_of(lines, least)
    return "\n".join("   ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def as_list(objects: Sequence[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(objects)}
