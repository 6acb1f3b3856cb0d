"""What the tests of admission stand on: objects, what plugins may look at, requests under review."""

from __future__ import annotations

from typing import Any

from cluster.api.kinds import KINDS
from cluster.api.meta import key_of
from cluster.apiserver.admission.chain import Chain
from cluster.apiserver.admission.review import CREATE, DELETE, Review, Sources
from cluster.apiserver.auth.rules import Who

Object = dict[str, Any]


def sources(*objects: Object) -> Sources:
    """Kinds' keys are their names."""

    def of(kind: str) -> list[Object]:
        return [obj for obj in objects if obj["kind"] == kind]

    return Sources(
        15,
        lambda kind, key: next((obj for obj in of(kind) if key_of(obj) == key), None),
        of,
        lambda kind, namespace: [obj for obj in of(kind) if obj["metadata"].get("namespace") == namespace],
    )


def review_of(obj: Object, operation: str = CREATE, old: Object | None = None, *, sub: str = "") -> Review:
    meta = obj["metadata"]
    new = None if operation == DELETE else obj
    was = obj if operation == DELETE else old
    place = meta.get("namespace", ""), meta.get("name", "")
    return Review(KINDS[obj["kind"]], operation, new, was, *place, sub, Who("jane", ("devs",)))


def admitted(review: Review, *others: Object) -> Object:
    """A new object, as the built-in plugins leave it."""
    chain = Chain(sources(*others))
    chain.mutate(review)
    chain.validate(review)
    return review.current


def named(kind: str, name: str, namespace: str = "", **more: Any) -> Object:
    meta: Object = {"name": name, "namespace": namespace} if namespace else {"name": name}
    if kind in KINDS:
        more = {"apiVersion": KINDS[kind].api_version, **more}
    return {"kind": kind, "metadata": meta, **more}
