"""Signing requests, network policies, ingress classes, flow control: filled in, refused, printed."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.api.defaults import default
from cluster.api.fielderrors import Errors
from cluster.api.kinds import KINDS
from cluster.api.tables import table
from cluster.api.validate import validate
from cluster.api.validate_certificates import settled


def made(kind: str, **spec: Any) -> dict[str, Any]:
    entry = KINDS[kind]
    meta = {"name": "x"} | ({"namespace": "n"} if entry.namespaced else {})
    return default({"apiVersion": entry.api_version, "kind": kind, "metadata": meta, "spec": spec})


def wrong(obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [str(error) for error in validate(obj, old)]


def cells(obj: dict[str, Any]) -> list[str]:
    obj["metadata"]["creationTimestamp"] = "1970-01-01T00:00:00Z"
    return table(obj["kind"], [obj], 60.0)[1][0]


@cache
def pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()


def csr(**spec: Any) -> dict[str, Any]:
    asked = {"request": pem(), "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    return made("CertificateSigningRequest", **asked | spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"usages": []}, "spec.usages: Required value"),
        ({"usages": ["client auth"] * 2}, 'spec.usages[1]: Duplicate value: "client auth"'),
        ({"signerName": ""}, "spec.signerName: Required value"),
        ({"signerName": "me"}, 'spec.signerName: Invalid value: "me": must be a fully qualified domain and path of the '
         "form 'example.com/signer-name'"),
        ({"signerName": "me/x"},
         'spec.signerName: Invalid value: "me": should be a domain with at least two segments separated by dots'),
        ({"signerName": "kubernetes.io/legacy-unknown"}, 'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown'
         '": the legacy signerName is not allowed via this API version'),
        ({"expirationSeconds": 60}, "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than "
         "600 seconds (10 minutes)"),
        ({"request": "eA=="}, 'spec.request: Invalid value: "eA==": PEM block type must be CERTIFICATE REQUEST'),
    ],
)  # fmt: skip
def test_a_signing_request_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    assert wrong(csr()) == []
    assert wrong(csr(**spec)) == [message]


def test_a_request_that_cannot_be_read() -> None:
    text = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    found = wrong(csr(request=base64.b64encode(text.encode()).decode()))
    assert len(found) == 1
    assert "unable to parse csr" in found[0]


def test_what_was_said_of_a_request_stays() -> None:
    def said(*types: str, certificate: str = "") -> dict[str, Any]:
        conditions = [{"type": type, "status": "True"} for type in types]
        return {**csr(), "status": {"conditions": conditions, "certificate": certificate}}

    assert wrong(said("Approved", "Denied")) == [
        'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'
    ]
    errors = Errors()
    settled(said(certificate="Yg=="), said("Approved", certificate="YQ=="), errors)
    assert [str(error) for error in errors.found] == [
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
        "status.certificate: Forbidden: updates may not change a certificate that was issued",
    ]
    assert cells(said())[-1] == "Pending"
    assert cells(said("Approved", certificate="YQ=="))[-1] == "Approved,Issued"
    assert cells(said("Denied", "Failed"))[-1] == "Denied,Failed"
    assert cells(csr(expirationSeconds=3600, username="jane"))[2:] == [
        "kubernetes.io/kube-apiserver-client", "jane", "60m", "Pending"]  # fmt: skip


def test_which_directions_a_network_policy_is_about() -> None:
    assert made("NetworkPolicy")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert made("NetworkPolicy", egress=[{}])["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert made("NetworkPolicy", egress=[], policyTypes=["Egress"])["spec"]["policyTypes"] == ["Egress"]
    assert cells(made("NetworkPolicy")) == ["x", "<none>", "60s"]
    assert cells(made("NetworkPolicy", podSelector={"matchLabels": {"a": "b"}})) == ["x", "a=b", "60s"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"from": [{}]}, "from[0]: Required value: must specify a peer"),
        ({"from": [{"podSelector": {}, "ipBlock": {"cidr": "127.0.0.0/8"}}]},
         "from[0]: Forbidden: may not specify both ipBlock and another peer"),
        ({"from": [{"ipBlock": {"cidr": "127.0.0.0/8", "except": ["128.0.0.0/9"]}}]},
         'from[0].ipBlock.except[0]: Invalid value: "128.0.0.0/9": must be a strict subset of `cidr`'),
        ({"ports": [{"port": 80, "endPort": 79}]},
         "ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`"),
        ({"ports": [{"port": "web", "endPort": 79}]},
         "ports[0].endPort: Invalid value: 79: may not be specified when `port` is non-numeric"),
        ({"ports": [{"port": 0}]}, "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
    ],
)  # fmt: skip
def test_a_network_policy_is_refused_with_the_reason(rule: dict[str, Any], message: str) -> None:
    assert wrong(made("NetworkPolicy", ingress=[rule])) == ["spec.ingress[0]." + message]


def test_ingress_classes() -> None:
    good = made("IngressClass", controller="example.com/c", parameters={"apiGroup": "k.io", "kind": "P", "name": "p"})
    assert (wrong(good), cells(good)) == ([], ["x", "example.com/c", "k.io/P/p", "60s"])
    assert wrong(made("IngressClass", controller="c")) == [
        'spec.controller: Invalid value: "c": must be a domain-prefixed path (such as "acme.io/foo")'
    ]
    assert wrong(made("IngressClass", controller="example.com/d"), good) == [
        'spec.controller: Invalid value: "example.com/d": field is immutable'
    ]
    scoped = {"kind": "P", "name": "p", "scope": "Namespace"}
    assert wrong(made("IngressClass", controller="a.b/c", parameters=scoped)) == [
        "spec.parameters.namespace: Required value: parameters.scope is set to 'Namespace'"
    ]


RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}
USER = {"kind": "User", "user": {"name": "jane"}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"matchingPrecedence": 0},
         "spec.matchingPrecedence: Invalid value: 0: must be a value between 1 and 10000, inclusive"),
        ({"matchingPrecedence": 1},
         "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"),
        ({"rules": [{"subjects": [{"kind": "User"}], "resourceRules": [RULE]}]},
         "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'"),
        ({"rules": [{"subjects": [USER]}]},
         "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"),
        ({"rules": [{"subjects": [USER], "resourceRules": [{**RULE, "verbs": ["*", "get"]}]}]},
         "spec.rules[0].resourceRules[0].verbs: Invalid value: [\"*\", \"get\"]: if '*' is present, must not specify "
         "other values"),
    ],
)  # fmt: skip
def test_a_flow_schema_is_refused_with_the_reason(spec: dict[str, Any], message: str) -> None:
    asked = {"priorityLevelConfiguration": {"name": "p"}}
    good = made("FlowSchema", **asked, rules=[{"subjects": [USER], "resourceRules": [RULE]}])
    assert (wrong(good), cells(good)) == ([], ["x", "p", "1000", "<none>", "60s", "?"])
    assert wrong(made("FlowSchema", **asked | spec)) == [message]


def test_priority_levels() -> None:
    queue = {"limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}
    level = made("PriorityLevelConfiguration", type="Limited", **queue)
    assert (wrong(level), cells(level)) == ([], ["x", "Limited", "30", "64", "8", "50", "60s"])
    assert wrong(made("PriorityLevelConfiguration", type="Limited")) == [
        "spec.limited: Required value: must not be empty when type is Limited"
    ]
    assert wrong(made("PriorityLevelConfiguration", type="Exempt", limited={})) == [
        "spec.limited: Forbidden: must be nil if the type is not Limited"
    ]
    wide = {"limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 4}}}}
    assert wrong(made("PriorityLevelConfiguration", type="Limited", **wide)) == [
        "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (4)"
    ]
