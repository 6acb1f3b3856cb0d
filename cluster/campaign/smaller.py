"""What a smaller story is: fewer strikes, shorter and weaker ones, fewer clients, keys, machines, less time.

Pure. Each candidate is a scenario of its own; that it can be run at all is for whoever runs it to find out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cluster.campaign.ddmin import lower, without
from cluster.scenario.model import Scenario, Shape, Step, Workload

SHORTEST = 1.0
"""Seconds of a timeline."""
WEAKENED = {"probability": 0.01, "by": 0.001, "jitter": 0.0, "correlation": 0.0, "spread": 0.0}
"""Arguments of strikes that may be less, and how little."""
GRAIN = 0.1
"""Seconds to which times are rounded when it makes no difference."""


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """The boldest first."""
    for steps in without(scenario.timeline):
        yield replace(scenario, timeline=steps)
    yield from _workloads(scenario)
    for shape in _shapes(scenario.shape):
        yield replace(scenario, shape=shape)
    for objects in without(scenario.shape.objects):
        yield replace(scenario, shape=replace(scenario.shape, objects=objects))
    for seconds in lower(scenario.seconds, SHORTEST):
        yield replace(scenario, seconds=round(seconds, 2))
    if scenario.settle > 0:
        yield replace(scenario, settle=0.0)
    for at, step in enumerate(scenario.timeline):
        for less in _steps(step):
            yield replace(scenario, timeline=(*scenario.timeline[:at], less, *scenario.timeline[at + 1 :]))
    if (rounded := plain(scenario)) != scenario:
        yield rounded


def _workloads(scenario: Scenario) -> Iterator[Scenario]:
    several = scenario.workloads
    if len(several) > 1:
        for rest in without(several):
            if rest:
                yield replace(scenario, workloads=rest)
    for at, workload in enumerate(several):
        for less in _workload(workload):
            yield replace(scenario, workloads=(*several[:at], less, *several[at + 1 :]))


def _workload(workload: Workload) -> Iterator[Workload]:
    for clients in lower(workload.clients, 1, whole=True):
        yield replace(workload, clients=int(clients))
    for keys in lower(workload.keys, 1, whole=True):
        yield replace(workload, keys=int(keys))
    for rate in lower(workload.rate, 1.0):
        yield replace(workload, rate=round(rate, 1))
    if workload.at:
        yield replace(workload, at=())


def _shapes(shape: Shape) -> Iterator[Shape]:
    """Members of a store by odd numbers."""
    if shape.only == "cluster":
        yield replace(shape, only="store", workers=0, objects=())
        for workers in lower(shape.workers, 1, whole=True):
            yield replace(shape, workers=int(workers))
    for masters in range(1, shape.masters, 2):
        yield replace(shape, masters=masters)
    if shape.options:
        for name in shape.options:
            yield replace(shape, options={key: value for key, value in shape.options.items() if key != name})
    if shape.zones:
        yield replace(shape, zones=())


def _steps(step: Step) -> Iterator[Step]:
    if step.steps:
        for inner in without(step.steps):
            if inner:
                yield replace(step, steps=inner)
        for at, one in enumerate(step.steps):
            for less in _steps(one):
                yield replace(step, steps=(*step.steps[:at], less, *step.steps[at + 1 :]))
    if step.every:
        for repeat in lower(step.repeat or 8, 1, whole=True):
            yield replace(step, repeat=int(repeat), every=step.every if repeat > 1 else 0.0)
    for lasting in lower(step.lasting, 0.05):
        yield replace(step, lasting=round(lasting, 3))
    if step.at is not None:
        for at_time in lower(step.at, 0.0):
            yield replace(step, at=round(at_time, 3))
    if step.after:
        for after in lower(step.after, 0.0):
            yield replace(step, after=round(after, 3))
    if step.action == "wait":
        for seconds in lower(float(step.args["for"]), 0.01):
            yield replace(step, args={**step.args, "for": round(seconds, 3)})
    for name, least in WEAKENED.items():
        value = step.args.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            for weaker in lower(value, least):
                yield replace(step, args={**step.args, name: round(weaker, 4)})


def plain(scenario: Scenario) -> Scenario:
    """The same with times that are easier to read."""
    timeline = tuple(_plain(step) for step in scenario.timeline)
    return replace(scenario, timeline=timeline, seconds=_round(scenario.seconds))


def _plain(step: Step) -> Step:
    changes: dict[str, Any] = {"lasting": _round(step.lasting)}
    if step.at is not None:
        changes["at"] = _round(step.at)
    return replace(step, **changes)


def _round(seconds: float) -> float:
    """Down to the grain (never up: shrinking must come to an end), but not to nothing."""
    rounded = round(math.floor(seconds / GRAIN + 1e-9) * GRAIN, 6)
    return rounded if rounded or not seconds else seconds
