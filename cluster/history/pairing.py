"""Operations out of events: each call with its answer, as Jepsen tells histories.

Must not know a file format, nor judge: it refuses what cannot have been a history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cluster.errors import UsageError
from cluster.history.record import KINDS, NEVER, Kind, Operation, check_value, freeze

EventType = Literal["invoke", "ok", "fail", "info"]
TYPES: tuple[EventType, ...] = ("invoke", "ok", "fail", "info")
FUNCTIONS: dict[str, Kind] = {
    **{kind: kind for kind in KINDS},
    "r": "read",
    "w": "write",
    "del": "delete",
    "lock": "acquire",
    "unlock": "release",
}
"""Jepsen's :f to our kinds."""


@dataclass(frozen=True, slots=True)
class Event:
    """`time`: seconds, never back from one event to the next. `extra`: fields of `Operation` that are known besides."""

    process: int
    type: EventType
    function: str
    key: str
    value: Any
    time: float
    place: str
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def pair(events: Iterable[Event]) -> tuple[Operation, ...]:
    """The operations in the order of their calls. `fail` certainly did not happen; `info`, and no answer at all, may
    have or may yet. UsageError names the event that makes no sense."""
    open_: dict[int, tuple[int, Operation]] = {}
    done: list[tuple[int, Operation]] = []
    before: Event | None = None
    for number, event in enumerate(events):
        if before is not None and event.time < before.time:
            text = f"time goes back, from {before.time:g} s to {event.time:g} s"
            raise UsageError(text, place=event.place, remedy="events in the order in which they happened")
        before = event
        if event.type == "invoke":
            if event.process in open_:
                raise UsageError(
                    f"process {event.process} calls while its {open_[event.process][1].kind} has no answer",
                    place=event.place,
                    remedy="one operation of a process at a time; after :info it goes on under another number",
                )
            open_[event.process] = (number, _called(event))
        else:
            called = open_.pop(event.process, None)
            if called is None:
                raise UsageError(
                    f"an answer that process {event.process} did not ask for",
                    place=event.place,
                    remedy=f"an :invoke of process {event.process} before it (is the beginning cut off?)",
                )
            done.append((called[0], _answered(called[1], event)))
    return tuple(operation for _, operation in sorted([*done, *open_.values()], key=lambda pair: pair[0]))


def kind_of(function: str, place: str) -> Kind:
    if function not in FUNCTIONS:
        raise UsageError(f"unknown function {function!r}", place=place, remedy=f"one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[function]


def _called(event: Event) -> Operation:
    kind = kind_of(event.function, event.place)
    client = f"process {event.process}"
    value = freeze(event.value)
    if kind in ("acquire", "release") and value is None:
        value = client
    operation = Operation(client, event.process, kind, event.key, value, event.time, NEVER, "unknown")
    operation = replace(operation, **event.extra) if event.extra else operation
    check_value(operation, event.place)
    return operation


def _answered(called: Operation, event: Event) -> Operation:
    kind = kind_of(event.function, event.place)
    if kind != called.kind:
        raise UsageError(
            f"process {event.process} asked for a {called.kind} and got the answer of a {kind}",
            place=event.place,
            remedy=f"the answer to the {called.kind}",
        )
    if event.type == "info":
        return replace(called, error=event.error)
    if event.type == "fail":
        return replace(called, end=event.time, outcome="fail", error=event.error)
    result = _result(kind, event.value)
    answered = replace(called, end=event.time, outcome="ok", **{"result": result, **event.extra})
    check_value(answered, event.place)
    return answered


def _result(kind: Kind, value: Any) -> Any:
    if kind in ("read", "txn"):
        return freeze(value)
    if kind in ("write", "delete"):
        return None
    return False if value is False else True
