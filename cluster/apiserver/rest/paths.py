"""What a URL's path names: a collection of objects, one object, a subresource of it, or a document about the API.

Pure. Must not know methods, queries or verbs. Source: Kubernetes API concepts, "Resource URIs".

    /api/v1/nodes/worker-1                                   an object without namespace
    /apis/apps/v1/namespaces/default/deployments             a collection in a namespace
    /apis/apps/v1/deployments                                the same kind in all namespaces
    /api/v1/namespaces/default/pods/web-0/log                a subresource
    /api  /api/v1  /apis  /apis/apps  /apis/apps/v1          discovery
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from cluster.api.kinds import KINDS, Kind
from cluster.api.versions import served
from cluster.apiserver.rest.reviewkinds import METRIC_KINDS, REVIEW_KINDS, ReviewKind
from cluster.errors import StatusError

UNKNOWN = "the server could not find the requested resource"


@dataclass(frozen=True, slots=True)
class Resource:
    """`namespace` "": all namespaces, or a kind without. `name` "": the collection."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource: the path behind pods/NAME/proxy."""


@dataclass(frozen=True, slots=True)
class Document:
    """`name`: "versions" (/api), "groups" (/apis), "group", "resources" of a group version, or the path of any other
    document that the door serves ("/version", "/openapi/v3/apis/apps/v1")."""

    name: str
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A review: what is posted is answered, and not kept."""

    kind: ReviewKind
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """Metrics of all or of one (`name`)."""

    kind: ReviewKind
    namespace: str = ""
    name: str = ""


Named = Resource | Document | Question | Measure


class Places(Protocol):
    """(group, version, plural) -> the kind."""

    def get(self, place: tuple[str, str, str], /) -> Kind | None: ...


def plurals(kinds: Mapping[str, Kind] = KINDS) -> dict[tuple[str, str, str], Kind]:
    """(group, version, plural) of every version of every kind."""
    return {(kind.group, kind.version, kind.plural): kind for kind in served(kinds.values())}


BUILT_IN = plurals()
_REVIEWS = {(kind.group, kind.version, kind.plural): kind for kind in REVIEW_KINDS}


_METRICS = {(kind.group, kind.version, kind.plural): kind for kind in METRIC_KINDS}


def parse(path: str, table: Places = BUILT_IN) -> Named:
    """What `path` (still percent-encoded, without the query) names. NotFound for what is nowhere; BadRequest for a
    path with empty or dotted parts, which no client of good will sends. A slash at the end means nothing."""
    words = path.strip("/").split("/")
    if "%" in path or "." in words or ".." in words or not path.isprintable():
        words = [_word(word) for word in words]
    if not all(words) and len(words) > 1:
        raise StatusError("NotFound", UNKNOWN)
    if words[0] == "api":
        if len(words) == 1:
            return Document("versions")
        return _in_group("", words[1], words[2:], table)
    if words[0] == "apis":
        if len(words) == 1:
            return Document("groups")
        if len(words) == 2:
            return Document("group", words[1])
        return _in_group(words[1], words[2], words[3:], table)
    return Document("/" + "/".join(words))


def _word(part: str) -> str:
    word = unquote(part, errors="replace")
    if word in (".", "..") or "/" in word or "\0" in word or "\ufffd" in word:
        raise StatusError("BadRequest", f"the path has a part {part[:64]!r}, which no resource is called")
    return word


def _in_group(group: str, version: str, words: list[str], table: Places) -> Named:
    if not words:
        return Document("resources", group, version)
    namespace = ""
    if words[0] == "namespaces" and len(words) > 2 and (group or words[2] not in ("status", "finalize")):
        namespace, words = words[1], words[2:]
    review = _REVIEWS.get((group, version, words[0]))
    if review is not None and len(words) == 1 and bool(namespace) == review.namespaced:
        return Question(review, namespace)
    measured = _METRICS.get((group, version, words[0]))
    if measured is not None and len(words) <= 2 and (bool(namespace) is measured.namespaced or len(words) == 1):
        if not namespace or measured.namespaced:
            return Measure(measured, namespace, "".join(words[1:]))
    kind = table.get((group, version, words[0]))
    if kind is None or bool(namespace) > kind.namespaced:
        raise StatusError("NotFound", UNKNOWN)
    if kind.namespaced and not namespace and len(words) > 1:
        raise StatusError("NotFound", UNKNOWN)
    name = words[1] if len(words) > 1 else ""
    subresource = words[2] if len(words) > 2 else ""
    return Resource(kind, namespace, name, subresource, "/".join(words[3:]))
