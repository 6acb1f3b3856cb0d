"""Authentication and authorization at the second door, on a real apiserver and store in the sim."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from cluster.apiserver import component
from cluster.apiserver.auth.access import Access
from cluster.apiserver.component import Apiserver
from cluster.apiserver.rest.handlers import Handlers
from cluster.apiserver.rest.identity import ANONYMOUS, AUTHENTICATED, Who
from cluster.pki.keyring import Keyring, signing_key
from tests.cluster.apiserver.real import Real, on_real_store
from tests.cluster.apiserver.rest.test_handlers import Browser

Object = dict[str, Any]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
ADMIN = Who("kubernetes-admin", ("system:masters", AUTHENTICATED))
JANE = Who("jane", (AUTHENTICATED,))
TIMELESS = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
"""The sim's clock is not that of who verifies here."""


@pytest.fixture
def behind(tmp_path: Path) -> Callable[[Callable[[Browser], Awaitable[None]]], None]:
    """Tell a story to the door of an apiserver that knows tokens and roles."""
    (tmp_path / "sa.key").write_bytes(signing_key())
    (tmp_path / "tokens.csv").write_text("s3cret,carla,7,testers\n")
    access = Access(str(tmp_path / "sa.key"), token_file=str(tmp_path / "tokens.csv"))

    def tell(story: Callable[[Browser], Awaitable[None]]) -> None:
        async def whole(real: Real) -> None:
            host = await real.world.join("apiserver-9", "master-0")
            settings = component.Config(
                store=real.stores, prefer=real.stores[0], timing=real.timing, access=access, disable_admission=()
            )
            server = Apiserver(host, settings)
            running = asyncio.ensure_future(server.run())
            await server.settled()
            await story(Browser(Handlers(server, "127.0.0.1:6443")))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        on_real_store(whole)

    return tell


Tell = Callable[[Callable[[Browser], Awaitable[None]]], None]


async def as_user(browser: Browser, who: Who, method: str, path: str, body: Any = None, **headers: Any) -> Object:
    browser.who = who
    try:
        return await browser.ask(method, path, body, **headers)
    finally:
        browser.who = ADMIN


async def token_of(browser: Browser, name: str = "bot", **spec: Any) -> str:
    answer = await browser.ask("POST", f"{ACCOUNTS}/{name}/token", {"spec": spec})
    token: str = answer["status"]["token"]
    return token


async def with_token(browser: Browser, token: str, path: str) -> Object:
    return await as_user(browser, ANONYMOUS, "GET", path, authorization=f"Bearer {token}")


def test_roles_are_there_and_count(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        roles = await browser.ask("GET", f"{RBAC}/clusterroles")
        assert {"cluster-admin", "admin", "edit", "view", "system:node"} <= {
            role["metadata"]["name"] for role in roles["items"]
        }
        pods = "/api/v1/namespaces/default/pods"
        refused = await as_user(browser, JANE, "GET", pods)
        assert (refused["code"], refused["message"]) == (
            403,
            'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
        )
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}
        binding = {"metadata": {"name": "jane-views"}, "roleRef": ref, "subjects": [subject]}
        made = await browser.ask("POST", f"{RBAC}/namespaces/default/rolebindings", binding)
        assert made["metadata"]["name"] == "jane-views"
        await browser.ask("GET", pods)  # a list that is as fresh as the store, so that the binding has been heard of
        assert (await as_user(browser, JANE, "GET", pods))["kind"] == "PodList"
        assert (await as_user(browser, JANE, "GET", "/api/v1/namespaces/kube-system/pods"))["code"] == 403
        question = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"}}}
        review = await as_user(
            browser, JANE, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", question
        )
        assert review["status"]["allowed"]
        assert review["status"]["reason"].startswith('RBAC: allowed by RoleBinding "jane-views/default"')

    behind(story)


def test_nobody_gives_what_they_do_not_have(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        verbs = ["create", "get", "patch", "update"]  # "*" would be escalate and bind, too
        rules = [
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": verbs},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        ]
        base = f"{RBAC}/namespaces/default"
        await browser.ask("POST", f"{base}/roles", {"metadata": {"name": "granter"}, "rules": rules})
        ref: Object = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "granter"}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}
        binding: Object = {"metadata": {"name": "granter"}, "roleRef": ref, "subjects": [subject]}
        await browser.ask("POST", f"{base}/rolebindings", binding)
        await browser.ask("GET", f"{base}/rolebindings")
        fine = {"metadata": {"name": "fine"}, "rules": [rules[1]]}
        assert (await as_user(browser, JANE, "POST", f"{base}/roles", fine))["kind"] == "Role"
        secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
        refused = await as_user(
            browser, JANE, "POST", f"{base}/roles", {"metadata": {"name": "evil"}, "rules": [secrets]}
        )
        assert refused["message"] == (
            'roles.rbac.authorization.k8s.io "evil" is forbidden: user "jane" (groups=["system:authenticated"]) is '
            'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], '
            'Verbs:["get"]}'
        )
        merge = "application/merge-patch+json"
        refused = await as_user(
            browser, JANE, "PATCH", f"{base}/roles/fine", {"rules": [secrets]}, **{"content-type": merge}
        )
        assert refused["code"] == 403
        admin: Object = {
            **binding,
            "metadata": {"name": "evil"},
            "roleRef": {**ref, "kind": "ClusterRole", "name": "admin"},
        }
        refused = await as_user(browser, JANE, "POST", f"{base}/rolebindings", admin)
        assert "attempting to grant RBAC permissions not currently held" in refused["message"]
        nowhere = {**admin, "roleRef": {**ref, "name": "nowhere"}}
        assert (await as_user(browser, JANE, "POST", f"{base}/rolebindings", nowhere))["code"] == 404

    behind(story)


def test_tokens_come_and_go(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        made = await browser.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        token = await token_of(browser)
        me = "/api/v1/namespaces/default/pods"
        assert (
            'User "system:serviceaccount:default:bot" cannot list' in (await with_token(browser, token, me))["message"]
        )
        for bad, why in (
            ("nonsense", "not a token of any kind"),
            (Keyring([signing_key()]).sign({"sub": "x"}), "a key that this cluster does not have"),
            (await token_of(browser, audiences=["vault"]), "meant for another audience"),
        ):
            refused = await with_token(browser, bad, "/livez")
            assert (refused["code"], refused["reason"]) == (401, "Unauthorized")
            assert why in refused["message"]
        assert (await with_token(browser, "s3cret", me))["message"].startswith('pods is forbidden: User "carla"')
        review: Object = {"spec": {"token": token}}
        status = (await browser.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review))["status"]
        assert (status["authenticated"], status["user"]["uid"]) == (True, made["metadata"]["uid"])
        review = {"spec": {"token": token, "audiences": ["vault"]}}
        status = (await browser.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review))["status"]
        assert not status["authenticated"]
        await browser.ask("DELETE", f"{ACCOUNTS}/bot")
        await browser.ask("GET", ACCOUNTS)
        assert (await with_token(browser, token, me))["code"] == 401

    behind(story)


def test_a_token_ends_with_its_time(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        await browser.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        token = await token_of(browser, expirationSeconds=600)
        assert (await with_token(browser, token, ACCOUNTS))["code"] == 403
        await asyncio.sleep(650.0)  # of virtual time
        refused = await with_token(browser, token, ACCOUNTS)
        assert (refused["code"], refused["message"]) == (401, "Unauthorized: service account token has expired")

    behind(story)


def test_a_pod_gets_its_token_and_the_token_ends_with_it(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        pods = "/api/v1/namespaces/default/pods"
        pod: Object = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
        refused = await browser.ask("POST", pods, pod)
        assert 'serviceaccount "default" not found' in refused["message"]
        await browser.ask("POST", ACCOUNTS, {"metadata": {"name": "default"}})
        made = await browser.ask("POST", pods, pod)
        (volume,) = made["spec"]["volumes"]
        assert volume["name"].startswith("kube-api-access-")
        (mount,) = made["spec"]["containers"][0]["volumeMounts"]
        assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": made["metadata"]["uid"]}
        token = await token_of(browser, "default", boundObjectRef=bound, expirationSeconds=3607)
        assert (await with_token(browser, token, pods))["code"] == 403
        await browser.ask("DELETE", f"{pods}/p", {"gracePeriodSeconds": 0})
        await browser.ask("GET", pods)
        assert (await with_token(browser, token, pods))["message"] == 'Unauthorized: pod "p" not found'
        without = {**pod, "spec": {**pod["spec"], "automountServiceAccountToken": False}}
        assert "volumes" not in (await browser.ask("POST", pods, without))["spec"]

    behind(story)


def test_an_apiserver_that_comes_back_finds_its_roles(behind: Tell) -> None:
    """Readiness says when the default roles are there, and what somebody took away is put back."""

    async def story(browser: Browser) -> None:
        answer = await browser.raw("GET", "/readyz", None, {"verbose": ""})
        assert "[+]poststarthook/rbac/bootstrap-roles ok" in answer.body.decode()
        view = await browser.ask("GET", f"{RBAC}/clusterroles/system:kube-dns")
        assert (await browser.ask("PUT", f"{RBAC}/clusterroles/system:kube-dns", {**view, "rules": []}))["kind"]
        await browser.ask("GET", f"{RBAC}/clusterroles")
        server = browser.handlers._server
        assert isinstance(server, Apiserver)
        assert server.roles is not None
        await server.roles.run()
        again = await browser.ask("GET", f"{RBAC}/clusterroles/system:kube-dns")
        rules = [{**rule, "verbs": sorted(rule["verbs"])} for rule in again["rules"]]
        assert {resource for rule in rules for resource in rule["resources"]} == {"endpoints", "services"}

    behind(story)


def test_on_behalf_of_an_account(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        headers: Any = {"impersonate-user": "system:serviceaccount:default:bot"}
        me = await browser.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, **headers)
        assert "system:serviceaccounts:default" in me["status"]["userInfo"]["groups"]
        refused = await as_user(browser, JANE, "GET", "/api", **headers)
        assert 'cannot impersonate resource "serviceaccounts"' in refused["message"]

    behind(story)


def test_json_of_the_answers(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        await browser.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        answer = await browser.raw("POST", f"{ACCOUNTS}/bot/token", {"spec": {"expirationSeconds": 900}})
        assert answer.status == 201
        found = json.loads(answer.body)
        assert (found["kind"], found["spec"]["expirationSeconds"]) == ("TokenRequest", 900)
        assert (await browser.raw("POST", f"{ACCOUNTS}/nobody/token", {})).status == 404

    behind(story)


def test_somebody_else_verifies_a_token_with_what_is_served(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        await browser.ask("POST", ACCOUNTS, {"metadata": {"name": "bot"}})
        token = await token_of(browser, audiences=["vault"])
        reader = Who("system:serviceaccount:default:bot", ("system:serviceaccounts", AUTHENTICATED))
        described = await as_user(browser, reader, "GET", "/.well-known/openid-configuration")
        place = described["jwks_uri"].partition("127.0.0.1:6443")[2]
        keys = jwt.PyJWKSet.from_dict(await as_user(browser, reader, "GET", place))
        key = keys[jwt.get_unverified_header(token)["kid"]]
        algorithms = described["id_token_signing_alg_values_supported"]
        meant: Any = {"audience": "vault", "issuer": described["issuer"], "options": TIMELESS}
        claims = jwt.decode(token, key, algorithms, **meant)
        assert claims["sub"] == "system:serviceaccount:default:bot"
        assert claims["iat"] < claims["exp"]
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(Keyring([signing_key()]).sign(claims), key, algorithms, **meant)
        assert (await as_user(browser, JANE, "GET", place))["reason"] == "Forbidden"
        assert "d" not in (await browser.ask("GET", place))["keys"][0]  # the private part
        assert place in (await browser.ask("GET", "/"))["paths"]

    behind(story)


def test_a_right_counts_from_the_moment_in_which_it_was_given(behind: Tell) -> None:
    async def story(browser: Browser) -> None:
        for i in range(20):
            who = Who(f"user-{i}", (AUTHENTICATED,))
            assert (await as_user(browser, who, "GET", ACCOUNTS))["reason"] == "Forbidden"
            binding = {
                "metadata": {"name": who.name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who.name}],
            }
            await browser.ask("POST", f"{RBAC}/clusterrolebindings", binding)
            if i % 2:
                assert (await as_user(browser, who, "GET", ACCOUNTS))["kind"] == "ServiceAccountList"
                continue
            review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "default"}}}
            path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            assert (await as_user(browser, who, "POST", path, review))["status"]["allowed"]

    behind(story)
