"""What is particular to one version of a kind that was defined at run time: its schema, and what is made of it.

Pure. Must not know definitions (`customkinds.py` reads them) nor who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.api import structural
from cluster.api.fielderrors import ROOT, Errors
from cluster.api.meta import Object
from cluster.api.schema import Struct
from cluster.api.structural import Node
from cluster.api.structuralcheck import check


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Dotted paths into an object; `selector` "" where there is none."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """`schema`: as it was written, for documents. `storage`: the version that objects are stored in. `warning`: what
    whoever uses this version is told. `ending`: the kind is being deleted, and takes no new objects. `columns`: (name,
    type, format, description, priority) of what is shown of it."""

    node: Node
    struct: Struct
    schema: Mapping[str, Any]
    storage: str
    scale: ScalePaths | None = None
    warning: str = ""
    ending: bool = False
    columns: tuple[tuple[str, str, str, str, int], ...] = ()

    def unknown(self, obj: Object) -> list[str]:
        """Paths of what the schema does not name."""
        return structural.unknown(self.node, obj, root=True)

    def pruned(self, obj: Object) -> Object:
        """The object without it."""
        found: Object = structural.pruned(self.node, obj, root=True)
        return found

    def filled(self, obj: Object) -> Object:
        """The object with defaults."""
        found: Object = structural.filled(self.node, obj)
        return found

    def check(self, obj: Object, errors: Errors) -> None:
        """What is wrong with it, but for its metadata and for rules that are expressions."""
        check(self.node, obj, ROOT, errors)
