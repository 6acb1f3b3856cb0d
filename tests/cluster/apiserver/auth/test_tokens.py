"""Tokens: what they say, who believes them, and when they end."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from cluster.apiserver.auth import authentication, tokenrequest
from cluster.apiserver.auth.rules import Who
from cluster.apiserver.auth.tokens import Bound, Rejected, Terms, accepted, claims_of, legacy_claims
from cluster.errors import StatusError, UsageError
from cluster.pki.keyring import Keyring, NotOurs, signing_key
from tests.cluster.apiserver.auth.sources import Objects

Object = dict[str, Any]
NOW = 1_800_000_000.0
ISSUER = "https://kubernetes.default.svc"
ACCOUNT: Object = {"kind": "ServiceAccount", "metadata": {"name": "bot", "namespace": "ci", "uid": "1"}}
POD: Object = {
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "ci", "uid": "2"},
    "spec": {"serviceAccountName": "bot", "nodeName": "worker-1"},
}
NODE: Object = {"kind": "Node", "metadata": {"name": "worker-1", "uid": "3"}}
SECRET: Object = {"kind": "Secret", "metadata": {"name": "s", "namespace": "ci", "uid": "4"}}
GONE = {"deletionTimestamp": "2026-11-29T00:00:00Z"}


def there(*objects: Object) -> Objects:
    source = Objects()
    source.add(*(objects or (ACCOUNT, POD, NODE, SECRET)))
    return source


def terms(**given: Any) -> Terms:
    return Terms(**{"issuer": ISSUER, "audiences": (ISSUER,), "seconds": 600, "serial": "n", **given})


def test_a_good_token_names_its_account() -> None:
    who = accepted(claims_of(ACCOUNT, terms(), NOW), ISSUER, (ISSUER,), there().find, NOW + 599)
    assert (who.name, who.uid) == ("system:serviceaccount:ci:bot", "1")
    assert who.groups == ("system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated")
    bound = terms(bound=Bound("Pod", "p", "2"), node=Bound("Node", "worker-1", "3"))
    extra = dict(accepted(claims_of(ACCOUNT, bound, NOW), ISSUER, (ISSUER,), there().find, NOW).extra)
    assert extra["authentication.kubernetes.io/pod-name"] == ("p",)
    assert extra["authentication.kubernetes.io/node-name"] == ("worker-1",)


OTHER = {**ACCOUNT, "metadata": {**ACCOUNT["metadata"], "uid": "9"}}
GOING = {**ACCOUNT, "metadata": {**ACCOUNT["metadata"], **GONE}}
BOUND = {"bound": Bound("Pod", "p", "2")}


@pytest.mark.parametrize(
    ("given", "objects", "later", "why"),
    [
        ({}, (ACCOUNT,), 700.0, "has expired"),
        ({}, (ACCOUNT,), -100.0, "not valid yet"),
        ({"issuer": "https://elsewhere"}, (ACCOUNT,), 0.0, "another cluster"),
        ({"audiences": ("vault",)}, (ACCOUNT,), 0.0, "another audience"),
        ({}, (NODE,), 0.0, 'service account "bot" not found'),
        ({}, (OTHER,), 0.0, r"UID \(9\) does not match claim \(1\)"),
        ({}, (GOING,), 0.0, "has been deleted"),
        (BOUND, (ACCOUNT,), 0.0, 'pod "p" not found'),
        (BOUND, (ACCOUNT, {**POD, "metadata": {**POD["metadata"], "uid": "8"}}), 0.0, "pod UID"),
        ({"bound": Bound("Node", "worker-1", "7")}, (ACCOUNT, NODE), 0.0, "node UID"),
    ],
)
def test_when_a_token_is_not_good(given: Object, objects: tuple[Object, ...], later: float, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        accepted(claims_of(ACCOUNT, terms(**given), NOW), ISSUER, (ISSUER,), there(*objects).find, NOW + later)


def test_a_secrets_token_is_good_until_the_secret_goes() -> None:
    claims = legacy_claims(ACCOUNT, SECRET)
    assert accepted(claims, ISSUER, (ISSUER,), there().find, NOW + 1e9).name == "system:serviceaccount:ci:bot"
    with pytest.raises(Rejected, match="its Secret is gone"):
        accepted(claims, ISSUER, (ISSUER,), there(ACCOUNT).find, NOW)


def test_only_what_our_key_has_signed() -> None:
    ours, theirs = Keyring([signing_key()]), Keyring([signing_key()])
    token = ours.sign({"sub": "x"})
    assert ours.verify(token) == {"sub": "x"}
    with pytest.raises(NotOurs, match="a key that this cluster does not have"):
        theirs.verify(token)
    head, body, signature = token.split(".")
    forged = urlsafe_b64encode(b'{"sub":"y"}').rstrip(b"=").decode()
    with pytest.raises(NotOurs, match="signature"):
        ours.verify(f"{head}.{forged}.{signature}")
    unsigned = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for bad in (f"{unsigned}.{body}.", "", "a.b.c", "x" * 20_000, "\0"):
        with pytest.raises(NotOurs):
            ours.verify(bad)
    assert ours.jwks()["keys"][0]["kty"] == "EC"


def asked(spec: Object, account: Object | None = ACCOUNT) -> tokenrequest.Asked:
    return tokenrequest.read({"spec": spec}, account, ("ci", "bot"), there().find)


def test_which_token_is_asked_for() -> None:
    assert asked({}) == tokenrequest.Asked((), 3600)
    pod = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "2"}
    found = asked({"boundObjectRef": pod, "expirationSeconds": 3607})
    assert (found.bound, found.node) == (Bound("Pod", "p", "2"), Bound("Node", "worker-1", "3"))
    assert found.lasting == 365 * 24 * 3600
    claims = claims_of(ACCOUNT, terms(seconds=3607, lasting=found.lasting), NOW)
    assert claims["exp"] - claims["iat"] == found.lasting
    assert claims["kubernetes.io"]["warnafter"] == NOW + 3607


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"expirationSeconds": 599}, "Invalid"),
        ({"expirationSeconds": 1 << 40}, "Invalid"),
        ({"expirationSeconds": "600"}, "BadRequest"),
        ({"audiences": "x"}, "BadRequest"),
        ({"boundObjectRef": {"kind": "Deployment", "name": "d"}}, "BadRequest"),
        ({"boundObjectRef": {"kind": "Pod", "name": "nobody"}}, "NotFound"),
        ({"boundObjectRef": {"kind": "Pod", "name": "p", "uid": "7"}}, "Conflict"),
    ],
)
def test_what_cannot_be_asked_for(spec: Object, reason: str) -> None:
    with pytest.raises(StatusError) as refused:
        asked(spec)
    assert refused.value.reason == reason
    with pytest.raises(StatusError, match='serviceaccounts "bot" not found'):
        asked({}, None)


def test_where_a_request_carries_its_token() -> None:
    assert authentication.bearer({"authorization": "Bearer abc"}) == "abc"
    assert authentication.bearer({"authorization": "Basic abc"}) == ""
    coded = authentication.PROTOCOL + urlsafe_b64encode(b"a.b~c").rstrip(b"=").decode()
    headers = {"sec-websocket-protocol": f"v4.channel.k8s.io, {coded}"}
    assert authentication.bearer(headers) == "a.b~c"
    assert authentication.without_bearer(headers)["sec-websocket-protocol"] == "v4.channel.k8s.io"
    assert authentication.bearer({"sec-websocket-protocol": authentication.PROTOCOL + "\xff"}) != ""


def test_a_token_file() -> None:
    text = '# comment\nt0k3n, jane, 42, "developers, testers"\nother,bob,43\n'
    found = authentication.static_tokens(text, "tokens.csv")
    assert found["t0k3n"] == Who("jane", ("developers", "testers", "system:authenticated"), "42")
    assert found["other"].groups == ("system:authenticated",)
    with pytest.raises(UsageError) as wrong:
        authentication.static_tokens("a,b,c\nx,y\n", "tokens.csv")
    assert wrong.value.place == "tokens.csv:2"


def bootstrap(**data: str) -> Object:
    values = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        "auth-extra-groups": "system:bootstrappers:workers",
        **{name.replace("_", "-"): value for name, value in data.items()},
    }
    coded = {name: b64encode(value.encode()).decode() for name, value in values.items() if value}
    meta = {"name": "bootstrap-token-abcdef", "namespace": "kube-system"}
    return {"kind": "Secret", "type": "bootstrap.kubernetes.io/token", "metadata": meta, "data": coded}


@pytest.mark.parametrize(
    ("secret", "good"),
    [
        (bootstrap(), True),
        (bootstrap(expiration="2026-11-29T00:00:00Z"), False),
        (bootstrap(expiration="2099-11-29T00:00:00Z"), True),
        (bootstrap(expiration="soon"), False),
        (bootstrap(token_secret="0123456789abcdee"), False),
        (bootstrap(usage_bootstrap_authentication=""), False),
        (bootstrap(auth_extra_groups="system:masters"), False),
        ({**bootstrap(), "type": "Opaque"}, False),
    ],
)
def test_a_bootstrap_token(secret: Object, good: bool) -> None:
    found = authentication.bootstrap_user("abcdef.0123456789abcdef", there(secret).find, NOW)
    assert (found is not None) is good
    if found is not None:
        groups = ("system:bootstrappers", "system:bootstrappers:workers", "system:authenticated")
        assert found == Who("system:bootstrap:abcdef", groups)
