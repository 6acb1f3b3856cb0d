"""Kinds defined at run time, on the bus: from the definition to the objects, and back to nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cluster.api.meta import key_of, name_of
from cluster.client.client import Client
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import Cluster, simulate

Object = dict[str, Any]
KIND = "Widget.example.com"
SCHEMA: Object = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "colour": {"type": "string", "default": "blue", "enum": ["blue", "red"]},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
                    },
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"made": {"type": "integer"}}},
    },
}


def definition(plural: str = "widgets", kind: str = "Widget", **version: Any) -> Object:
    first = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.made"},
        },
        **version,
    }
    names = {"plural": plural, "kind": kind, "shortNames": [plural[:2]]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [first]},
    }


def widget(name: str, version: str = "v1", **spec: Any) -> Object:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": meta, "spec": {"size": 3, **spec}}


async def established(client: Client, name: str = "widgets.example.com") -> Object:
    async with asyncio.timeout(10):
        while True:
            found = await client.get("CustomResourceDefinition", name)
            conditions = (found.get("status") or {}).get("conditions") or ()
            if any((c["type"], c["status"]) == ("Established", "True") for c in conditions):
                return found
            await asyncio.sleep(0.05)


async def refused(work: Any, reason: str) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await work
    assert caught.value.reason == reason, caught.value
    return caught.value


def test_a_definition_makes_a_kind() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        assert (await refused(client.list(KIND), "NotFound")).message == (
            "the server could not find the requested resource"
        )
        await client.create(definition())
        status = (await established(client))["status"]
        assert status["storedVersions"] == ["v1"]
        assert status["acceptedNames"] == {
            "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wi"]
        }  # fmt: skip
        made = await client.create(widget("a", parts=[{"name": "x"}], sise=1, free={"any": {"thing": 1}}))
        assert made["spec"] == {
            "size": 3, "colour": "blue", "parts": [{"name": "x", "count": 1}], "free": {"any": {"thing": 1}}
        }  # fmt: skip
        assert made["metadata"]["generation"] == 1
        wrong = await refused(client.create(widget("b", size="large")), "Invalid")
        assert wrong.message == (
            'Widget.example.com "b" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type '
            'integer: "string"'
        )
        patched = await client.patch(KIND, "a", {"spec": {"size": 5}}, namespace="default")
        assert (patched["spec"]["size"], patched["metadata"]["generation"]) == (5, 2)
        told = await client.update({**patched, "status": {"made": 1, "lost": 2}, "spec": {}}, subresource="status")
        assert (told["status"], told["spec"], told["metadata"]["generation"]) == ({"made": 1}, patched["spec"], 2)
        scale = await client.get_scale(KIND, "a", "default")
        assert (scale["spec"], scale["status"]) == ({"replicas": 5}, {"replicas": 1})
        await client.scale(KIND, "a", "default", 7)
        assert (await client.get(KIND, "a", "default"))["spec"]["size"] == 7
        assert [key_of(obj) for obj in (await client.list(KIND))["items"]] == ["default/a"]
        strategic = await refused(
            client.patch(KIND, "a", {}, type="strategic", namespace="default"), "UnsupportedMediaType"
        )
        assert strategic.message.startswith("the body of the request was in an unknown")
        assert (await refused(client.get(KIND, "none", "default"), "NotFound")).message == (
            'widgets.example.com "none" not found'
        )
        table = await client.table(KIND, "default")
        assert (table["columns"], [row[0] for row in table["rows"]]) == (["NAME", "AGE"], ["a"])

    simulate(story)


def test_requests_in_another_version_than_the_stored_one() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = definition(additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}])
        first = made["spec"]["versions"][0]
        second = {**first, "name": "v2", "storage": False, "additionalPrinterColumns": None}
        made["spec"]["versions"] += [second, {**second, "name": "v3", "served": False}]
        await client.create(made)
        await established(client)
        stored = await client.create(widget("a", "v2"))
        assert stored["apiVersion"] == "example.com/v1"
        changed = await client.update({**stored, "apiVersion": "example.com/v2", "spec": {"size": 4}})
        assert (changed["apiVersion"], changed["spec"]["size"]) == ("example.com/v1", 4)
        patch = {"apiVersion": "example.com/v2", "spec": {"size": 5}}
        assert (await client.patch(f"{KIND}/v2", "a", patch, namespace="default"))["spec"]["size"] == 5
        assert (await client.table(KIND))["columns"] == ["NAME", "SIZE"]
        assert (await client.table(f"{KIND}/v2"))["columns"] == ["NAME", "AGE"]
        await refused(client.list(f"{KIND}/v3"), "NotFound")
        wrong = await refused(client.create(widget("b", "v3")), "BadRequest")
        assert wrong.message == "the object is example.com/v3, Kind=Widget; this is for example.com/v1, Kind=Widget"

    simulate(story)


def test_the_audit_log_names_the_kind() -> None:
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}

    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(definition())
        await established(client)
        await client.create(widget("a"))
        await client.update({**widget("a"), "status": {"made": 1}}, subresource="status")
        await asyncio.sleep(1.0)  # half a second is kept back

    world = simulate(story, audit=policy)
    log = bytes(world.platter("apiserver-0").files["audit.log"].data).splitlines()
    told = {(line["verb"], line["requestURI"]) for line in map(json.loads, log) if line["userAgent"] == "bus"}
    home = "/apis/example.com/v1/namespaces/default/widgets"
    assert {("create", home), ("update", f"{home}/a/status")} <= told


def test_a_watch_of_a_kind_ends_with_its_definition_and_objects_go_first() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(definition())
        await established(client)
        await client.create(widget("a"))
        held = widget("held")
        held["metadata"]["finalizers"] = ["example.com/held"]
        await client.create(held)
        seen: list[tuple[str, str]] = []

        async def look() -> None:
            async with client.watch(KIND, resource_version="0") as events:
                async for event in events:
                    seen.append((event["type"], name_of(event["object"])))

        watching = asyncio.create_task(look())
        await asyncio.sleep(0.5)
        await client.delete("CustomResourceDefinition", "widgets.example.com")
        await asyncio.sleep(3)
        going = await client.get("CustomResourceDefinition", "widgets.example.com")
        assert going["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        assert [c["type"] for c in going["status"]["conditions"]] == ["NamesAccepted", "Established", "Terminating"]
        new = await refused(client.create(widget("new")), "MethodNotAllowed")
        assert new.message == "create not allowed while custom resource definition is terminating"
        await client.patch(KIND, "held", {"metadata": {"finalizers": None}}, namespace="default")
        await asyncio.sleep(3)
        await refused(client.get("CustomResourceDefinition", "widgets.example.com"), "NotFound")
        await refused(client.list(KIND), "NotFound")
        await asyncio.wait_for(asyncio.gather(watching, return_exceptions=True), 5)
        assert ("DELETED", "a") in seen
        assert ("DELETED", "held") in seen
        await client.create(definition())
        await established(client)
        assert (await client.list(KIND))["items"] == []

    simulate(story, apiservers=2)


def test_names_are_given_to_the_first_who_asks() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(definition())
        await established(client)
        await client.create(definition("gadgets", "Widget"))
        await asyncio.sleep(1)
        second = await client.get("CustomResourceDefinition", "gadgets.example.com")
        first, last = second["status"]["conditions"]
        assert (first["type"], first["status"], first["reason"]) == ("NamesAccepted", "False", "ListKindConflict")
        assert first["message"] == '"WidgetList" is already in use'
        assert (last["type"], last["status"]) == ("Established", "False")
        await client.delete("CustomResourceDefinition", "widgets.example.com")
        await established(client, "gadgets.example.com")

    simulate(story)


def test_objects_outlive_their_apiserver_and_reach_the_others() -> None:
    async def story(cluster: Cluster) -> None:
        client, other = await cluster.client(), await cluster.client("other", first=1)
        await client.create(definition())
        await established(other)
        made = await client.create(widget("a"))
        assert await other.get(KIND, "a", "default") == made
        await cluster.world.restart("apiserver-1")
        assert (await other.list(KIND))["items"] == [made]
        await client.delete(KIND, "a", "default")
        assert (await other.list(KIND))["items"] == []

    simulate(story, apiservers=2)
