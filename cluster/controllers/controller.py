"""What a controller is: the kinds it watches, how a change maps to keys, and its reconcile function.

Must not run anything: the manager owns queues, workers and elections.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from cluster.api import meta
from cluster.config import Timing
from cluster.controllers.plan import Object, Plan


class View(Protocol):
    """What a reconciler may look at: the caches. Objects are shared: never changed in place."""

    def get(self, kind: str, namespace: str, name: str) -> Object | None: ...

    def list(self, kind: str, namespace: str | None = None) -> builtins.list[Object]:
        """Sorted by key; None: of all namespaces."""
        ...

    def owned_by(self, uid: str, kind: str) -> builtins.list[Object]:
        """Those that name `uid` in metadata.ownerReferences, sorted by key."""
        ...

    def dependents(self, uid: str) -> builtins.list[Object]:
        """The same of all kinds, sorted by kind and key."""
        ...

    def heard(self, kind: str) -> int:
        """The revision up to which everything of this kind has been told."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last attempt at this key stopped: `verb` of the action that failed ("create", "delete", ...)."""

    verb: str
    kind: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a reconciler is given besides the view.

    `now`: seconds since 1970, for stamps. `monotonic`: seconds that never jump, for what was observed and when.
    `memory`: what the controller made with its `memory()`; it lives as long as the process."""

    now: float
    timing: Timing
    rng: Random
    monotonic: float = 0.0
    failure: Failure | None = None
    memory: Any = None


Keys = Callable[[View, str, Object | None, Object | None], Iterable[str]]
"""(view, kind, old, new) -> the keys to look at. `old` None: added (or a resync), `new` None: deleted."""


def _no_memory() -> None:
    return None


def _observe_nothing(memory: Any, kind: str, old: Object | None, new: Object | None, monotonic: float) -> None:
    """Most controllers need only the caches."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One row of the manager's table.

    `observe` is told of every change, leading or not, so that a standby knows what it must have seen by then."""

    name: str
    kinds: tuple[str, ...]
    keys: Keys
    reconcile: Callable[[View, str, Context], Plan]
    workers: int = 4
    memory: Callable[[], Any] = _no_memory
    observe: Callable[[Any, str, Object | None, Object | None, float], None] = _observe_nothing
    all_kinds: bool = False
    """Besides `kinds` it is told of objects of all others, those to come too: of those that no controller names, only
    the metadata."""
    extra_keys: tuple[str, ...] = field(default=())
    """Keys that no object maps to, looked at from the start of each term."""


def own_and_owned(owner_kind: str) -> Keys:
    """Keys of a workload: itself, the controller of what it owns, and every one that may adopt an orphan."""

    def keys(view: View, kind: str, old: Object | None, new: Object | None) -> Iterator[str]:
        if kind == owner_kind:
            yield meta.key_of(new or old or {})
            return
        owned = False
        for obj in (old, new):
            reference = meta.controller_of(obj) if obj is not None else None
            if obj is not None and reference is not None:
                owned = owned or obj is new
                if reference["kind"] == owner_kind:
                    yield f"{meta.namespace_of(obj)}/{reference['name']}"
        if new is not None and not owned:
            for candidate in view.list(owner_kind, meta.namespace_of(new)):
                yield meta.key_of(candidate)

    return keys


def changed(old: Object | None, new: Object | None, *paths: str) -> bool:
    """Whether anything at one of the dotted paths differs; true when it was added or deleted."""
    if old is None or new is None:
        return True
    return any(_at(old, path) != _at(new, path) for path in paths)


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj
