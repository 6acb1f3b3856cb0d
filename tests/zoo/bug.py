"""What a planted bug is. Must not plant any: `bugs/` has one file for each component.

A bug takes one rule out of the product by putting another function in the place of the one that holds it, while a story
runs; nothing in the product knows of it, and nothing that production imports can reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from tests.store.raft.bugs import Patch

Component = Literal["store", "apiserver", "controllers", "scheduler", "kubelet", "proxy"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Install = Callable[[Patch], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """`rule`: what holds without it, in words; `source`: who asks for it. `story`: of `tests.zoo.stories`, that brings
    it about; `check`: of `cluster.history.checks`, that must find it (of the store: a check of its own proof)."""

    name: str
    component: Component
    rule: str
    source: str
    story: str
    check: str
    install: Install


class Register(Protocol):
    """As a decorator of the function that installs the bug."""

    def __call__(
        self, name: str, rule: str, source: str, *, story: str, check: str
    ) -> Callable[[Install], Install]: ...


def register(component: Component, shelf: dict[str, Bug]) -> Register:
    """`planted` for one component: what it decorates is put on the shelf under its name."""

    def planted(name: str, rule: str, source: str, *, story: str, check: str) -> Callable[[Install], Install]:
        def put(install: Install) -> Install:
            shelf[name] = Bug(name, component, rule, source, story, check, install)
            return install

        return put

    return planted
