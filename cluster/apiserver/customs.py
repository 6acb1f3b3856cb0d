"""The kinds that definitions in the watch cache define now, and what may be done with them in each version.

Shell. Must not decide which names are accepted (`definitions.py` has it written down): a definition counts once it is
established. The table is made anew when a definition has changed, by whoever asks first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cluster.api.customkinds import kinds_of, storage_kind
from cluster.api.kinds import KINDS, Kind
from cluster.api.validate_extensions import established
from cluster.apiserver.arguments import Arguments
from cluster.apiserver.request import Call
from cluster.apiserver.watchcache import WatchCache
from cluster.errors import StatusError

UNKNOWN = "the server could not find the requested resource"
DEFINITION = "CustomResourceDefinition"
Work = Callable[[Kind, Call], Awaitable[Any]]


class Customs:
    def __init__(self, cache: WatchCache) -> None:
        self._cache = cache
        self._version = -1
        self._served: tuple[Kind, ...] = ()
        self._by_key: dict[str, Kind] = {}
        self._by_place: dict[tuple[str, str, str], Kind] = {}

    def served(self) -> Sequence[Kind]:
        """One for each served version, sorted by group and plural, a kind's preferred version first."""
        self._look()
        return self._served

    def kind(self, key: str) -> Kind | None:
        """Of any key, built in or not: in the version that its objects are stored in."""
        found = KINDS.get(key)
        if found is None and "." in key:
            self._look()
            found = self._by_key.get(key)
        return found

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        """What a path names."""
        self._look()
        return self._by_place.get((group, version, plural))

    @property
    def revision(self) -> int:
        """Another one whenever the kinds may be others."""
        return self._cache.version(DEFINITION)

    def _look(self) -> None:
        version = self._cache.version(DEFINITION)
        if version == self._version:
            return
        found = sorted(
            (stored.obj for stored in self._cache.objects(DEFINITION) if established(stored.obj)),
            key=lambda obj: (obj["spec"]["group"], obj["spec"]["names"]["plural"]),
        )
        self._by_key = {kind.key: kind for kind in map(storage_kind, found)}
        self._served = tuple(kind for definition in found for kind in kinds_of(definition))
        self._by_place = {(kind.group, kind.version, kind.plural): kind for kind in self._served}
        self._version = version

    def named(self, args: Arguments) -> Kind:
        """The kind that a request on the bus names in its body, in the version that it names or its object is in; in
        the stored one if there is none such. NotFound."""
        key, version = args.text("kind"), args.text("version")
        found = self.kind(key) if "." in key else None
        if found is not None and version and version != found.version:
            found = self.at(found.group, version, found.plural)
        elif found is not None:
            found = self._of_object(found, args.any("object"))
        if found is None:
            raise StatusError("NotFound", UNKNOWN)
        return found

    def about(self, request: Mapping[str, Any]) -> Kind | None:
        """The kind that a request's body names, if it does and that is served: for who tells of requests."""
        try:
            return self.named(Arguments(request))
        except StatusError:
            return None

    def _of_object(self, kind: Kind, obj: Any) -> Kind:
        api_version = obj.get("apiVersion") if isinstance(obj, dict) else None
        if not isinstance(api_version, str) or api_version == kind.api_version:
            return kind
        group, _, version = api_version.rpartition("/")
        return (self.at(group, version, kind.plural) if group == kind.group else None) or kind


def in_stored_version(kind: Kind, work: Work) -> Work:
    """`work` on objects as they are stored, for who speaks of them in the version of `kind` (conversion None); who uses
    a version that is deprecated is told."""
    model = kind.model
    if model is None or (model.storage == kind.version and not model.warning):
        return work
    stored = replace(kind, version=model.storage)

    async def converted(_: Kind, call: Call) -> Any:
        call.warn([model.warning] if model.warning else [])
        call.args = Arguments(_converted(call.args.body, kind.api_version, stored.api_version))
        return await work(stored, call)

    return converted


def _converted(body: Mapping[str, Any], given: str, wanted: str) -> dict[str, Any]:
    result = dict(body)
    for name in ("object", "patch"):
        value = result.get(name)
        if isinstance(value, dict) and value.get("apiVersion") == given:
            result[name] = {**value, "apiVersion": wanted}
    return result
