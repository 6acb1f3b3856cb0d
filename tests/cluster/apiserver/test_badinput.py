"""Malformed bodies on every verb: refused as the sender's mistake, and nothing is harmed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.api.kinds import KINDS
from cluster.apiserver.arguments import Arguments
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import Cluster, config_map, deployment, pod, service, simulate

VERBS = ("get", "list", "table", "create", "update", "update-status", "patch", "patch-status", "delete", "bind")
SUBVERBS = ("delete-collection", "update-scale", "get-scale", "update-finalize", "evict", "renew")

json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(("default", "web", "v1")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
bodies = json | st.fixed_dictionaries(
    {},
    optional={
        name: json
        for name in ("name", "namespace", "object", "patch", "type", "labels", "fields", "limit", "continue", "grace")
    },
)
GOOD = (pod("web-1"), deployment("web"), service("web"), config_map("web"))


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A good object with one value replaced by any other."""
    obj: dict[str, Any] = draw(st.sampled_from(GOOD))
    paths: list[tuple[Any, ...]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if path:
            paths.append(path)
        if isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                walk(inner, (*path, key))

    walk(obj, ())

    def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
        if not path:
            return new
        if isinstance(value, dict):
            return {**value, path[0]: put(value[path[0]], path[1:], new)}
        return [put(inner, path[1:], new) if i == path[0] else inner for i, inner in enumerate(value)]

    result: dict[str, Any] = put(obj, draw(st.sampled_from(paths)), draw(json))
    return result


def ask(kind: str, verb: str, body: Any) -> list[str]:
    """What the answer was, and what the cluster says afterwards."""
    said: list[str] = []

    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        try:
            await client.rpc.call("apiserver-0", f"{kind.lower()}.{verb}", body, timeout=1.5)
            said.append("")
        except StatusError as error:
            said.append(error.reason if error.reason != "InternalError" else str(error))
        said.append(str(len((await client.list("Namespace"))["items"])))
        said.append(await watched(client, kind, body))

    async def watched(client: Any, kind: str, body: Any) -> str:
        async def first() -> str:
            try:
                async with client.rpc.stream("apiserver-0", f"{kind.lower()}.watch", body) as items:
                    async for _ in items:
                        return ""
            except StatusError as error:
                return "" if error.reason != "InternalError" else str(error)
            return ""

        try:
            return await asyncio.wait_for(first(), 3)
        except TimeoutError:
            return ""

    simulate(story)
    return said


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(KINDS)), st.sampled_from(VERBS + SUBVERBS), bodies)
def test_any_body_on_any_verb(kind: str, verb: str, body: Any) -> None:
    answer, namespaces, watch = ask(kind, verb, body)
    assert not answer.startswith("Timeout")
    assert ": " not in answer, f"{kind}.{verb} {body}: {answer}"
    assert int(namespaces) >= 4
    assert watch == ""


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(damaged(), min_size=10, max_size=10))
def test_damaged_objects(objects: list[dict[str, Any]]) -> None:
    """Ten a world, since each world costs its boot: created, and used as the update of a good one."""
    reasons: list[tuple[str, Any]] = []

    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        for good in GOOD:
            await client.create(good)
        for obj in objects:
            kind = obj["kind"] if obj["kind"] in [good["kind"] for good in GOOD] else "Pod"
            for verb in ("create", "update", "update-status"):
                try:
                    await client.rpc.call("apiserver-0", f"{kind.lower()}.{verb}", {"object": obj}, timeout=1.5)
                except StatusError as error:
                    if error.reason in ("InternalError", "Timeout"):
                        reasons.append((f"{kind}.{verb}: {error}", obj))
        assert len((await client.list("Namespace"))["items"]) == 4

    simulate(story)
    assert reasons == []


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (None, lambda a: a.text("x")),
        ([], lambda a: a.text("x")),
        ({"x": 1}, lambda a: a.text("x")),
        ({"x": True}, lambda a: a.number("x")),
        ({"x": "1"}, lambda a: a.number("x")),
        ({"x": 1}, lambda a: a.flag("x")),
        ({"resourceVersion": "-1"}, lambda a: a.revision()),
        ({"resourceVersion": "1" * 40}, lambda a: a.revision()),
        ({"resourceVersion": "²"}, lambda a: a.revision()),
        ({}, lambda a: a.name()),
        ({"name": "a/b"}, lambda a: a.name()),
        ({"namespace": "a/b"}, lambda a: a.namespace(KINDS["Pod"])),
        ({}, lambda a: a.object(KINDS["Pod"])),
        ({"object": {"kind": "Pod", "apiVersion": "v1", "metadata": []}}, lambda a: a.object(KINDS["Pod"])),
        ({"object": {"kind": "Node", "apiVersion": "v1", "metadata": {}}}, lambda a: a.object(KINDS["Pod"])),
    ],
)
def test_arguments_name_what_is_wrong(body: Any, read: Any) -> None:
    with pytest.raises(StatusError) as caught:
        read(Arguments(body))
    assert caught.value.reason == "BadRequest"
