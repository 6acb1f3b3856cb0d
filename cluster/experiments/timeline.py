"""The timeline told in its order: when each entry begins, how often, how long it lasts, and that all of it is undone.

Must not know what an action does (`strikes`). Whatever happens, `undo_all` leaves nothing in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.errors import StatusError, UsageError
from cluster.experiments.cast import Cast
from cluster.experiments.conditions import Conditions
from cluster.experiments.observer import Observer
from cluster.experiments.stage import Stage
from cluster.experiments.strikes.deed import Act, Deed
from cluster.experiments.strikes.table import STRIKES
from cluster.history.run import LinkCount, Strike
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Condition, Step

MOMENTS = ("objects", "control")
"""Groups of actions that are no faults: they are moments of the run."""
SLOW = ("grow", "shrink", "replaceMember", "join", "leave", "drain")
"""Actions that take their time: the timeline goes on meanwhile."""
UNDO = 30.0
"""Seconds that undoing one strike may take before the next one is undone."""


@dataclass(slots=True)
class Standing:
    """A strike that is in force."""

    number: int
    entry: str
    deed: Deed


class Timeline:
    def __init__(self, stage: Stage, observer: Observer) -> None:
        self.stage = stage
        self.observer = observer
        self.cast = Cast(observer)
        self.conditions = Conditions(observer, self.cast)
        self.deeds: dict[int, Deed] = {}
        """By the strike's number."""
        self._book = stage.book
        self._standing: list[Standing] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._repeating: set[asyncio.Task[None]] = set()
        self._began = 0.0
        self._changes = [c for c in _conditions(stage.scenario.timeline) if c.predicate in ("changed", "changed hands")]

    async def play(self) -> None:
        """All entries, and at least the scenario's `seconds`; returns when the last has ended. A strike that could not
        be carried out is in the book with its reason."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        await self.conditions.remember(self._changes)
        await self._sequence(self.stage.scenario.timeline, "")
        while self._tasks:
            await asyncio.wait(self._tasks)
        left = self._began + self.stage.scenario.seconds - loop.time()
        if left > 0:
            await asyncio.sleep(left)

    # ── when ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _sequence(self, steps: Sequence[Step], path: str) -> None:
        loop = asyncio.get_running_loop()
        for number, step in enumerate(steps):
            begin = loop.time() + step.after if step.at is None else self._began + step.at
            await asyncio.sleep(max(0.0, begin - loop.time()))
            await self._entry(step, f"{path}/{number}")

    async def _entry(self, step: Step, path: str) -> None:
        """Begin one entry; return when the next one may begin."""
        if step.when is not None and not await self.conditions.wait(step.when, step.within):
            text = f"not within {step.within:g} s: {step.when.text}; {step.action} was left out"
            self._book.moment(text, step.place, "unknown")
            return
        if step.every > 0:
            await self._once(step, f"{path}#0")
            ends = step.repeat > 0 or step.until is not None
            self._spawn(self._again(step, path), self._tasks if ends else self._repeating)
        elif step.action in SLOW:
            self._spawn(self._once(step, path), self._tasks)
        else:
            await self._once(step, path)

    async def _again(self, step: Step, path: str) -> None:
        """`until` is given up as unknown after `within`."""
        loop = asyncio.get_running_loop()
        count, end = 1, loop.time() + step.within
        while step.repeat == 0 or count < step.repeat:
            if step.until is None:
                await asyncio.sleep(step.every)
            elif await self.conditions.wait(step.until, step.every):
                return
            elif loop.time() >= end:
                text = f"{step.action} every {step.every:g} s: not within {step.within:g} s: {step.until.text}"
                self._book.moment(text, step.place, "unknown")
                return
            await self._once(step, f"{path}#{count}")
            count += 1

    def _spawn(self, work: Coroutine[Any, Any, None], group: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        group.add(task)
        task.add_done_callback(lambda done: self._done(done, group))

    def _done(self, task: asyncio.Task[None], group: set[asyncio.Task[None]]) -> None:
        group.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._book.problem = self._book.problem or f"{type(error).__name__}: {error}"

    # ── what ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _once(self, step: Step, path: str) -> None:
        dice = self.stage.dice(f"timeline{path}")
        if step.chance < 1 and dice.random() >= step.chance:
            self._book.moment(f"{step.action}: the dice left it out", step.place)
            return
        match step.action:
            case "wait":
                await asyncio.sleep(float(step.args["for"]))
            case "say":
                self._book.moment(str(step.args["text"]), step.place)
            case "await":
                await self._await(step)
            case "heal":
                await self._heal(step)
            case "sequence":
                await self._sequence(step.steps, path)
            case "parallel":
                branches = [self._entry_after(s, f"{path}/{i}") for i, s in enumerate(step.steps)]
                await asyncio.gather(*branches)
            case _:
                await self._strike(step, Act(self.stage, self.cast, self.observer, step, dice))

    async def _entry_after(self, step: Step, path: str) -> None:
        await self._sequence((step,), path)

    async def _await(self, step: Step) -> None:
        condition: Condition = step.args["condition"]
        never = step.args.get("expect", "yes") == "never"
        held = await self.conditions.wait(condition, step.within)
        outcome = "unknown" if held is None else "ok" if held is not never else "violated"
        must = f"must never hold within {step.within:g} s" if never else f"within {step.within:g} s"
        self._book.moment(f"await {condition.text} ({must})", step.place, outcome)

    async def _strike(self, step: Step, act: Act) -> None:
        action = ACTIONS[step.action]
        since, number = self._book.now(), -1
        error = ""
        if action.group not in MOMENTS:
            await self.conditions.remember(self._changes)
        try:
            deed = await STRIKES[step.action](act)
        except UsageError as problem:
            error = problem.args[0] + (f"; {problem.remedy}" if problem.remedy else "")
        except (StatusError, OSError) as problem:
            error = str(problem)
        if error:
            deed = Deed(f"{step.action}", args=act.plain())
        if action.group in MOMENTS:
            self._book.moment(f"{deed.name}{f': {error}' if error else ''}", step.place, "unknown" if error else "")
            return
        if error:
            self._book.moment(f"{step.action} could not be carried out: {error}", step.place, "unknown")
        lasts = deed.undo is not None
        number = self._book.strike(
            Strike(
                "",
                step.action,
                step.name or deed.name,
                step.place,
                max(since, act.since),
                None if lasts and not error else self._book.now(),
                deed.targets,
                deed.groups,
                deed.args,
                deed.rules,
                tuple(LinkCount(*row) for row in deed.hits),
                error=error,
            )
        )
        self.deeds[number] = deed
        if deed.undo is not None:
            standing = Standing(number, step.name, deed)
            self._standing.append(standing)
            if step.lasting > 0:
                self._spawn(self._expire(standing, since + step.lasting), self._tasks)

    async def _expire(self, standing: Standing, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self._book.now()))
        await self._undo(standing)

    # ── undoing ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _heal(self, step: Step) -> None:
        name = str(step.args.get("name") or "")
        chosen = [s for s in self._standing if not name or name == s.entry]
        if name and not chosen:
            known = ", ".join(dict.fromkeys(s.entry for s in self._standing if s.entry)) or "none is in force"
            self._book.moment(f"heal {name}: no such fault is in force ({known})", step.place, "unknown")
        for standing in reversed(chosen):
            await self._undo(standing)

    async def _undo(self, standing: Standing) -> None:
        if standing not in self._standing:
            return
        self._standing.remove(standing)
        undo = standing.deed.undo
        assert undo is not None
        try:
            async with asyncio.timeout(UNDO):
                await undo()
        except (StatusError, UsageError, OSError) as error:  # TimeoutError is an OSError
            self._book.say(f"undoing {standing.deed.name}: {type(error).__name__}: {error}")
            self._book.problem = self._book.problem or f"{standing.deed.name} could not be undone: {error}"
        self._book.over(standing.number)

    async def undo_all(self) -> None:
        """The last first; then whatever is left of anything."""
        for task in [*self._repeating, *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._repeating, *self._tasks, return_exceptions=True)
        for standing in reversed(list(self._standing)):
            await self._undo(standing)


def _conditions(steps: Sequence[Step]) -> list[Condition]:
    found: list[Condition] = []
    for step in steps:
        found += [c for c in (step.when, step.until, step.args.get("condition")) if isinstance(c, Condition)]
        found += _conditions(step.steps)
    return found
