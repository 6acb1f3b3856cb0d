"""The kind by which kinds are defined: CustomResourceDefinition.

Must not hold rules: an entry points at them.
"""

from __future__ import annotations

from cluster.api import validate_extensions
from cluster.api.kind import Kind
from cluster.api.meta import Object, name_of
from cluster.api.printing import Printer, created


def _row(obj: Object, now: float) -> list[str]:
    return [name_of(obj), created(obj)]


EXTENSIONS = (
    Kind("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions",
         "customresourcedefinition", ("crd", "crds"), namespaced=False, status=True,
         rule=validate_extensions.definition, update_rule=validate_extensions.definition_update,
         categories=("api-extensions",), printer=Printer(("NAME", "CREATED AT"), _row)),
)  # fmt: skip
