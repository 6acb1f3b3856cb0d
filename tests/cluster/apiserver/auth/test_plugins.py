"""Admission that asks for rights: roles and bindings, certificate requests, tokens in pods."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.kinds import KINDS
from cluster.apiserver.admission import certificates, podtokens
from cluster.apiserver.admission.review import CREATE, UPDATE, Plugin, Review, Sources
from cluster.apiserver.admission.rolegrants import Grants
from cluster.apiserver.auth.rbac import Rbac
from cluster.apiserver.auth.rules import AUTHENTICATED, MANAGER, MASTERS, Attributes, Who
from cluster.errors import StatusError
from tests.cluster.apiserver.auth.sources import Objects, binding, role, rule

Object = dict[str, Any]
JANE = Who("jane", (AUTHENTICATED,))
ADMIN = Who("kubernetes-admin", (MASTERS, AUTHENTICATED))
RBAC = "rbac.authorization.k8s.io"


def world(*objects: Object) -> tuple[Grants, Sources]:
    source = Objects()
    source.add(*objects)
    rbac = Rbac(source)
    sources = Sources(5, source.find, lambda kind: (), lambda kind, namespace: ())
    return Grants(rbac.allows, rbac.rules), sources


def check(plugin: Plugin, sources: Sources, review: Review) -> None:
    step = plugin.validate or plugin.mutate
    assert step is not None
    step(review, sources)


def reviewed(kind: str, obj: Object, old: Object | None = None, who: Who = JANE, subresource: str = "") -> Review:
    meta = obj["metadata"]
    what = UPDATE if old is not None else CREATE
    return Review(KINDS[kind], what, obj, old, meta.get("namespace", ""), meta["name"], subresource, who)


READER = role("reader", rule("get", "-", "pods"))
READS = binding("jane-reads", "ClusterRole/reader", "User/jane", namespace="web")
GIVES = role("r", rule("get", "-", "secrets"), namespace="web")
ESCALATES = role("escalates", rule("escalate", RBAC, "roles"))
MAY_ESCALATE = binding("e", "ClusterRole/escalates", "User/jane", namespace="web")
BINDS = role("binds", rule("bind", RBAC, "clusterroles", "powerful"))
MAY_BIND = binding("b", "ClusterRole/binds", "User/jane", namespace="web")
POWERFUL = role("powerful", rule("*", "*", "*"))


@pytest.mark.parametrize(
    ("there", "obj", "who", "fine"),
    [
        ((READER, READS), role("r", rule("get", "-", "pods"), namespace="web"), JANE, True),
        ((READER, READS), role("r", rule("get", "-", "pods"), namespace="other"), JANE, False),
        ((READER, READS), role("r", rule("get", "-", "pods")), JANE, False),
        ((READER, READS), GIVES, JANE, False),
        ((READER, READS), GIVES, ADMIN, True),
        ((READER, READS), GIVES, Who(MANAGER), True),
        ((ESCALATES, MAY_ESCALATE), GIVES, JANE, True),
        ((READER, READS), binding("n", "ClusterRole/reader", "User/bob", namespace="web"), JANE, True),
        ((READER, READS), binding("n", "ClusterRole/reader", "User/bob"), JANE, False),
        ((POWERFUL,), binding("n", "ClusterRole/powerful", "User/bob", namespace="web"), JANE, False),
        ((POWERFUL, BINDS, MAY_BIND), binding("n", "ClusterRole/powerful", "User/bob", namespace="web"), JANE, True),
        ((READER, BINDS, MAY_BIND), binding("n", "ClusterRole/reader", "User/bob", namespace="web"), JANE, False),
    ],
)
def test_what_may_be_granted(there: tuple[Object, ...], obj: Object, who: Who, fine: bool) -> None:
    grants, sources = world(*there)
    review = reviewed(obj["kind"], obj, who=who)
    if fine:
        check(grants.plugin(), sources, review)
        return
    with pytest.raises(StatusError, match="attempting to grant RBAC permissions not currently held"):
        check(grants.plugin(), sources, review)


def test_a_label_on_a_role_grants_nothing() -> None:
    grants, sources = world()
    labelled = {**GIVES, "metadata": {**GIVES["metadata"], "labels": {"a": "b"}}}
    check(grants.plugin(), sources, reviewed("Role", labelled, GIVES))
    aggregating = {**role("all"), "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}
    with pytest.raises(StatusError, match="must have cluster-admin privileges to use the aggregationRule"):
        check(grants.plugin(), sources, reviewed("ClusterRole", aggregating))


def csr(**status: Any) -> Object:
    spec = {"signerName": certificates.CLIENT, "request": "masters", "usages": ["client auth"]}
    return {
        "kind": certificates.KIND,
        "metadata": {"name": "r"},
        "spec": spec,
        **({"status": status} if status else {}),
    }


def plugins(*granted: tuple[str, str]) -> dict[str, Plugin]:
    """`granted`: (verb, signer) that jane has."""

    def may(who: Who, asked: Attributes) -> bool:
        return asked.resource == "signers" and (asked.verb, asked.name) in granted

    made = certificates.Certificates(may, lambda request: (request,) if request != "masters" else (MASTERS,))
    return {plugin.name: plugin for plugin in made.plugins()}


SOURCES = Sources(5, lambda kind, key: None, lambda kind: (), lambda kind, namespace: ())
APPROVED = {"conditions": [{"type": "Approved", "status": "True"}]}


@pytest.mark.parametrize("name", [certificates.CLIENT, "kubernetes.io/*"])
def test_who_may_approve_and_sign(name: str) -> None:
    approval = reviewed(certificates.KIND, csr(**APPROVED), csr(), subresource="approval")
    check(plugins(("approve", name))["CertificateApproval"], SOURCES, approval)
    with pytest.raises(StatusError, match='not permitted to approve requests with signerName "kubernetes.io/kube-api'):
        check(plugins(("sign", name))["CertificateApproval"], SOURCES, approval)
    signing = reviewed(certificates.KIND, csr(certificate="x"), csr(), subresource="status")
    check(plugins(("sign", name))["CertificateSigning"], SOURCES, signing)
    with pytest.raises(StatusError, match="not permitted to sign"):
        check(plugins(("approve", name))["CertificateSigning"], SOURCES, signing)
    check(plugins()["CertificateSigning"], SOURCES, reviewed(certificates.KIND, csr(), csr(), subresource="status"))


def test_what_a_request_says_of_its_asker() -> None:
    forged = csr()
    forged["spec"] |= {"username": "root", "groups": [MASTERS], "extra": {"a": ["b"]}}
    review = reviewed(certificates.KIND, {**forged, "status": APPROVED})
    check(plugins()["CertificateRequester"], SOURCES, review)
    assert review.obj is not None
    assert review.obj["spec"]["username"] == "jane"
    assert review.obj["spec"]["groups"] == [AUTHENTICATED]
    assert "extra" not in review.obj["spec"]
    assert "status" not in review.obj
    with pytest.raises(StatusError, match="use of kubernetes.io/kube-apiserver-client signer with system:masters"):
        check(plugins()["CertificateSubjectRestriction"], SOURCES, review)


def test_status_approves_nothing() -> None:
    review = reviewed(certificates.KIND, csr(**APPROVED), csr(), subresource="status")
    check(plugins()["CertificateStatus"], SOURCES, review)
    assert review.obj is not None
    assert review.obj["status"]["conditions"] == []
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    review = reviewed(certificates.KIND, csr(**failed), csr(**APPROVED), subresource="status")
    check(plugins()["CertificateStatus"], SOURCES, review)
    assert review.obj is not None
    assert [c["type"] for c in review.obj["status"]["conditions"]] == ["Approved", "Failed"]


def pod(**spec: Any) -> Object:
    meta = {"name": "p", "namespace": "web", "uid": "89cb72bf-e7bd"}
    spec = {"containers": [{"name": "c"}], "serviceAccountName": "bot", **spec}
    return {"kind": "Pod", "metadata": meta, "spec": spec}


def mounted(obj: Object, **account: Any) -> Object:
    source = Objects()
    source.add({"kind": "ServiceAccount", "metadata": {"name": "bot", "namespace": "web"}, **account})
    review = reviewed("Pod", obj)
    podtokens.mount(review, Sources(5, source.find, lambda kind: (), lambda kind, namespace: ()))
    assert review.obj is not None
    spec: Object = review.obj["spec"]
    return spec


def test_every_container_finds_its_token() -> None:
    own = {"name": "mine", "mountPath": podtokens.PATH}
    spec = mounted(
        pod(containers=[{"name": "a"}, {"name": "b", "volumeMounts": [own]}], initContainers=[{"name": "i"}])
    )
    (volume,) = spec["volumes"]
    mount = {"name": volume["name"], "readOnly": True, "mountPath": podtokens.PATH}
    assert spec["containers"][0]["volumeMounts"] == [mount]
    assert spec["containers"][1]["volumeMounts"] == [own]
    assert spec["initContainers"][0]["volumeMounts"] == [mount]
    again = mounted({**pod(), "spec": spec})
    assert again == spec


def test_who_does_not_want_a_token_gets_none() -> None:
    assert mounted(pod(automountServiceAccountToken=False)) == pod(automountServiceAccountToken=False)["spec"]
    assert "volumes" not in mounted(pod(), automountServiceAccountToken=False)
    assert "volumes" in mounted(pod(automountServiceAccountToken=True), automountServiceAccountToken=False)
    secrets = [{"name": "registry"}]
    assert mounted(pod(), imagePullSecrets=secrets)["imagePullSecrets"] == secrets
    assert mounted(pod(imagePullSecrets=[{"name": "x"}]), imagePullSecrets=secrets)["imagePullSecrets"] == [
        {"name": "x"}
    ]


@pytest.mark.parametrize(
    "spec", [{"containers": "x"}, {"containers": [3]}, {"volumes": 3}, {"containers": [{"volumeMounts": 3}]}]
)
def test_a_malformed_pod_is_left_to_validation(spec: Object) -> None:
    mounted(pod(**spec))
