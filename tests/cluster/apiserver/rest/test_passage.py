"""Seats, watches and the audit log at the second door, on an apiserver in the sim."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.apiserver.admission.webhooks import Place
from cluster.apiserver.audit import DEFAULT_POLICY
from cluster.apiserver.auth.rules import AUTHENTICATED, Who
from cluster.apiserver.fairness import Fairness, Level
from cluster.apiserver.rest.exchange import Answer
from cluster.apiserver.rest.flows import Flow
from tests.cluster.apiserver.cluster import config_map, pod
from tests.cluster.apiserver.rest.counter import Counter, standing
from tests.cluster.apiserver.rest.test_webhooks import register

Object = dict[str, Any]
MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
JANE, JOE = Who("jane", (AUTHENTICATED,)), Who("joe", (AUTHENTICATED,))
SECRET = {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}}


class Slow:
    """A webhook that takes as long as it is wanted to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.held = 0

    async def call(self, place: Place, body: Object, seconds: float) -> Any:
        self.held += 1
        await self.go.wait()
        response = {"uid": body["request"]["uid"], "allowed": True}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def few() -> Fairness:
    levels = [Level("workload", 2, 1, 1), Level("system", 1, 1, 1), Level("catch-all", 1, 1, 1)]
    return Fairness(levels, watches=1)


def test_a_crowd_waits_and_is_asked_to_come_back_while_the_admin_is_served() -> None:
    slow = Slow()

    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "slow")
        works = [asyncio.ensure_future(counter.ask("POST", MAPS, config_map(f"m{n}"), JANE)) for n in range(3)]
        await asyncio.sleep(0.1)
        assert slow.held == 2
        refused = await counter.ask("GET", MAPS, None, JOE)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        assert b"Too many requests, please try again later." in refused.body
        assert (await counter.ask("GET", MAPS)).status == 200
        assert (await counter.ask("GET", "/readyz", None, JANE)).status == 200
        slow.go.set()
        assert [answer.status for answer in await asyncio.gather(*works)] == [201, 201, 201]
        assert (await counter.ask("GET", MAPS, None, JOE)).status == 200

    standing(story, caller=slow.call, fairness=few())


def test_who_waits_too_long_is_asked_to_come_back_and_holds_no_seat() -> None:
    slow = Slow()

    async def story(counter: Counter) -> None:
        await register(counter, "ValidatingWebhookConfiguration", "slow", timeoutSeconds=30)
        works = [
            asyncio.ensure_future(counter.ask("POST", MAPS, config_map(f"m{n}"), JANE, timeout="50s")) for n in range(2)
        ]
        await asyncio.sleep(0.1)
        assert (await counter.ask("GET", MAPS, None, JOE)).status == 429
        slow.go.set()
        assert [answer.status for answer in await asyncio.gather(*works)] == [201, 201]
        for _ in range(5):
            assert (await counter.ask("GET", MAPS, None, JOE)).status == 200

    standing(story, caller=slow.call, fairness=few())


def test_watches_are_counted_by_user() -> None:
    async def story(counter: Counter) -> None:
        first = await counter.watch(MAPS, JANE)
        assert isinstance(first, Flow)
        more = await counter.watch(MAPS, JANE)
        assert isinstance(more, Answer)
        assert more.status == 429
        assert isinstance(await counter.watch(MAPS, JOE), Flow)
        running = asyncio.ensure_future(first.run(lambda data: None))
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert isinstance(await counter.watch(MAPS, JANE), Flow)

    standing(story, fairness=few())


# ── the audit log ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_says_who_did_what_and_how_it_ended() -> None:
    async def story(counter: Counter) -> None:
        await counter.ask("POST", SECRETS, SECRET, JANE)
        answer = await counter.ask("GET", f"{MAPS}/nothing", None, JANE)
        lines = await counter.lines()
        made = next(line for line in lines if line["objectRef"].get("resource") == "secrets")
        assert (made["kind"], made["apiVersion"], made["level"]) == ("Event", "audit.k8s.io/v1", "Metadata")
        assert (made["stage"], made["verb"], made["requestURI"]) == ("ResponseComplete", "create", SECRETS)
        assert made["user"] == {"username": "jane", "groups": [AUTHENTICATED]}
        assert made["objectRef"] == {"resource": "secrets", "namespace": "default", "name": "s", "apiVersion": "v1"}
        assert made["responseStatus"] == {"metadata": {}, "code": 201}
        assert made["annotations"]["authorization.k8s.io/decision"] == "allow"
        assert made["requestReceivedTimestamp"] <= made["stageTimestamp"]
        missing = next(line for line in lines if line["objectRef"].get("name") == "nothing")
        assert missing["responseStatus"]["code"] == 404
        assert missing["responseStatus"]["reason"] == "NotFound"
        assert answer.headers["Audit-Id"] == missing["auditID"]
        assert "hunter2" not in str(lines)

    standing(story, audit=DEFAULT_POLICY)


def test_levels_and_what_admission_notes() -> None:
    rules = [
        {"level": "RequestResponse", "resources": [{"resources": ["configmaps"]}], "omitManagedFields": True},
        {"level": "Metadata", "resources": [{"resources": ["namespaces", "pods"]}], "omitStages": ["RequestReceived"]},
    ]

    async def story(counter: Counter) -> None:
        await counter.ask("POST", MAPS, config_map("m", x="1"))
        await counter.ask("POST", SECRETS, SECRET)
        labels = {"metadata": {"labels": {"pod-security.kubernetes.io/audit": "baseline"}}}
        await counter.ask("PATCH", "/api/v1/namespaces/default", labels)
        await asyncio.sleep(0.5)
        await counter.ask("POST", "/api/v1/namespaces/default/pods", pod("p", hostNetwork=True))
        lines = await counter.lines()
        stages = [line["stage"] for line in lines if line["objectRef"]["resource"] == "configmaps"]
        assert stages == ["RequestReceived", "ResponseComplete"]
        made = next(line for line in lines if line.get("responseObject"))
        assert made["requestObject"]["data"] == made["responseObject"]["data"] == {"x": "1"}
        assert "managedFields" not in made["responseObject"]["metadata"]
        noted = next(line for line in lines if line["objectRef"]["resource"] == "pods")["annotations"]
        assert noted["pod-security.kubernetes.io/audit-violations"].startswith("would violate PodSecurity")
        assert not any(line["objectRef"]["resource"] == "secrets" for line in lines)

    standing(story, audit={"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules})


def test_the_bus_is_heard_too() -> None:
    async def story(counter: Counter) -> None:
        await counter.client.create(config_map("m"))
        made = next(line for line in await counter.lines() if line["objectRef"]["resource"] == "configmaps")
        assert (made["verb"], made["userAgent"], made["responseStatus"]["code"]) == ("create", "bus", 201)
        assert made["user"]["username"] == "kubernetes-admin"
        assert made["requestURI"] == MAPS

    standing(story, audit=DEFAULT_POLICY)


def test_a_watch_has_a_beginning_and_an_end() -> None:
    async def story(counter: Counter) -> None:
        flow = await counter.watch(MAPS, JANE)
        assert isinstance(flow, Flow)
        running = asyncio.ensure_future(flow.run(lambda data: None))
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        watched = [line["stage"] for line in await counter.lines() if line["verb"] == "watch"]
        assert watched == ["ResponseStarted", "ResponseComplete"]

    standing(story, audit=DEFAULT_POLICY)
