"""Which form an answer takes, from the Accept header, and which form a body has, from Content-Type.

Pure. Source: RFC 9110 section 12; Kubernetes API concepts, "Receiving resources as Tables".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cluster.errors import StatusError

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
TABLE, PARTIAL, PARTIAL_LIST = "Table", "PartialObjectMetadata", "PartialObjectMetadataList"
TRANSFORMS = (TABLE, PARTIAL, PARTIAL_LIST)
DISCOVERY = "APIGroupDiscoveryList"
MOST_CLAUSES = 64


@dataclass(frozen=True, slots=True)
class Form:
    """`media`: application/json or application/yaml. `transform`: "" for the object itself, or a key of TRANSFORMS, in
    `version` ("v1", "v1beta1")."""

    media: str = JSON
    transform: str = ""
    version: str = ""

    @property
    def content_type(self) -> str:
        return self.media


@dataclass(frozen=True, slots=True)
class Clause:
    """One range of an Accept header with its parameters."""

    media: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def clauses(accept: str) -> Sequence[Clause]:
    """In the order of preference: by q, then as they stand. q=0 is left out. An empty header accepts anything."""
    found: list[tuple[float, Clause]] = []
    for text in accept.split(",")[:MOST_CLAUSES]:
        media, *rest = [part.strip() for part in text.split(";")]
        if not media:
            continue
        parameters = {k.strip().lower(): v.strip().strip('"') for k, _, v in (part.partition("=") for part in rest)}
        quality = _quality(parameters.pop("q", "1"))
        if quality > 0:
            found.append((-quality, Clause(media.lower(), parameters)))
    if not found:
        return [Clause("*/*")]
    return [clause for _, clause in sorted(found, key=lambda pair: pair[0])]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@lru_cache(maxsize=256)
def form_of(accept: str) -> Form:
    """The first form that is asked for and can be made. NotAcceptable names those that can. A client that would rather
    have protobuf and takes JSON too gets JSON."""
    for clause in clauses(accept):
        media = {"*/*": JSON, "application/*": JSON}.get(clause.media, clause.media)
        if media not in (JSON, YAML):
            continue
        transform = clause.parameters.get("as", "")
        if not transform:
            return Form(media)
        if transform in TRANSFORMS and clause.parameters.get("g") == "meta.k8s.io":
            version = clause.parameters.get("v", "v1")
            if version in ("v1", "v1beta1"):
                return Form(media, transform, version)
    raise StatusError(
        "NotAcceptable",
        f"only the following media types are accepted: {JSON}, {YAML}, {JSON};as=Table;v=v1;g=meta.k8s.io, "
        f"{JSON};as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    )


def discovery_version(accept: str) -> str:
    """The version of aggregated discovery that is asked for ("v2", "v2beta1"), or "" for the legacy documents."""
    for clause in clauses(accept):
        if clause.media not in (JSON, "*/*", "application/*"):
            continue
        asked = clause.parameters
        if asked.get("as") == DISCOVERY and asked.get("g") == "apidiscovery.k8s.io" and asked.get("v") in _VERSIONS:
            return asked["v"]
        if "as" not in asked:
            return ""
    return ""


_VERSIONS = ("v2", "v2beta1")

PATCHES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


def media_of(content_type: str) -> str:
    """The media type without its parameters, in small letters; JSON for none."""
    return content_type.partition(";")[0].strip().lower() or JSON


def unsupported(content_type: str, known: Sequence[str]) -> StatusError:
    text = f"the body of the request was in an unknown format ({content_type[:128]}) - accepted media types include: "
    return StatusError("UnsupportedMediaType", text + ", ".join(known))
