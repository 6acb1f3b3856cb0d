"""Objects from words: what `create deployment NAME --image=I` and its like mean.

Must not talk to a cluster.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from cluster.errors import UsageError

Object = dict[str, Any]
KNOWN = "deployment, namespace, configmap, secret"


def generate(words: Sequence[str], *, image: str, replicas: int, literals: Sequence[str]) -> Object:
    """UsageError when the words do not make an object."""
    if len(words) == 3 and words[0] == "secret" and words[1] == "generic":
        words = ("secret", words[2])
    if len(words) != 2:
        raise UsageError("what to create is missing", place="create", remedy=f"-f FILE, or one of {KNOWN} and a name")
    kind, name = words
    if kind in ("deployment", "deploy"):
        return _deployment(name, image, replicas)
    if kind in ("namespace", "ns"):
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    if kind in ("configmap", "cm"):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": _literals(literals)}
    if kind == "secret":
        data = {k: base64.b64encode(v.encode()).decode() for k, v in _literals(literals).items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}
    raise UsageError(f"cannot create a {kind!r} from words", place="create", remedy=f"-f FILE, or one of {KNOWN}")


def _deployment(name: str, image: str, replicas: int) -> Object:
    if not image:
        raise UsageError("--image is missing", place="create deployment")
    container = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": container, "image": image}]}},
        },
    }


def _literals(literals: Sequence[str]) -> dict[str, str]:
    result = {}
    for literal in literals:
        key, equals, value = literal.partition("=")
        if not equals or not key:
            raise UsageError(f"{literal!r} is not KEY=VALUE", place="--from-literal")
        result[key] = value
    return result
