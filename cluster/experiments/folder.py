"""A run's folder: what was recorded, in files that a report or a checker can be made from at any time.

Must not judge or draw. DIR/:

    scenario.yaml        the file, as it was run
    run.json             what fits in a few lines: meta, strikes, moments, finals, and how much each other file holds
    history.msgpack      operations    journal.msgpack    records    events.msgpack    what observers saw
    verdict.json  junit.xml  chaostoolkit.json  report.html    of those that know how (cluster.report, cluster.scenario)

`run.json` is written first, with `complete` false: a run that was interrupted, or goes on, loads as far as it is. The
msgpack files are frames (cluster.world.journal.frame), one a row; a torn tail ends them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from cluster.errors import UsageError
from cluster.history.finding import Verdict
from cluster.history.record import NEVER, Operation, freeze
from cluster.history.run import LinkCount, Meta, Moment, Run, Seen, Strike, WatchSeen
from cluster.report.verdict import from_data, to_data
from cluster.world.journal import Reader, frame

FORMAT = 1
CHUNK = 1 << 20
SUMMARY, SCENARIO, VERDICT = "run.json", "scenario.yaml", "verdict.json"
HISTORY, JOURNAL, EVENTS = "history.msgpack", "journal.msgpack", "events.msgpack"


def begin(directory: Path, meta: Meta, scenario: str, place: str = "") -> None:
    """The folder, with what is known before anything has happened. `place`: where the scenario's file is, beside which
    its manifests are. UsageError if there is another run in it."""
    if (directory / SUMMARY).exists():
        raise UsageError("there is a run in this folder already", place=str(directory), remedy="another --out")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(str(error.strerror), place=str(directory), remedy="another --out") from None
    (directory / SCENARIO).write_text(scenario)
    _summary(directory, Run(replace(meta, complete=False), scenario), place)


def place_of(directory: Path) -> str:
    """Where the scenario's file was when it was run, "" if nobody has said."""
    return str(_json(directory / SUMMARY).get("place") or "")


def write(run: Run, verdict: Verdict | None, directory: Path) -> None:
    """All of it, over what `begin` wrote. Documents that others make of it are `documents.write`'s."""
    directory.mkdir(parents=True, exist_ok=True)
    place = place_of(directory) if (directory / SUMMARY).exists() else ""
    (directory / SCENARIO).write_text(run.scenario)
    _summary(directory, replace(run, meta=replace(run.meta, complete=False)), place)
    _rows(directory / HISTORY, (_operation_row(o) for o in run.operations))
    _rows(directory / JOURNAL, run.records)
    seen = (("object", e.time, e.kind, e.type, e.object, e.observer) for e in run.events)
    watched = (("store", w.time, w.watcher, w.revision, w.key, w.type, w.value, w.mode) for w in run.watches)
    _rows(directory / EVENTS, (*seen, *watched))
    if verdict is not None:
        _aside(directory / VERDICT, json.dumps(to_data(verdict), indent=1))
    _summary(directory, run, place)


def load(directory: Path) -> tuple[Run, Verdict | None]:
    """The run and its verdict, None if there is none yet. UsageError that names the file which cannot be read."""
    place = directory / SUMMARY
    data = _json(place)
    if data.get("format") != FORMAT:
        raise UsageError(f"not a run of this version ({data.get('format')!r})", place=str(place))
    try:
        meta = _meta(data["meta"])
        strikes = tuple(_strike(row) for row in data["strikes"])
        moments = tuple(Moment(**row) for row in data["moments"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"a part of it is missing or wrong: {error}", place=str(place)) from None
    events, watches = _events(directory / EVENTS)
    run = Run(
        meta,
        (directory / SCENARIO).read_text() if (directory / SCENARIO).exists() else "",
        tuple(_operation(row, directory / HISTORY) for row in _read(directory / HISTORY)),
        strikes,
        moments,
        tuple(_read(directory / JOURNAL)),
        events,
        watches,
        data.get("finals") or {},
    )
    return run, _verdict(directory / VERDICT)


def lacks(directory: Path, run: Run) -> list[str]:
    """What the files of a loaded run hold less of than `run.json` says that was written: a sentence for each."""
    told = _json(directory / SUMMARY).get("counts") or {}
    held = {
        "operations": (len(run.operations), HISTORY),
        "records": (len(run.records), JOURNAL),
        "events": (len(run.events), EVENTS),
        "watches": (len(run.watches), EVENTS),
    }
    return [
        f"{file} holds {count} of {told[name]} {name}"
        for name, (count, file) in held.items()
        if count < told.get(name, 0)
    ]


def _summary(directory: Path, run: Run, place: str) -> None:
    counts = {"operations": len(run.operations), "records": len(run.records), "events": len(run.events)}
    data = {
        "format": FORMAT,
        "place": place,
        "meta": asdict(run.meta),
        "strikes": [asdict(strike) for strike in run.strikes],
        "moments": [asdict(moment) for moment in run.moments],
        "finals": dict(run.finals),
        "counts": {**counts, "watches": len(run.watches)},
    }
    _aside(directory / SUMMARY, json.dumps(data, indent=1, default=_plain))


def _aside(path: Path, text: str) -> None:
    """All or nothing."""
    aside = path.with_name(path.name + ".aside")
    aside.write_text(text + "\n")
    aside.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    raise TypeError(f"{type(value).__name__} is not plain data")


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError("there is no run here", place=str(path), remedy="a folder that `run` made") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot be read: {error}", place=str(path)) from None
    if not isinstance(data, dict):
        raise UsageError("not a JSON object", place=str(path))
    return data


def _meta(data: dict[str, Any]) -> Meta:
    known = {field.name for field in fields(Meta)}
    values = {name: value for name, value in data.items() if name in known}
    values["phases"] = {name: tuple(span) for name, span in values.get("phases", {}).items()}
    return Meta(**values)


def _strike(data: dict[str, Any]) -> Strike:
    rest = {name: tuple(data[name]) for name in ("targets", "rules")}
    groups = tuple(tuple(group) for group in data["groups"])
    return Strike(**{**data, **rest, "groups": groups, "links": tuple(LinkCount(**row) for row in data["links"])})


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(path: Path, rows: Iterable[Any]) -> None:
    aside = path.with_name(path.name + ".aside")
    with open(aside, "wb") as file:
        for row in rows:
            file.write(frame(tuple(row)))
    aside.replace(path)


def _read(path: Path) -> Iterator[tuple[Any, ...]]:
    if not path.exists():
        return
    reader = Reader()
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            yield from reader.feed(data)


_OPERATION = tuple(field.name for field in fields(Operation))


def _operation_row(operation: Operation) -> tuple[Any, ...]:
    """In the order of its fields; an end that is not known is nil."""
    row = [getattr(operation, name) for name in _OPERATION]
    row[_OPERATION.index("end")] = None if operation.end == NEVER else operation.end
    return tuple(row)


def _operation(row: tuple[Any, ...], path: Path) -> Operation:
    if len(row) != len(_OPERATION):
        raise UsageError("an operation of another version", place=str(path))
    values = dict(zip(_OPERATION, row, strict=True))
    values["end"] = NEVER if values["end"] is None else values["end"]
    return Operation(**{**values, "value": freeze(values["value"]), "result": freeze(values["result"])})


def _events(path: Path) -> tuple[tuple[Seen, ...], tuple[WatchSeen, ...]]:
    seen, watched = [], []
    for row in _read(path):
        if row[0] == "object":
            seen.append(Seen(*row[1:]))
        else:
            watched.append(WatchSeen(*row[1:]))
    return tuple(seen), tuple(watched)


def _verdict(path: Path) -> Verdict | None:
    return from_data(_json(path), str(path)) if path.exists() else None
