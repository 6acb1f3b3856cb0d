"""Tables of objects as `kubectl get` prints them, made where the objects are.

Must not lay text out (widths are the command line's) and must not know a kind: a kind's entry names its printer.
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api.kinds import KINDS, Kind
from cluster.api.meta import Object
from cluster.api.printing import human_duration
from cluster.api.tables_pods import pod_status

__all__ = ["human_duration", "pod_status", "table"]


def table(
    kind: str | Kind, objects: Sequence[Object], now: float, wide: bool = False
) -> tuple[list[str], list[list[str]]]:
    """(columns, rows), all text, one row an object in the given order. `now`: seconds since 1970, for ages.

    KeyError for a kind that is not in the table of kinds.
    """
    entry = kind if isinstance(kind, Kind) else KINDS[kind]
    return entry.printer.table(objects, now, wide)
