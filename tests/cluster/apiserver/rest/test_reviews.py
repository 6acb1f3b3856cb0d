"""Who am I, and may I: reviews, impersonation, and what those without rights see."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.apiserver.rest import reviews
from cluster.apiserver.rest.identity import (
    ANONYMOUS,
    AUTHENTICATED,
    AUTHORIZERS,
    MASTERS,
    UNAUTHENTICATED,
    Attributes,
    Rule,
    Who,
    impersonated,
)
from cluster.apiserver.rest.paths import Question, parse
from cluster.errors import StatusError
from tests.cluster.apiserver.rest.test_handlers import Browser, browse

Object = dict[str, Any]

ADMIN = Who("kubernetes-admin", (MASTERS, AUTHENTICATED))
JANE = Who("jane", ("developers", AUTHENTICATED))
AUTHN, AUTHZ = "/apis/authentication.k8s.io/v1", "/apis/authorization.k8s.io/v1"


def ask(path: str, body: Object | None, who: Who = ADMIN) -> Object:
    named = parse(path)
    assert isinstance(named, Question)
    return reviews.answer(named, body, who, AUTHORIZERS)


def may(spec: Object, who: Who = ADMIN, kind: str = "selfsubjectaccessreviews") -> bool:
    allowed: bool = ask(f"{AUTHZ}/{kind}", {"spec": spec}, who)["status"]["allowed"]
    return allowed


def test_who_am_i() -> None:
    answer = ask(f"{AUTHN}/selfsubjectreviews", {}, JANE)
    assert answer["status"] == {"userInfo": {"username": "jane", "groups": ["developers", AUTHENTICATED]}}


def test_may_i() -> None:
    pods = {"resourceAttributes": {"verb": "create", "resource": "pods", "namespace": "default"}}
    assert may(pods)
    assert not may(pods, JANE)
    assert may({"nonResourceAttributes": {"verb": "get", "path": "/apis/apps"}}, JANE)
    assert not may({"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}, JANE)
    assert may({"nonResourceAttributes": {"verb": "get", "path": "/livez/"}}, ANONYMOUS)
    self = {"verb": "create", "group": "authorization.k8s.io", "resource": "selfsubjectaccessreviews"}
    assert may({"resourceAttributes": self}, JANE)


def test_may_somebody_else() -> None:
    spec = {"user": "jane", "resourceAttributes": {"verb": "get", "resource": "pods"}}
    assert not may(spec, kind="subjectaccessreviews")
    assert may({**spec, "groups": [MASTERS]}, kind="subjectaccessreviews")
    local = f"{AUTHZ}/namespaces/default/localsubjectaccessreviews"
    with pytest.raises(StatusError, match=r"must match metadata\.namespace"):
        ask(local, {"spec": spec})
    spec["resourceAttributes"] = {"verb": "get", "resource": "pods", "namespace": "default"}
    assert ask(local, {"spec": spec})["status"] == {"allowed": False}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"spec": {}}, "Invalid"),
        ({"spec": {"resourceAttributes": {}, "nonResourceAttributes": {}}}, "Invalid"),
        ({"spec": {"resourceAttributes": 3}}, "BadRequest"),
        ({"spec": {"resourceAttributes": {"verb": 3}}}, "BadRequest"),
        ({"spec": 3}, "BadRequest"),
        ({"kind": "Pod"}, "BadRequest"),
    ],
)
def test_questions_that_cannot_be_meant(body: Object, reason: str) -> None:
    with pytest.raises(StatusError) as refused:
        ask(f"{AUTHZ}/selfsubjectaccessreviews", body)
    assert refused.value.reason == reason
    with pytest.raises(StatusError):
        ask(f"{AUTHZ}/subjectaccessreviews", {**body, "user": ""})


def test_all_that_i_may() -> None:
    status = ask(f"{AUTHZ}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}})["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in status["resourceRules"]
    assert not status["incomplete"]
    status = ask(f"{AUTHZ}/selfsubjectrulesreviews", {}, ANONYMOUS)["status"]
    assert status["resourceRules"] == []
    assert status["nonResourceRules"][0]["nonResourceURLs"] == ["/healthz", "/livez", "/readyz", "/version"]


def test_a_rule_as_rbac_reads_it() -> None:
    rule = Rule(("get", "list"), ("", "apps"), ("pods", "pods/log", "deployments"))
    assert rule.allows(Attributes("get", "", "pods"))
    assert rule.allows(Attributes("get", "", "pods", "log"))
    assert not rule.allows(Attributes("get", "", "pods", "exec"))
    assert not rule.allows(Attributes("delete", "", "pods"))
    assert not rule.allows(Attributes("get", "batch", "jobs"))
    assert not rule.allows(Attributes("get", path="/metrics"))
    assert not Rule(("*",), paths=("*",)).allows(Attributes("get", "", "pods"))


def test_on_behalf_of() -> None:
    headers = {"impersonate-user": "jane", "impersonate-group": "developers, testers"}
    assert impersonated(ADMIN, headers, AUTHORIZERS) == Who("jane", ("developers", "testers", AUTHENTICATED))
    assert impersonated(ADMIN, {"impersonate-user": "system:anonymous"}, AUTHORIZERS).groups == (UNAUTHENTICATED,)
    assert impersonated(JANE, {}, AUTHORIZERS) is JANE
    with pytest.raises(StatusError, match='cannot impersonate resource "users"'):
        impersonated(JANE, headers, AUTHORIZERS)
    with pytest.raises(StatusError, match="without impersonating a user"):
        impersonated(ADMIN, {"impersonate-group": "x"}, AUTHORIZERS)


def test_reviews_over_the_door() -> None:
    async def story(browser: Browser) -> None:
        path = f"{AUTHZ}/selfsubjectaccessreviews"
        body = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}}
        assert (await browser.raw("POST", path, body)).status == 201
        assert (await browser.ask("POST", path, body))["status"]["allowed"]
        jane: Any = {"impersonate-user": "jane"}
        assert not (await browser.ask("POST", path, body, **jane))["status"]["allowed"]
        refused = await browser.ask("GET", "/api/v1/nodes", **jane)
        assert refused["message"] == (
            'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope'
        )
        assert (await browser.ask("GET", "/apis", **jane))["kind"] == "APIGroupList"
        assert (await browser.ask("GET", path))["code"] == 405
        listed = await browser.ask("GET", AUTHZ)
        assert {row["name"]: row["verbs"] for row in listed["resources"]}["subjectaccessreviews"] == ["create"]
        browser.who = ANONYMOUS
        assert (await browser.ask("POST", path, body))["code"] == 403

    browse(story)
