"""Roles and bindings: what is filled in, what is refused and in which words, and how they print."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.defaults import default
from cluster.api.tables import table
from cluster.api.validate import validate

API = "rbac.authorization.k8s.io/v1"


def made(kind: str, name: str = "system:x", **fields: Any) -> dict[str, Any]:
    meta = {"name": name} | ({} if kind.startswith("Cluster") else {"namespace": "default"})
    return default({"apiVersion": API, "kind": kind, "metadata": meta, **fields})


def wrong(obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [str(error) for error in validate(obj, old)]


PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_a_name_may_hold_colons_but_must_fit_into_a_path(kind: str) -> None:
    assert wrong(made(kind, rules=[PODS])) == []
    assert wrong(made(kind, "a/b", rules=[PODS])) == ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]
    assert wrong(made(kind, "..", rules=[PODS])) == ["metadata.name: Invalid value: \"..\": may not be '..'"]
    assert wrong(made(kind)) == []


@pytest.mark.parametrize(
    ("kind", "rule", "message"),
    [
        ("Role", {**PODS, "verbs": []}, "rules[0].verbs: Required value: verbs must contain at least one value"),
        ("Role", {**PODS, "apiGroups": []},
         "rules[0].apiGroups: Required value: resource rules must supply at least one api group"),
        ("Role", {**PODS, "resources": []},
         "rules[0].resources: Required value: resource rules must supply at least one resource"),
        ("Role", {"nonResourceURLs": ["/x"], "verbs": ["get"]},
         'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'),
        ("ClusterRole", {**PODS, "nonResourceURLs": ["/x"]},
         'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and '
         "non-resource URLs"),
    ],
)  # fmt: skip
def test_a_rule_says_what_it_is_about(kind: str, rule: dict[str, Any], message: str) -> None:
    assert wrong(made(kind, rules=[rule])) == [message]


def test_aggregation_needs_a_selector_and_whole_ones() -> None:
    assert wrong(made("ClusterRole", aggregationRule={})) == [
        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if "
        "aggregationRule is non-nil"
    ]
    selector = {"matchExpressions": [{"key": "a", "operator": "In"}]}
    assert wrong(made("ClusterRole", aggregationRule={"clusterRoleSelectors": [selector]})) == [
        "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: must be specified when "
        "`operator` is 'In' or 'NotIn'"
    ]


def test_a_binding_is_filled_in() -> None:
    obj = made(
        "RoleBinding",
        roleRef={"kind": "Role", "name": "r"},
        subjects=[{"kind": "User", "name": "jane"}, {"kind": "ServiceAccount", "name": "sa", "namespace": "n"}],
    )
    assert obj["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert obj["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    assert "apiGroup" not in obj["subjects"][1]
    assert wrong(obj) == []


@pytest.mark.parametrize(
    ("kind", "subject", "message"),
    [
        ("RoleBinding", {"kind": "Robot", "name": "x"},
         'subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"'),
        ("RoleBinding", {"kind": "User"}, "subjects[0].name: Required value"),
        ("RoleBinding", {"kind": "ServiceAccount", "name": "A_b", "namespace": "n"},
         'subjects[0].name: Invalid value: "A_b": a lowercase RFC 1123 subdomain'),
        ("RoleBinding", {"kind": "User", "name": "x", "apiGroup": "y"},
         'subjects[0].apiGroup: Unsupported value: "y": supported values: "rbac.authorization.k8s.io"'),
        ("ClusterRoleBinding", {"kind": "ServiceAccount", "name": "x"}, "subjects[0].namespace: Required value"),
    ],
)  # fmt: skip
def test_a_subject_is_somebody(kind: str, subject: dict[str, Any], message: str) -> None:
    to = "ClusterRole" if kind.startswith("Cluster") else "Role"
    found = wrong(made(kind, roleRef={"kind": to, "name": "r"}, subjects=[subject]))
    assert [text.startswith(message) for text in found] == [True], found


def test_what_is_bound_is_a_role_that_can_be() -> None:
    assert wrong(made("ClusterRoleBinding", roleRef={"kind": "Role", "name": "r"})) == [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'
    ]
    old = made("RoleBinding", roleRef={"kind": "Role", "name": "r"})
    new = made("RoleBinding", roleRef={"kind": "ClusterRole", "name": "r"})
    assert [text.partition("}: ")[2] for text in wrong(new, old)] == ["cannot change roleRef"]
    assert wrong(made("RoleBinding", roleRef={"kind": "Role", "name": "r"}, subjects=[]), old) == []


def test_tables() -> None:
    stamp = {"creationTimestamp": "1970-01-01T00:00:00Z"}
    role = made("Role")
    role["metadata"] |= stamp
    assert table("Role", [role], 60.0) == (["NAME", "CREATED AT"], [["system:x", "1970-01-01T00:00:00Z"]])
    subjects = [
        {"kind": "User", "name": "a"},
        {"kind": "User", "name": "b"},
        {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
    ]
    binding = made("RoleBinding", roleRef={"kind": "Role", "name": "r"}, subjects=subjects)
    binding["metadata"] |= stamp
    assert table("RoleBinding", [binding], 60.0, wide=True) == (
        ["NAME", "ROLE", "AGE", "USERS", "GROUPS", "SERVICEACCOUNTS"],
        [["system:x", "Role/r", "60s", "a, b", "", "n/s"]],
    )
