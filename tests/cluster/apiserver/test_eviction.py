"""Evictions: what a disruption budget allows, what it refuses and in which words, and that nobody takes one twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.api import meta
from cluster.apiserver.component import Apiserver
from cluster.apiserver.component import Config as ApiserverConfig
from cluster.apiserver.eviction import VIOLATION, taken
from cluster.apiserver.rest.handlers import Handlers
from cluster.client.client import Client
from cluster.errors import StatusError
from tests.cluster.apiserver.cluster import TIMING, pod
from tests.cluster.apiserver.real import Object, Real, on_real_store, pause, refused
from tests.cluster.apiserver.rest.test_handlers import Browser

NOW = "2026-01-01T00:00:00Z"
FREE = {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}
SPENT = {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2}


def budget(name: str = "guard", app: str = "web", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": "default"}
    selector = {"matchLabels": {"app": app}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {"selector": selector, "minAvailable": 1, **spec},
    }


# ── one budget ───────────────────────────────────────────────────────────────────────────────────────────────


def counted(status: Object) -> Object:
    made = budget()
    return {**made, "metadata": {**made["metadata"], "generation": 1}, "status": status}


def test_an_eviction_takes_one_disruption_and_notes_the_pod() -> None:
    status = (taken(counted({**FREE, "disruptionsAllowed": 2}), "web-1", NOW).obj or {})["status"]
    assert (status["disruptionsAllowed"], status["disruptedPods"]) == (1, {"web-1": NOW})
    assert "conditions" not in status
    last = (taken(counted(FREE), "web-1", NOW).obj or {})["status"]
    assert [(c["status"], c["reason"]) for c in last["conditions"]] == [("False", "InsufficientPods")]


FAILED = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no idea"}


@pytest.mark.parametrize(
    ("status", "reason", "cause", "seconds"),
    [
        (SPENT, "TooManyRequests", "The disruption budget guard needs 2 healthy pods and has 2 currently", 0),
        (
            {**SPENT, "conditions": [FAILED]},
            "TooManyRequests",
            "The disruption budget guard does not allow evicting pods currently because it failed sync: no idea",
            0,
        ),
        ({}, "TooManyRequests", "The disruption budget guard is still being processed by the server.", 10),
        ({**FREE, "disruptionsAllowed": -1}, "Forbidden", "", None),
        ({**FREE, "disruptedPods": {str(i): NOW for i in range(2001)}}, "Forbidden", "", None),
    ],
)
def test_what_a_budget_refuses(status: Object, reason: str, cause: str, seconds: int | None) -> None:
    with pytest.raises(StatusError) as caught:
        taken(counted(status), "web-1", NOW)
    assert caught.value.reason == reason
    if cause:
        assert caught.value.message == VIOLATION
        assert caught.value.details["causes"] == [{"reason": "DisruptionBudget", "message": cause}]
    assert caught.value.details.get("retryAfterSeconds") == seconds


# ── on a cluster ─────────────────────────────────────────────────────────────────────────────────────────────


async def running(client: Client, *names: str, ready: bool = True) -> None:
    for name in names:
        await client.create({**pod(name), "spec": {**pod(name)["spec"], "nodeName": "n0"}})
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": NOW}
        status = {"phase": "Running", "conditions": [condition]}
        await client.patch("Pod", name, {"status": status}, namespace="default", subresource="status")


async def allowing(client: Client, status: Object, made: Object | None = None) -> Object:
    """A budget as a controller has counted it."""
    stored = await client.create(made or budget())
    return await client.update({**stored, "status": status}, subresource="status")


async def names(client: Client) -> list[str]:
    """Of the pods that stay."""
    return [meta.name_of(p) for p in (await client.list("Pod", "default"))["items"] if not meta.deleting(p)]


def test_a_pod_is_evicted_as_far_as_its_budget_goes() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await running(client, "web-1", "web-2", "other-1")
        await allowing(client, FREE)
        gone = await client.evict("default", "web-1")
        assert meta.deleting(gone)
        target = meta.condition(gone, "DisruptionTarget") or {}
        assert (target["status"], target["reason"], target["message"]) == (
            "True",
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
        )
        status = (await client.get("PodDisruptionBudget", "guard", "default"))["status"]
        assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["web-1"])
        error = await refused(client.evict("default", "web-2"), "TooManyRequests")
        assert error.message == VIOLATION
        await client.evict("default", "other-1")
        assert await names(client) == ["web-2"]
        # What is going already disrupts nothing more.
        await client.evict("default", "web-1")
        await refused(client.evict("default", "nobody"), "NotFound")

    on_real_store(story)


def test_pods_that_do_not_run_need_no_budget() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await allowing(client, SPENT)
        await client.create(pod("web-new"))
        await client.evict("default", "web-new")
        await running(client, "web-done")
        await client.patch(
            "Pod", "web-done", {"status": {"phase": "Succeeded"}}, namespace="default", subresource="status"
        )
        await client.evict("default", "web-done")
        assert await names(client) == []

    on_real_store(story)


@pytest.mark.parametrize(
    ("spec", "status", "goes"),
    [
        ({}, SPENT, True),
        ({}, {**SPENT, "currentHealthy": 1}, False),
        ({}, {**SPENT, "currentHealthy": 0, "desiredHealthy": 0}, False),
        ({"unhealthyPodEvictionPolicy": "IfHealthyBudget"}, {**SPENT, "currentHealthy": 1}, False),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {**SPENT, "currentHealthy": 0}, True),
    ],
)
def test_pods_that_are_not_ready(spec: Object, status: Object, goes: bool) -> None:
    """They count for nothing: with a healthy budget they may go, with another only where the budget says so."""

    async def story(real: Real) -> None:
        client = await real.client()
        await running(client, "web-sick", ready=False)
        await allowing(client, status, budget(**spec))
        if goes:
            await client.evict("default", "web-sick")
        else:
            await refused(client.evict("default", "web-sick"), "TooManyRequests")
        assert await names(client) == ([] if goes else ["web-sick"])
        left = (await client.get("PodDisruptionBudget", "guard", "default"))["status"]
        assert left["disruptionsAllowed"] == 0
        assert "disruptedPods" not in left

    on_real_store(story)


def test_a_pod_of_two_budgets_cannot_be_evicted() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await running(client, "web-1")
        await allowing(client, FREE)
        await allowing(client, FREE, budget("second"))
        error = await refused(client.evict("default", "web-1"), "InternalError")
        assert error.message.startswith("This pod has more than one PodDisruptionBudget")
        assert await names(client) == ["web-1"]

    on_real_store(story)


def test_two_apiservers_do_not_take_the_same_disruption() -> None:
    """Four evictions at once through two apiservers, where two are allowed: two pods go."""

    async def story(real: Real) -> None:
        clients = [await real.client(f"client-{i}", first=i, only=True) for i in range(2)]
        await running(clients[0], *(f"web-{i}" for i in range(4)))
        await allowing(clients[0], {**FREE, "disruptionsAllowed": 2})
        work = [clients[i % 2].evict("default", f"web-{i}") for i in range(4)]
        answers = await asyncio.gather(*work, return_exceptions=True)
        assert sorted(getattr(answer, "reason", "") for answer in answers) == [
            "",
            "",
            "TooManyRequests",
            "TooManyRequests",
        ]
        assert len(await names(clients[0])) == 2
        status = (await clients[0].get("PodDisruptionBudget", "guard", "default"))["status"]
        assert (status["disruptionsAllowed"], len(status["disruptedPods"])) == (0, 2)

    on_real_store(story, stores=3, apiservers=2)


def test_a_budget_made_a_moment_ago_counts() -> None:
    """Also at an apiserver that has not heard of it yet."""

    async def story(real: Real) -> None:
        one, other = await real.client("one", first=0, only=True), await real.client("other", first=1, only=True)
        await running(one, "web-1")
        await pause()
        await one.create(budget())
        error = await refused(other.evict("default", "web-1"), "TooManyRequests")
        assert "still being processed" in error.details["causes"][0]["message"]

    on_real_store(story, stores=3, apiservers=2)


def test_over_https() -> None:
    """The Status that kubectl drain reads: without Retry-After, else client-go would try again by itself for long."""

    async def story(real: Real) -> None:
        client = await real.client()
        await running(client, "web-1", "web-2")
        await allowing(client, FREE)
        host = await real.world.join("apiserver-9", "desk")
        server = Apiserver(host, ApiserverConfig(store=real.stores, timing=TIMING))
        task = asyncio.create_task(server.run())
        await server.opened()
        browser = Browser(Handlers(server, ""))
        path = "/api/v1/namespaces/default/pods/web-{}/eviction"

        def eviction(name: str, **options: Any) -> Object:
            metadata = {"name": name, "namespace": "default"}
            return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata, "deleteOptions": options}

        dry = await browser.raw("POST", path.format(1), eviction("web-1", dryRun=["All"]))
        assert dry.status == 201
        assert await names(client) == ["web-1", "web-2"]
        assert (await client.get("PodDisruptionBudget", "guard", "default"))["status"] == FREE | {"expectedPods": 0}
        wrong = await browser.ask("POST", path.format(1), eviction("web-2"))
        assert (wrong["code"], wrong["message"]) == (400, "name in URL does not match name in Eviction object")
        other = await browser.ask("POST", path.format(1), eviction("web-1", preconditions={"uid": "other"}))
        assert other["code"] == 409
        answer = await browser.raw("POST", path.format(2), eviction("web-2"))
        assert answer.status == 201
        answer = await browser.raw("POST", path.format(1), eviction("web-1"))
        assert (answer.status, answer.headers) == (429, {})
        status = await browser.ask("POST", path.format(1), eviction("web-1"))
        assert (status["reason"], status["message"]) == ("TooManyRequests", VIOLATION)
        assert status["details"] == {
            "causes": [
                {
                    "reason": "DisruptionBudget",
                    "message": "The disruption budget guard needs 1 healthy pods and has 2 currently",
                }
            ]
        }
        task.cancel()

    on_real_store(story)
