"""How long a request at the second door may take.

Pure. Must not know what is asked.
"""

from __future__ import annotations

from cluster.apiserver import refusals

PATIENCE, LONGEST_PATIENCE = 30.0, 60.0
"""Seconds that a request may take: what clients get who name none, and who name more."""


def patience(text: str) -> float:
    """Seconds of the query parameter `timeout` ("32s", "1m0s"), within bounds. BadRequest."""
    if not text:
        return PATIENCE
    seconds, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    for letter in text.replace("ms", "\0"):
        if letter.isdecimal() or letter == ".":
            number += letter
            continue
        try:
            seconds += float(number) * (0.001 if letter == "\0" else units[letter])
        except (ValueError, KeyError):
            raise refusals.bad_request(f"invalid timeout {text[:32]!r}") from None
        number = ""
    if number not in ("", "0") or seconds < 0:
        raise refusals.bad_request(f"invalid timeout {text[:32]!r}: a unit is missing")
    return min(seconds, LONGEST_PATIENCE) or PATIENCE
