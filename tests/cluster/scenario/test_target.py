"""Targets as they are written, and what is said of those that cannot be meant."""

from __future__ import annotations

import pytest

from cluster.errors import UsageError
from cluster.scenario.model import Atom, Target
from cluster.scenario.target import ROLES, describe, is_target, parse, selector

WRITTEN = [
    ("store-1", Target("store-1", (Atom("name", "store-1"),))),
    ("  store-1 ", Target("store-1", (Atom("name", "store-1"),))),
    ("masters", Target("masters", (Atom("masters"),))),
    ("leader:store", Target("leader:store", (Atom("leader", "store"),))),
    ("node-of:web-0", Target("node-of:web-0", (Atom("node-of", "web-0"),))),
    ("node-of:shop/web-0", Target("node-of:shop/web-0", (Atom("node-of", "shop/web-0"),))),
    ("nodes-of:app=nginx", Target("nodes-of:app=nginx", (Atom("nodes-of", "app=nginx"),))),
    ("label:disk=ssd", Target("label:disk=ssd", (Atom("label", "disk=ssd"),))),
    ("holder:kube-scheduler", Target("holder:kube-scheduler", (Atom("holder", "kube-scheduler"),))),
    (
        "apiserver-of:leader:scheduler",
        Target("apiserver-of:leader:scheduler", (Atom("apiserver-of", "leader:scheduler"),)),
    ),
    ("store-0, store-2", Target("store-0, store-2", (Atom("name", "store-0"), Atom("name", "store-2")))),
    ("one of members", Target("one of members", (Atom("members"),), (), "one")),
    ("2 of zone:a", Target("2 of zone:a", (Atom("zone", "a"),), (), "count", 2.0)),
    ("50% of workers", Target("50% of workers", (Atom("workers"),), (), "share", 0.5)),
    ("up to 40% of workers", Target("up to 40% of workers", (Atom("workers"),), (), "up-to", 0.4)),
    ("some of kind:kubelet", Target("some of kind:kubelet", (Atom("kind", "kubelet"),), (), "some")),
    ("minority of members", Target("minority of members", (Atom("members"),), (), "minority")),
    ("majority of members", Target("majority of members", (Atom("members"),), (), "majority")),
    (
        "members except leader:store, store-2",
        Target(
            "members except leader:store, store-2",
            (Atom("members"),),
            (Atom("leader", "store"), Atom("name", "store-2")),
        ),
    ),
    ("machine of leader:store", Target("machine of leader:store", (Atom("leader", "store", machine=True),))),
    ("one of machines of members", Target("one of machines of members", (Atom("members", machine=True),), (), "one")),
    ("machine of one of members", Target("machine of one of members", (Atom("members", machine=True),), (), "one")),
]


@pytest.mark.parametrize(("text", "target"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_what_a_target_is(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize("role", ROLES)
def test_the_example_of_each_role_is_one(role: str) -> None:
    target = parse(ROLES[role].example)
    assert [atom.role for atom in target.of] == [role]
    assert describe(target.of[0]) == ROLES[role].example


WRONG = [
    ("", "an empty target; such as store-1, leader:store, one of members"),
    ("ledaer:store", "unknown role 'ledaer' in 'ledaer:store'; did you mean leader:WHAT?"),
    ("leader:stoer", "there is no leader of 'stoer'; did you mean leader:store?"),
    ("follower:scheduler", "there is no follower of 'scheduler'; one of store"),
    ("leader:", "'leader:' does not say of what; such as leader:store"),
    ("members:3", "members takes nothing after it, 'members:3' has '3'; just members"),
    ("minorty of members", "'minorty' is no amount in 'minorty of members'; did you mean `minority of`?"),
    ("0 of members", "0 of anything is nobody in '0 of members'; at least 1"),
    ("120% of x", "120% of anything is not possible in '120% of x'; more than 0% and up to 100%"),
    ("a,,b", "a name is missing in 'a,,b'; between two commas stands a name"),
    ("store-1, store-1", "store-1 stands twice in 'store-1, store-1'; once is enough"),
    (
        "store-0, one of workers",
        "'one of workers' is not a name in 'store-0, one of workers'; an amount stands at the beginning; for a union "
        "of two write a list: [X, one of workers]",
    ),
    (
        "kubelet-*",
        "'kubelet-*' is a pattern, not a name; all hosts of a kind are kind:kubelet, kind:store, ...",
    ),
    ("a except b except c", "'a except b except c' says `except` twice; one `except` with a comma: X except A, B"),
    ("nodes-of:nginx", "'nginx' is not what stands after nodes-of:; such as nodes-of:app=nginx"),
    ("Store_1", "'Store_1' is not a name of a host or machine; such as store-1, leader:store, one of members"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[text for text, _ in WRONG])
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app=nginx", ("", {"app": "nginx"})),
        ("app=nginx+tier=web", ("", {"app": "nginx", "tier": "web"})),
        ("app=nginx,tier=web", ("", {"app": "nginx", "tier": "web"})),
        ("kube-system/app=dns", ("kube-system", {"app": "dns"})),
        ("kube-system/", ("kube-system", {})),
        ("app.kubernetes.io/name=web", ("", {"app.kubernetes.io/name": "web"})),
        ("", ("", {})),
    ],
)
def test_labels_and_their_namespace(text: str, found: tuple[str, dict[str, str]]) -> None:
    assert selector(text) == found


def test_which_words_are_roles() -> None:
    assert is_target("leader:store")
    assert is_target("masters")
    assert not is_target("leader")
    assert not is_target("store-1")
    assert not is_target("app=nginx")
