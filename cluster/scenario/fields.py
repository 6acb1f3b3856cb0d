"""One field of a file: from a part of YAML to the value that its type means, or a problem with place and remedy.

Must not know which fields there are: `forms` and `actions` have the tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cluster.errors import UsageError
from cluster.scenario import condition, target, units
from cluster.scenario.actions import Field
from cluster.scenario.document import Part, suggest
from cluster.scenario.model import Condition, Target
from cluster.scenario.reading import Reading

WRONG = object()
"""In place of a value that could not be read: the problem is noted."""
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d+)?([eE][+-]?\d{1,2})?", re.ASCII)


def value(spec: Field, part: Part, reading: Reading) -> Any:
    """What the part means as a field of that type; WRONG after a problem was noted."""
    try:
        return _READERS[spec.type](spec, part, reading)
    except UsageError as error:
        if error.place and error.place != part.place:
            reading.problems.add(part, f"{error.place}: {error.args[0]}", error.remedy)
        else:
            reading.problems.take(part, error)
        return WRONG


def mapping(specs: Mapping[str, Field], part: Part, reading: Reading) -> dict[str, Any]:
    """The fields of a mapping by their table: given ones only, those that could not be read left out; unknown and
    missing ones are problems."""
    given = part.fields()
    found = {}
    for name, item in given.items():
        if name not in specs:
            reading.problems.unknown(item, name, specs)
            continue
        read = value(specs[name], item, reading)
        if read is not WRONG:
            found[name] = read
    missing(specs, given, part, reading)
    return found


def missing(specs: Mapping[str, Field], given: Mapping[str, Part], part: Part, reading: Reading) -> None:
    for name, spec in specs.items():
        if spec.required and name not in given:
            reading.problems.add(part, f"{name!r} is missing", f"{name}: {spec.doc}")


def defaults(specs: Mapping[str, Field], found: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of the table: as found, else its default."""
    return {name: found.get(name, spec.default) for name, spec in specs.items()}


def _text(part: Part, meant: str) -> str:
    if part.text is None or (part.is_null and part.text == ""):
        raise UsageError(f"{part.called()} where {meant} is meant", remedy="")
    return part.text


def _one_target(part: Part, reading: Reading) -> Target:
    found = target.parse(_text(part, "a target"))
    reading.targets.append((found, part))
    return found


def _target(_: Field, part: Part, reading: Reading) -> Target:
    return _one_target(part, reading)


def _targets(_: Field, part: Part, reading: Reading) -> tuple[Target, ...]:
    if not part.is_list:
        return (_one_target(part, reading),)
    found = []
    for item in part.items():
        read = value(Field("target", ""), item, reading)
        if read is not WRONG:
            found.append(read)
    if not part.items():
        raise UsageError("an empty list of targets", remedy="such as [store-1, one of workers]")
    return tuple(found)


def _groups(_: Field, part: Part, reading: Reading) -> tuple[tuple[Target, ...], ...]:
    remedy = 'such as "master-0 | rest", or [[store-0, store-1], [store-2]]'
    if part.is_list:
        groups = [value(Field("targets", ""), item, reading) for item in part.items()]
        found = [g for g in groups if g is not WRONG]
    else:
        found = []
        for side in _text(part, "two groups").split("|"):
            if not side.strip():
                raise UsageError(f"an empty group in {part.text!r}", remedy=remedy)
            parsed = target.parse(side)
            reading.targets.append((parsed, part))
            found.append((parsed,))
        groups = list(found)
    if len(groups) < 2:
        raise UsageError("one group is no partition", remedy=remedy)
    rests = sum(atom.role == "rest" for group in found for one in group for atom in one.of)
    if rests > 1:
        raise UsageError("`rest` stands twice", remedy="it is all machines that no other group names")
    return tuple(found)


def _duration(spec: Field, part: Part, _: Reading) -> float:
    return units.duration(_text(part, "a duration"), signed=spec.signed)


def _share(_: Field, part: Part, __: Reading) -> float:
    return units.share(_text(part, "a share"))


def _bytes(_: Field, part: Part, __: Reading) -> float:
    return units.size(_text(part, "a size or a rate"))


def _number(_: Field, part: Part, __: Reading) -> float:
    text = _text(part, "a number")
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{text!r} is not a number", remedy="such as 1.05")
    return float(text)


def _integer(_: Field, part: Part, __: Reading) -> int:
    text = _text(part, "a whole number")
    if not _INTEGER.fullmatch(text):
        raise UsageError(f"{text!r} is not a whole number", remedy="such as 3")
    return int(text)


def _flag(_: Field, part: Part, __: Reading) -> bool:
    text = _text(part, "true or false").lower()
    if text not in (*_TRUE, *_FALSE):
        raise UsageError(f"{part.text!r} is not true or false", remedy="true or false")
    return text in _TRUE


def _word(spec: Field, part: Part, _: Reading) -> str:
    text = _text(part, "a word")
    if spec.choices and text not in spec.choices:
        raise UsageError(f"{text!r} is not possible here", remedy=suggest(text, spec.choices))
    if not text or any(c.isspace() for c in text):
        raise UsageError(f"{text!r} is not a word", remedy="letters, digits, dots and hyphens")
    return text


def _words(spec: Field, part: Part, reading: Reading) -> tuple[str, ...]:
    if not part.is_list:
        words = [w.strip() for w in _text(part, "a list of words").split(",")]
        for word in words:
            if spec.choices and word not in spec.choices:
                raise UsageError(f"{word!r} is not possible here", remedy=suggest(word, spec.choices))
            if not word:
                raise UsageError(f"an empty word in {part.text!r}", remedy="words with a comma between")
        return tuple(words)
    found = [value(Field("word", "", choices=spec.choices), item, reading) for item in part.items()]
    return tuple(word for word in found if word is not WRONG)


def _any_text(_: Field, part: Part, __: Reading) -> str:
    if part.text is None:
        raise UsageError(f"{part.called()} where a text is meant", remedy="put it in quotes")
    return part.text


def _condition(_: Field, part: Part, reading: Reading) -> Condition:
    found = condition.parse(_text(part, "a condition"))
    reading.conditions.append((found, part))
    return found


def _conditions(_: Field, part: Part, reading: Reading) -> tuple[Condition, ...]:
    parts = part.items() if part.is_list else [part]
    found = [value(Field("condition", ""), item, reading) for item in parts]
    return tuple(c for c in found if c is not WRONG)


def _objects(_: Field, part: Part, reading: Reading) -> tuple[Mapping[str, Any], ...]:
    return reading.objects(part)


def _mapping(_: Field, part: Part, __: Reading) -> dict[str, Any]:
    if not part.is_mapping:
        raise UsageError(f"{part.called()} where a mapping is meant", remedy="field: value")
    found = part.data()
    assert isinstance(found, dict)
    return found


_READERS: Mapping[str, Callable[[Field, Part, Reading], Any]] = {
    "target": _target,
    "targets": _targets,
    "groups": _groups,
    "duration": _duration,
    "share": _share,
    "number": _number,
    "integer": _integer,
    "flag": _flag,
    "word": _word,
    "words": _words,
    "text": _any_text,
    "condition": _condition,
    "conditions": _conditions,
    "object": _objects,
    "objects": _objects,
    "mapping": _mapping,
    "bytes": _bytes,
}
