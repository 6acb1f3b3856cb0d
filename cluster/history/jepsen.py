"""Reading what Jepsen logged about one register: lines of process, event, function and value.

Must not judge, and must not open files. Lines of other loggers are skipped.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from cluster.errors import UsageError
from cluster.history.record import NEVER, Kind, Operation

_LINE = re.compile(r"jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.+?)\s*$")
_KINDS: dict[str, Kind] = {"read": "read", "write": "write", "cas": "cas"}


def from_log(text: str, key: str = "register", place: str = "log") -> tuple[Operation, ...]:
    """The operations in the order of their calls. Time is the number of the line, so nothing is simultaneous.

    `:fail` certainly did not happen; `:info`, and no answer at all, may have or may yet. A compare-and-set that failed
    is taken as just that: why it failed is not known. UsageError names the line that makes no sense."""
    open_: dict[int, Operation] = {}
    done: list[Operation] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.search(line)
        if match is None:
            continue
        here = f"{place}:{number}"
        process, event, kind = int(match[1]), match[2], _KINDS[match[3]]
        if event == "invoke":
            if process in open_:
                raise UsageError(f"process {process} calls before it has an answer", place=here)
            value = _value(match[4], here)
            open_[process] = Operation(f"process {process}", process, kind, key, value, float(number), NEVER, "unknown")
            continue
        if process not in open_ or open_[process].kind != kind:
            raise UsageError(f"an answer that process {process} did not ask for", place=here)
        called = open_.pop(process)
        if event == "ok":
            result = _value(match[4], here) if kind == "read" else kind == "cas" or None
            called = replace(called, end=float(number), outcome="ok", result=result)
        elif event == "fail":
            called = replace(called, end=float(number), outcome="fail")
        done.append(called)
    return tuple(sorted([*done, *open_.values()], key=lambda o: o.start))


def _value(text: str, place: str) -> Any:
    if text in ("nil", ":timed-out"):
        return None
    if text.startswith("[") and text.endswith("]"):
        return tuple(_value(part, place) for part in text[1:-1].split())
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is no value of a register", place=place, remedy="a number or nil") from None
