"""All kinds that are served now, built in or defined: for paths, discovery and documents about fields.

Shell. Must not know requests. What depends on definitions is made again when one has changed.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cluster.api.kinds import Kind
from cluster.api.schema import REGISTRY
from cluster.apiserver.customs import Customs
from cluster.apiserver.rest import openapi
from cluster.apiserver.rest.answers import json_bytes
from cluster.apiserver.rest.discovery import SERVED, Served
from cluster.apiserver.rest.paths import BUILT_IN, UNKNOWN
from cluster.errors import StatusError

Object = dict[str, Any]


class Catalog:
    def __init__(self, customs: Customs) -> None:
        self._customs = customs
        self._revision = -1
        self._kinds: tuple[Served, ...] = SERVED
        self._documents: dict[str, bytes] = {}

    def get(self, place: tuple[str, str, str]) -> Kind | None:
        """(group, version, plural) -> the kind."""
        found = BUILT_IN.get(place)
        return found if found is not None else self._customs.at(*place)

    def kinds(self) -> tuple[Served, ...]:
        """All of them, as discovery tells them."""
        self._look()
        return self._kinds

    def _look(self) -> None:
        if self._revision != self._customs.revision:
            self._revision = self._customs.revision
            self._kinds = (*SERVED, *self._customs.served())
            self._documents.clear()

    # ── OpenAPI ──────────────────────────────────────────────────────────────────────────────────────────────

    def openapi(self, path: str) -> bytes:
        """What stands at /openapi/v3, or below it. NotFound."""
        rest = path.removeprefix("/openapi/v3").removeprefix("/")
        return self.document(rest) if rest else json_bytes(self.index())

    def index(self) -> Object:
        """/openapi/v3."""
        self._look()
        found = openapi.index()
        places = {openapi.path_of(kind.group, kind.version) for kind in self._customs.served()}
        for path in sorted(places):
            digest = hashlib.sha256(self.document(path)).hexdigest().upper()
            found["paths"][path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return found

    def document(self, path: str) -> bytes:
        """Of one group version. NotFound."""
        self._look()
        kinds = [kind for kind in self._customs.served() if openapi.path_of(kind.group, kind.version) == path]
        if not kinds:
            return openapi.document(path)
        if path not in self._documents:
            self._documents[path] = _document(path, kinds)
        return self._documents[path]


def _document(path: str, kinds: list[Kind]) -> bytes:
    schemas: dict[str, Object] = {}
    paths: dict[str, Object] = {}
    for kind in kinds:
        openapi.add(REGISTRY.struct("ObjectMeta"), schemas)
        schemas[kind.kind] = _schema(kind)
        for where, item in openapi.paths_of(kind, "/" + path):
            paths[where] = item
    return json_bytes(openapi.whole(paths, schemas))


def _schema(kind: Kind) -> Object:
    if kind.model is None:
        raise StatusError("NotFound", UNKNOWN)
    schema = dict(kind.model.schema)
    properties = {
        "apiVersion": {"type": "string", "description": "the group and version of this object's kind"},
        "kind": {"type": "string", "description": "the kind of this object"},
        **(schema.get("properties") or {}),
        "metadata": {"allOf": [{"$ref": "#/components/schemas/ObjectMeta"}], "description": "what every object has"},
    }
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [gvk]}
