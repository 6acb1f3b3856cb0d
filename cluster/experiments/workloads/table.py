"""The types of workload by name, and whether a scenario's workloads can be played.

Must not play them.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from cluster.errors import UsageError
from cluster.experiments.workloads.append import APPEND
from cluster.experiments.workloads.http import HTTP
from cluster.experiments.workloads.keyspace import KEYSPACE
from cluster.experiments.workloads.lease import LEASE
from cluster.experiments.workloads.lock import LOCK
from cluster.experiments.workloads.objects import OBJECTS
from cluster.experiments.workloads.player import Kindred
from cluster.experiments.workloads.register import REGISTER
from cluster.experiments.workloads.watch import WATCH
from cluster.scenario.model import Scenario, Workload

WORKLOADS: Mapping[str, Kindred] = {
    "register": REGISTER,
    "append": APPEND,
    "lock": LOCK,
    "lease": LEASE,
    "keyspace": KEYSPACE,
    "watch": WATCH,
    "objects": OBJECTS,
    "http": HTTP,
}


def find(workload: Workload, scenario: Scenario, world: str) -> Kindred:
    """UsageError for a type or option that there is not, or that this cluster or world cannot have."""
    found = WORKLOADS.get(workload.type)
    if found is None:
        near = difflib.get_close_matches(workload.type, WORKLOADS, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(WORKLOADS)}"
        raise UsageError(f"no workload {workload.type!r}", place=workload.place, remedy=remedy)
    for name, value in workload.options.items():
        if name not in found.options:
            remedy = f"one of {', '.join(found.options) or 'none: it has no options'}"
            raise UsageError(f"{workload.type} has no option {name!r}", place=workload.place, remedy=remedy)
        default = found.options[name]
        fits = isinstance(value, int | float) if isinstance(default, int | float) else isinstance(value, type(default))
        if not fits or isinstance(value, bool) is not isinstance(default, bool):
            remedy = f"such as {default!r}"
            raise UsageError(f"{name} of {value!r} is not possible", place=workload.place, remedy=remedy)
    if found.needs == "cluster" and scenario.shape.only == "store":
        remedy = "cluster: {only: cluster}"
        raise UsageError(f"{workload.type} asks apiservers, and there are none", place=workload.place, remedy=remedy)
    if world not in found.worlds:
        remedy = f"run it with --world {found.worlds[0]}"
        text = f"{workload.type} cannot be played in {world}: {found.only_because}"
        raise UsageError(text, place=workload.place, remedy=remedy)
    return found
