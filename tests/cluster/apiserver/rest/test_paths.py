"""What URLs name, what requests mean, which form an answer takes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.kinds import KINDS
from cluster.apiserver.rest import discovery, openapi
from cluster.apiserver.rest.bodies import decode
from cluster.apiserver.rest.negotiation import Form, discovery_version, form_of
from cluster.apiserver.rest.paths import Document, Resource, parse
from cluster.apiserver.rest.patience import patience
from cluster.apiserver.rest.requests import ask
from cluster.apiserver.rest.reviewkinds import REVIEW_KINDS
from cluster.apiserver.rest.statuses import failure
from cluster.errors import REASONS, StatusError

POD, NODE, DEPLOYMENT, NAMESPACE = (KINDS[k] for k in ("Pod", "Node", "Deployment", "Namespace"))

PATHS = {
    "/api": Document("versions"),
    "/api/": Document("versions"),
    "/apis": Document("groups"),
    "/apis/apps/": Document("group", "apps"),
    "/api/v1": Document("resources", "", "v1"),
    "/apis/apps/v1/": Document("resources", "apps", "v1"),
    "/version": Document("/version"),
    "/openapi/v3/apis/apps/v1": Document("/openapi/v3/apis/apps/v1"),
    "/api/v1/nodes": Resource(NODE),
    "/api/v1/nodes/worker-1/status": Resource(NODE, "", "worker-1", "status"),
    "/api/v1/pods": Resource(POD),
    "/api/v1/namespaces": Resource(NAMESPACE),
    "/api/v1/namespaces/x": Resource(NAMESPACE, "", "x"),
    "/api/v1/namespaces/x/finalize": Resource(NAMESPACE, "", "x", "finalize"),
    "/api/v1/namespaces/x/pods": Resource(POD, "x"),
    "/api/v1/namespaces/x/pods/web-0/log": Resource(POD, "x", "web-0", "log"),
    "/api/v1/namespaces/x/pods/web-0/proxy/a/b": Resource(POD, "x", "web-0", "proxy", "a/b"),
    "/apis/apps/v1/namespaces/x/deployments/n/scale": Resource(DEPLOYMENT, "x", "n", "scale"),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_a_path_names(path: str) -> None:
    assert parse(path) == PATHS[path]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/api/v1/pods/web-0", "NotFound"),
        ("/api/v1/namespaces/x/nodes", "NotFound"),
        ("/api/v1/widgets", "NotFound"),
        ("/apis/apps/v2/deployments", "NotFound"),
        ("/api/v1/namespaces//pods", "NotFound"),
        ("/api/v1/namespaces/x/pods/../../y", "BadRequest"),
        ("/api/v1/namespaces/x/pods/%2e%2e", "BadRequest"),
        ("/api/v1/namespaces/a%2fb/pods", "BadRequest"),
        ("/api/v1/namespaces/x/pods/%ff", "BadRequest"),
    ],
)
def test_what_no_path_names(path: str, reason: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse(path)
    assert caught.value.reason == reason


@given(st.text(max_size=60))
def test_any_path_is_answered(text: str) -> None:
    with suppress(StatusError):
        parse("/" + text)


MERGE = "application/merge-patch+json"
MEANT: list[tuple[str, str, dict[str, str], Any, str, str, dict[str, Any]]] = [
    ("GET", "/api/v1/pods", {"limit": "5", "labelSelector": "a=b"}, None, "", "list", {"limit": 5, "labels": "a=b"}),
    ("GET", "/api/v1/pods", {"watch": "1", "fieldSelector": "x=y"}, None, "", "watch", {"fields": "x=y"}),
    ("GET", "/api/v1/namespaces/d/pods/p", {}, None, "", "get", {"namespace": "d", "name": "p"}),
    ("GET", "/api/v1/namespaces/d/pods/p", {"watch": "true"}, None, "", "watch", {"fields": "metadata.name=p"}),
    ("POST", "/api/v1/namespaces/d/pods", {"dryRun": "All"}, {"metadata": {}}, "", "create", {"dryRun": True}),
    ("PUT", "/api/v1/namespaces/d/pods/p", {}, {"metadata": {}}, "", "update", {"namespace": "d"}),
    ("PATCH", "/api/v1/namespaces/d/pods/p", {}, {}, "application/merge-patch+json", "patch", {"type": "merge"}),
    ("PATCH", "/api/v1/namespaces/d/pods/p/status", {}, {}, "application/json-patch+json", "patch-status", {}),
    ("PATCH", "/apis/apps/v1/namespaces/d/deployments/n/scale", {}, {}, MERGE, "patch-scale", {}),
    ("DELETE", "/api/v1/namespaces/d/pods/p", {}, {"gracePeriodSeconds": 0}, "", "delete", {"grace": 0}),
    ("DELETE", "/api/v1/namespaces/d/pods", {"labelSelector": "a"}, None, "", "delete-collection", {"labels": "a"}),
    ("POST", "/api/v1/namespaces/d/pods/p/binding", {}, {"target": {"name": "n"}}, "", "bind", {"node": "n"}),
    ("POST", "/api/v1/namespaces/d/pods/p/eviction", {}, {"metadata": {"name": "p"}}, "", "evict", {"name": "p"}),
]  # fmt: skip


@pytest.mark.parametrize("case", MEANT, ids=lambda case: f"{case[0]} {case[1]}")
def test_what_a_request_means(case: tuple[Any, ...]) -> None:
    method, path, query, body, media, verb, args = case
    resource = parse(path)
    assert isinstance(resource, Resource)
    asked = ask(method, resource, query, body, media)
    assert asked.verb == verb
    assert args.items() <= asked.args.items()


REFUSED: list[tuple[str, str, dict[str, str], Any, str, str, str]] = [
    ("POST", "/api/v1/namespaces/d/pods/p", {}, {}, "", "MethodNotAllowed", "does not allow"),
    ("PATCH", "/api/v1/namespaces/d/pods", {}, {}, "", "MethodNotAllowed", "does not allow"),
    ("GET", "/api/v1/namespaces/d/pods/p/scale", {}, None, "", "NotFound", "could not find"),
    ("GET", "/api/v1/namespaces/d/pods/p/eviction", {}, None, "", "MethodNotAllowed", "does not allow"),
    ("PATCH", "/api/v1/namespaces/d/pods/p", {}, {}, "text/plain", "UnsupportedMediaType", "text/plain"),
    ("POST", "/api/v1/namespaces/d/pods", {}, {"metadata": {"namespace": "e"}}, "", "BadRequest", "does not match"),
    ("PUT", "/api/v1/namespaces/d/pods/p", {}, {"metadata": {"name": "q"}}, "", "BadRequest", "does not match"),
    ("POST", "/api/v1/namespaces/d/pods", {}, [1], "", "BadRequest", "an object"),
    ("POST", "/api/v1/namespaces/d/pods", {}, {"metadata": 3}, "", "BadRequest", "metadata"),
    ("POST", "/api/v1/namespaces/d/pods", {"dryRun": "Some"}, {}, "", "BadRequest", "dryRun"),
    ("POST", "/api/v1/namespaces/d/pods", {"fieldValidation": "x"}, {}, "", "BadRequest", "fieldValidation"),
    ("GET", "/api/v1/pods", {"limit": "many"}, None, "", "BadRequest", "limit"),
    ("GET", "/api/v1/pods", {"watch": "maybe"}, None, "", "BadRequest", "watch"),
    ("GET", "/api/v1/pods", {"resourceVersionMatch": "Exact"}, None, "", "BadRequest", "resourceVersion"),
    ("DELETE", "/api/v1/namespaces/d/pods/p", {}, {"gracePeriodSeconds": "x"}, "", "BadRequest", "whole number"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]} {case[1]} {case[2]} {case[3]}")
def test_what_no_request_can_mean(case: tuple[Any, ...]) -> None:
    method, path, query, body, media, reason, word = case
    resource = parse(path)
    assert isinstance(resource, Resource)
    with pytest.raises(StatusError) as caught:
        ask(method, resource, query, body, media)
    assert caught.value.reason == reason
    assert word in caught.value.message


KUBECTL = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


def test_forms() -> None:
    table = ",".join(f"application/json;as=Table;v={v};g=meta.k8s.io" for v in ("v1", "v1beta1")) + ",application/json"
    assert form_of(table) == Form(transform="Table", version="v1")
    assert form_of("") == form_of("*/*") == form_of("application/json") == Form()
    assert form_of("application/vnd.kubernetes.protobuf,application/json") == Form()
    assert form_of("application/yaml;q=0.9, application/json;q=0.1").media == "application/yaml"
    with pytest.raises(StatusError, match="only the following"):
        form_of("application/vnd.kubernetes.protobuf")
    assert discovery_version(KUBECTL) == "v2"
    assert discovery_version(KUBECTL.partition(",")[2]) == "v2beta1"
    assert discovery_version("application/json") == discovery_version("") == ""


@given(st.text(max_size=80))
def test_any_accept_header_is_answered(text: str) -> None:
    discovery_version(text)
    with suppress(StatusError):
        form_of(text)


METRICS = ("PodMetrics", "NodeMetrics")
"""Kinds that are measured when somebody asks, and not kept."""


def test_discovery_names_every_kind_in_both_forms() -> None:
    both = [discovery.aggregated(core, "v2") for core in (True, False)]
    named = {r["responseKind"]["kind"] for d in both for i in d["items"] for v in i["versions"] for r in v["resources"]}
    assert named == {*KINDS, *(kind.kind for kind in REVIEW_KINDS), *METRICS}
    legacy = discovery.legacy(Document("resources", "apps", "v1"), "")
    assert {r["name"] for r in legacy["resources"]} >= {"deployments", "deployments/scale", "deployments/status"}
    with pytest.raises(StatusError):
        discovery.legacy(Document("group", "nowhere"), "")


def test_openapi_has_what_kubectl_reads() -> None:
    paths = openapi.index()["paths"]
    assert set(paths) >= {"api/v1", "apis/apps/v1"}
    for path in paths:
        document = decode(openapi.document(path), "")
        schemas = document["components"]["schemas"]
        text = openapi.document(path).decode()
        for name in {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}:
            assert name in schemas, f"{path} refers to {name}, which it does not have"
        patches = [item["patch"] for item in document["paths"].values() if "patch" in item]
        assert patches
        kinds = {g["kind"] for s in schemas.values() for g in s.get("x-kubernetes-group-version-kind", ())}
        for patch in patches:
            assert "fieldValidation" in [p["name"] for p in patch["parameters"]]
            assert patch["x-kubernetes-group-version-kind"]["kind"] in kinds


def test_bodies() -> None:
    assert decode(b"", "") is None
    assert decode(b'{"a": 1}', "application/json; charset=utf-8") == {"a": 1}
    assert decode(b"a: [1, x]", "application/yaml") == {"a": [1, "x"]}
    assert decode(b"a: 2026-01-01", "application/yaml") == {"a": "2026-01-01"}


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (b"{", "", "BadRequest"),
        (b"\xff\xfe", "", "BadRequest"),
        (b"a: [", "application/yaml", "BadRequest"),
        (b"a: !!binary x", "application/yaml", "BadRequest"),
        (b"[" * 5000 + b"]" * 5000, "", "BadRequest"),
        (b"[" * 300 + b"]" * 300, "", "BadRequest"),
        (b"x", "text/plain", "UnsupportedMediaType"),
        (b" " * (4 << 20), "", "TooLarge"),
    ],
    ids=range(8),
)
def test_bodies_that_are_none(body: bytes, media: str, reason: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode(body, media)
    assert caught.value.reason == reason


@pytest.mark.parametrize("reason", REASONS)
def test_every_error_is_a_status(reason: str) -> None:
    status = failure(StatusError(reason, "why", {"name": "x", "leader": "store-1"}))
    assert status["status"] == "Failure"
    assert 400 <= status["code"] < 600
    assert "leader" not in status.get("details", {})


def test_patience() -> None:
    assert patience("32s") == 32.0
    assert patience("1m0s") == 60.0
    assert patience("250ms") == 0.25
    assert patience("") == patience("0") == 30.0
    for text in ("x", "5", "-3s", "1h2"):
        with pytest.raises(StatusError):
            patience(text)
