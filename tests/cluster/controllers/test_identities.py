"""The controllers of identity: accounts, the authority in each namespace, token Secrets, aggregated roles, requests."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.controllers import clusterroleaggregation, csrapproving, csrsigning, rootca, serviceaccount, tokens
from cluster.controllers.plan import DONE, Create, Delete, Object, Update, Verify
from cluster.pki.authority import Pair, authority, facts
from tests.cluster.controllers.objects import NOW, ctx, make, of, view

GONE = {"deletionTimestamp": "2026-11-29T00:00:00Z"}


def namespace(name: str, **metadata: Any) -> Object:
    return make("Namespace", name, {}, **metadata)


# ── accounts and the authority ───────────────────────────────────────────────────────────────────────────────────────


def test_every_namespace_has_a_default_account() -> None:
    (made,) = of(serviceaccount.reconcile(view(namespace("web")), "web", ctx()), Create)
    assert made.obj["metadata"] == {"name": "default", "namespace": "web"}
    there = make("ServiceAccount", "default", namespace="web")
    assert serviceaccount.reconcile(view(namespace("web"), there), "web", ctx()) == DONE
    assert serviceaccount.reconcile(view(namespace("web", **GONE)), "web", ctx()) == DONE
    assert list(serviceaccount.CONTROLLER.keys(view(), "ServiceAccount", there, None)) == ["web"]


def test_every_namespace_knows_the_authority() -> None:
    controller = rootca.controller("PEM")
    (made,) = of(controller.reconcile(view(namespace("web")), "web", ctx()), Create)
    assert made.obj["data"] == {"ca.crt": "PEM"}
    stale = make("ConfigMap", "kube-root-ca.crt", namespace="web") | {"data": {"ca.crt": "old"}}
    (mended,) = of(controller.reconcile(view(namespace("web"), stale), "web", ctx()), Update)
    assert mended.obj["data"] == {"ca.crt": "PEM"}
    good = make("ConfigMap", "kube-root-ca.crt", namespace="web") | {"data": {"ca.crt": "PEM"}}
    assert controller.reconcile(view(namespace("web"), good), "web", ctx()) == DONE
    assert list(controller.keys(view(), "ConfigMap", make("ConfigMap", "other"), None)) == []


# ── token Secrets ────────────────────────────────────────────────────────────────────────────────────────────────────


def token_secret(**notes: str) -> Object:
    annotations = {"kubernetes.io/service-account.name": "bot", **notes}
    return make("Secret", "s", annotations=annotations) | {"type": tokens.TYPE}


def test_a_token_secret_is_filled_in() -> None:
    signed: list[dict[str, Any]] = []

    def sign(claims: dict[str, Any]) -> str:
        signed.append(claims)
        return "token"

    controller = tokens.controller(sign, "PEM")
    bot = make("ServiceAccount", "bot")
    (filled,) = of(controller.reconcile(view(token_secret(), bot), "default/s", ctx()), Update)
    values = {name: b64decode(value).decode() for name, value in filled.obj["data"].items()}
    assert values == {"ca.crt": "PEM", "namespace": "default", "token": "token"}
    assert signed[0]["sub"] == "system:serviceaccount:default:bot"
    assert filled.obj["metadata"]["annotations"][tokens.UID] == "serviceaccount-bot"
    assert controller.reconcile(view(filled.obj, bot), "default/s", ctx()) == DONE
    assert len(signed) == 1


def test_a_token_secret_goes_with_its_account() -> None:
    controller = tokens.controller(lambda claims: "token", "PEM")
    plan = controller.reconcile(view(token_secret()), "default/s", ctx())
    assert [type(action) for action in plan.actions] == [Verify, Delete]
    other = token_secret(**{tokens.UID: "another"})
    (deleted,) = of(controller.reconcile(view(other, make("ServiceAccount", "bot")), "default/s", ctx()), Delete)
    assert deleted.uid == "secret-s"
    assert list(controller.keys(view(other), "ServiceAccount", make("ServiceAccount", "bot"), None)) == ["default/s"]
    opaque = make("Secret", "o") | {"type": "Opaque"}
    assert controller.reconcile(view(opaque), "default/o", ctx()) == DONE


# ── aggregated roles ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_role_made_of_others() -> None:
    label = {"monitoring": "true"}
    whole = make("ClusterRole", "whole", labels=label) | {
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": label}]},
        "rules": [{"verbs": ["old"]}],
    }
    one = make("ClusterRole", "one", labels=label) | {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    two = make("ClusterRole", "two", labels=label) | {"rules": [{"verbs": ["list"]}]}
    other = make("ClusterRole", "other") | {"rules": [{"verbs": ["*"]}]}
    (update,) = of(clusterroleaggregation.reconcile(view(whole, one, two, other), "whole", ctx()), Update)
    assert update.obj["rules"] == [{"verbs": ["get"]}, {"verbs": ["list"]}]
    assert clusterroleaggregation.reconcile(view(update.obj, one, two, other), "whole", ctx()) == DONE
    assert list(clusterroleaggregation.CONTROLLER.keys(view(whole, one), "ClusterRole", None, one)) == ["whole"]


# ── certificate requests ─────────────────────────────────────────────────────────────────────────────────────────────

CA = authority("capstan-test", datetime.fromtimestamp(NOW, UTC), 1000)
CLIENT, KUBELET, SERVING = csrsigning.SIGNERS
USAGES = {CLIENT: ["client auth"], KUBELET: ["digital signature", "client auth"],
          SERVING: ["digital signature", "key encipherment", "server auth"]}  # fmt: skip


def request(name: str, *groups: str, hosts: tuple[str, ...] = ()) -> str:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return b64encode(made.public_bytes(Encoding.PEM)).decode()


def csr(text: str, signer: str, *conditions: str, **spec: Any) -> Object:
    found = make("CertificateSigningRequest", "r", {"request": text, "signerName": signer, "usages": USAGES[signer]})
    found["spec"].update(spec)
    told = [{"type": type, "status": "True"} for type in conditions]
    return found | ({"status": {"conditions": told}} if told else {})


def signed(obj: Object) -> Object:
    """What becomes of the status."""
    (update,) = of(csrsigning.controller(CA).reconcile(view(obj), "r", ctx()), Update)
    assert update.subresource == "status"
    status: Object = update.obj["status"]
    return status


def test_an_approved_request_gets_its_certificate() -> None:
    status = signed(csr(request("carla", "developers"), CLIENT, "Approved", expirationSeconds=86400))
    pem = b64decode(status["certificate"])
    found = facts(pem)
    assert (found.subject.name, found.subject.groups, found.issuer) == ("carla", ("developers",), "capstan-test")
    assert found.not_after.timestamp() == NOW + 86400
    usages = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    status = signed(csr(request("system:node:w", "system:nodes", hosts=("w",)), SERVING, "Approved"))
    assert facts(b64decode(status["certificate"])).hosts == ("w",)


@pytest.mark.parametrize("conditions", [(), ("Denied",), ("Approved", "Failed"), ("Approved", "Denied")])
def test_others_get_none(conditions: tuple[str, ...]) -> None:
    obj = csr(request("carla"), CLIENT, *conditions)
    assert csrsigning.controller(CA).reconcile(view(obj), "r", ctx()) == DONE


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (csr(request("carla"), KUBELET, "Approved"), "organization in CSR does not match"),
        (csr(request("carla", "system:nodes"), KUBELET, "Approved"), "common name does not begin with system:node:"),
        (csr(request("system:node:w", "system:nodes", hosts=("w",)), KUBELET, "Approved"), "DNS SANs are not allowed"),
        (csr(request("system:node:w", "system:nodes"), SERVING, "Approved"), "at least one DNS or IP"),
        (csr(request("carla"), CLIENT, "Approved", usages=["server auth"]), "invalid usages"),
        (csr(request("carla"), CLIENT, "Approved", usages=["client auth", "server auth"]), "usages did not match"),
        (csr("bm90aGluZw==", CLIENT, "Approved"), "not a certificate signing request"),
    ],
)
def test_what_no_signer_gives(obj: Object, why: str) -> None:
    status = signed(obj)
    assert "certificate" not in status
    failed = status["conditions"][-1]
    assert (failed["type"], failed["status"]) == ("Failed", "True")
    assert why in failed["message"]


@pytest.mark.parametrize(
    ("user", "groups", "subject", "approved"),
    [
        ("system:bootstrap:abcdef", ["system:bootstrappers"], "system:node:w", True),
        ("system:node:w", ["system:nodes"], "system:node:w", True),
        ("system:node:other", ["system:nodes"], "system:node:w", False),
        ("jane", ["system:authenticated"], "system:node:w", False),
        ("system:bootstrap:abcdef", ["system:bootstrappers"], "jane", False),
    ],
)
def test_kubelets_are_approved_for_themselves(user: str, groups: list[str], subject: str, approved: bool) -> None:
    obj = csr(request(subject, "system:nodes"), KUBELET, username=user, groups=groups)
    plan = csrapproving.reconcile(view(obj), "r", ctx())
    if not approved:
        assert plan == DONE
        return
    (update,) = of(plan, Update)
    assert update.subresource == "approval"
    assert update.obj["status"]["conditions"][0]["reason"] == "AutoApproved"


def test_an_authority_that_ends_sooner_ends_its_certificates() -> None:
    short: Pair = authority("short", datetime.fromtimestamp(NOW, UTC), 1)
    obj = csr(request("carla"), CLIENT, "Approved")
    (update,) = of(csrsigning.controller(short).reconcile(view(obj), "r", ctx()), Update)
    assert facts(b64decode(update.obj["status"]["certificate"])).not_after.timestamp() == NOW + 86400
