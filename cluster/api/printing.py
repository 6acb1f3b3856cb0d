"""What all tables are made of: columns, cells, ages.

Must not know any kind; a kind's columns and rows are in tables_*.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster.api.meta import Object, name_of, parse_time
from cluster.api.selectors import of_workload

NONE = "<none>"
UNKNOWN = "<unknown>"


@dataclass(frozen=True, slots=True)
class Printer:
    """How a kind prints. A column that begins with "*" shows only when wide; `row(obj, now)` gives every cell."""

    columns: tuple[str, ...]
    row: Callable[[Object, float], list[str]]

    def table(self, objects: Sequence[Object], now: float, wide: bool) -> tuple[list[str], list[list[str]]]:
        shown = [index for index, column in enumerate(self.columns) if wide or column[0] != "*"]
        rows = []
        for obj in objects:
            cells = self.row(obj, now)
            rows.append([cells[index] for index in shown])
        return [self.columns[index].lstrip("*") for index in shown], rows


def human_duration(seconds: float) -> str:
    """As kubectl's ages: "45s", "2m5s", "3h20m", "5d", "2y30d" (Kubernetes: HumanDuration).

    A little into the future (clocks differ) is "0s", more is "<invalid>".
    """
    if seconds < 0:
        return "0s" if seconds > -2 else "<invalid>"
    whole = int(seconds)
    minutes, hours = whole // 60, whole // 3600
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return _pair(hours // 24, "d", hours % 24, "h")
    if hours < 24 * 365 * 2:
        return f"{hours // 24}d"
    if hours < 24 * 365 * 8:
        return _pair(hours // 24 // 365, "y", hours // 24 % 365, "d")
    return f"{hours // 24 // 365}y"


def _pair(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def since(stamp: str | None, now: float) -> str:
    """The age of a stamp, "<unknown>" if there is none or it is no stamp."""
    if not stamp:
        return UNKNOWN
    try:
        return human_duration(now - parse_time(stamp))
    except ValueError:
        return UNKNOWN


def age(obj: Object, now: float) -> str:
    """The age of an object, from metadata.creationTimestamp."""
    return since(obj.get("metadata", {}).get("creationTimestamp"), now)


def created(obj: Object) -> str:
    """When an object was made, as it stands in it (a column of type date: clients show it as it is)."""
    return str(obj.get("metadata", {}).get("creationTimestamp") or UNKNOWN)


def joined(texts: Sequence[str]) -> str:
    """Comma between them; "<none>" if there are none."""
    return ",".join(texts) or NONE


def map_text(labels: dict[str, str] | None) -> str:
    """a=b,c=d; "<none>" if empty."""
    return joined([f"{key}={value}" for key, value in sorted((labels or {}).items())])


def selector_text(selector: Object | None) -> str:
    """A workload's selector as kubectl prints it; "<none>" if empty."""
    return str(of_workload(selector)) or NONE


def template_cells(obj: Object) -> list[str]:
    """CONTAINERS, IMAGES and SELECTOR of a workload."""
    spec = obj.get("spec") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    return [
        joined([str(c.get("name", "")) for c in containers]),
        joined([str(c.get("image", "")) for c in containers]),
        selector_text(spec.get("selector")),
    ]


def plain_row(obj: Object, now: float) -> list[str]:
    """NAME and AGE."""
    return [name_of(obj), age(obj, now)]
