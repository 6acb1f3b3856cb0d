"""What an action is given, and what it hands back.

Must not act.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from random import Random
from typing import Any, Literal, TypeVar

from cluster.errors import UsageError
from cluster.experiments.cast import Cast, Want
from cluster.experiments.observer import Observer
from cluster.experiments.stage import Stage
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Condition, Step, Target
from cluster.world.faults import Rule

Found = TypeVar("Found")
Undo = Callable[[], Awaitable[None]]
Proves = Literal["rules", "ends", "stops", "boots", "done"]
"""Where the evidence is: what its rules hit; that its targets ended, stood still or booted (the journal); that it was
carried out (what it did is seen by who asks)."""


@dataclass(slots=True)
class Deed:
    """`name`: a short description with whom it struck. `hits`: evidence that only the action has: (what, of what, hit,
    passed). `undo` None: there is nothing to undo."""

    name: str
    targets: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    hits: list[tuple[str, str, int, int]] = field(default_factory=list)
    proves: Proves = "rules"
    undo: Undo | None = None


@dataclass(slots=True)
class Act:
    """One strike of one entry of the timeline. `dice` are its own. `since`: when it was known whom it is about, on the
    run's clock: to find out may take a while, and only then does anything happen."""

    stage: Stage
    cast: Cast
    observer: Observer
    step: Step
    dice: Random
    since: float = 0.0

    def known(self, found: Found) -> Found:
        self.since = self.stage.book.now()
        return found

    def arg(self, name: str) -> Any:
        """As written, or the table's default."""
        default = ACTIONS[self.step.action].fields[name].default
        return self.step.args.get(name, default)

    async def targets(self, want: Want, name: str = "targets") -> tuple[str, ...]:
        return self.known(await self.cast.resolve(_several(self.arg(name)), self.dice, want))

    async def some(self, name: str) -> tuple[str, ...]:
        """Hosts or machines as they were named; empty for none given."""
        given = _several(self.arg(name))
        return self.known(await self.cast.resolve(given, self.dice) if given else ())

    async def machines(self) -> tuple[str, ...]:
        """All of the cluster."""
        return tuple(await self.stage.machines())

    async def install(self, rules: Sequence[Rule]) -> tuple[str, ...]:
        """Their ids. Each ends by itself: after the entry's `for`, or at the run's deadline, whatever becomes of us."""
        left = max(1.0, self.stage.deadline - self.stage.world.time())
        lasting = min(self.step.lasting, left) if self.step.lasting else left
        return tuple(await self.stage.world.faults(rules, lasting=lasting))

    def healing(self, rules: Sequence[str]) -> Undo:
        async def undo() -> None:
            for rule in rules:
                await self.stage.world.heal(rule)

        return undo

    def refuse(self, text: str, remedy: str = "") -> UsageError:
        return UsageError(text, place=self.step.place, remedy=remedy)

    def plain(self) -> dict[str, Any]:
        """The arguments as data, for the report."""
        return {name: _plain(value) for name, value in self.step.args.items()}


Strike = Callable[[Act], Awaitable[Deed]]


def _several(value: Any) -> tuple[Target, ...]:
    return (value,) if isinstance(value, Target) else tuple(value or ())


def _plain(value: Any) -> Any:
    if isinstance(value, Target | Condition):
        return value.text
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if is_dataclass(value) else value


def names(words: Sequence[str]) -> str:
    return ", ".join(words)
