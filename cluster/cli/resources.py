"""What words and objects mean on a cluster: built-in kinds, kinds that definitions define now, and categories.

Must not do anything to objects. A cluster is asked for its definitions only when a word is none of a built-in kind's.

    pods   po   Pod   deployments.apps   deployments.v1.apps   widgets.example.com   widget.v1beta1.example.com   all
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.api.kinds import KINDS, Kind, for_object, lookup, words_of
from cluster.client.client import Client
from cluster.errors import UsageError

Object = dict[str, Any]
DEFINITION = "CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Target:
    """One kind, and one name of it or "" for all."""

    kind: Kind
    name: str = ""


def asked(kind: Kind) -> str:
    """What a client is asked for: "Pod", "Widget.example.com/v1"."""
    return f"{kind.key}/{kind.version}" if kind.custom else kind.key


def shown(kind: Kind, obj: Object) -> Object:
    """An object in the version that was asked for; those of a kind defined at run time differ by their apiVersion
    only."""
    return {**obj, "apiVersion": kind.api_version, "kind": kind.kind} if kind.custom else obj


class Table:
    """The kinds that can be named. `custom`: those defined at run time, one for each served version, a kind's preferred
    version first. A built-in kind has its words before any of them (Kubernetes: the order of discovery)."""

    def __init__(self, custom: Sequence[Kind] = ()) -> None:
        self._kinds = (*KINDS.values(), *custom)
        preferred: dict[str, Kind] = {}
        for kind in self._kinds:
            preferred.setdefault(kind.qualified, kind)
        self._words = words_of(preferred.values())
        self._exact: dict[str, Kind] = {}
        for kind in self._kinds:
            for word in (kind.plural, kind.singular, kind.kind.lower(), *kind.short):
                self._exact.setdefault(f"{word}.{kind.group}", kind)
                self._exact.setdefault(f"{word}.{kind.version}.{kind.group}", kind)
        self._categories: dict[str, list[Kind]] = {}
        for kind in preferred.values():
            for category in kind.categories:
                self._categories.setdefault(category, []).append(kind)

    def knows(self, word: str) -> bool:
        """Whether it is a kind's word, whatever else may be defined."""
        return word.lower() in self._words or word.lower() in self._exact

    def of_word(self, word: str) -> list[Kind]:
        """The kind that a person means, or all of a category; UsageError."""
        small = word.lower()
        if not self.knows(word) and small in self._categories:
            return list(self._categories[small])
        return [self._exact.get(small) or lookup(word, self._words)]

    def of_object(self, obj: Mapping[str, Any]) -> Kind:
        """The kind that an object says it is; UsageError."""
        name, version = obj.get("kind"), obj.get("apiVersion")
        for kind in self._kinds:
            if (kind.kind, kind.api_version) == (name, version):
                return kind
        if not isinstance(name, str) or not may_be_custom(obj):
            return for_object(obj)
        group = str(version).rpartition("/")[0]
        versions = [kind.api_version for kind in self._kinds if (kind.kind, kind.group) == (name, group)]
        near = difflib.get_close_matches(name, [kind.kind for kind in self._kinds if kind.group == group], n=1)
        remedy = f"apply its {DEFINITION} first"
        if versions:
            remedy = f"use {' or '.join(versions)}"
        elif near:
            remedy = f"did you mean {near[0]!r}?"
        text = f'no matches for kind "{name}" in version "{version}"'
        raise UsageError(text, place="apiVersion" if versions else "kind", remedy=remedy)


def may_be_custom(obj: Mapping[str, Any]) -> bool:
    """Whether only a cluster can say if there is such a kind: groups of kinds defined at run time have a dot."""
    name, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(name, str) or not name or not isinstance(version, str):
        return False
    group = version.rpartition("/")[0]
    return "." in group and (name not in KINDS or KINDS[name].group != group)


BUILT_IN = Table()


def split(words: Sequence[str]) -> list[tuple[str, str]]:
    """Words for kinds with names ("" for all): `pods`, `pod NAME...`, `pod/NAME service/NAME`, `deploy,svc`, `all`.
    UsageError says what is wrong."""
    if not words:
        raise UsageError("a kind is missing", remedy="for example: pods, deploy/web, svc NAME")
    if any("/" in word for word in words):
        result = []
        for word in words:
            kind, slash, name = word.partition("/")
            if not slash or not name:
                raise UsageError("KIND/NAME and KIND NAME cannot be mixed", place=word)
            result.append((kind, name))
        return result
    return [(kind, name) for kind in words[0].split(",") for name in words[1:] or ("",)]


def targets(words: Sequence[str], table: Table = BUILT_IN) -> list[Target]:
    """What words mean by a table of kinds; UsageError."""
    return [Target(kind, name) for word, name in split(words) for kind in table.of_word(word)]


async def resolve(client: Client, words: Sequence[str]) -> list[Target]:
    """What words mean on this cluster now; UsageError."""
    if all(BUILT_IN.knows(word) for word, _ in split(words)):
        return targets(words)
    return targets(words, await defined(client))


async def defined(client: Client) -> Table:
    """The kinds of this cluster, as new as its store."""
    return table_of((await client.list(DEFINITION))["items"])


def table_of(definitions: Sequence[Object]) -> Table:
    """Of the built-in kinds, and those that these definitions define."""
    from cluster.api.customkinds import kinds_of  # reads schemas: not loaded where nobody has defined a kind
    from cluster.api.validate_extensions import established

    found = sorted(
        (obj for obj in definitions if established(obj)),
        key=lambda obj: (obj["spec"]["group"], obj["spec"]["names"]["plural"]),
    )
    return Table([kind for definition in found for kind in kinds_of(definition)])
