"""The fields of the group rbac.authorization.k8s.io.

Must not hold rules that look at two fields; those are in validate_rbac.py.
"""

from typing import Any

from cluster.api.schema import REGISTRY

GROUP = "rbac.authorization.k8s.io"

REGISTRY.declare("""
Role                             rights in one namespace
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  rules                          [PolicyRule]         what it allows, in its own namespace; rules only add up
ClusterRole                      rights in the whole cluster, or to be bound in one namespace
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  rules                          [PolicyRule]         what it allows; rules only add up
  aggregationRule                AggregationRule
                                                     its rules are those of other ClusterRoles, and kept so by a
                                                     controller
AggregationRule
  clusterRoleSelectors           [LabelSelector]      by their labels: whose rules it takes; one that fits is enough
PolicyRule
  verbs                          [string]
                                                     get, list, watch, create, update, patch, delete, deletecollection
                                                     ...; * is all
  apiGroups                      [string]             "" is the core group; * is all
  resources                      [string]             plurals: pods, pods/log; * is all
  resourceNames                  [string]             only objects of these names; empty: all
  nonResourceURLs                [string]
                                                     paths like /healthz; * at the end is all below; in ClusterRoles only

RoleBinding                      gives somebody a role's rights in one namespace
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  subjects                       [Subject]            who gets the role
  roleRef!                       RoleRef              a Role of this namespace, or a ClusterRole; cannot be changed
ClusterRoleBinding               gives somebody a role's rights in the whole cluster
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  subjects                       [Subject]            who gets the role, in every namespace
  roleRef!                       RoleRef              a ClusterRole; cannot be changed
Subject
  kind!                          string               User, Group or ServiceAccount
  name                           string
  namespace                      string               of a ServiceAccount
  apiGroup                       string               filled in
RoleRef
  apiGroup                       string               filled in
  kind                           string               Role or ClusterRole
  name                           string
""")  # noqa: E501


def _subject(subject: dict[str, Any]) -> None:
    if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
        subject["apiGroup"] = GROUP


def _role_ref(found: dict[str, Any]) -> None:
    if not found.get("apiGroup"):
        found["apiGroup"] = GROUP


REGISTRY.on_default("Subject", _subject)
REGISTRY.on_default("RoleRef", _role_ref)
