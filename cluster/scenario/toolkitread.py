"""Reads an experiment of Chaos Toolkit (JSON or YAML), or the one in a journal of it: our own export without loss,
others as far as they use us.

An activity is read if its provider is a process of ours: `capstan strike ENTRY`, or a command that strikes (kill,
pause, resume, restart, poweroff, poweron, isolate TARGET..., partition GROUPS). `ref` names an activity of the
hypothesis, pauses are waits, an activity that lasts and is not in the background holds up the next. Everything else
(http and python providers, controls, configuration, secrets, rollbacks of another kind) is a problem with its place: it
would be lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import yaml

from cluster.errors import UsageError
from cluster.scenario import chaostoolkit, document, reader, write
from cluster.scenario.actions import ACTIONS
from cluster.scenario.document import FileError, Part
from cluster.scenario.meshselect import Fields
from cluster.scenario.model import Scenario
from cluster.scenario.reading import Reading
from cluster.scenario.units import duration, say_duration

PROGRAMS = ("capstan", "launch.py")
STRIKERS = ("kill", "pause", "resume", "restart", "poweroff", "poweron", "isolate", "partition")
WRITTEN = ("method", "title", "description", "rollbacks")
Entry = dict[str, Any]


def read(text: str, place: str) -> Scenario:
    """The scenario. FileError with every problem of the file."""
    part = document.compose(text, place)
    if "chaoslib-version" in part.fields():  # a journal: what was run is in it
        part = part.fields()["experiment"]
    carried = _carried(part, place)
    if carried is not None and _unchanged(part, carried):
        return replace(carried, text=text)
    reading = Reading(place)
    data = _data(part, reading, carried)
    reading.problems.raise_if_any()
    try:
        found = reader.read(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), place)
    except FileError as error:  # its lines are of what we made, not of the file
        raise FileError(UsageError(p.args[0], place=part.place, remedy=p.remedy) for p in error.problems) from None
    return replace(found, text=text)


def _carried(part: Part, place: str) -> Scenario | None:
    """The scenario in the extension, if there is one."""
    extensions = part.fields().get("extensions")
    for item in extensions.items() if extensions is not None else ():
        fields = item.fields()
        if "name" in fields and fields["name"].text == chaostoolkit.EXTENSION and "scenario" in fields:
            data = fields["scenario"].data()
            try:
                return reader.read(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), place)
            except UsageError as error:
                text = f"the extension {chaostoolkit.EXTENSION!r} holds no scenario: {error.args[0]}"
                raise UsageError(text, place=fields["scenario"].place, remedy="remove the extension") from None
    return None


def _unchanged(part: Part, carried: Scenario) -> bool:
    """Whether the experiment is what this scenario is written as, whichever program and cluster it names."""
    given = part.data()
    launcher, cluster = _launcher(given)
    try:
        written = chaostoolkit.experiment(carried, launcher, cluster, without=[])
    except UsageError:
        return False
    return all(given.get(key) == written.get(key) for key in (*WRITTEN, "steady-state-hypothesis"))


def _launcher(given: Mapping[str, Any]) -> tuple[str, str]:
    rollbacks = given.get("rollbacks")
    try:
        provider = rollbacks[0]["provider"]  # type: ignore[index]
        return str(provider["path"]), str(provider["arguments"][-1])
    except (KeyError, IndexError, TypeError):
        return chaostoolkit.LAUNCHER, chaostoolkit.CLUSTER


def _data(part: Part, reading: Reading, carried: Scenario | None) -> dict[str, Any]:
    """A scenario's data of an experiment that is not (or no longer) our own export."""
    given = Fields(part, reading)
    title, description = given.text("title"), given.text("description")
    for name in ("version", "tags", "contributions", "extensions", "runtime"):
        given.take(name)
    for name in ("configuration", "secrets", "controls"):
        found = given.take(name)
        if found is not None and (found.fields() or found.items() or found.text):
            reading.problems.add(found, f"{name} cannot be carried over", "write the values where they are used")
    hypothesis = given.take("steady-state-hypothesis")
    method, rollbacks = given.need("method", "a list of activities"), given.take("rollbacks")
    given.rest()
    named: dict[str, Part] = {}
    steady = _hypothesis(hypothesis, named, reading) if hypothesis is not None else []
    timeline: list[Entry] = []
    for item in method.items() if method is not None else ():
        timeline += _activity(item, named, reading)
    for item in rollbacks.items() if rollbacks is not None else ():
        _rollback(item, reading)
    data = write.data(carried) if carried is not None else {"capstan": 1, "name": PurePath(part.file).stem}
    data |= {"title": title or "an experiment", "teaches": description, "timeline": timeline}
    data.pop("duration", None)
    if hypothesis is not None:
        data["steadyState"] = steady
    if not data.get("checks"):
        data["checks"] = ["faults-hit", "steady-state"]
    if not timeline and not reading.problems.found:
        reading.problems.add(method or part, "nothing to do", "method: at least one activity")
    return data


def _hypothesis(part: Part, named: dict[str, Part], reading: Reading) -> list[str]:
    given = Fields(part, reading)
    given.take("title")
    probes = given.take("probes")
    given.rest()
    found = []
    for item in probes.items() if probes is not None else ():
        name = item.fields().get("name")
        if name is not None and name.text:
            named[name.text] = item
        fields = Fields(item, reading)
        tolerance = fields.take("tolerance")
        if tolerance is not None and tolerance.text != "0":
            reading.problems.add(tolerance, "a tolerance of ours is an exit status", "tolerance: 0")
        for entry in _entries(fields, item, reading):
            condition = entry.get("await")
            if isinstance(condition, str):
                found.append(condition)
            else:
                reading.problems.add(item, "a probe of the steady state is a condition", 'strike {"await": "..."}')
    return found


def _activity(part: Part, named: Mapping[str, Part], reading: Reading) -> list[Entry]:
    fields = Fields(part, reading)
    ref = fields.take("ref")
    if ref is not None:
        fields.rest()
        meant = named.get(ref.text or "")
        if meant is None:
            remedy = document.suggest(ref.text or "", named) if named else "no probe has a name"
            reading.problems.add(ref, f"there is no activity {ref.text!r}", remedy)
            return []
        inner = Fields(meant, reading)
        inner.take("tolerance")
        return _entries(inner, meant, reading)
    pauses, background = fields.take("pauses"), fields.text("background", "false")
    fields.take("tolerance")
    entries = _entries(fields, part, reading)
    before, after = _pauses(pauses, reading)
    if entries and background.lower() != "true":
        entries += _holding(entries[-1])
    return [*([{"wait": before}] if before else []), *entries, *([{"wait": after}] if after else [])]


def _holding(entry: Entry) -> list[Entry]:
    """A fault in the foreground: Chaos Toolkit goes on when it is over."""
    action = next((key for key in entry if key in ACTIONS), "")
    lasting = entry.get("for")
    return [{"wait": lasting}] if action in ACTIONS and ACTIONS[action].lasts and lasting else []


def _pauses(part: Part | None, reading: Reading) -> tuple[str, str]:
    if part is None:
        return "", ""
    fields = Fields(part, reading)
    found = []
    for name in ("before", "after"):
        text = fields.text(name)
        try:
            found.append(say_duration(duration(text)) if text and float(duration(text)) else "")
        except UsageError as error:
            reading.problems.take(part.fields()[name], error)
            found.append("")
    fields.rest()
    return found[0], found[1]


def _entries(fields: Fields, part: Part, reading: Reading) -> list[Entry]:
    """What an activity does, as entries. Name, type and provider are taken, the rest is refused."""
    kind, name = fields.text("type"), fields.text("name")
    provider = fields.need("provider", "a process of ours")
    fields.rest()
    if kind not in ("action", "probe"):
        reading.problems.add(part, f"type {kind!r} is not known", "action or probe")
    if provider is None:
        return []
    words = _command(provider, reading)
    if words is None:
        return []
    try:
        entry = _entry(words)
    except UsageError as error:
        reading.problems.take(provider, error)
        return []
    if ACTIONS[next(k for k in entry if k in ACTIONS)].lasts and name and all(c.isalnum() or c in "-_." for c in name):
        entry["name"] = name
    return [entry]


def _command(provider: Part, reading: Reading) -> list[str] | None:
    """The words after the program's name, without the cluster's."""
    fields = Fields(provider, reading)
    kind, path = fields.text("type"), fields.text("path")
    arguments = fields.take("arguments")
    fields.take("timeout")
    fields.rest() if kind == "process" else None
    if kind != "process":
        text = f"a {kind or 'missing'} provider cannot be carried out here"
        reading.problems.add(provider, text, "a process of ours: path: capstan, arguments: [strike, ENTRY]")
        return None
    words = [item.text or "" for item in arguments.items()] if arguments is not None and arguments.is_list else None
    if words is None and arguments is not None and arguments.text:
        words = arguments.text.split()
    if PurePath(path).name not in PROGRAMS or not words:
        reading.problems.add(provider, f"a process {path!r} cannot be carried out here", "path: capstan")
        return None
    if any("${" in word for word in words):
        reading.problems.add(provider, "a substitution ${...} cannot be carried over", "write the value")
        return None
    while "--name" in words:
        at = words.index("--name")
        del words[at : at + 2]
    return words


def _entry(words: list[str]) -> Entry:
    """An entry of the timeline, from a command line."""
    command, *rest = words
    if command == "strike" and len(rest) == 1:
        try:
            entry = json.loads(rest[0])
        except (ValueError, RecursionError):
            entry = document.compose(rest[0], "entry").data()
        if isinstance(entry, dict) and any(key in ACTIONS for key in entry):
            return dict(entry)
        raise UsageError(
            f"{rest[0]!r} is not an entry of a timeline", remedy='such as {"kill": "leader:store", "for": "5s"}'
        )
    if command not in STRIKERS:
        known = ("strike", *STRIKERS)
        raise UsageError(f"the command {command!r} is not one that strikes", remedy=document.suggest(command, known))
    lasting, targets = "", []
    while rest:
        word = rest.pop(0)
        if word == "--for" and rest:
            lasting = rest.pop(0)
        elif word.startswith("-"):
            raise UsageError(
                f"{command}: the option {word} cannot be carried over", remedy="strike ENTRY has all fields"
            )
        else:
            targets.append(word)
    if not targets or (command == "partition" and len(targets) > 1):
        raise UsageError(f"{command}: whom?", remedy=f"such as {command} leader:store")
    value = targets[0] if len(targets) == 1 else targets
    return {command: value, **({"for": lasting} if lasting else {})}


def _rollback(part: Part, reading: Reading) -> None:
    provider = part.fields().get("provider")
    if provider is None:
        reading.problems.add(part, "a rollback without a provider", "remove it: every run of ours ends healed")
        return
    words = _command(provider, reading)
    if words is not None and words[:1] != ["heal"]:
        reading.problems.add(part, f"the rollback {words[0]!r} cannot be carried over", "every run of ours ends healed")
