"""Tells one story to a cluster, healthy or with a bug in it, and has it judged.

Must not decide what a bug is, nor what is wrong: checks do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from cluster.history.checks import judge
from cluster.history.finding import Finding, Verdict
from cluster.history.run import Run
from cluster.world.sim import SimWorld
from tests.zoo.bug import Bug
from tests.zoo.stage import Stage
from tests.zoo.stories import STORIES, Story


@dataclass(frozen=True, slots=True)
class Told:
    """`digest`: of everything that happened, message by message."""

    run: Run
    verdict: Verdict
    digest: str

    @property
    def violated(self) -> Mapping[str, Finding]:
        """Checks that found something, by name."""
        found = (judged.finding for judged in self.verdict.judged)
        return {finding.check: finding for finding in found if finding.said == "violated"}


def tell(name: str, seed: int, bug: Bug | None = None) -> Told:
    """Raises what a component raises: a crash is no finding."""
    story = STORIES[name]
    with pytest.MonkeyPatch.context() as patch, SimWorld(seed, keep_records=False) as world:
        if bug is not None:
            bug.install(patch)
        stage = Stage(world, name, seed, story.shape)
        world.run(_whole(stage, story))
        run = stage.run()
        return Told(run, judge(run, story.checks), world.digest())


async def _whole(stage: Stage, story: Story) -> None:
    await stage.boot()
    acts = {f"{at}-{act.__name__}": act for at, act in enumerate(story.acts)}
    await stage.play(acts, story.seconds, story.settle)
