"""Schedules of CronJobs: five fields, or a word as @hourly, as sets of minutes, hours, days and months.

Pure. Must not know time zones or objects. Source: what Kubernetes accepts (robfig/cron), with its messages.

    minute 0-59 · hour 0-23 · day of month 1-31 · month 1-12 or jan-dec · day of week 0-6 or sun-sat
    *  ?  a  a-b  a-b/step  */step, and lists of these with commas; @every DURATION
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

WORDS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name: i + 1 for i, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())}
_DAYS = {name: i for i, name in enumerate("sun mon tue wed thu fri sat".split())}
_BOUNDS: tuple[tuple[int, int, Mapping[str, int]], ...] = ((0, 59, {}), (0, 23, {}), (1, 31, {}), (1, 12, _MONTHS),
                                                           (0, 6, _DAYS))  # fmt: skip
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|ns))+")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When it is due. `any_day`: (day of month, day of week) was a star: then only the other of the two counts, else
    either will do. `every`: seconds between two times instead, of @every."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    any_day: tuple[bool, bool] = (False, False)
    every: float = 0.0


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """ValueError that says what is wrong."""
    if not text.strip():
        raise ValueError("empty spec string")
    if text.startswith("@"):
        if text.startswith("@every "):
            return Schedule(every=_duration(text))
        if text not in WORDS:
            raise ValueError(f"unrecognized descriptor: {text}")
        text = WORDS[text]
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (
        _field(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)
    )
    return Schedule(minutes, hours, days, months, weekdays, (_starred(fields[2]), _starred(fields[4])))


def _starred(field: str) -> bool:
    return any(part[0] in "*?" for part in field.split(",") if part)


def _duration(text: str) -> float:
    found = text.removeprefix("@every ")
    if not _DURATION.fullmatch(found):
        raise ValueError(f'failed to parse duration {text}: time: invalid duration "{found}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|m|s|us|ns)", found))
    return max(1.0, float(int(seconds)))


def _field(field: str, least: int, most: int, names: Mapping[str, int]) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    for part in field.split(","):
        if part:
            found |= _range(part, least, most, names)
    return found


def _range(text: str, least: int, most: int, names: Mapping[str, int]) -> frozenset[int]:
    span, *steps = text.split("/")
    ends = span.split("-")
    if len(ends) > 2:
        raise ValueError(f"too many hyphens: {text}")
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    if ends[0] in ("*", "?"):
        low, high = least, most
    else:
        low = _number(ends[0], names)
        high = _number(ends[1], names) if len(ends) == 2 else most if steps else low
    step = _number(steps[0], {}) if steps else 1
    if low < least:
        raise ValueError(f"beginning of range ({low}) below minimum ({least}): {text}")
    if high > most:
        raise ValueError(f"end of range ({high}) above maximum ({most}): {text}")
    if low > high:
        raise ValueError(f"beginning of range ({low}) beyond end of range ({high}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")
    return frozenset(range(low, high + 1, step))


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if text != digits:
        raise ValueError(f"negative number ({text}) not allowed: {text}")
    return int(text)
