"""Webhook configurations and admission policies: what is filled in, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default
from cluster.api.tables import table
from cluster.api.validate import validate

API = "admissionregistration.k8s.io/v1"
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
HOOK = {
    "name": "a.example.com",
    "clientConfig": {"url": "https://127.0.0.1:9443/x"},
    "rules": [RULE],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}
POLICY = {"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "object.spec.replicas < 5"}]}


def made(kind: str, **fields: Any) -> dict[str, Any]:
    return default({"apiVersion": API, "kind": kind, "metadata": {"name": "x"}, **fields})


def hooks(*found: dict[str, Any], kind: str = "ValidatingWebhookConfiguration") -> dict[str, Any]:
    return made(kind, webhooks=[{**HOOK, **hook} for hook in found])


def policy(**spec: Any) -> dict[str, Any]:
    return made("ValidatingAdmissionPolicy", spec={**POLICY, **spec})


def binding(**spec: Any) -> dict[str, Any]:
    spec = {"policyName": "p", "validationActions": ["Deny"], **spec}
    return made("ValidatingAdmissionPolicyBinding", spec={k: v for k, v in spec.items() if v is not None})


def wrong(obj: dict[str, Any]) -> list[str]:
    return [str(error) for error in validate(obj)]


def test_what_nobody_says_is_filled_in() -> None:
    hook = hooks({}, kind="MutatingWebhookConfiguration")["webhooks"][0]
    expected = {
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "timeoutSeconds": 10,
        "reinvocationPolicy": "Never",
        "rules": [{**RULE, "scope": "*"}],
    }
    assert {name: hook[name] for name in expected} == expected
    service = {"namespace": "n", "name": "s"}
    assert hooks({"clientConfig": {"service": service}})["webhooks"][0]["clientConfig"]["service"]["port"] == 443
    spec = policy()["spec"]
    assert (spec["failurePolicy"], spec["matchConstraints"]["matchPolicy"]) == ("Fail", "Equivalent")
    for obj in (hooks({}), hooks({}, kind="MutatingWebhookConfiguration"), policy(), binding()):
        assert wrong(obj) == []


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ({"name": "a.b"},
         'name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'),
        ({"clientConfig": {}}, "clientConfig: Required value: exactly one of url or service is required"),
        ({"clientConfig": {"url": "http://x/y"}},
         "clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
         "https://host[:port]/path"),
        ({"clientConfig": {"url": "https://x/y?z=1"}},
         'clientConfig.url: Invalid value: "z=1": query parameters are not permitted in the URL'),
        ({"clientConfig": {"service": {"namespace": "n", "name": "s", "path": "x"}}},
         "clientConfig.service.path: Invalid value: \"x\": must start with a '/'"),
        ({"timeoutSeconds": 31},
         "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"),
        ({"admissionReviewVersions": []}, "admissionReviewVersions: Required value: must specify one of v1, v1beta1"),
        ({"admissionReviewVersions": ["v2"]},
         'admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1'),
        ({"sideEffects": "Some"},
         'sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
        ({"rules": [{**RULE, "operations": ["PATCH"]}]},
         'rules[0].operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", '
         '"UPDATE"'),
        ({"rules": [{**RULE, "apiGroups": ["*", "apps"]}]},
         "rules[0].apiGroups: Invalid value: [\"*\", \"apps\"]: if '*' is present, must not specify other API groups"),
        ({"rules": [{**RULE, "resources": ["pods/*", "pods/status"]}]},
         "rules[0].resources[1]: Invalid value: \"pods/status\": if 'pods/*' is present, must not specify pods/status"),
    ],
)  # fmt: skip
def test_a_webhook_is_refused_with_the_reason(hook: dict[str, Any], message: str) -> None:
    assert wrong(hooks(hook)) == ["webhooks[0]." + message]


def test_two_webhooks_of_one_name() -> None:
    assert wrong(hooks({}, {})) == ['webhooks[1].name: Duplicate value: "a.example.com"']


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"matchConstraints": None}, "spec.matchConstraints: Required value"),
        ({"matchConstraints": {}}, "spec.matchConstraints.resourceRules: Required value"),
        ({"validations": []},
         "spec.validations: Required value: validations or auditAnnotations must contain at least one item"),
        ({"validations": [{"expression": " "}]},
         "spec.validations[0].expression: Required value: expression is not specified"),
        ({"validations": [{"expression": "true\n|| false"}]},
         "spec.validations[0].message: Required value: message must be specified if expression contains line breaks"),
        ({"variables": [{"name": "a-b", "expression": "1"}]},
         'spec.variables[0].name: Invalid value: "a-b": name is not a valid CEL identifier'),
        ({"paramKind": {"apiVersion": "a/b/c", "kind": "K"}},
         'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: too many slashes'),
    ],
)  # fmt: skip
def test_a_policy_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    assert wrong(policy(**spec)) == [message]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"policyName": None}, "spec.policyName: Required value"),
        ({"validationActions": []},
         "spec.validationActions: Required value: at least one validation action is required"),
        ({"validationActions": ["Deny", "Warn"]},
         'spec.validationActions: Invalid value: ["Deny", "Warn"]: must not contain both Deny and Warn (repeating the '
         "same validation failure information in the API response and headers serves no purpose)"),
        ({"paramRef": {"parameterNotFoundAction": "Deny"}},
         "spec.paramRef: Required value: one of name or selector must be specified"),
        ({"paramRef": {"name": "c"}}, "spec.paramRef.parameterNotFoundAction: Required value"),
        ({"paramRef": {"name": "c", "selector": {}, "parameterNotFoundAction": "Deny"}},
         "spec.paramRef.name: Forbidden: name and selector are mutually exclusive"),
    ],
)  # fmt: skip
def test_a_binding_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    assert wrong(binding(**spec)) == [message]


def test_tables() -> None:
    def cells(obj: dict[str, Any]) -> list[str]:
        obj["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z"
        return table(obj["kind"], [obj], 60.0)[1][0]

    assert cells(hooks({}, {"name": "b.example.com"})) == ["x", "2", "60s"]
    assert cells(policy()) == ["x", "1", "<unset>", "60s"]
    assert cells(policy(paramKind={"apiVersion": "v1", "kind": "ConfigMap"})) == ["x", "1", "v1/ConfigMap", "60s"]
    assert cells(binding(paramRef={"name": "c", "namespace": "n"})) == ["x", "p", "n/c", "60s"]
    assert cells(binding(paramRef={"name": "c"})) == ["x", "p", "*/c", "60s"]
    assert cells(binding()) == ["x", "p", "<unset>", "60s"]
