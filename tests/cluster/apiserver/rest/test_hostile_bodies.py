"""Bodies that somebody means harm with: each is answered with a short Status, whatever they would unfold to.

What would take minutes or all memory if it were done as it is written stands here with sizes at which it would.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.protobuf import MEDIA
from tests.cluster.apiserver.cluster import config_map, pod
from tests.cluster.apiserver.rest.test_handlers import Browser, browse
from tests.cluster.apiserver.rest.test_protobuf import body as protobuf_of

Object = dict[str, Any]
JSON, YAML = "application/json", "application/yaml"
MAPS, PODS = "/api/v1/namespaces/default/configmaps", "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
STRATEGIC, PATCH = "application/strategic-merge-patch+json", "application/json-patch+json"
SHORT = 100_000
"""Bytes of a refusal, at most; bodies here have up to three million."""
HALF_A_MILLION = 500_000


def a_map(**fields: Any) -> bytes:
    meta = {"name": "x", **fields.pop("meta", {})}
    return json.dumps({"kind": "ConfigMap", "apiVersion": "v1", "metadata": meta, **fields}).encode()


def a_pod(**spec: Any) -> bytes:
    return json.dumps(pod("x", **spec)).encode()


def bomb(levels: int, width: int = 9) -> bytes:
    lines = ["a0: &a0 [" + ",".join("x" * width) + "]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines).encode()


def deeper(times: int) -> bytes:
    """A JSON patch that puts what is there one level deeper, so many times."""
    once = [
        {"op": "move", "from": "/data", "path": "/tmp"},
        {"op": "add", "path": "/data", "value": {}},
        {"op": "move", "from": "/tmp", "path": "/data/n"},
    ]
    return json.dumps(once * times).encode()


TWICE = b'{"a":[' + b",".join([b'{"a":1,"a":2}'] * 150_000) + b"]}"
CASES: dict[str, tuple[str, str, str, bytes, dict[str, str], tuple[int, str]]] = {
    "a million labels": ("POST", MAPS, JSON,
    b'{"metadata":{"labels":{' + b",".join(b'"%d":"v"' % i for i in range(1_000_000)),
                         {}, (413, "limit is 3145728")),
    "as many labels as fit": ("POST", MAPS, JSON, a_map(meta={"labels": {f"k{i}": "v" for i in range(190_000)}}), {},
                              (413, "over the limit of 1572864")),
    "bad labels": ("POST", MAPS, JSON, a_map(meta={"labels": {f"k {i}": "v v" for i in range(150_000)}}), {},
                   (422, "and 900 or more others")),
    "finalizers": ("POST", MAPS, JSON, a_map(meta={"finalizers": ["a.b/c"] * 200_000}), {}, (422, "or more others")),
    "unknown fields": ("POST", MAPS, JSON, a_map(**{f"f{i}": 1 for i in range(190_000)}), {"fieldValidation": "Strict"},
                       (400, "and 189900 more unknown fields")),
    "fields twice": ("POST", MAPS, JSON, TWICE, {"fieldValidation": "Strict"}, (400, "duplicate field")),
    "one field often": ("POST", MAPS, JSON, b'{"data":{' + b",".join([b'"a":"b"'] * 300_000) + b"}}",
    {"fieldValidation": "Strict"},
                        (400, "duplicate field")),
    "containers of one name": ("POST", PODS, JSON, a_pod(containers=[{"name": "c", "image": "i"}] * 80_000), {},
                               (422, "or more others")),
    "deep JSON": ("POST", MAPS, JSON, b"[" * 1_500_000, {}, (400, "depth limit")),
    "JSON as deep as it is read": ("POST", MAPS, JSON, b'{"a":' * 300 + b"1" + b"}" * 300, {}, (400, "200 levels")),
    "bad UTF-8": ("POST", MAPS, JSON, b'{"kind":"\xff\xfe"}', {}, (400, "UTF-8")),
    "half a character": ("POST", MAPS, JSON, b'{"kind":"\\ud800"}', {}, (400, "surrogate")),
    "a long number": ("POST", MAPS, JSON, b'{"kind":' + b"9" * 2_000_000 + b"}", {}, (400, "number")),
    "half a body": ("POST", MAPS, JSON, a_map()[:-1], {}, (400, "unexpected end")),
    "aliases of aliases": ("POST", MAPS, YAML, bomb(30), {}, (413, "aliases unfolded")),
    "an alias of itself": ("POST", MAPS, YAML, b"a: &a [*a]", {}, (400, "")),
    "merge keys": ("POST", MAPS, YAML, b"a: &a {b: 1}\nc: {<<: [" + b",".join([b"*a"] * 300_000) + b"]}", {}, (413,
    "100000")),
    "much YAML": ("POST", MAPS, YAML, b"a: 1\n" * HALF_A_MILLION, {}, (413, "100000")),
    "deep YAML": ("POST", MAPS, YAML, b"[" * 1_000_000, {}, (400, "nesting depth")),
    "deep YAML in blocks": ("POST", MAPS, YAML, b"\n".join(b" " * i + b"a:" for i in range(2000)), {}, (400,
    "nesting depth")),
    "YAML that runs something": ("POST", MAPS, YAML, b"!!python/object/apply:os.system [x]", {}, (400, "constructor")),
    "bad UTF-8 in YAML": ("POST", MAPS, YAML, b"a: \xff", {}, (400, "")),
    "protobuf that ends": ("POST", MAPS, MEDIA, b"k8s\0\x0a\x80\x80\x80\x80\x08", {}, (400, "ends within field 1")),
    "protobuf of repeated nothing": ("POST", MAPS, MEDIA, protobuf_of("v1", "ConfigMap",
    b"\x12\x02\x0a\x00" * HALF_A_MILLION), {},
                                     (422, "name")),
    "protobuf with bad text": ("POST", MAPS, MEDIA, protobuf_of("v1", "ConfigMap", b"\x0a\x04\x0a\x02\xff\xfe"), {},
    (400, "UTF-8")),
    "copies of copies": ("PATCH", f"{MAPS}/y", PATCH,
                         json.dumps([{"op": "copy", "from": "/data",
                             "path": f"/data/b{i}"} for i in range(40)]).encode(), {},
                         (413, "copy more than 3145728 bytes")),
    "patched deeper and deeper": ("PATCH", f"{MAPS}/y", PATCH, deeper(3000), {}, (422, "200 levels deep")),
    "patched a little too deep": ("PATCH", f"{MAPS}/y", PATCH, deeper(210), {}, (422, "200 levels deep")),
    "many patches": ("PATCH", f"{MAPS}/y", PATCH, json.dumps([{"op": "test", "path": "",
    "value": 1}] * 20_000).encode(), {},
                     (413, "the limit is 10000")),
    "a long strategic patch": ("PATCH", f"{PODS}/y", STRATEGIC,
                               json.dumps({"spec": {"containers": [{"name": f"c{i}",
                                   "image": "i"} for i in range(60_000)]}}).encode(),
                               {}, (422, "may not add or remove containers")),
    "a long order": ("PATCH", f"{MAPS}/y", STRATEGIC, json.dumps({"metadata": {
        "finalizers": [f"a.b/c{i}" for i in range(60_000)],
        "$setElementOrder/finalizers": [f"a.b/c{i}" for i in range(60_000)]}}).encode(), {}, (413, "over the limit")),
    "a selector": ("GET", MAPS, JSON, b"", {"labelSelector": "(" * 8000}, (400, "unable to parse requirement")),
    "a path with dots": ("GET", "/api/v1/namespaces/default/../../nodes", JSON, b"", {}, (400, "'..'")),
    "dots in disguise": ("GET", "/api/v1/namespaces/%2e%2e/secrets", JSON, b"", {}, (400, "'%2e%2e'")),
    "a slash in disguise": ("GET", "/api/v1/namespaces/default/configmaps/..%2f..%2fx", JSON, b"", {}, (400,
    "which no resource")),
}  # fmt: skip


def refusal(answer: object) -> Object:
    assert isinstance(answer, Answer)
    assert len(answer.body) < SHORT
    status: Object = json.loads(answer.body)
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", answer.status)
    return status


async def furnished(browser: Browser) -> None:
    await browser.ask("POST", MAPS, {**config_map("y", q="1" * 1000)})
    await browser.ask("POST", PODS, pod("y"))


async def unharmed(browser: Browser) -> None:
    assert [obj["metadata"]["name"] for obj in (await browser.ask("GET", MAPS))["items"]] == ["y"]
    assert (await browser.ask("POST", "/api/v1/namespaces/kube-public/configmaps", config_map("z", "kube-public")))[
        "data"
    ] == {}


@pytest.mark.parametrize("name", CASES)
def test_a_short_status_and_no_harm(name: str) -> None:
    method, path, media, data, query, (code, text) = CASES[name]

    async def story(browser: Browser) -> None:
        await furnished(browser)
        http = Http(method, path, query, {"content-type": media}, data, browser.who)
        answer = await browser.handlers.handle(http)
        status = refusal(answer)
        assert status["code"] == code, status["message"][:300]
        assert text in status["message"]
        await unharmed(browser)

    browse(story)


def test_a_warning_breaks_no_line_and_fits_into_a_header() -> None:
    async def story(browser: Browser) -> None:
        for name in ("a\r\nX-Evil: yes", "\0\x7f\u0085", "x" * 100_000):
            query = {"fieldValidation": "Warn", "dryRun": "All"}
            answer = await browser.sent("POST", MAPS, a_map(**{name: 1}), query, {"content-type": JSON})
            assert answer.status == 201
            (warning,) = answer.headers.values()
            assert warning.startswith('299 - "unknown field')
            assert len(warning) < 300
            assert all(ord(letter) >= 32 for letter in warning)

    browse(story)


@pytest.mark.parametrize("seconds", [10**12, 1 << 62, (1 << 63) - 1])
def test_a_grace_period_of_many_thousand_years(seconds: int) -> None:
    async def story(browser: Browser) -> None:
        cases: tuple[tuple[str, Object, Object], ...] = (
            ("a", {"terminationGracePeriodSeconds": seconds}, {}),
            ("b", {}, {"gracePeriodSeconds": seconds}),
        )
        for name, spec, options in cases:
            await browser.ask("POST", PODS, pod(name, nodeName="worker-0", **spec))
            gone = await browser.ask("DELETE", f"{PODS}/{name}", options)
            assert gone["metadata"]["deletionTimestamp"] == "9999-12-31T23:59:59Z"
            assert gone["metadata"]["deletionGracePeriodSeconds"] == seconds
            assert (await browser.ask("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0}))["metadata"][
                "name"
            ] == name
            assert (await browser.raw("GET", f"{PODS}/{name}")).status == 404

    browse(story)


def test_an_apply_against_thirty_thousand_fields_of_another() -> None:
    async def story(browser: Browser) -> None:
        many = {f"k{i}": "mine" for i in range(30_000)}
        for who, value, code in (("me", "mine", 201), ("you", "yours", 409)):
            body = a_map(data=dict.fromkeys(many, value))
            answer = await browser.sent("PATCH", f"{MAPS}/x", body, {"fieldManager": who}, {"content-type": APPLY})
            assert answer.status == code
        status = refusal(answer)
        assert status["message"].startswith("Apply failed with 30000 conflicts: ")
        assert status["message"].endswith("and 29900 more")
        assert len(status["details"]["causes"]) == 100

    browse(story)


def test_what_is_as_deep_as_it_may_be_can_be_shown_in_every_form() -> None:
    async def story(browser: Browser) -> None:
        base = "/apis/apps/v1/namespaces/default/controllerrevisions"
        deep = b'{"kind":"ControllerRevision","apiVersion":"apps/v1","metadata":{"name":"d"},"revision":1,"data":'
        deep += b'{"a":' * 197 + b"1" + b"}" * 197 + b"}"
        events, watching = await browser.watch(base)
        made = await browser.sent("POST", base, deep, {"fieldManager": "me"}, {"content-type": JSON})
        assert made.status == 201, made.body[:300]
        patch = b'{"metadata":{"labels":{"a":"b"}}}'
        assert (await browser.sent("PATCH", f"{base}/d", patch, {}, {"content-type": MERGE})).status == 200
        for accept in (JSON, YAML, "application/json;as=Table;v=v1;g=meta.k8s.io"):
            for path in (base, f"{base}/d"):
                assert (await browser.raw("GET", path, query={"includeObject": "Object"}, accept=accept)).status == 200
        await asyncio.sleep(0.5)
        assert [event["type"] for event in events] == ["ADDED", "MODIFIED"]
        watching.cancel()

    browse(story)


def test_a_definitions_pattern_that_would_be_tried_for_ever() -> None:
    """(a+)+$ against aaaa...! takes 2^n steps where expressions are tried one way after the other."""

    async def story(browser: Browser) -> None:
        spec: Object = {"type": "object", "properties": {"word": {"type": "string", "pattern": "^(a+)+$"}}}
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
        version = {"name": "v1", "served": True, "storage": True, "schema": schema}
        names = {"plural": "words", "singular": "word", "kind": "Word"}
        definition: Object = {"group": "e.com", "scope": "Namespaced", "names": names, "versions": [version]}
        obj: Object = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        made = await browser.raw("POST", DEFINITIONS, {**obj, "metadata": {"name": "words.e.com"}, "spec": definition})
        assert made.status == 201, made.body
        await asyncio.sleep(1)
        word: Object = {
            "apiVersion": "e.com/v1",
            "kind": "Word",
            "metadata": {"name": "w"},
            "spec": {"word": "a" * 100_000 + "!"},
        }
        answer = await browser.raw("POST", "/apis/e.com/v1/namespaces/default/words", word)
        assert answer.status == 422
        assert b"should match '^(a+)+$'" in answer.body
        word["spec"] = {"word": "aaa"}
        assert (await browser.raw("POST", "/apis/e.com/v1/namespaces/default/words", word)).status == 201
        spec["properties"]["word"]["pattern"] = "(?=a)"
        obj |= {"metadata": {"name": "others.e.com"}}
        definition["names"] = {"plural": "others", "singular": "other", "kind": "Other"}
        refused = await browser.ask("POST", DEFINITIONS, {**obj, "spec": definition})
        assert "must be a valid regular expression, but isn't: invalid perl operator: (?=" in refused["message"]

    browse(story)
