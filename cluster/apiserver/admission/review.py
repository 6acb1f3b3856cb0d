"""One request under review, what a plugin may look at, and what a plugin is.

Pure. Must not know any plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster.api.kinds import Kind
from cluster.apiserver import refusals
from cluster.apiserver.auth.rules import Who
from cluster.errors import StatusError

Object = dict[str, Any]

CREATE, UPDATE, DELETE, CONNECT = "CREATE", "UPDATE", "DELETE", "CONNECT"
NOBODY = Who("system:apiserver", ("system:masters",))
"""Who asks when the apiserver itself does."""


@dataclass(slots=True)
class Review:
    """Kubernetes' admission.Attributes. `obj`: as it is to be, None for a deletion; `old`: as it is, None for a
    creation. Plugins replace `obj`, and never change one in place."""

    kind: Kind
    operation: str
    obj: Object | None
    old: Object | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    who: Who = NOBODY
    dry_run: bool = False
    options: Object = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    """For the audit log."""

    @property
    def current(self) -> Object:
        """The object that it is about."""
        return self.obj if self.obj is not None else self.old or {}

    def spec(self) -> Object:
        """{} where it is not a map: validation will say so."""
        found = self.current.get("spec")
        return found if type(found) is dict else {}

    def with_spec(self, **fields: Any) -> None:
        assert self.obj is not None
        self.obj = {**self.obj, "spec": {**self.spec(), **fields}}

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def forbidden(self, why: str) -> StatusError:
        """In Kubernetes' words: pods "a" is forbidden: ..."""
        return refusals.forbidden(self.kind, self.name, why)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a plugin may look at, as last heard of. `find(kind, key)`, `all(kind)`, `within(kind, namespace)`: objects,
    none of a kind that there is not. `toleration_seconds`: what a pod gets for a node that is not ready."""

    toleration_seconds: int
    find: Callable[[str, str], Object | None]
    all: Callable[[str], Iterable[Object]]
    within: Callable[[str, str], Sequence[Object]]


Step = Callable[[Review, Sources], None]
"""Changes `review.obj`, warns, or refuses with a StatusError."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """`kinds`: that it concerns, by operation. `mutate` comes before defaults and validation of the object, `validate`
    after. Neither is called for subresources unless `subresources` names them."""

    name: str
    kinds: dict[str, tuple[str, ...]]
    mutate: Step | None = None
    validate: Step | None = None
    subresources: tuple[str, ...] = ("",)


def maps(value: Any) -> list[Object]:
    """The maps of a list; [] for what is none."""
    return [item for item in value if type(item) is dict] if type(value) is list else []
