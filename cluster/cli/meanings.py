"""The kinds of a file's objects on a cluster, also of those that the same file defines.

Must not write. Before the first object is written it is known that somebody defines each one's kind; an object whose
definition comes with it waits until that is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cluster.api.kinds import Kind
from cluster.api.meta import name_of
from cluster.cli.resources import BUILT_IN, DEFINITION, Table, may_be_custom, table_of
from cluster.client.client import Client
from cluster.errors import UsageError

if TYPE_CHECKING:
    from cluster.cli.manifests import Document

Object = dict[str, Any]
ESTABLISHING = 5.0
"""Seconds that a definition has to become Established."""
PAUSE, LONGEST = 0.02, 0.25
"""Seconds between two looks."""


class Meanings:
    """`coming`: what the file defines, by kind and apiVersion, with its definition's name. `table`: what is served."""

    def __init__(self, client: Client, table: Table, coming: Mapping[tuple[str, str], tuple[str, Kind]]) -> None:
        self._client = client
        self._table = table
        self._coming = dict(coming)

    @classmethod
    async def of(cls, client: Client, documents: Sequence[Document]) -> Meanings:
        """UsageError, with its place, for the first object whose kind nobody defines."""
        custom = [document for document in documents if may_be_custom(document.object)]
        if not custom:
            return cls(client, BUILT_IN, {})
        result = cls(client, table_of((await client.list(DEFINITION))["items"]), defined_in(documents))
        for document in custom:
            try:
                result.expected(document.object)
            except UsageError as error:
                place = document.place_of(error.place or "kind")
                raise UsageError(str(error.args[0]), place=place, remedy=error.remedy) from None
        return result

    def expected(self, obj: Object) -> Kind:
        """What the object is, or will be once its definition is there; UsageError."""
        found = self._coming.get(_place(obj))
        return self._table.of_object(obj) if found is None else found[1]

    async def kind(self, obj: Object) -> Kind:
        """What the object is, when its definition is served; UsageError when that does not come."""
        found = self._coming.get(_place(obj))
        if found is not None:
            self._table = await self._served(obj, found[0])
            del self._coming[_place(obj)]
        return self._table.of_object(obj)

    async def _served(self, obj: Object, name: str) -> Table:
        """Once a list as new as the store has the definition Established, the apiserver that answered serves it."""
        loop, pause = asyncio.get_running_loop(), PAUSE
        end = loop.time() + ESTABLISHING
        while True:
            definitions = (await self._client.list(DEFINITION))["items"]
            table = table_of(definitions)
            try:
                table.of_object(obj)
                return table
            except UsageError as error:
                definition = next((each for each in definitions if name_of(each) == name), None)
                why = _why(name, definition)
                if why or loop.time() > end:
                    why = why or f"its definition {name} is not Established after {ESTABLISHING:g} s"
                    raise UsageError(f"{error.args[0]}: {why}", remedy=_remedy(name, definition), status=1) from None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST)


def in_order(documents: Sequence[Document]) -> list[Document]:
    """As they stand there, but a definition that comes after an object of its kind goes before all."""
    coming, late, seen = defined_in(documents), set[str](), set[str]()
    for document in documents:
        if document.object["kind"] == DEFINITION:
            seen.add(document.object["metadata"].get("name", ""))
        found = coming.get(_place(document.object))
        if found is not None and found[0] not in seen:
            late.add(found[0])
    return sorted(
        documents, key=lambda each: not (_is_definition(each) and each.object["metadata"].get("name") in late)
    )


def last_definitions(documents: Sequence[Document]) -> list[Document]:
    """As they stand there, but definitions after all objects: with one, its objects go."""
    return sorted(documents, key=_is_definition)


def _is_definition(document: Document) -> bool:
    return bool(document.object["kind"] == DEFINITION)


def defined_in(documents: Sequence[Document]) -> dict[tuple[str, str], tuple[str, Kind]]:
    """What the definitions among these objects define: (kind, apiVersion) -> (definition's name, its names)."""
    found = {}
    for document in documents:
        if _is_definition(document):
            for kind in _kinds(document.object):
                found[kind.kind, kind.api_version] = (kind.qualified, kind)
    return found


def _kinds(definition: Object) -> list[Kind]:
    """As far as it is well formed: what is wrong with it, the server says."""
    try:
        spec = definition["spec"]
        names, namespaced = spec["names"], spec["scope"] == "Namespaced"
        singular = names.get("singular") or names["kind"].lower()
        return [
            Kind(
                str(names["kind"]),
                str(spec["group"]),
                str(version["name"]),
                str(names["plural"]),
                str(singular),
                namespaced=namespaced,
                custom=True,
            )
            for version in spec["versions"]
            if version["served"]
        ]
    except (KeyError, TypeError, AttributeError):
        return []


def _place(obj: Mapping[str, Any]) -> tuple[str, str]:
    return str(obj.get("kind")), str(obj.get("apiVersion"))


def _why(name: str, definition: Object | None) -> str:
    """Why waiting for it would be in vain, "" if it may still come."""
    if definition is None:
        return f"there is no {DEFINITION} {name}"
    conditions = (definition.get("status") or {}).get("conditions") or ()
    refused = next((c for c in conditions if (c["type"], c["status"]) == ("NamesAccepted", "False")), None)
    return f"the names of its definition {name} are not accepted: {refused.get('message', '')}" if refused else ""


def _remedy(name: str, definition: Object | None) -> str:
    return f"apply its {DEFINITION} first" if definition is None else f"see `describe crd {name}`"
