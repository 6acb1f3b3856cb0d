"""Operations of clients as they saw them, collecting them while they run, and their file format (JSON lines).

Must not judge: no checker's rule lives here. Must not open files: text in, text out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from cluster.errors import UsageError

Kind = Literal["read", "write", "cas", "delete", "txn", "acquire", "release", "grant", "keepalive", "revoke"]
Outcome = Literal["ok", "fail", "unknown"]

KINDS: tuple[Kind, ...] = get_args(Kind)
OUTCOMES: tuple[Outcome, ...] = ("ok", "fail", "unknown")
FORMAT = 1
NEVER = math.inf
"""`end` of an operation whose fate is not known: it may take effect at any time after its start."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client, from its call to its return, on true time in seconds (one clock for all).

    `process`: index of the sequential actor; a client goes on under a new one after an unknown outcome (Jepsen).
    `outcome`: "ok" it was answered; "fail" it certainly did not happen (`StatusError.definite`); "unknown" it may
    have, or may yet. `key`, and what `value` is, and `result` when ok:

    | kind | value | result |
    |---|---|---|
    | read | None | the value; None: no such key |
    | write | what is written | None |
    | cas | (expected, new) | whether it swapped |
    | delete | None | whether it was there; None: nobody said |
    | txn (key: "") | micro-operations ("r", key, None), ("append", key, element) | the same, with what was read |
    | acquire (key: the lock) | owner, or (owner, seconds that it lasts unless kept alive) | False: somebody holds it |
    | release | owner | False: it was not its |
    | grant (key: the lease) | its seconds | its id |
    | keepalive (key: lease, or lock) | None; of a lock its owner | its seconds; False: it is gone |
    | revoke (key: the lease) | None | False: it was gone |
    | read (key: the lease) | None | the key that is attached to it; None: gone |

    `revision`: what a revisioned store answered with: the revision that a change made, or at which a read was
    answered; 0: none. `mode`: the read mode ("linearizable", "serializable", "" for the only one). `site`: where the
    client sits, or which replica it asked. `error`: the reason, when not ok.
    """

    client: str
    process: int
    kind: Kind
    key: str
    value: Any
    start: float
    end: float
    outcome: Outcome
    result: Any = None
    mode: str = ""
    site: str = ""
    error: str = ""
    revision: int = 0

    def sentence(self) -> str:
        """What it was, in words: 'write of 3 to "r" by c0 (1.200 to 1.310)'."""
        until = f"to {self.end:.3f}" if self.end < NEVER else "on, outcome unknown"
        who = f"by {self.client} ({self.start:.3f} {until})"
        if self.kind == "read":
            said = f" that returned {self.result!r}" if self.outcome == "ok" else ""
            return f'read of "{self.key}"{said} {who}'
        if self.kind == "write":
            return f'write of {self.value!r} to "{self.key}" {who}'
        if self.kind == "cas":
            expected, new = self.value
            said = {True: " that swapped", False: " that found another value"}.get(self.result, "")
            return f'compare-and-set of "{self.key}" from {expected!r} to {new!r}{said} {who}'
        if self.kind == "txn":
            return f"transaction {micro_text(self.result if self.outcome == 'ok' else self.value)} {who}"
        said = " that was refused" if self.outcome == "ok" and self.result is False else ""
        return f'{self.kind} of "{self.key}"{said} {who}'


def micro_text(steps: Iterable[tuple[str, Any, Any]]) -> str:
    """Micro-operations of a transaction in words: '[append 3 to "x", read "y" as (1, 2)]'."""
    told = [
        f'{name} {value!r} to "{key}"' if name != "r" else f'read "{key}"' + ("" if value is None else f" as {value}")
        for name, key, value in steps
    ]
    return f"[{', '.join(told)}]"


def freeze(value: Any) -> Any:
    """The same value, hashable: lists become tuples, mappings sorted tuples of pairs."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((key, freeze(item)) for key, item in value.items()))
    return value


class Recorder:
    """Collects the operations of any number of clients: `invoke` at the call, one of the others at the return.

    Operations that never returned are unknown. Times are given by the caller, all from one clock."""

    def __init__(self) -> None:
        self._open: dict[int, Operation] = {}
        self._done: list[tuple[int, Operation]] = []
        self._process: dict[str, int] = {}
        self._count = 0
        self._processes = 0

    def invoke(
        self, client: str, kind: Kind, key: str, value: Any, now: float, *, mode: str = "", site: str = ""
    ) -> int:
        """The number to hand to `ok`, `fail` or `unknown`. A client has at most one operation open."""
        if client not in self._process:
            self._process[client] = self._processes
            self._processes += 1
        self._count += 1
        self._open[self._count] = Operation(
            client, self._process[client], kind, key, freeze(value), now, NEVER, "unknown", None, mode, site
        )
        return self._count

    def ok(self, number: int, now: float, result: Any = None, revision: int = 0) -> None:
        self._close(number, "ok", now, freeze(result), revision=revision)

    def fail(self, number: int, now: float, error: str = "") -> None:
        """It certainly had no effect."""
        self._close(number, "fail", now, error=error)

    def unknown(self, number: int, error: str = "") -> None:
        """It may have happened, or may still. The client goes on as another process."""
        operation = self._close(number, "unknown", NEVER, error=error)
        self._process.pop(operation.client, None)

    def failed(self, number: int, now: float, *, definite: bool, error: str) -> None:
        """`fail` or `unknown`, as a `StatusError`'s flag says."""
        if definite:
            self.fail(number, now, error)
        else:
            self.unknown(number, error)

    def history(self) -> tuple[Operation, ...]:
        """All operations so far in the order of their calls; those still open as unknown."""
        everything = [*self._done, *self._open.items()]
        return tuple(operation for _, operation in sorted(everything, key=lambda pair: pair[0]))

    def _close(
        self, number: int, outcome: Outcome, end: float, result: Any = None, error: str = "", revision: int = 0
    ) -> Operation:
        was = self._open.pop(number)
        call = (was.client, was.process, was.kind, was.key, was.value, was.start)
        operation = Operation(*call, end, outcome, result, was.mode, was.site, error, revision)
        self._done.append((number, operation))
        return operation


def to_text(history: Iterable[Operation]) -> str:
    """JSON lines: a header {"format": 1}, then one operation a line; `end` is null when it is not known."""
    lines = [json.dumps({"format": FORMAT}), *(json.dumps(data_of(operation)) for operation in history)]
    return "\n".join(lines) + "\n"


def from_text(text: str, place: str = "history") -> tuple[Operation, ...]:
    """The operations of a history file; UsageError names the line. A torn last line is refused like any other."""
    return tuple(operation for operation, _ in numbered(text, place))


def numbered(text: str, place: str) -> Iterator[tuple[Operation, str]]:
    """Each operation with its place ("file:12")."""
    lines = text.splitlines()
    if not lines or _object(lines[0], f"{place}:1").get("format") != FORMAT:
        raise UsageError("not a history of this version", place=f"{place}:1", remedy=f'{{"format": {FORMAT}}} first')
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            here = f"{place}:{number}"
            yield operation_of(_object(line, here, last=number == len(lines)), here), here


def data_of(operation: Operation) -> dict[str, Any]:
    """Plain data; `end` None when it is not known."""
    return asdict(operation) | {"end": None if operation.end == NEVER else operation.end}


def _object(line: str, place: str, last: bool = False) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        remedy = "the file was cut off here: remove this line, or use --salvage" if last else "one JSON object a line"
        raise UsageError(f"not JSON: {error}", place=place, remedy=remedy) from None
    if not isinstance(data, dict):
        raise UsageError("not a JSON object", place=place, remedy="one operation a line")
    return data


_FIELDS = {field.name for field in fields(Operation)}
_NEEDED = ("client", "process", "kind", "key", "start", "outcome")


def operation_of(data: Mapping[str, Any], place: str) -> Operation:
    """An operation of plain data; UsageError names what it cannot be."""
    for name in data:
        if name not in _FIELDS:
            raise UsageError(f"unknown field {name!r}", place=place, remedy=f"known: {', '.join(sorted(_FIELDS))}")
    for name in _NEEDED:
        if name not in data:
            raise UsageError(f"{name!r} is missing", place=place, remedy=f"needed: {', '.join(_NEEDED)}")
    for name, known in (("kind", KINDS), ("outcome", OUTCOMES)):
        if data[name] not in known:
            raise UsageError(f"{name} {data[name]!r} is not possible", place=place, remedy=f"one of {', '.join(known)}")
    end = data.get("end")
    values = {"value": None, **data, "end": NEVER if end is None else end}
    for name in ("start", "end"):
        if type(values[name]) not in (int, float):
            raise UsageError(
                f"{name} {values[name]!r} is not a number of seconds", place=place, remedy="or null for an unknown end"
            )
    operation = Operation(**{**values, "value": freeze(values["value"]), "result": freeze(values.get("result"))})
    if operation.end < operation.start:
        raise UsageError(
            f"it ends at {operation.end}, before its start", place=place, remedy="both on one clock, in seconds"
        )
    check_value(operation, place)
    return operation


def check_value(operation: Operation, place: str) -> None:
    """UsageError if its value is not what its kind needs."""
    value = operation.value
    if operation.kind == "cas" and not (isinstance(value, tuple) and len(value) == 2):
        raise UsageError(
            f"the value of a cas is [expected, new], not {value!r}", place=place, remedy="for example [1, 2]"
        )
    if operation.kind == "grant" and type(value) not in (int, float):
        raise UsageError(f"the value of a grant is its seconds, not {value!r}", place=place, remedy="a number")
    if operation.kind != "txn":
        return
    told = (value, operation.result) if operation.outcome == "ok" else (value,)
    for steps in told:
        if not (isinstance(steps, tuple) and all(map(is_step, steps))):
            remedy = 'a list of ["r", key, null] and ["append", key, element]'
            raise UsageError(f"not the micro-operations of a transaction: {steps!r}", place=place, remedy=remedy)


def is_step(step: Any) -> bool:
    return isinstance(step, tuple) and len(step) == 3 and step[0] in ("r", "append")
