"""Roles, bindings and what comes of them: tables of who may do what."""

from __future__ import annotations

import pytest

from cluster.apiserver.auth import firstroles
from cluster.apiserver.auth.escalation import not_covered, refusal, single
from cluster.apiserver.auth.rbac import Rbac, rule_of, rules_of, written
from cluster.apiserver.auth.rules import ANONYMOUS, AUTHENTICATED, Attributes, Rule, Who, account
from tests.cluster.apiserver.auth.sources import Objects, binding, role, rule

JANE = Who("jane", ("developers", AUTHENTICATED))
BOT = account("ci", "bot")


def world() -> Rbac:
    source = Objects()
    source.add(
        role("reader", rule("get list", "-", "pods pods/log")),
        role("scaler", rule("update", "*", "*/scale"), {"verbs": ["get"], "nonResourceURLs": ["/metrics", "/logs/*"]}),
        role("one-map", rule("get watch", "-", "configmaps", "settings"), namespace="web"),
        binding("developers-read", "ClusterRole/reader", "Group/developers", namespace="web"),
        binding("jane-scales", "ClusterRole/scaler", "User/jane"),
        binding("jane-map", "Role/one-map", "User/jane", namespace="web"),
        binding("bot-reads", "ClusterRole/reader", "ServiceAccount/ci:bot"),
        binding("bot-home", "Role/one-map", "ServiceAccount/bot", namespace="web"),
        binding("lost", "Role/nowhere", "User/jane", namespace="lost"),
    )
    return Rbac(source)


@pytest.mark.parametrize(
    ("who", "asked", "allowed"),
    [
        (JANE, Attributes("get", "", "pods", "", "web"), True),
        (JANE, Attributes("get", "", "pods", "log", "web", "a"), True),
        (JANE, Attributes("get", "", "pods", "exec", "web", "a"), False),
        (JANE, Attributes("get", "", "pods", "", "other"), False),
        (JANE, Attributes("list", "", "pods"), False),
        (JANE, Attributes("delete", "", "pods", "", "web"), False),
        (JANE, Attributes("get", "apps", "pods", "", "web"), False),
        (JANE, Attributes("update", "apps", "deployments", "scale", "any", "d"), True),
        (JANE, Attributes("update", "apps", "deployments", "", "any", "d"), False),
        (JANE, Attributes("get", "", "configmaps", "", "web", "settings"), True),
        (JANE, Attributes("watch", "", "configmaps", "", "web", "settings"), True),
        (JANE, Attributes("get", "", "configmaps", "", "web", "others"), False),
        (JANE, Attributes("list", "", "configmaps", "", "web"), False),
        (JANE, Attributes("get", path="/metrics"), True),
        (JANE, Attributes("get", path="/metrics/"), True),
        (JANE, Attributes("get", path="/logs/a/b"), True),
        (JANE, Attributes("get", path="/metrics/slis"), False),
        (JANE, Attributes("post", path="/metrics"), False),
        (BOT, Attributes("list", "", "pods"), True),
        (account("other", "bot"), Attributes("list", "", "pods"), False),
        (account("web", "bot"), Attributes("get", "", "configmaps", "", "web", "settings"), True),
        (BOT, Attributes("get", "", "configmaps", "", "web", "settings"), False),
        (ANONYMOUS, Attributes("get", "", "pods", "", "web"), False),
    ],
)
def test_who_may_do_what(who: Who, asked: Attributes, allowed: bool) -> None:
    rbac = world()
    assert rbac.allows(who, asked) is allowed
    assert rbac.allows(who, asked) is allowed  # as remembered


def test_a_change_of_roles_counts_at_once() -> None:
    source = Objects()
    rbac = Rbac(source)
    asked = Attributes("get", "", "pods", "", "default")
    assert not rbac.allows(JANE, asked)
    source.add(role("reader", rule("get", "-", "pods")), binding("b", "ClusterRole/reader", "User/jane"))
    assert rbac.allows(JANE, asked)
    source.made.pop()
    source.changes += 1
    assert not rbac.allows(JANE, asked)


def test_what_it_has_to_say() -> None:
    rbac = world()
    why = rbac.explain(JANE, Attributes("get", "", "pods", "", "web"))
    assert why == 'RBAC: allowed by RoleBinding "developers-read/web" of ClusterRole "reader" to Group "developers"'
    why = rbac.explain(JANE, Attributes("get", "", "pods", "", "lost"))
    assert why == 'RBAC: role.rbac.authorization.k8s.io "nowhere" not found'
    assert rbac.explain(ANONYMOUS, Attributes("get", "", "pods")) == ""


@pytest.mark.parametrize(
    ("owned", "wanted", "missing"),
    [
        (Rule(("*",), ("*",), ("*",)), Rule(("get",), ("apps",), ("deployments/scale",)), 0),
        (Rule(("get", "list"), ("",), ("pods",)), Rule(("get", "list", "watch"), ("",), ("pods",)), 1),
        (Rule(("get",), ("",), ("pods",), names=("a",)), Rule(("get",), ("",), ("pods",)), 1),
        (Rule(("get",), ("",), ("pods",)), Rule(("get",), ("",), ("pods",), names=("a", "b")), 0),
        (Rule(("get",), ("",), ("pods",), names=("a",)), Rule(("get",), ("",), ("pods",), names=("a", "b")), 1),
        (Rule(("update",), ("apps",), ("*/scale",)), Rule(("update",), ("apps",), ("deployments/scale",)), 0),
        (Rule(("get",), paths=("/logs/*",)), Rule(("get",), paths=("/logs/a", "/metrics")), 1),
        (Rule(("get",), ("",), ("pods",)), Rule(("get",), ("",), ("*",)), 1),
    ],
)
def test_what_is_covered(owned: Rule, wanted: Rule, missing: int) -> None:
    assert len(not_covered([owned], [wanted])) == missing


def test_the_words_of_an_escalation() -> None:
    missing = not_covered([], [Rule(("get", "list"), ("",), ("pods",)), Rule(("get",), paths=("/metrics",))])
    assert refusal(JANE, missing) == (
        'user "jane" (groups=["developers" "system:authenticated"]) is attempting to grant RBAC permissions not '
        'currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}\n'
        '{NonResourceURLs:["/metrics"], Verbs:["get"]}'
    )


def test_default_roles_are_what_their_names_say() -> None:
    source = Objects()
    source.add(*firstroles.objects())
    rbac = Rbac(source)
    assert not any(rbac.explain(who, Attributes("get", path="/x")) for who in (JANE, BOT, ANONYMOUS))
    assert rbac.allows(JANE, Attributes("create", "authorization.k8s.io", "selfsubjectaccessreviews"))
    assert rbac.allows(JANE, Attributes("get", path="/apis/apps"))
    assert rbac.allows(ANONYMOUS, Attributes("get", path="/livez"))
    assert not rbac.allows(ANONYMOUS, Attributes("get", path="/api"))
    scheduler = Who("system:kube-scheduler", (AUTHENTICATED,))
    assert rbac.allows(scheduler, Attributes("create", "", "pods", "binding", "default"))
    assert not rbac.allows(scheduler, Attributes("delete", "", "nodes", name="worker-0"))
    collector = account("kube-system", "generic-garbage-collector")
    assert rbac.allows(collector, Attributes("delete", "any.example.com", "widgets", "", "default", "w"))


def test_admin_holds_edit_and_edit_holds_view() -> None:
    roles = {obj["metadata"]["name"]: rules_of(obj) for obj in firstroles.objects() if obj["kind"] == "ClusterRole"}
    assert not_covered(roles["admin"], roles["edit"]) == []
    assert not_covered(roles["edit"], roles["view"]) == []
    secrets = Rule(("get",), ("",), ("secrets",))
    assert not_covered(roles["view"], [secrets])
    assert not not_covered(roles["edit"], [secrets])
    assert not_covered(roles["edit"], [Rule(("create",), ("rbac.authorization.k8s.io",), ("roles",))])


def test_default_roles_come_back_but_additions_stay() -> None:
    wanted = next(obj for obj in firstroles.objects() if obj["metadata"]["name"] == "system:kube-dns")
    assert firstroles.reconciled(wanted, wanted) is None
    mine = rule("get", "-", "secrets")
    changed = firstroles.reconciled(wanted, {**wanted, "rules": [mine]})
    assert changed is not None
    assert changed["rules"][0] == mine
    assert not_covered(rules_of(changed), rules_of(wanted)) == []
    assert firstroles.reconciled(wanted, changed) is None
    left = {**wanted["metadata"], "annotations": {firstroles.AUTOUPDATE: "false"}}
    assert firstroles.reconciled(wanted, {**wanted, "metadata": left, "rules": []}) is None


def test_a_rule_there_and_back() -> None:
    for obj in firstroles.objects():
        for given in obj.get("rules") or ():
            assert rule_of(written(rule_of(given))) == rule_of(given)
            assert all(len(part.verbs) == 1 for part in single(rule_of(given)))
