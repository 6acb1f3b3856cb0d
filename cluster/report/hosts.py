"""Hosts over time: up, down or paused, and what the store's members said of role, term and log.

Pure: records in, changes out. Must not draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.history.run import Run
from cluster.world.journal import Record

UP, DOWN, PAUSED = "up", "down", "paused"
_CHANGES: Mapping[str, str] = {"boot": UP, "crash": DOWN, "exit": DOWN, "pause": PAUSED, "resume": UP}
_COMPONENTS = ("store", "apiserver", "controller-manager", "scheduler", "kubelet", "proxy")
_MESSAGES = ("send", "deliver", "drop")


@dataclass(slots=True)
class HostStory:
    """`life`: (time, "up" | "down" | "paused"). `roles`: (time, term, role, leader that it believes in) of a store
    member. `logs`: (time, term, last, commit, applied, snapshot). `offices`: (time, lease, role, holder) of a component
    that elects by a Lease. `cached`: (time, revision up to which its watch cache has everything) of an apiserver.
    `notes`: everything else that it noted: (time, event, data)."""

    name: str
    machine: str
    life: list[tuple[float, str]] = field(default_factory=list)
    roles: list[tuple[float, int, str, str]] = field(default_factory=list)
    logs: list[tuple[float, int, int, int, int, int]] = field(default_factory=list)
    offices: list[tuple[float, str, str, str]] = field(default_factory=list)
    cached: list[tuple[float, int]] = field(default_factory=list)
    notes: list[tuple[float, str, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def component(self) -> str:
        head, _, tail = self.name.rpartition("-")
        return head if tail.isdigit() else self.name

    @property
    def member(self) -> bool:
        """Is it a member of the store that told a role?"""
        return bool(self.roles or self.logs) or self.component == "store"

    def down_for(self, until: float) -> float:
        """Seconds in which it was down or paused."""
        total, since = 0.0, None
        for time, state in [*self.life, (until, UP)]:
            if since is not None:
                total += max(0.0, time - since)
            since = None if state == UP else time
        return total


def hosts(run: Run) -> list[HostStory]:
    """All hosts that journals or the run's own data name: the store first, then masters, then workers, then seats."""
    stories: dict[str, HostStory] = {}

    def story(name: str) -> HostStory:
        if name not in stories:
            stories[name] = HostStory(name, run.meta.machines.get(name, ""))
        return stories[name]

    for name in run.meta.machines:
        story(name)
    for record in sorted(run.records, key=lambda r: r[0]):
        if record[4] in _MESSAGES:
            story(record[2])
            story(record[6])
        elif _is_host(record, run):
            _note(story(record[2]), record)
    for name, found in stories.items():
        if not found.machine:
            found.machine = run.meta.machines.get(name, name)
    return sorted(stories.values(), key=_order)


def _is_host(record: Record, run: Run) -> bool:
    """The supervisor and the like write notes too; they are no hosts."""
    return len(record) == 6 and (record[4] in _CHANGES or record[2] in run.meta.machines)


def _note(story: HostStory, record: Record) -> None:
    time, event = record[0], record[4]
    data: Mapping[str, Any] = record[5] if isinstance(record[5], Mapping) else {}
    if event in _CHANGES:
        if not story.life or story.life[-1][1] != _CHANGES[event] or event == "boot":
            story.life.append((time, _CHANGES[event]))
    elif event == "role" and type(data.get("term")) is int:
        story.roles.append((time, data["term"], str(data.get("role", "")), str(data.get("leader", ""))))
    elif event == "role":
        story.offices.append((time, str(data.get("name", "")), str(data.get("role", "")), str(data.get("holder", ""))))
    elif event == "log":
        numbers = [data.get(name, 0) for name in ("term", "last", "commit", "applied", "snapshot")]
        if all(type(number) is int for number in numbers):
            story.logs.append((time, *numbers))
    elif event == "cached" and type(data.get("revision")) is int:
        story.cached.append((time, data["revision"]))
    elif event != "write":
        story.notes.append((time, event, data))


def _order(story: HostStory) -> tuple[int, str, int, str]:
    component = story.component
    rank = _COMPONENTS.index(component) if component in _COMPONENTS else len(_COMPONENTS)
    tail = story.name.rpartition("-")[2]
    return (rank, component, int(tail) if tail.isdigit() else 0, story.name)


def terms(stories: Iterable[HostStory]) -> list[tuple[int, float, str]]:
    """(term, time at which a leader of it is first heard of, that leader), in the order of terms."""
    found: dict[int, tuple[float, str]] = {}
    for story in stories:
        for time, term, role, _ in story.roles:
            if role == "leader" and (term not in found or time < found[term][0]):
                found[term] = (time, story.name)
    return [(term, *found[term]) for term in sorted(found)]
