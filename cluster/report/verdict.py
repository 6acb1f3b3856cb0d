"""A run's verdict as plain data and back: verdict.json, and what pages and comparisons read.

Must not judge, and must not know files: data in, data out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.errors import UsageError
from cluster.history.finding import Finding, Judged, Verdict

FORMAT = 1
OUTCOMES = ("holds", "violated", "unknown")
SAID = ("ok", "violated", "unknown")

_FINDING = ("check", "said", "summary", "looked_at", "because", "evidence", "figures")
_JUDGED = (*_FINDING, "expected", "reason", "as_expected")
_VERDICT = ("format", "outcome", "status", "reason", "checks", "run")


def to_data(verdict: Verdict) -> dict[str, Any]:
    """JSON-able data: {"format": 1, "outcome", "status" (0, 1, 2), "reason", "checks": [one object a finding]}.

    Tuples become lists, figures that are no numbers (infinite, not a number) null, other values their text."""
    return {
        "format": FORMAT,
        "outcome": verdict.outcome,
        "status": verdict.status,
        "reason": verdict.reason,
        "checks": [_judged(judged) for judged in verdict.judged],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    finding = judged.finding
    return {
        "check": finding.check,
        "said": finding.said,
        "expected": judged.expected,
        "as_expected": judged.as_expected,
        "summary": finding.summary,
        "reason": judged.reason,
        "looked_at": finding.looked_at,
        "because": [str(sentence) for sentence in finding.because],
        "figures": {str(name): plain(value) for name, value in finding.figures.items()},
        "evidence": plain(finding.evidence),
    }


def plain(value: Any) -> Any:
    """The same value as JSON can hold it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=repr)
    return str(value)


def from_data(data: Any, place: str = "verdict.json") -> Verdict:
    """The verdict that `to_data` wrote; UsageError names the field that is wrong.

    A verdict whose outcome does not follow from its checks is refused: a green one may not be made by hand."""
    fields = _object(data, place, _VERDICT)
    if fields.get("format") != FORMAT:
        raise UsageError(
            f"format {fields.get('format')!r} is not one of ours", place=place, remedy=f'"format": {FORMAT}'
        )
    outcome = _word(fields, "outcome", OUTCOMES, place)
    checks = fields.get("checks", [])
    if not isinstance(checks, list):
        raise UsageError("checks is not a list", place=f"{place}: checks")
    judged = tuple(_read_judged(item, f"{place}: checks[{number}]") for number, item in enumerate(checks))
    if outcome == "holds" and (not judged or not all(j.as_expected for j in judged)):
        raise UsageError(
            "it says that it holds, but its checks do not", place=place, remedy="judge the run again: launch.py check"
        )
    return Verdict(outcome, str(fields.get("reason", "")), judged)  # type: ignore[arg-type]


def _read_judged(data: Any, place: str) -> Judged:
    fields = _object(data, place, _JUDGED)
    looked_at = fields.get("looked_at", 0)
    if type(looked_at) is not int or looked_at < 0:
        raise UsageError(f"looked_at {looked_at!r} is not a number from 0", place=place)
    finding = Finding(
        check=str(fields.get("check", "")),
        said=_word(fields, "said", SAID, place),  # type: ignore[arg-type]
        summary=str(fields.get("summary", "")),
        looked_at=looked_at,
        because=tuple(str(sentence) for sentence in fields.get("because") or ()),
        evidence=_object(fields.get("evidence") or {}, f"{place}.evidence"),
        figures={k: v for k, v in _object(fields.get("figures") or {}, f"{place}.figures").items() if v is not None},
    )
    return Judged(finding, _word(fields, "expected", SAID, place), str(fields.get("reason", "")))  # type: ignore[arg-type]


def _object(data: Any, place: str, known: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise UsageError("not a JSON object", place=place)
    for name in data:
        if known and name not in known:
            raise UsageError(f"unknown field {name!r}", place=place, remedy=f"known: {', '.join(known)}")
    return dict(data)


def _word(fields: Mapping[str, Any], name: str, known: Sequence[str], place: str) -> str:
    value = fields.get(name)
    if value not in known:
        raise UsageError(f"{name} {value!r} is not possible", place=place, remedy=f"one of {', '.join(known)}")
    return str(value)
