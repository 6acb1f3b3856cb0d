"""Webhooks and policies on an apiserver in the sim, through both doors: the caller is the test's own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from cluster.apiserver.admission.webhooks import Hook, Place, place_of
from cluster.errors import StatusError
from tests.cluster.apiserver.admission.stand import named, sources
from tests.cluster.apiserver.cluster import config_map, service
from tests.cluster.apiserver.rest.counter import Counter, standing

Object = dict[str, Any]
MAPS = "/api/v1/namespaces/default/configmaps"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
Answers = Callable[[Object], Object]


def patch(*operations: Object) -> Object:
    return {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(json.dumps(operations).encode()).decode(),
    }


class Hooks:
    """Stands for the servers: what each answers, by URL, and what it was asked."""

    def __init__(self, **answers: Answers | str) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Object]] = []

    async def call(self, place: Place, body: Object, seconds: float) -> Any:
        name = place.url.removeprefix("https://").partition("?")[0]
        self.asked.append((name, body["request"]))
        answer = self.answers[name]
        if isinstance(answer, str):
            raise ValueError(f'failed to call webhook: Post "{place.url}": {answer}')
        response = {"uid": body["request"]["uid"], **answer(body["request"])}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def configuration(kind: str, *hooks: str, **more: Any) -> Object:
    each = [
        {
            "name": f"{name}.example.com",
            "clientConfig": {"url": f"https://{name}"},
            "rules": [RULE],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            **more,
        }
        for name in hooks
    ]
    return named(kind, "hooks", webhooks=each)


async def register(counter: Counter, kind: str, *hooks: str, **more: Any) -> None:
    plural = kind.lower() + "s"
    made = await counter.ask("POST", f"{REGISTRATION}/{plural}", configuration(kind, *hooks, **more))
    assert made.status == 201, made.body
    await asyncio.sleep(0.5)


def test_what_a_mutating_webhook_changes_is_stored_by_both_doors() -> None:
    hooks = Hooks(
        label=lambda request: patch({"op": "add", "path": "/data/by", "value": request["userInfo"]["username"]})
    )

    async def story(counter: Counter) -> None:
        await register(counter, "MutatingWebhookConfiguration", "label")
        made = await counter.said("POST", MAPS, config_map("a", x="1"))
        assert made["data"] == {"x": "1", "by": "kubernetes-admin"}
        over_bus = await counter.client.create(config_map("b", x="1"))
        assert over_bus["data"]["by"] == "kubernetes-admin"  # who sits at the command line
        changed = await counter.said("PATCH", f"{MAPS}/a", {"data": {"by": None, "y": "2"}})
        assert changed["data"] == {"x": "1", "y": "2", "by": "kubernetes-admin"}
        assert [request["operation"] for _, request in hooks.asked] == ["CREATE", "CREATE", "UPDATE"]
        last = hooks.asked[-1][1]
        assert (last["name"], last["oldObject"]["data"]["x"], last["resource"]["resource"]) == ("a", "1", "configmaps")

    standing(story, caller=hooks.call)


def test_what_a_validating_webhook_refuses_is_not_made() -> None:
    denied = {"allowed": False, "status": {"code": 403, "message": "no maps today"}, "warnings": ["try tomorrow"]}
    hooks = Hooks(fine=lambda _: {"allowed": True}, no=lambda _: denied)

    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "fine", "no")
        refused = await counter.said("POST", MAPS, config_map("a"))
        told = 'admission webhook "no.example.com" denied the request: no maps today'
        assert (refused["code"], refused["message"]) == (403, told)
        with pytest.raises(StatusError, match="no maps today"):
            await counter.client.create(config_map("a"))
        assert (await counter.ask("GET", f"{MAPS}/a")).status == 404
        assert (await counter.ask("POST", "/api/v1/namespaces", named("Namespace", "team"))).status == 201

    standing(story, caller=hooks.call)


def test_warnings_reach_the_client() -> None:
    hooks = Hooks(warns=lambda _: {"allowed": True, "warnings": ["this is old"]})

    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "warns")
        made = await counter.ask("POST", MAPS, config_map("a"))
        assert (made.status, made.headers["Warning"]) == (201, '299 - "this is old"')

    standing(story, caller=hooks.call)


def test_one_that_cannot_be_reached_fails_the_request_or_is_passed_over() -> None:
    hooks = Hooks(gone="connection refused")

    async def story(counter: Counter) -> None:
        await register(counter, "MutatingWebhookConfiguration", "gone", timeoutSeconds=3)
        refused = await counter.said("POST", MAPS, config_map("a"))
        told = (
            'Internal error occurred: failed calling webhook "gone.example.com": failed to call webhook: '
            'Post "https://gone?timeout=3s": connection refused'
        )
        assert (refused["code"], refused["reason"], refused["message"]) == (500, "InternalError", told)
        path = f"{REGISTRATION}/mutatingwebhookconfigurations/hooks"
        assert (await counter.ask("DELETE", path)).status == 200
        await register(counter, "MutatingWebhookConfiguration", "gone", failurePolicy="Ignore")
        assert (await counter.ask("POST", MAPS, config_map("a"))).status == 201

    standing(story, caller=hooks.call)


def test_a_world_without_a_network_has_no_webhooks() -> None:
    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "any")
        assert "network is unreachable" in (await counter.said("POST", MAPS, config_map("a")))["message"]

    standing(story)


def test_a_dry_run_is_only_for_those_without_side_effects() -> None:
    hooks = Hooks(any=lambda _: {"allowed": True})

    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "any", sideEffects="NoneOnDryRun")
        assert (await counter.ask("POST", MAPS, config_map("a"), dryRun="All")).status == 201
        assert hooks.asked[-1][1]["dryRun"] is True
        assert (await counter.ask("GET", f"{MAPS}/a")).status == 404

    standing(story, caller=hooks.call)


def test_one_that_asks_for_it_is_asked_again_when_others_have_changed_the_object() -> None:
    def counted(request: Object) -> Object:
        return patch({"op": "add", "path": "/data/seen", "value": ",".join(sorted(request["object"]["data"]))})

    hooks = Hooks(first=counted, second=lambda _: patch({"op": "add", "path": "/data/b", "value": "2"}))

    async def story(counter: Counter) -> None:
        await register(counter, "MutatingWebhookConfiguration", "first", "second", reinvocationPolicy="IfNeeded")
        made = await counter.said("POST", MAPS, config_map("m", a="1"))
        assert made["data"] == {"a": "1", "b": "2", "seen": "a,b,seen"}
        assert [name for name, _ in hooks.asked] == ["first", "second", "first", "second"]

    standing(story, caller=hooks.call)


BAD: tuple[tuple[Object, str], ...] = (
    ({"uid": "other", "allowed": True}, "expected response.uid="),
    ({"allowed": True, "patch": "!!"}, 'response.patchType is not "JSONPatch"'),
    ({"allowed": True, "patch": "!!", "patchType": "JSONPatch"}, "the patch cannot be read"),
    (patch({"op": "remove", "path": "/nothing"}), "the patch cannot be applied"),
    (patch({"op": "replace", "path": "/metadata/name", "value": "z"}), "the patch changes metadata.name"),
)


@pytest.mark.parametrize(("response", "told"), BAD)
def test_answers_that_are_none(response: Object, told: str) -> None:
    hooks = Hooks(bad=lambda _: response)

    async def story(counter: Counter) -> None:
        await register(counter, "MutatingWebhookConfiguration", "bad")
        assert told in (await counter.said("POST", MAPS, config_map("a")))["message"]

    standing(story, caller=hooks.call)


def test_a_policy_by_both_doors_and_in_a_dry_run() -> None:
    async def story(counter: Counter) -> None:
        spec = {
            "matchConstraints": {"resourceRules": [RULE]},
            "validations": [{"expression": "size(object.data) <= 1", "message": "one key is enough"}],
        }
        policy = named("ValidatingAdmissionPolicy", "p", spec=spec)
        binding = named(
            "ValidatingAdmissionPolicyBinding", "b", spec={"policyName": "p", "validationActions": ["Deny"]}
        )
        assert (await counter.ask("POST", f"{REGISTRATION}/validatingadmissionpolicies", policy)).status == 201
        path = f"{REGISTRATION}/validatingadmissionpolicybindings"
        assert (await counter.ask("POST", path, binding)).status == 201
        await asyncio.sleep(0.5)
        assert (await counter.ask("POST", MAPS, config_map("a", x="1"))).status == 201
        refused = await counter.said("POST", MAPS, config_map("b", x="1", y="2"), dryRun="All")
        told = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: one key is enough"
        assert (refused["code"], refused["message"]) == (422, f'configmaps "b" is forbidden: {told}')
        with pytest.raises(StatusError, match="one key is enough"):
            await counter.client.patch("ConfigMap", "a", {"data": {"y": "2"}}, namespace="default")

    standing(story)


def test_where_a_service_is() -> None:
    config = {"service": {"namespace": "default", "name": "hook", "path": "/check", "port": 8443}, "caBundle": "WA=="}
    hook = Hook("c", {"name": "h", "clientConfig": config}, False)
    with pytest.raises(ValueError, match='service "hook" not found'):
        place_of(hook, sources())
    known = service("hook", ports=[{"name": "tls", "port": 8443}])
    with pytest.raises(ValueError, match='no endpoints available for service "hook"'):
        place_of(hook, sources(known))
    slice_ = named("EndpointSlice", "hook-1", "default", ports=[{"name": "tls", "port": 9443}])
    slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "hook"}
    slice_["endpoints"] = [
        {"addresses": ["127.1.2.3"], "conditions": {"ready": False}},
        {"addresses": ["127.1.2.4"], "conditions": {"ready": True}},
    ]
    found = place_of(hook, sources(known, slice_))
    assert found == Place(
        "https://hook.default.svc:8443/check?timeout=10s", ("127.1.2.4", 9443), "hook.default.svc", b"X"
    )
