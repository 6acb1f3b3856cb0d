"""A request's body as a value: JSON, YAML or Kubernetes' protobuf, by its Content-Type.

Pure. Must not know what the value is for.
"""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from cluster.apiserver.refusals import bad_request
from cluster.apiserver.rest import negotiation, protobuf
from cluster.errors import StatusError

MOST_BYTES = 3 << 20
"""As a Kubernetes apiserver takes."""
DEEPEST = 200
"""Levels of lists and maps; what is deeper no kind has."""
_YAML = (negotiation.YAML, "application/apply-patch+yaml", "text/yaml")


def decode(body: bytes, content_type: str) -> Any:
    """None for no body. TooLarge, UnsupportedMediaType, or BadRequest that says where it is not JSON or YAML."""
    if len(body) > MOST_BYTES:
        raise StatusError("TooLarge", f"the body has {len(body)} bytes; the limit is {MOST_BYTES}")
    if not body.strip():
        return None
    media = negotiation.media_of(content_type)
    if media == protobuf.MEDIA:
        return protobuf.decode(body)
    if media in _YAML:
        value = _yaml(body)
    elif media == negotiation.JSON or media in negotiation.PATCHES:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from None
    else:
        raise negotiation.unsupported(content_type, (negotiation.JSON, negotiation.YAML, protobuf.MEDIA))
    _bounded(value)
    return value


def _yaml(body: bytes) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        value = yaml.load(body.decode(), Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:300]
        raise bad_request(f"the object provided is unrecognized (must be of type YAML): {text}") from None
    try:
        return orjson.loads(orjson.dumps(value))  # the values that JSON has, and no others; anchors undone
    except TypeError as error:
        raise bad_request(f"the object provided has a value that JSON has not: {error}") from None


def _bounded(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise bad_request(f"the object is more than {DEEPEST} levels deep")


def _inside(value: Any) -> list[Any]:
    if type(value) is dict:
        return [v for v in value.values() if type(v) in (dict, list)]
    if type(value) is list:
        return [v for v in value if type(v) in (dict, list)]
    return []
