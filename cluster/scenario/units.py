"""Durations, shares, sizes and rates as people write them, and back. Must not know what they are for.

250ms  10s  1m30s  1h  5 (seconds)        30%  0.3        64KB  1MiB  1Mbit (an eighth of a megabyte)  512
"""

from __future__ import annotations

import re

from cluster.errors import UsageError

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"\d+(?:\.\d+)?"
_PLAIN = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_PART = re.compile(rf"({_NUMBER})(us|ms|s|m|h)", re.ASCII)
_BYTES = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_BITS = {"bit": 1, "kbit": 1000, "mbit": 1000**2, "gbit": 1000**3}
_SIZE = re.compile(rf"({_NUMBER})\s*([A-Za-z]*?)(?:/s|ps)?", re.ASCII)
DURATION_PATTERN = r"^[+-]?(\d+(\.\d+)?|(\d+(\.\d+)?(us|ms|s|m|h))+)$"
BYTES_PATTERN = r"^\d+(\.\d+)?\s*([A-Za-z]*)(/s|ps)?$"
SHARE_PATTERN = r"^\d+(\.\d+)?%?$"
LONGEST = 1e9
"""Seconds; more than that is a typing error, and no clock of ours counts so far."""


def duration(text: str, *, signed: bool = False) -> float:
    """Seconds. UsageError for anything else; a sign only where `signed`."""
    bare = text[1:] if text[:1] in "+-" else text
    minus = text.startswith("-")
    remedy = "such as 250ms, 10s, 1m30s" + (" or -2s" if signed else "")
    if _PLAIN.fullmatch(bare):
        seconds = float(bare)
    else:
        parts = _PART.findall(bare)
        if not parts or "".join(n + u for n, u in parts) != bare:
            raise UsageError(f"{text!r} is not a duration", remedy=remedy)
        seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if minus and not signed and seconds:
        raise UsageError(f"{text!r} is not a duration: time does not run back", remedy=remedy)
    if seconds > LONGEST:
        raise UsageError(f"{text!r} is longer than anything here lasts", remedy=remedy)
    return -seconds if minus else seconds


def share(text: str) -> float:
    """0 to 1 of "0.3" or "30%"."""
    number, percent = (text[:-1], True) if text.endswith("%") else (text, False)
    value = float(number) / (100 if percent else 1) if _PLAIN.fullmatch(number) else -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r} is not a share", remedy="0 to 1, or a percentage such as 30%")
    return value


def size(text: str) -> float:
    """Bytes (of a rate: a second) of "64KB", "1Mbit", "1MiB/s", "512"."""
    match = _SIZE.fullmatch(text)
    unit = match[2] if match else "?"
    byte = next((n for name, n in _BYTES.items() if name == unit or name.lower() == unit.lower() and unit != "b"), None)
    if match and byte is not None:
        return float(match[1]) * byte
    if match and unit.lower() in _BITS:
        return float(match[1]) * _BITS[unit.lower()] / 8
    raise UsageError(f"{text!r} is not a size or a rate", remedy="such as 512, 64KB, 1MiB or 1Mbit")


def say_duration(seconds: float) -> str:
    """The shortest text that `duration` reads as exactly this number: "250ms", "90s", "2h"."""
    for unit in ("h", "m", "s", "ms", "us"):
        if unit in ("h", "m") and seconds < 2 * SECONDS[unit] and seconds > -2 * SECONDS[unit]:
            continue
        count = round(seconds / SECONDS[unit])
        if count and count * SECONDS[unit] == seconds and duration(f"{count}{unit}", signed=True) == seconds:
            return f"{count}{unit}"
    return plain(seconds) + ("s" if seconds else "")


def say_share(value: float) -> str:
    """ "30%" where that is exact, else "0.333"."""
    percent = f"{round(value * 100)}%"
    return percent if share(percent) == value else plain(value)


def say_size(value: float) -> str:
    for unit in ("GB", "MB", "KB"):
        if value and value % _BYTES[unit] == 0:
            return f"{int(value // _BYTES[unit])}{unit}"
    return plain(value)


def plain(value: float) -> str:
    """A number without an exponent that reads back as itself."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    return f"{value:.{max(0, int(text.partition('e-')[2] or 0) + 17)}f}".rstrip("0")
