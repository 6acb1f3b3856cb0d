"""One run of a scenario in any world: boot, steady state, workload and timeline, healing, settling, and the `Run`.

Must not know which world it is, nor judge, print or write files. However it ends, what it did is undone.

    run = await run_scenario(world, scenario, seed)                 in the world's own loop
    run = simulate(scenario, seed)                                  in a world of its own, to the byte
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cluster.errors import StatusError, UsageError
from cluster.experiments import finals, setting
from cluster.experiments.book import Book, Tell, silent
from cluster.experiments.evidence import prove, unexpected_ends
from cluster.experiments.observer import Observer
from cluster.experiments.playing import Players
from cluster.experiments.stage import SIM, Stage, Venue, cluster_spec
from cluster.experiments.timeline import Timeline
from cluster.history.run import Meta, Run
from cluster.scenario.model import Scenario
from cluster.world.host import Address
from cluster.world.journal import Record
from cluster.world.scenario import World
from cluster.world.sim import SimWorld

MARGIN = 120.0
"""Seconds over what a run may take at the least, after which its rules end by themselves."""
HEAL = 60.0
"""Seconds that healing may take."""


class Runner:
    """`run` does it; `result` gives what there is of it at any moment, also after it was interrupted."""

    def __init__(self, world: World, scenario: Scenario, seed: int, venue: Venue = SIM, tell: Tell = silent) -> None:
        """UsageError for what can be seen to be impossible before anything is started."""
        spec = venue.spec or cluster_spec(scenario, venue)
        self.world = world
        self.scenario = scenario
        self._began = world.time()
        self.book = Book(lambda: world.time() - self._began, tell)
        self.stage = Stage(world, scenario, spec, venue, seed, self.book)
        self.stage.deadline = self._began + _longest(scenario) + MARGIN
        self.players = Players(self.stage)
        self._observer = Observer(self.stage)
        self._timeline = Timeline(self.stage, self._observer)
        self._machines: dict[Address, str] = {}
        self._complete = False
        setting.check(scenario, venue.name, venue.spec)

    async def run(self) -> None:
        """To its end. Raises what ended it early, after healing."""
        try:
            await self._boot()
            await self._steady(self.scenario.steady.within, "steady")
            await self.players.begin()
            self.book.enter("timeline")
            await self._timeline.play()
        except (StatusError, TimeoutError) as error:
            self.book.problem = self.book.problem or str(error)
        except BaseException as error:
            self.book.problem = self.book.problem or _reason(error)
            await self._end()
            raise
        await self._heal()
        if not self.book.problem:
            await self._settle()
            self._complete = not self.book.problem
        await self._end()

    async def _boot(self) -> None:
        self.book.enter("boot")
        if self.stage.venue.spec is None:
            await setting.boot(self.stage)
        else:
            self.stage.before = {name: s.state for name, s in (await self.world.census()).items()}
        await self._remember_machines()
        await self._observer.begin()
        await setting.ready(self.stage, self._observer)
        if self.stage.venue.spec is not None:
            await setting.clear(self.stage)
        await setting.apply_objects(self.stage)

    async def _steady(self, within: float, phase: str) -> None:
        """TimeoutError for the first condition that does not hold in time."""
        self.book.enter(phase)
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        for condition in self.scenario.steady.conditions:
            held = await self._timeline.conditions.wait(condition, max(0.0, end - loop.time()))
            if not held:
                self.book.moment(
                    f"steady state: {condition.text}", self.scenario.place, "violated" if held is False else "unknown"
                )
                raise TimeoutError(f"not within {within:g} s in the steady state: {condition.text}")
            self.book.moment(f"steady state: {condition.text}", self.scenario.place, "ok")

    async def _heal(self) -> None:
        """Everything, in any case; then the steady state again."""
        self.book.enter("healing")
        await self._timeline.undo_all()
        await setting.mend(self.stage)
        if self.book.problem:
            return
        try:
            await setting.ready(self.stage, self._observer)
            await self._steady_again()
        except (StatusError, TimeoutError) as error:
            self.book.moment(f"healed, but {error}")

    async def _steady_again(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self.scenario.steady.after
        for condition in self.scenario.steady.conditions:
            held = await self._timeline.conditions.wait(condition, max(0.0, end - loop.time()))
            outcome = "ok" if held else "violated" if held is False else "unknown"
            self.book.moment(f"steady state again: {condition.text}", self.scenario.place, outcome)

    async def _settle(self) -> None:
        self.book.enter("settle")
        await asyncio.sleep(self.scenario.settle)
        await self.players.end()
        self.book.finals.update(await finals.collect(self.stage))

    async def _end(self) -> None:
        """Whatever happened: nothing of ours is left in the cluster."""
        await self.players.end()
        if self.book.phases and not {"healing"} & set(self.book.phases):
            self.book.enter("healing")
            await self._timeline.undo_all()
            await setting.mend(self.stage)
        self.book.enter("")
        if self.stage.venue.spec is not None:
            try:
                await setting.clear(self.stage)
            except StatusError as error:
                self.book.say(f"its keys and objects are left: {error}")
        await self._observer.end()
        await self._remember_machines()

    async def _remember_machines(self) -> None:
        for name, standing in (await self.world.census()).items():
            self._machines[name] = standing.machine

    # ── the result ───────────────────────────────────────────────────────────────────────────────────────────

    async def result(self, digest: str = "") -> Run:
        """What was recorded so far. (The journal as it is now: call it when the run is over.)"""
        return self.put_together(await self.world.journal(), await self.world.evidence(), digest)

    def put_together(self, journal: Any, evidence: Mapping[str, Any], digest: str = "") -> Run:
        began = self._began
        records = tuple(_relative(r, began) for r in journal if r[0] >= began) if began else tuple(journal)
        book = self.book
        strikes = prove(book.strikes, self._timeline.deeds, evidence, records)
        return Run(
            self._meta(digest),
            self.scenario.text,
            book.recorder.history(),
            tuple(strikes),
            (*book.moments, *unexpected_ends(strikes, records)),
            records,
            tuple(book.events),
            tuple(book.watches),
            dict(book.finals),
        )

    def _meta(self, digest: str) -> Meta:
        stage, scenario = self.stage, self.scenario
        return Meta(
            scenario.name,
            scenario.title,
            stage.venue.name,
            stage.seed,
            stage.spec.engine,
            self.book.now(),
            stage.venue.began,
            stage.venue.replay,
            digest,
            stage.spec.profile,
            {**self._machines, **self.players.machines},
            asdict(stage.spec.timing),
            dict(self.book.phases),
            self._complete,
            self.book.problem,
            stage.venue.schedule,
        )


async def run_scenario(world: World, scenario: Scenario, seed: int, venue: Venue = SIM, tell: Tell = silent) -> Run:
    """The run, complete or not (`meta.complete`, `meta.problem`). UsageError for what is impossible from the start."""
    runner = Runner(world, scenario, seed, venue, tell)
    await runner.run()
    return await runner.result()


def simulate(scenario: Scenario, seed: int, *, venue: Venue = SIM, tell: Tell = silent) -> Run:
    """In a simulated world of its own. What a component raises in a callback ends the run: then it is not complete."""
    with SimWorld(seed, tolerate_exits=True, schedule=venue.schedule) as world:
        runner = Runner(world, scenario, seed, venue, tell)
        try:
            world.run(runner.run())
        except UsageError:
            raise
        except (Exception, KeyboardInterrupt) as error:  # of a component, whatever it is: the run ends here
            runner.book.problem = _reason(error)
        return runner.put_together(world.board.records, world.board.rules.counts(), world.digest())


def _relative(record: Record, began: float) -> Record:
    return (record[0] - began, *record[1:])


def _reason(error: BaseException) -> str:
    name = type(error).__name__
    if name in ("KeyboardInterrupt", "CancelledError"):
        return "it was interrupted"
    return f"{name}: {error}" if str(error) else name


def _longest(scenario: Scenario) -> float:
    """Seconds that the run may take, roughly: what each part may wait, together."""

    def steps(several: Any) -> float:
        total = 0.0
        for step in several:
            waits = step.within if step.when is not None or step.action == "await" else 0.0
            total += waits + step.after + (step.at or 0.0) + step.lasting + float(step.args.get("for") or 0.0)
            total += steps(step.steps)
        return total

    steady = scenario.steady
    return 60.0 + steady.within + steady.after + scenario.settle + scenario.seconds + steps(scenario.timeline)
