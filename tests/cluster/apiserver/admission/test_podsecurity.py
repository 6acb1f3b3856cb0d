"""The Pod Security Standards by table, in Kubernetes' words, and what a namespace's labels make of them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.apiserver.admission.podchecks import evaluate
from cluster.apiserver.admission.podsecurity import PREFIX
from cluster.apiserver.admission.review import CREATE, UPDATE
from cluster.errors import StatusError
from tests.cluster.apiserver.admission.stand import admitted, named, review_of
from tests.cluster.apiserver.cluster import deployment, pod

Object = dict[str, Any]
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def containers(*contexts: Object, **more: Any) -> Object:
    names = "abc"
    return {"containers": [{"name": names[at], "securityContext": c} for at, c in enumerate(contexts)], **more}


BASELINE = (
    (containers({"privileged": True}), 'privileged (container "a" must not set securityContext.privileged=true)'),
    (
        containers({"privileged": True}, {"privileged": True}),
        'privileged (containers "a", "b" must not set securityContext.privileged=true)',
    ),
    (containers({}, hostPID=True, hostNetwork=True), "host namespaces (hostNetwork=true, hostPID=true)"),
    (containers({}, volumes=[{"name": "v", "hostPath": {"path": "/"}}]), 'hostPath volumes (volume "v")'),
    (
        {"containers": [{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}]},
        'hostPort (container "a" uses hostPort 8080)',
    ),
    (
        containers({"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}),
        'non-default capabilities (container "a" must not include "NET_ADMIN" in securityContext.capabilities.add)',
    ),
    (
        containers({"procMount": "Unmasked"}),
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        containers({"seLinuxOptions": {"type": "spc_t", "user": "u"}}),
        'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; '
        "user may not be set)",
    ),
    (
        containers({}, securityContext={"seccompProfile": {"type": "Unconfined"}}),
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        containers({}, securityContext={"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_syncookies"}]}),
        "forbidden sysctls (kernel.msgmax)",
    ),
    (
        containers({"windowsOptions": {"hostProcess": True}}),
        'hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)',
    ),
    (
        containers({"appArmorProfile": {"type": "Unconfined"}}),
        'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")',
    ),
)


@pytest.mark.parametrize(("spec", "told"), BASELINE)
def test_baseline(spec: Object, told: str) -> None:
    assert evaluate({}, spec, "baseline") == [told]


def test_what_says_nothing_is_baseline_and_not_restricted() -> None:
    spec = {"containers": [{"name": "main"}]}
    assert evaluate({}, spec, "baseline") == []
    assert ", ".join(evaluate({}, spec, "restricted")) == (
        'allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")'
    )
    assert evaluate({}, containers(SAFE), "restricted") == []


RESTRICTED = (
    (
        containers(SAFE, volumes=[{"name": "v", "hostPath": {"path": "/"}}, {"name": "e", "emptyDir": {}}]),
        'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ),
    (
        containers({**SAFE, "runAsUser": 0}, securityContext={"runAsUser": 0}),
        'runAsUser=0 (pod and container "a" must not set runAsUser=0)',
    ),
    (
        containers({**SAFE, "runAsNonRoot": False}),
        'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)',
    ),
    (
        containers({**SAFE, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}),
        'unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add)',
    ),
    (
        containers({**SAFE, "seccompProfile": {"type": "Unconfined"}}),
        'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
)


@pytest.mark.parametrize(("spec", "told"), RESTRICTED)
def test_restricted(spec: Object, told: str) -> None:
    assert evaluate({}, spec, "restricted") == [told]


# ── namespaces ───────────────────────────────────────────────────────────────────────────────────────────────


def space(**levels: str) -> Object:
    found = named("Namespace", "default")
    found["metadata"]["labels"] = {PREFIX + mode.replace("_", "-"): level for mode, level in levels.items()}
    return found


def test_enforce_refuses_pods_and_lets_their_controllers_be_made() -> None:
    bad = pod("a", hostNetwork=True)
    told = 'pods "a" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    with pytest.raises(StatusError) as caught:
        admitted(review_of(bad), space(enforce="baseline"))
    assert (caught.value.message, caught.value.reason) == (told, "Forbidden")
    admitted(review_of(bad), space(enforce="privileged"))
    admitted(review_of(bad))
    made = deployment("d")
    made["spec"]["template"]["spec"]["hostNetwork"] = True
    review = review_of(made)
    admitted(review, space(enforce="baseline", warn="baseline", audit="baseline"))
    would = 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    assert review.warnings == [would]
    assert review.annotations == {PREFIX + "audit-violations": would}


def test_warn_warns_only_of_what_is_let_in() -> None:
    review = review_of(pod("a", hostNetwork=True))
    admitted(review, space(warn="baseline", warn_version="v1.30"))
    assert review.warnings == ['would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)']
    assert review.annotations == {PREFIX + "enforce-policy": "privileged:latest"}
    refused = review_of(pod("a", hostNetwork=True))
    with pytest.raises(StatusError):
        admitted(refused, space(warn="baseline", enforce="baseline"))
    assert refused.warnings == []


def test_an_update_of_a_pod_counts_when_its_containers_change() -> None:
    old = pod("a", hostNetwork=True)
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"x": "y"}}}
    admitted(review_of(labelled, UPDATE, old), space(enforce="baseline"))
    changed = pod("a", hostNetwork=True, containers=[{"name": "main", "image": "nginx:2"}])
    with pytest.raises(StatusError, match="violates PodSecurity"):
        admitted(review_of(changed, UPDATE, old), space(enforce="baseline"))


def test_labels_that_mean_nothing() -> None:
    with pytest.raises(StatusError) as caught:
        admitted(review_of(space(enforce="strict"), CREATE))
    assert caught.value.reason == "Invalid"
    assert "must be one of privileged, baseline, restricted" in caught.value.message
    with pytest.raises(StatusError, match='must be "latest" or "v1.x"'):
        admitted(review_of(space(warn_version="1.30"), CREATE))


def test_a_level_that_is_raised_tells_of_the_pods_that_are_there() -> None:
    pods = [pod("a", hostNetwork=True), pod("b", hostNetwork=True), pod("c", hostPID=True), pod("d")]
    review = review_of(space(enforce="baseline"), UPDATE, space())
    admitted(review, *pods)
    assert review.warnings == [
        'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 1 other pod): host namespaces (hostNetwork=true)",
        "c: host namespaces (hostPID=true)",
    ]
