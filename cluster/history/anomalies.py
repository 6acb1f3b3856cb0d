"""Anomalies of transactions by name, and which consistency models each rules out.

Must not look for any. Sources: Adya (1999), "Weak Consistency"; Bailis and others (2013), "Highly Available
Transactions"; Cerone and others (2015); the names are Elle's.
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "G0": "a cycle of writes alone (dirty write)",
    "G1a": "a read of what was rolled back (aborted read)",
    "G1b": "a read of a state in the middle of another transaction (intermediate read)",
    "G1c": "a cycle of writes and reads of them (circular information flow)",
    "G-single": "a cycle with exactly one anti-dependency (read skew)",
    "G-nonadjacent": "a cycle with anti-dependencies, no two of them in a row",
    "G2-item": "a cycle with anti-dependencies in a row (write skew)",
    "internal": "a transaction did not see what it had itself read or written",
    "future-read": "a transaction read what it only wrote later",
    "duplicate-elements": "one append took effect twice",
    "incompatible-order": "two reads of one list that cannot come from one order of appends",
    "garbage": "a read of what nobody wrote",
    "lost-update": "two transactions read one version, and both changed it",
    "dirty-update": "a committed write on top of one that was rolled back",
}

_BASE = ("G0", "garbage", "duplicate-elements", "dirty-update")
_COMMITTED = (*_BASE, "G1a", "G1b", "G1c", "incompatible-order", "future-read")
_SNAPSHOT = (*_COMMITTED, "internal", "G-single", "G-nonadjacent", "lost-update")
_REPEATABLE = (*_SNAPSHOT, "G2-item")
_CYCLES = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")


def _with(anomalies: tuple[str, ...], *suffixes: str) -> tuple[str, ...]:
    return (*anomalies, *(name + suffix for suffix in suffixes for name in anomalies if name in _CYCLES))


MODELS: Mapping[str, frozenset[str]] = {
    "read-uncommitted": frozenset(_BASE),
    "read-committed": frozenset(_COMMITTED),
    "snapshot-isolation": frozenset(_SNAPSHOT),
    "repeatable-read": frozenset(_REPEATABLE),
    "serializable": frozenset(_REPEATABLE),
    "strong-session-snapshot-isolation": frozenset(_with(_SNAPSHOT, "-process")),
    "strong-snapshot-isolation": frozenset(_with(_SNAPSHOT, "-process", "-realtime")),
    "strong-session-serializable": frozenset(_with(_REPEATABLE, "-process")),
    "strict-serializable": frozenset(_with(_REPEATABLE, "-process", "-realtime")),
}
"""What each model forbids."""


def ruled_out(anomaly: str) -> tuple[str, ...]:
    """The models that forbid it."""
    return tuple(name for name, forbidden in MODELS.items() if anomaly in forbidden)


def weakest(anomaly: str) -> tuple[str, ...]:
    """Of these, those that forbid least: whatever is stronger is ruled out with them."""
    names = ruled_out(anomaly)
    return tuple(n for n in names if not any(MODELS[m] < MODELS[n] for m in names))


def meaning(anomaly: str) -> str:
    for suffix, more in (
        ("-process", ", counting the order in which each process acted"),
        ("-realtime", ", counting real time"),
    ):
        if anomaly.endswith(suffix):
            return MEANINGS[anomaly.removesuffix(suffix)] + more
    return MEANINGS[anomaly]
