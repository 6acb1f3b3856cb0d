"""Kinds defined at run time at the second door: discovery, documents, tables, patches, versions, watches."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from tests.cluster.apiserver.rest.test_handlers import TABLE, Browser, browse
from tests.cluster.apiserver.test_customs import SCHEMA, definition, widget

Object = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
HERE = "/apis/example.com/v1/namespaces/default/widgets"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "how large"},
    {"name": "Part", "type": "string", "jsonPath": '.spec.parts[?(@.name=="x")].count', "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def two_versions() -> Object:
    made = definition(additionalPrinterColumns=COLUMNS, selectableFields=[{"jsonPath": ".spec.colour"}])
    old = {**copy.deepcopy(made["spec"]["versions"][0]), "name": "v1beta1", "storage": False, "deprecated": True}
    del old["additionalPrinterColumns"]
    made["spec"]["versions"].append(old)
    made["spec"]["names"]["categories"] = ["all"]
    return made


async def define(browser: Browser, made: Object) -> None:
    answer = await browser.raw("POST", DEFINITIONS, made)
    assert answer.status == 201, answer.body
    async with asyncio.timeout(10):
        while (await browser.raw("GET", HERE)).status != 200:  # noqa: ASYNC110 (it asks a server; time is virtual)
            await asyncio.sleep(0.05)


def test_discovery_and_documents() -> None:
    async def story(browser: Browser) -> None:
        await define(browser, two_versions())
        found = await browser.ask("GET", "/apis", accept=AGGREGATED)
        group = next(item for item in found["items"] if item["metadata"]["name"] == "example.com")
        assert [version["version"] for version in group["versions"]] == ["v1", "v1beta1"]
        (row,) = group["versions"][0]["resources"]
        assert (row["resource"], row["shortNames"], row["categories"]) == ("widgets", ["wi"], ["all"])
        assert [part["subresource"] for part in row["subresources"]] == ["scale", "status"]
        legacy = await browser.ask("GET", "/apis/example.com/v1")
        assert [each["name"] for each in legacy["resources"]] == ["widgets", "widgets/scale", "widgets/status"]
        groups = await browser.ask("GET", "/apis")
        mine = next(each for each in groups["groups"] if each["name"] == "example.com")
        assert mine["preferredVersion"]["version"] == "v1"
        index = await browser.ask("GET", "/openapi/v3")
        assert "apis/example.com/v1" in index["paths"]
        document = await browser.ask("GET", "/openapi/v3/apis/example.com/v1")
        schema = document["components"]["schemas"]["Widget"]
        assert schema["x-kubernetes-group-version-kind"] == [
            {"group": "example.com", "version": "v1", "kind": "Widget"}
        ]
        assert schema["properties"]["spec"]["properties"]["size"]["minimum"] == 1
        await browser.ask("DELETE", f"{DEFINITIONS}/widgets.example.com")
        await asyncio.sleep(2)
        assert (await browser.raw("GET", HERE)).status == 404
        assert "apis/example.com/v1" not in (await browser.ask("GET", "/openapi/v3"))["paths"]

    browse(story)


def test_unknown_fields_and_wrong_values() -> None:
    async def story(browser: Browser) -> None:
        await define(browser, two_versions())
        strict = await browser.ask("POST", HERE, widget("a", sise=1), {"fieldValidation": "Strict"})
        assert (strict["code"], strict["message"]) == (
            400,
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.sise"',
        )
        warned = await browser.raw("POST", HERE, widget("a", sise=1))
        assert (warned.status, warned.headers["Warning"]) == (201, '299 - "unknown field \\"spec.sise\\""')
        assert b"sise" not in warned.body
        wrong = await browser.ask("POST", HERE, widget("b", size=12, colour="pink", parts=[{"name": "x"}] * 2))
        assert wrong["code"] == 422
        assert [cause["message"] for cause in wrong["details"]["causes"]] == [
            "Invalid value: 12: spec.size in body should be less than or equal to 9",
            'Unsupported value: "pink": supported values: "blue", "red"',
            'Duplicate value: {"name": "x"}',
        ]
        assert wrong["details"]["causes"][1]["reason"] == "FieldValueNotSupported"

    browse(story)


def test_tables_selectors_and_scales() -> None:
    async def story(browser: Browser) -> None:
        await define(browser, two_versions())
        await browser.raw("POST", HERE, widget("a", parts=[{"name": "x", "count": 4}]))
        await browser.raw("POST", HERE, widget("b", colour="red"))
        table = await browser.ask("GET", HERE, accept=TABLE)
        heads = [(each["name"], each["type"], each["priority"]) for each in table["columnDefinitions"]]
        assert heads == [("Name", "string", 0), ("Size", "integer", 0), ("Part", "string", 1), ("Age", "date", 0)]
        assert table["columnDefinitions"][1]["description"] == "how large"
        assert [row["cells"][:3] for row in table["rows"]] == [["a", 3, "4"], ["b", 3, ""]]
        red = await browser.ask("GET", HERE, None, {"fieldSelector": "spec.colour=red"})
        assert [item["metadata"]["name"] for item in red["items"]] == ["b"]
        assert (await browser.ask("GET", HERE, None, {"fieldSelector": "spec.size=3"}))["code"] == 400
        scaled = await browser.ask("PATCH", f"{HERE}/a/scale", {"spec": {"replicas": 6}}, content_type=MERGE)
        assert (scaled["kind"], scaled["spec"]["replicas"]) == ("Scale", 6)
        assert (await browser.ask("GET", f"{HERE}/a"))["spec"]["size"] == 6
        assert (await browser.raw("PATCH", f"{HERE}/a", {}, content_type=STRATEGIC)).status == 415

    browse(story)


def test_each_version_shows_the_same_object() -> None:
    async def story(browser: Browser) -> None:
        await define(browser, two_versions())
        there = HERE.replace("/v1/", "/v1beta1/")
        made = await browser.raw("POST", there, widget("a", "v1beta1"))
        assert (made.status, b'"example.com/v1beta1"' in made.body) == (201, True)
        assert made.headers["Warning"] == '299 - "example.com/v1beta1 Widget is deprecated"'
        assert (await browser.ask("GET", f"{HERE}/a"))["apiVersion"] == "example.com/v1"
        events, watching = await browser.watch(there, resourceVersion="0")
        listed = await browser.ask("GET", there)
        assert (listed["apiVersion"], listed["kind"]) == ("example.com/v1beta1", "WidgetList")
        assert listed["items"][0]["apiVersion"] == "example.com/v1beta1"
        wrong = await browser.ask("PUT", f"{HERE}/a", widget("a", "v1beta1"))
        assert wrong["code"] == 400
        found = await browser.ask("GET", f"{there}/a")
        found["spec"]["size"] = 8
        assert (await browser.ask("PUT", f"{there}/a", found))["apiVersion"] == "example.com/v1beta1"
        await asyncio.sleep(0.1)
        assert [(each["type"], each["object"]["apiVersion"]) for each in events] == [
            ("ADDED", "example.com/v1beta1"),
            ("MODIFIED", "example.com/v1beta1"),
        ]
        watching.cancel()

    browse(story)


def test_apply_goes_by_the_schemas_keys() -> None:
    async def story(browser: Browser) -> None:
        await define(browser, two_versions())

        async def say(who: str, *parts: Object, **query: str) -> Object:
            body = widget("a", parts=list(parts))
            return await browser.ask("PATCH", f"{HERE}/a", body, {"fieldManager": who, **query}, content_type=APPLY)

        await say("one", {"name": "x", "count": 1})
        both = await say("two", {"name": "y", "count": 2})
        assert {part["name"]: part["count"] for part in both["spec"]["parts"]} == {"x": 1, "y": 2}
        conflict = await say("two", {"name": "x", "count": 5})
        assert (conflict["code"], conflict["details"]["causes"][0]["field"]) == (
            409, '.spec.parts[name="x"].count'
        )  # fmt: skip
        less = await say("two")
        assert [part["name"] for part in less["spec"]["parts"]] == ["x"]
        unknown = await browser.ask(
            "PATCH", f"{HERE}/a", widget("a", sise=1), {"fieldManager": "one"}, content_type=APPLY
        )
        assert unknown["code"] == 400
        assert ".spec.sise: field not declared in schema" in unknown["message"]

    browse(story)


def test_rules_that_are_expressions() -> None:
    async def story(browser: Browser) -> None:
        schema = copy.deepcopy(SCHEMA)
        schema["properties"]["spec"]["x-kubernetes-validations"] = [
            {"rule": "self.colour != 'red' || self.size < 5", "message": "red ones are small"},
            {"rule": "self.size >= oldSelf.size", "fieldPath": ".size", "reason": "FieldValueForbidden"},
        ]
        await define(browser, definition(schema={"openAPIV3Schema": schema}))
        wrong = await browser.ask("POST", HERE, widget("a", colour="red", size=7))
        assert wrong["message"] == (
            'Widget.example.com "a" is invalid: spec: Invalid value: "object": red ones are small'
        )
        assert (await browser.raw("POST", HERE, widget("a", size=4))).status == 201
        smaller = await browser.ask("PATCH", f"{HERE}/a", {"spec": {"size": 2}}, content_type=MERGE)
        assert smaller["details"]["causes"][0] == {
            "field": "spec.size",
            "reason": "FieldValueForbidden",
            "message": "Forbidden: failed rule: self.size >= oldSelf.size",
        }
        assert (await browser.raw("PATCH", f"{HERE}/a", {"spec": {"size": 5}}, content_type=MERGE)).status == 200
        schema["properties"]["spec"]["x-kubernetes-validations"] = [{"rule": "self.size >"}]
        gadgets = definition("gadgets", "Gadget", schema={"openAPIV3Schema": schema})
        unreadable = await browser.ask("POST", DEFINITIONS, gadgets)
        assert unreadable["details"]["causes"][0]["field"].endswith("x-kubernetes-validations[0].rule")

    browse(story)
