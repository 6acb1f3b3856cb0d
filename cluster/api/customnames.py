"""Whether a definition gets the names that it asks for, and the status that says so.

Pure. Must not write anything. Source: apiextensions' naming and establishing controllers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cluster.api.kinds import KINDS
from cluster.api.meta import Object, name_of, set_condition
from cluster.api.validate_extensions import condition

WORDS = ("plural", "singular", "kind", "listKind")


def status_of(definition: Object, others: Iterable[Object], now: str) -> Object:
    """The status that it should have: names that others of its group have are not accepted, and without all of its own
    a definition is not established; what was accepted once stays."""
    spec, status = definition["spec"], dict(definition.get("status") or {})
    names, had = spec["names"], dict(status.get("acceptedNames") or {})
    taken = _taken(definition, others)
    accepted, conflict = dict(had), ("", "")
    for word in WORDS:
        value = names.get(word) or ""
        if value and value in taken["kinds" if "ind" in word and word != "singular" else "resources"]:
            conflict = (f"{_title(word)}Conflict", f'"{value}" is already in use')
        elif value:
            accepted[word] = value
    short = names.get("shortNames") or []
    clash = [word for word in short if word in taken["resources"]]
    if clash:
        conflict = ("ShortNamesConflict", "; ".join(f'"{word}" is already in use' for word in clash))
    else:
        accepted["shortNames"] = list(short)
    accepted["categories"] = list(names.get("categories") or ())
    status["acceptedNames"] = {word: value for word, value in accepted.items() if value}
    conditions = list(status.get("conditions") or ())
    free = not conflict[0]
    reason, message = conflict if conflict[0] else ("NoConflicts", "no conflicts found")
    conditions = set_condition(conditions, "NamesAccepted", "True" if free else "False", reason, message, now)
    if free:
        text = "the initial names have been accepted"
        conditions = set_condition(conditions, "Established", "True", "InitialNamesAccepted", text, now)
    elif not condition(definition, "Established"):
        text = "not all names are accepted"
        conditions = set_condition(conditions, "Established", "False", "NotAccepted", text, now)
    status["conditions"] = conditions
    stored = list(status.get("storedVersions") or ())
    storage = next(version["name"] for version in spec["versions"] if version["storage"])
    status["storedVersions"] = stored if storage in stored else [*stored, storage]
    return status


def _title(word: str) -> str:
    return word[0].upper() + word[1:]


def _taken(definition: Object, others: Iterable[Object]) -> dict[str, set[str]]:
    """What other kinds of the group are called."""
    group, name = definition["spec"]["group"], name_of(definition)
    resources: set[str] = set()
    kinds: set[str] = set()
    for kind in KINDS.values():
        if kind.group == group:
            resources |= {kind.plural, kind.singular, *kind.short}
            kinds |= {kind.kind, f"{kind.kind}List"}
    for other in others:
        if other["spec"]["group"] != group or name_of(other) == name:
            continue
        names: dict[str, Any] = (other.get("status") or {}).get("acceptedNames") or {}
        resources |= {word for word in (names.get("plural"), names.get("singular")) if word}
        resources |= set(names.get("shortNames") or ())
        kinds |= {word for word in (names.get("kind"), names.get("listKind")) if word}
    return {"resources": resources, "kinds": kinds}


def terminating(definition: Object, reason: str, message: str, now: str) -> Object:
    """The status of one that is going."""
    status = dict(definition.get("status") or {})
    conditions = status.get("conditions") or ()
    return {**status, "conditions": set_condition(conditions, "Terminating", "True", reason, message, now)}
