"""The table of the built-in kinds: a new kind is one entry in a file kinds_*.py.

Must not hold entries or rules itself. Kinds that come and go at run time stand in tables of their own, made like this
one: the functions here take the table they look in.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.api import (
    kinds_admission,
    kinds_apps,
    kinds_batch,
    kinds_core,
    kinds_extensions,
    kinds_network,
    kinds_policy,
    kinds_rbac,
    kinds_security,
    kinds_storage,
)
from cluster.api.kind import Kind
from cluster.errors import UsageError

__all__ = ["KINDS", "Kind", "for_object", "key_for", "kind_key", "lookup", "table_of", "words_of"]

_FILES = (
    kinds_core.CORE,
    kinds_network.NETWORK,
    kinds_apps.APPS,
    kinds_batch.BATCH,
    kinds_policy.POLICY,
    kinds_storage.STORAGE,
    kinds_rbac.RBAC,
    kinds_admission.ADMISSION,
    kinds_security.SECURITY,
    kinds_extensions.EXTENSIONS,
)


def table_of(entries: Iterable[Kind]) -> dict[str, Kind]:
    """By `Kind.key`. ValueError where two are called the same: by key, or by plural and group."""
    table: dict[str, Kind] = {}
    plurals: dict[str, Kind] = {}
    for entry in entries:
        if entry.key in table or entry.qualified in plurals:
            raise ValueError(f"two kinds are called {entry.key} or {entry.qualified}")
        table[entry.key] = plurals[entry.qualified] = entry
    return table


def words_of(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Every word for a kind, in small letters. Where two have the same word, the first has it (Kubernetes: the order of
    discovery), but what names a group is always the kind's own."""
    entries = tuple(kinds)
    words: dict[str, Kind] = {}
    for entry in entries:
        for word in (entry.plural, entry.singular, entry.kind.lower(), entry.qualified, *entry.short):
            words.setdefault(word, entry)
    return words | {entry.qualified: entry for entry in entries if entry.group}


def key_for(kind: str, api_version: str) -> str:
    """The `Kind.key` of what says that it is `kind` in `api_version` ("apps/v1"), whether there is such a kind or not:
    "Deployment", "Widget.example.com". Without an api_version, a built-in kind is meant."""
    group = api_version.rpartition("/")[0]
    found = KINDS.get(kind)
    if not api_version or (found is not None and found.group == group):
        return kind
    return f"{kind}.{group}"


def kind_key(obj: Mapping[str, Any]) -> str:
    """`key_for` of an object, or of a reference to one."""
    return key_for(obj["kind"], obj.get("apiVersion") or "")


KINDS: dict[str, Kind] = table_of(entry for entries in _FILES for entry in entries)
_WORDS = words_of(KINDS.values())


def lookup(word: str, words: Mapping[str, Kind] = _WORDS) -> Kind:
    """The kind that a person means: plural, singular, short name, kind or plural.group, in any case. UsageError.

    `words`: see `words_of`.
    """
    found = words.get(word.lower())
    if found is not None:
        return found
    near = difflib.get_close_matches(word.lower(), words, n=1)
    known = dict.fromkeys(entry.plural for entry in words.values())
    remedy = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(known)
    raise UsageError(f"the server doesn't have a resource type {word!r}", place=word, remedy=remedy)


def for_object(obj: Mapping[str, Any], kinds: Mapping[str, Kind] = KINDS) -> Kind:
    """The kind that an object says it is by kind and apiVersion. UsageError when there is none such."""
    name, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(name, str) or not name:
        raise UsageError("no kind is given", place="kind", remedy="for example: kind: Pod")
    named = [entry for entry in kinds.values() if entry.kind == name]
    if not named:
        near = difflib.get_close_matches(name, [entry.kind for entry in kinds.values()], n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(e.kind for e in kinds.values())
        raise UsageError(f"no kind {name!r} is known", place="kind", remedy=remedy)
    if not isinstance(version, str) or not version:
        raise UsageError("no apiVersion is given", place="apiVersion", remedy=f"for {name}: {named[0].api_version}")
    for entry in named:
        if entry.api_version == version:
            return entry
    raise UsageError(
        f'no matches for kind "{name}" in version "{version}"',
        place="apiVersion",
        remedy=f"use {named[0].api_version}",
    )
