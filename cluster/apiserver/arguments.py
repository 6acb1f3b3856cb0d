"""Reading a request's body: typed fields, or BadRequest that names the one that is wrong.

Pure. Must not know verbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api.kinds import KINDS, Kind
from cluster.apiserver.refusals import bad_request

Object = dict[str, Any]

BY_WORD: Mapping[str, Kind] = {kind.key.lower(): kind for kind in KINDS.values()}
"""Kinds as bus kinds name them: "pod" of `pod.create`."""


class Arguments:
    def __init__(self, body: Any) -> None:
        if type(body) is not dict:
            raise bad_request("the body of a request is a map")
        self._body: Mapping[str, Any] = body

    @property
    def body(self) -> Mapping[str, Any]:
        return self._body

    def text(self, field: str) -> str:
        """ "" if it is not given."""
        return str(self._typed(field, str, "a string") or "")

    def number(self, field: str) -> int | None:
        """None if it is not given."""
        value = self._typed(field, int, "a whole number")
        return None if value is None else int(value)

    def flag(self, field: str) -> bool:
        return bool(self._typed(field, bool, "true or false"))

    def texts(self, field: str) -> list[str]:
        """[] if it is not given."""
        found = self._typed(field, list, "a list of strings") or []
        if any(type(word) is not str for word in found):
            raise bad_request(f"{field} is a list of strings")
        return list(found)

    def any(self, field: str) -> Any:
        return self._body.get(field)

    def revision(self, field: str = "resourceVersion") -> int | None:
        """None for "", which means the newest."""
        text = self.text(field)
        if not text:
            return None
        # isdecimal alone takes other scripts' digits, and a number too long for a revision is none.
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise bad_request(f'Invalid value: "{text}": {field} is not a resource version')
        return int(text)

    def name(self) -> str:
        name = self.text("name")
        if not name:
            raise bad_request("name is required")
        if "/" in name:
            raise bad_request(f'name may not contain "/": {name[:64]!r}')
        return name

    def namespace(self, kind: Kind) -> str:
        """The namespace that an object of this kind is addressed in; "" for kinds without."""
        namespace = self.text("namespace")
        if "/" in namespace:
            raise bad_request(f'namespace may not contain "/": {namespace[:64]!r}')
        return (namespace or "default") if kind.namespaced else ""

    def key(self, kind: Kind) -> str:
        """ "namespace/name" or "name" of the object that is addressed."""
        namespace, name = self.namespace(kind), self.name()
        return f"{namespace}/{name}" if namespace else name

    def object(self, kind: Kind, *, typed: bool = True) -> Object:
        """The object that came with the request: a map with a metadata map, of that kind (if `typed`)."""
        return well_formed(kind, self._body.get("object"), typed=typed)

    def _typed(self, field: str, right: type, what: str) -> Any:
        value = self._body.get(field)
        if value is not None and type(value) is not right:
            raise bad_request(f"{field} is {what}")
        return value


def well_formed(kind: Kind, obj: Any, *, typed: bool = True) -> Object:
    """An object whose metadata can be worked with: a map with a metadata map, of that kind (if `typed`)."""
    if type(obj) is not dict:
        raise bad_request("object is required, and is a map")
    meta = obj.get("metadata", {})
    if type(meta) is not dict:
        raise bad_request("metadata is a map")
    for field in ("name", "namespace", "generateName", "resourceVersion", "uid"):
        value = meta.get(field)
        if value is not None and (type(value) is not str or "/" in value):
            raise bad_request(f'metadata.{field} is a string without "/"')
    finalizers = meta.get("finalizers") or []
    if type(finalizers) is not list or any(type(finalizer) is not str for finalizer in finalizers):
        raise bad_request("metadata.finalizers is a list of strings")
    if typed and (obj.get("kind"), obj.get("apiVersion")) != (kind.kind, kind.api_version):
        given = f"{obj.get('apiVersion')!s}, Kind={obj.get('kind')!s}"[:128]
        raise bad_request(f"the object is {given}; this is for {kind.api_version}, Kind={kind.kind}")
    return {**obj, "metadata": meta}
