"""Durations and probabilities as people type them. Must not know what they are for."""

from __future__ import annotations

import re

from cluster.errors import UsageError

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(text: str) -> float:
    """Seconds of "250ms", "10s", "1m30s", "5" (seconds). UsageError for anything else."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise UsageError(f"{text!r} is not a duration", remedy="such as 250ms, 10s, 1m30s")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def probability(text: str) -> float:
    """0 to 1 of "0.3" or "30%"."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r} is not a probability", remedy="0 to 1, or a percentage such as 30%")
    return value
