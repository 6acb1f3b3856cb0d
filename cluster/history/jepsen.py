"""Jepsen's histories: EDN (`history.edn`) and the log lines of `jepsen.util`, read and written.

Must not judge, and must not open files. Source: jepsen.history.Op. Events of the nemesis are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cluster.errors import UsageError
from cluster.history import edn
from cluster.history.edn import Keyword
from cluster.history.pairing import TYPES, Event, EventType, pair
from cluster.history.record import NEVER, Operation

REGISTER = "register"
"""The key of a history that is about one object."""
_LINE = re.compile(r"jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s+(.+?)\s*$")
_TYPE: Mapping[str, EventType] = {"ok": "ok", "fail": "fail", "unknown": "info"}
_EXTRA = ("client", "mode", "site", "revision")
"""Fields of ours that an operation in EDN may have besides Jepsen's."""


# ── log lines ────────────────────────────────────────────────────────────────────────────────────────────────


def from_log(text: str, key: str = REGISTER, place: str = "log") -> tuple[Operation, ...]:
    """The operations in the order of their calls. Time is the number of the line, so nothing is simultaneous. Lines of
    other loggers are skipped.

    A compare-and-set that failed is taken as just that: why it failed is not known."""
    return pair(_logged(text, key, place))


def _logged(text: str, key: str, place: str) -> Iterator[Event]:
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.search(line)
        if match is None:
            if "jepsen.util - " in line and re.search(r":(invoke|ok|fail|info)\b", line):
                raise UsageError("half a line", place=f"{place}:{number}", remedy="PROCESS :type :function value")
            continue
        here = f"{place}:{number}"
        type: EventType = next(t for t in TYPES if t == match[2])
        value = _value(match[4], here) if type in ("invoke", "ok") else None
        yield Event(int(match[1]), type, match[3], key, value, float(number), here)


def _value(text: str, place: str) -> Any:
    if text in ("nil", ":timed-out"):
        return None
    if text.startswith("[") and text.endswith("]"):
        return tuple(_value(part, place) for part in text[1:-1].split())
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is no value of a register", place=place, remedy="a number or nil") from None


def to_log(history: Iterable[Operation]) -> str:
    """Events in the order of time, one a line. UsageError for what such lines have no place for: a second key, other
    operations than read, write and cas, values that are not whole numbers. Times, modes and revisions are lost."""
    operations = list(history)
    keys = sorted({o.key for o in operations})
    if len(keys) > 1:
        text = f"lines of jepsen.util are about one register, and these are {len(keys)}: {', '.join(keys[:3])}"
        raise UsageError(text, place="--to log", remedy="--to edn")
    lines = []
    for o, type in _in_order(operations):
        if o.kind not in ("read", "write", "cas"):
            raise UsageError(f"lines of jepsen.util have no {o.kind}", place="--to log", remedy="--to edn")
        said = o.result if type == "ok" and o.kind == "read" else o.value
        if type == "ok" and o.kind == "cas" and o.result is False:
            type = "fail"
        text = _in_a_line(said)
        if o.kind == "read" and type in ("fail", "info"):
            type, text = "fail", ":timed-out"  # as in Porcupine's data: either way nothing is known of it
        lines.append(f"INFO  jepsen.util - {o.process}\t:{type}\t:{o.kind}\t{text}\n")
    return "".join(lines)


def _in_a_line(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, tuple):
        return f"[{' '.join(_in_a_line(part) for part in value)}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise UsageError(f"{value!r} has no place in lines of jepsen.util", place="--to log", remedy="--to edn")


# ── EDN ──────────────────────────────────────────────────────────────────────────────────────────────────────


def from_edn(text: str, place: str = "history.edn") -> tuple[Operation, ...]:
    """One map an operation's event, or one vector of all of them. Values [key value] (jepsen.independent) are told from
    plain ones by the calls of the whole history. Times are nanoseconds; without, the event's place in the file."""
    maps = list(_maps(text, place))
    if not maps:
        raise UsageError("no operation in it", place=place, remedy="maps such as {:type :invoke, :f :read, ...}")
    keyed = _is_keyed([m for m, _ in maps])
    timed = all("time" in m for m, _ in maps)
    return pair(_event(m, keyed, float(n) if not timed else -1.0, here) for n, (m, here) in enumerate(maps))


def _maps(text: str, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Clients' events, each with its place."""
    line, counted = 1, 0
    for element, offset in edn.read_all(text, place):
        line += text.count("\n", counted, offset)
        counted = offset
        here = f"{place}:{line}"
        for found in element if isinstance(element, tuple) else (element,):
            if not isinstance(found, dict) or "process" not in found or "type" not in found:
                remedy = "a map with :process, :type, :f and :value"
                raise UsageError(f"not an operation: {edn.write(found)[:60]}", place=here, remedy=remedy)
            if isinstance(found["process"], int):
                yield found, here


def _is_keyed(maps: Sequence[dict[str, Any]]) -> bool:
    """Are values [key value]? So if every call has such a one, a read's with nil, a cas's with a pair."""
    calls = [m for m in maps if m["type"] == "invoke" and m.get("f") != "txn"]
    return bool(calls) and all(_has_key(m) for m in calls)


def _has_key(call: dict[str, Any]) -> bool:
    value = call.get("value")
    if not isinstance(value, tuple) or len(value) != 2 or "key" in call:
        return False
    if call.get("f") in ("read", "r"):
        return value[1] is None
    return call.get("f") != "cas" or isinstance(value[1], tuple)


def _event(m: dict[str, Any], keyed: bool, time: float, here: str) -> Event:
    type = next((t for t in TYPES if t == m["type"]), None)
    if type is None:
        raise UsageError(f"no type of event: {m['type']!r}", place=here, remedy=f"one of {', '.join(TYPES)}")
    if time < 0:
        time = m["time"] / 1e9 if _is_number(m["time"]) else _no_time(m["time"], here)
    value, key = m.get("value"), str(m.get("key", REGISTER))
    function = str(m.get("f"))
    if keyed and function != "txn" and isinstance(value, tuple) and len(value) == 2:
        key, value = str(value[0]), value[1]
    extra = {name: m[name] for name in _EXTRA if name in m and (type == "invoke" or name == "revision")}
    if "result" in m and type == "ok":
        extra["result"] = m["result"]
    error = m.get("error", "")
    error = error if isinstance(error, str) else edn.write(error)
    return Event(m["process"], type, function, "" if function == "txn" else key, value, time, here, error, extra)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _no_time(value: Any, here: str) -> float:
    raise UsageError(f"time {value!r} is no number", place=here, remedy="nanoseconds since the beginning")


def to_edn(history: Iterable[Operation]) -> str:
    """Events in the order of time, one a line, as Jepsen, Knossos and Elle read them. Values are [key value] if there
    is more than one key. What Jepsen has no place for (client, mode, site, revision, an answer's result) goes along in
    keys of its own, so that nothing is lost; an operation of unknown outcome ends in :info at the end."""
    operations = list(history)
    keyed = len({o.key for o in operations if o.kind != "txn"}) > 1
    rows = []
    for index, (time, number, type) in enumerate(_events(operations)):
        o = operations[number]
        fields = _call(o, keyed) if type == "invoke" else _answer(o, keyed)
        rows.append(edn.write({Keyword("index"): index, Keyword("time"): round(time * 1e9), **fields}))
    return "\n".join(rows) + "\n"


def _in_order(operations: Sequence[Operation]) -> Iterator[tuple[Operation, EventType]]:
    for _, number, type in _events(operations):
        yield operations[number], type


def _events(operations: Sequence[Operation]) -> list[tuple[float, int, EventType]]:
    """(time, number of the operation, type): calls and answers in the order of time; at one time answers come before
    calls, but for those of the very operation."""
    ends = _ends(operations)
    told: list[tuple[float, int, int, EventType]] = []
    for number, o in enumerate(operations):
        told.append((o.start, 1, number, "invoke"))
        told.append((ends[number], 0 if ends[number] > o.start else 2, number, _TYPE[o.outcome]))
    told.sort(key=lambda entry: entry[:3])
    return [(time, number, type) for time, _, number, type in told]


def _ends(operations: Sequence[Operation]) -> list[float]:
    """When each was over: of unknown outcome, when its process went on, or the history ended."""
    following = max([0.0, *(o.start for o in operations), *(o.end for o in operations if o.end < NEVER)])
    later: dict[int, float] = {}
    ends = [0.0] * len(operations)
    for number in sorted(range(len(operations)), key=lambda n: (operations[n].start, n), reverse=True):
        o = operations[number]
        ends[number] = later.get(o.process, following) if o.end == NEVER else o.end
        later[o.process] = o.start
    return ends


def _call(o: Operation, keyed: bool) -> dict[str, Any]:
    fields = {"process": o.process, "type": Keyword("invoke"), "f": Keyword(o.kind), "value": _told(o, o.value, keyed)}
    named = {"client": o.client, "mode": o.mode, "site": o.site}
    if not keyed and o.kind != "txn":
        named["key"] = o.key
    return {Keyword(name): value for name, value in (fields | {n: v for n, v in named.items() if v}).items()}


def _answer(o: Operation, keyed: bool) -> dict[str, Any]:
    type = _TYPE[o.outcome]
    said = o.result if o.outcome == "ok" and o.kind in ("read", "txn") else o.value
    fields: dict[str, Any] = {"process": o.process, "type": Keyword(type), "f": Keyword(o.kind)}
    fields["value"] = _told(o, said, keyed)
    if not keyed and o.kind != "txn":
        fields["key"] = o.key
    if o.outcome == "ok" and o.kind not in ("read", "txn"):
        fields["result"] = o.result
    if o.revision:
        fields["revision"] = o.revision
    if o.error:
        fields["error"] = o.error
    return {Keyword(name): value for name, value in fields.items()}


def _told(o: Operation, value: Any, keyed: bool) -> Any:
    if o.kind == "txn":
        return tuple((Keyword(step[0]), *step[1:]) for step in value)
    return (o.key, value) if keyed else value
