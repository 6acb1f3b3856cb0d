"""strike: one entry of a timeline against a running cluster, with everything that entries can say.

    launch.py strike "kill: leader:store" --for 5s
    launch.py strike '{"await": "all nodes are Ready", "within": "30s"}'

Must not know what an action does (`cluster.experiments.strikes`). What it did is undone when it ends, however it ends.
Exit status: 0 done (an `await` held), 1 it could not be done or did not hold, 2 nobody could say.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import click

from cluster.cli.session import CLIENT_MACHINE, Session, command
from cluster.config import ClusterSpec
from cluster.errors import UsageError
from cluster.experiments.book import Book
from cluster.experiments.observer import Observer
from cluster.experiments.stage import Stage, Venue
from cluster.experiments.timeline import Timeline
from cluster.rpc import Rpc
from cluster.scenario import meaning, reader
from cluster.scenario.actions import ACTIONS
from cluster.scenario.model import Scenario, Shape
from cluster.scenario.units import duration
from cluster.topology import members
from cluster.world.host import Address

MARGIN = 120.0
"""Seconds over what the entry may take, after which its rules end by themselves even if this process is gone."""


class _Stage(Stage):
    """With a seat of this process's own: several of them may strike one cluster at a time."""

    async def seat(self, name: Address, machine: str) -> Rpc:
        return await super().seat(f"{name}-{os.getpid()}", CLIENT_MACHINE)


@click.command("strike")
@click.argument("text", metavar="ENTRY")
@click.option("--for", "lasting", default="", help="How long it lasts, if the entry does not say it: 5s.")
@click.option("--seed", default=0, help="Of the dice.", show_default=True)
@command
async def strike_command(text: str, lasting: str, seed: int, cluster: str) -> int:
    """Carry out one ENTRY of a timeline, such as "kill: leader:store", and undo it when it is over.

    See docs/scenarios.md for all actions. An `await` waits until a condition holds; its exit status says whether it
    did."""
    async with Session(cluster) as session:
        scenario = _scenario(text, lasting, session.spec)
        return await _play(session, scenario, seed)


def _scenario(text: str, lasting: str, spec: ClusterSpec) -> Scenario:
    shape = Shape(
        masters=max(spec.masters, len(members(spec))), workers=spec.workers, zones=spec.zones, engine=spec.engine
    )
    scenario = reader.entry(text, shape)
    if len(scenario.timeline) != 1:
        raise UsageError(f"{len(scenario.timeline)} entries", place="entry", remedy="one, or `parallel`, or `sequence`")
    step = scenario.timeline[0]
    if lasting:
        if not ACTIONS[step.action].lasts or step.lasting:
            text = "says it already" if step.lasting else "is over at once"
            raise UsageError(f"{step.action} {text}", place="--for", remedy="leave it out")
        step = replace(step, lasting=duration(lasting))
    for inner in meaning.every_step((step,)):
        if ACTIONS[inner.action].lasts and not inner.lasting:
            remedy = "for: 5s in the entry, or --for 5s; it is undone then"
            raise UsageError(f"how long does {inner.action} last?", place=inner.place, remedy=remedy)
    return replace(scenario, timeline=(step,))


async def _play(session: Session, scenario: Scenario, seed: int) -> int:
    world = session.world
    began = world.time()
    book = Book(lambda: world.time() - began)
    venue = Venue("proc", session.spec)
    stage = _Stage(world, scenario, session.spec, venue, seed, book)
    waits = sum(s.within for s in meaning.every_step(scenario.timeline) if s.action == "await" or s.when is not None)
    stage.deadline = began + meaning.least(scenario.timeline) + waits + MARGIN
    observer = Observer(stage)
    timeline = Timeline(stage, observer)
    try:
        await observer.begin()
        await timeline.play()
    finally:
        await timeline.undo_all()
        await observer.end()
        await stage.close()
    return _tell(book)


def _tell(book: Book) -> int:
    """What came of it, line by line; the exit status."""
    status = 0
    for strike in book.strikes:
        if strike.error:
            status = max(status, 1)
            print(f"error: {strike.name}: {strike.error}", file=sys.stderr)
        else:
            whom = ", ".join(strike.targets)
            print(f"{strike.name}{f' ({whom})' if whom and whom not in strike.name else ''}")
    for moment in book.moments:
        print(f"{moment.text}{': ' + moment.outcome if moment.outcome else ''}")
        status = max(status, {"violated": 1, "unknown": 2}.get(moment.outcome, 0))
    return status
