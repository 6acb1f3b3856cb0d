"""What a reconciler wants done, as values: its whole output, and what its tests assert.

Must not do anything. The manager carries actions out in order and stops at the first that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    obj: Object


@dataclass(frozen=True, slots=True)
class Update:
    """Replace by the object as given; its metadata.resourceVersion is the precondition. `subresource`: "", "status"
    or (Namespace) "finalize"."""

    obj: Object
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A JSON merge patch. metadata.uid and metadata.resourceVersion in it are preconditions."""

    kind: str
    namespace: str
    name: str
    patch: Object
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """`uid`: only if it still is that object. `grace`: seconds, None for the object's own."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    propagation: Literal["", "Background", "Foreground", "Orphan"] = ""
    grace: int | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """An Event about `about`."""

    about: Object
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Go on only if a live (linearizable) read agrees; else stop, and look again with what it said in the cache.

    `gone`: no object of that name has this uid. `alive`: it has, and is not being deleted. `unchanged`: it still
    has this resourceVersion ("": there is none such)."""

    kind: str
    namespace: str
    name: str
    expect: Literal["gone", "alive", "unchanged"]
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Purge:
    """Delete everything in a namespace, of whatever kind; go on only if there was nothing any more."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Recount:
    """Replace an object's status by `status(object, [(kind, object), ...])` of all objects of `kinds(object)` in its
    namespace, read live: the object first. One that has changed since is a Conflict, and is looked at again."""

    kind: str
    namespace: str
    name: str
    kinds: Callable[[Object], Sequence[str]]
    status: Callable[[Object, Sequence[tuple[str, Object]]], Object]


Write = Create | Update | Patch | Delete
Action = Write | Emit | Verify | Purge | Recount


@dataclass(frozen=True, slots=True)
class Plan:
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
    """Look again after so many seconds even if nothing changes."""


DONE = Plan()


@dataclass(slots=True)
class PlanBuilder:
    """Collects actions in order; `build()` freezes them."""

    actions: list[Action] = field(default_factory=list)
    requeue_after: float | None = None

    def add(self, action: Action) -> None:
        self.actions.append(action)

    def again_after(self, seconds: float) -> None:
        """The earliest of all requests wins."""
        if self.requeue_after is None or seconds < self.requeue_after:
            self.requeue_after = seconds

    def build(self) -> Plan:
        return Plan(tuple(self.actions), self.requeue_after)
