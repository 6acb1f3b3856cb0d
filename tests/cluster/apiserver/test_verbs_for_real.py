"""Writes on the real store: the stories of the fake one again, and races of two apiservers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cluster.client.cache import gone
from cluster.errors import StatusError
from tests.cluster.apiserver import test_verbs as verbs
from tests.cluster.apiserver.cluster import config_map, deployment, pod, service
from tests.cluster.apiserver.real import Object, Real, on_real_store, refused

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
NO_FAKE_NEEDED = (
    verbs.test_create_fills_in_what_is_the_servers,
    verbs.test_create_refuses,
    verbs.test_generate_name_steps_aside,
    verbs.test_status_and_spec_are_written_apart,
    verbs.test_patches,
    verbs.test_deletion_of_pods,
    verbs.test_finalizers_and_propagation,
    verbs.test_namespaces_go_when_they_are_finalized,
    verbs.test_services_get_addresses_that_nobody_else_has,
    verbs.test_node_ports_come_and_go_with_the_type,
    verbs.test_scale,
    verbs.test_table_is_printed_by_the_server,
    verbs.test_every_cluster_has_its_first_objects_once,
    verbs.test_old_events_are_forgotten,
)


@pytest.mark.parametrize("story", NO_FAKE_NEEDED, ids=lambda story: story.__name__.removeprefix("test_"))
def test_on_the_real_store_too(story: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "simulate", on_real_store)
    story()


PATCHES: tuple[tuple[str, Any], ...] = (
    ("json", [{"op": "add", "path": "/status/conditions/-", "value": {"type": "B", "status": "True"}}]),
    ("strategic", {"status": {"conditions": [{"type": "B", "status": "True"}]}}),
    ("merge", {"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}}),
)


@pytest.mark.parametrize(("type", "patch"), PATCHES, ids=[p[0] for p in PATCHES])
def test_each_patch_on_status_and_on_the_object(type: str, patch: Any) -> None:
    """A patch of status touches nothing else, a patch of the object leaves status alone."""

    async def story(real: Real) -> None:
        client = await real.client()
        await client.create(pod("web-1"))
        given = {"namespace": "default", "type": type}
        start = {"status": {"phase": "Running", "conditions": [{"type": "A", "status": "True"}]}}
        before = await client.patch("Pod", "web-1", start, namespace="default", subresource="status")
        untouched = await client.patch("Pod", "web-1", patch, **given)  # type: ignore[arg-type]
        assert untouched == before
        told = await client.patch("Pod", "web-1", patch, subresource="status", **given)  # type: ignore[arg-type]
        assert [c["type"] for c in told["status"]["conditions"]] == ["A", "B"]
        assert (told["status"]["phase"], told["spec"]) == ("Running", before["spec"])
        assert told["metadata"]["generation"] == before["metadata"]["generation"]
        label: Any = {"metadata": {"labels": {"x": "y"}}, "spec": {"nodeName": "worker-9"}}
        if type == "json":
            label = [
                {"op": "add", "path": "/metadata/labels/x", "value": "y"},
                {"op": "add", "path": "/spec/nodeName", "value": "worker-9"},
            ]
        ignored = await client.patch("Pod", "web-1", label, subresource="status", **given)  # type: ignore[arg-type]
        assert "nodeName" not in ignored["spec"]
        assert "x" not in ignored["metadata"]["labels"]

    on_real_store(story)


def test_patches_that_cannot_be_applied() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        made = await client.create(deployment("web"))

        async def patch(patch: Any, type: str) -> None:
            await client.patch("Deployment", "web", patch, namespace="default", type=type)

        for wrong, type, reason in (
            ([{"op": "test", "path": "/spec/replicas", "value": 7}], "json", "Invalid"),
            ([{"op": "remove", "path": "/spec/nothing"}], "json", "Invalid"),
            ([{"op": "shake", "path": "/spec"}], "json", "BadRequest"),
            ([{"op": "replace", "path": "/spec/replicas", "value": "many"}], "json", "Invalid"),
            ({"spec": {"replicas": -1}}, "merge", "Invalid"),
            ({"spec": {"replica": 1}}, "merge", "Invalid"),
            ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "merge", "Invalid"),
            ({"metadata": {"uid": "0" * 36}}, "merge", "Conflict"),
            ({"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}, "strategic", "BadRequest"),
            ("text", "merge", "BadRequest"),
            ({}, "json", "BadRequest"),
            ({}, "apply", "BadRequest"),
            ({}, "shake", "UnsupportedMediaType"),
        ):
            with pytest.raises(StatusError) as caught:
                await patch(wrong, type)
            assert caught.value.reason == reason, f"{type} {wrong}: {caught.value}"
        assert await client.get("Deployment", "web", "default") == made
        await refused(client.patch("Deployment", "none", {}, namespace="default"), "NotFound")

    on_real_store(story)


def test_what_changes_nothing_is_not_written() -> None:
    """Neither a dry run nor a write of what is there already moves the store's revision."""

    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        made = await client.create(deployment("web"))
        node = await client.create(pod("web-1"))
        exposed = await client.create(service("web", type="NodePort"))
        before = await scout.revision()
        where: Any = {"namespace": "default"}
        assert await client.update(made) == made
        assert await client.update({**made, "status": {"replicas": 9}}) == made
        assert await client.update(exposed) == exposed
        assert await client.patch("Deployment", "web", {"spec": {"replicas": 2}}, **where) == made
        assert await client.patch("Deployment", "web", {}, type="strategic", **where) == made
        assert await client.patch("Deployment", "web", [], type="json", **where) == made
        assert (
            await client.patch("Pod", "web-1", {"status": {"phase": "Pending"}}, subresource="status", **where) == node
        )
        assert (await client.scale("Deployment", "web", "default", 2))["spec"]["replicas"] == 2
        assert await scout.revision() == before
        dry: Any = {"dry_run": True}
        drafted = await client.create(service("dry", type="NodePort"), **dry)
        assert drafted["spec"]["clusterIP"]
        assert drafted["spec"]["ports"][0]["nodePort"]
        assert "resourceVersion" not in drafted["metadata"]
        more = {**made, "spec": {**made["spec"], "replicas": 5}}
        assert (await client.update(more, **dry))["metadata"]["generation"] == 2
        assert (await client.patch("Deployment", "web", {"spec": {"replicas": 5}}, **where, **dry))["spec"][
            "replicas"
        ] == 5
        assert (await client.update({**made, "status": {"replicas": 5}}, subresource="status", **dry))["status"]
        assert (await client.delete("Service", "web", "default", **dry))["metadata"]["name"] == "web"
        await refused(
            client.create({**made, "metadata": {"name": "web", "namespace": "default"}}, **dry), "AlreadyExists"
        )
        wrong = deployment("bad", replicas=-1)
        await refused(client.create(wrong, **dry), "Invalid")
        await refused(client.create(config_map("a", "nowhere"), **dry), "NotFound")
        stale = {**more, "metadata": {**made["metadata"], "resourceVersion": "1"}}
        await refused(client.update(stale, **dry), "Conflict")
        assert await scout.revision() == before
        assert await client.get("Service", "web", "default") == exposed

    on_real_store(story)


def test_deletion_with_preconditions_finalizers_and_grace() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        held = config_map("held")
        held["metadata"]["finalizers"] = ["example.com/one", "example.com/two"]
        made = await client.create(held)
        stale = await refused(client.delete("ConfigMap", "held", "default", resource_version="1"), "Conflict")
        assert "the object has been modified" in stale.message
        uid = await refused(client.delete("ConfigMap", "held", "default", uid="0" * 36), "Conflict")
        assert "Precondition failed: UID in precondition: 000" in uid.message
        going = await client.delete(
            "ConfigMap",
            "held",
            "default",
            uid=made["metadata"]["uid"],
            resource_version=made["metadata"]["resourceVersion"],
        )
        assert going["metadata"]["deletionTimestamp"]
        assert not gone(going)
        assert await client.delete("ConfigMap", "held", "default") == going, "a second deletion changes nothing"
        # It can still be changed, but neither called back nor held up by more.
        changed = await client.patch("ConfigMap", "held", {"data": {"x": "1"}}, namespace="default")
        assert changed["metadata"]["deletionTimestamp"] == going["metadata"]["deletionTimestamp"]
        back = {**changed, "metadata": {k: v for k, v in changed["metadata"].items() if k != "deletionTimestamp"}}
        assert "deletionTimestamp" in (await client.update(back))["metadata"]
        one = await client.patch(
            "ConfigMap", "held", {"metadata": {"finalizers": ["example.com/two"]}}, namespace="default"
        )
        assert not gone(one)
        await refused(client.create(config_map("held")), "AlreadyExists")
        last = await client.patch("ConfigMap", "held", {"metadata": {"finalizers": []}}, namespace="default")
        assert gone(last)
        await refused(client.get("ConfigMap", "held", "default"), "NotFound")
        again = await client.create(config_map("held"))
        assert again["metadata"]["uid"] != made["metadata"]["uid"]
        await refused(client.delete("ConfigMap", "held", "default", propagation="Sideways"), "BadRequest")

    on_real_store(story)


def test_grace_of_pods_goes_down_and_never_up() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        await client.create(pod("p"))
        await client.bind("default", "p", "worker-0")
        first = await client.delete("Pod", "p", "default", grace=20)
        longer = await client.delete("Pod", "p", "default", grace=60)
        assert longer["metadata"] == first["metadata"]
        shorter = await client.delete("Pod", "p", "default", grace=5)
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        assert shorter["metadata"]["deletionTimestamp"] < first["metadata"]["deletionTimestamp"]
        await refused(client.bind("default", "p", "worker-1"), "Conflict")
        assert gone(await client.delete("Pod", "p", "default", grace=0))
        # A pod that has ended, or is nowhere, needs no time.
        await client.create(pod("ended"))
        await client.bind("default", "ended", "worker-0")
        done = {"status": {"phase": "Succeeded"}}
        await client.patch("Pod", "ended", done, namespace="default", subresource="status")
        assert gone(await client.delete("Pod", "ended", "default"))
        # With a finalizer it stays even when its grace is over.
        held = pod("held")
        held["metadata"]["finalizers"] = ["example.com/f"]
        await client.create(held)
        assert not gone(await client.delete("Pod", "held", "default", grace=0))
        await refused(client.bind("default", "held", "worker-1"), "Conflict")

    on_real_store(story)


def test_two_apiservers_bind_a_pod_once() -> None:
    """Twenty pods, four who bind each at once, on two apiservers: one wins, the others are told who."""

    async def story(real: Real) -> None:
        clients = [await real.client(f"scheduler-{i}", first=i % 2) for i in range(4)]
        for n in range(20):
            made = await clients[0].create(pod(f"p{n}"))
            results = await asyncio.gather(
                *(c.bind("default", f"p{n}", f"worker-{i}", made["metadata"]["uid"]) for i, c in enumerate(clients)),
                return_exceptions=True,
            )
            won = [result for result in results if isinstance(result, dict)]
            assert len(won) == 1
            for lost in results:
                if isinstance(lost, StatusError):
                    assert lost.reason == "Conflict"
                    assert f'already assigned to node "{won[0]["spec"]["nodeName"]}"' in lost.message
            assert await clients[3].get("Pod", f"p{n}", "default") == won[0]
        await refused(clients[0].bind("default", "none", "worker-0"), "NotFound")
        other = await clients[0].create(pod("other"))
        await refused(clients[0].bind("default", "other", "worker-0", "0" * 36), "Conflict")
        named = await refused(clients[0].bind("default", "other", ""), "Invalid")
        assert "target.name: Required value" in named.message
        assert await clients[1].get("Pod", "other", "default") == other
        # A write that goes around the binding cannot move it either.
        moved = {**other, "spec": {**other["spec"], "nodeName": "worker-7"}}
        assert (await refused(clients[0].update(moved), "Invalid")).message.startswith('Pod "other" is invalid: spec')

    on_real_store(story, apiservers=2)


def test_services_of_two_apiservers_share_one_range() -> None:
    """More Services than addresses at once: each address and port is given once; what is deleted is free again."""

    async def story(real: Real) -> None:
        one, two = await real.client("one"), await real.client("two", first=1)
        wanted = [service(f"s{i}", type="NodePort") for i in range(16)]

        async def make(i: int, obj: Object) -> Object | StatusError:
            try:
                return await (one, two)[i % 2].create(obj)
            except StatusError as error:
                return error

        results = await asyncio.gather(*(make(i, obj) for i, obj in enumerate(wanted)))
        made = [result for result in results if isinstance(result, dict)]
        failed = [result for result in results if isinstance(result, StatusError)]
        # Of /28 the network, the broadcast and default/kubernetes's address are not to be had; there are 12 ports.
        assert len(made) == 12
        assert len({s["spec"]["clusterIP"] for s in made}) == 12
        assert len({s["spec"]["ports"][0]["nodePort"] for s in made}) == 12
        assert {error.reason for error in failed} == {"Invalid"}
        assert all("range is full" in error.message for error in failed)
        for victim in made[:3]:
            await one.delete("Service", victim["metadata"]["name"], "default")
        again = await asyncio.gather(*(make(i, service(f"again-{i}", type="NodePort")) for i in range(3)))
        assert {s["spec"]["ports"][0]["nodePort"] for s in again if isinstance(s, dict)} == {
            s["spec"]["ports"][0]["nodePort"] for s in made[:3]
        }
        # Two who want one address by name: one gets it.
        await two.delete("Service", "again-0", "default")
        free = again[0]["spec"]["clusterIP"] if isinstance(again[0], dict) else ""
        asked = [service(f"named-{i}", clusterIP=free) for i in range(2)]
        results = await asyncio.gather(*(make(i, obj) for i, obj in enumerate(asked)))
        lost = [result for result in results if isinstance(result, StatusError)]
        assert len(lost) == 1
        assert "spec.clusterIPs" in lost[0].message
        assert "provided IP is already allocated" in lost[0].message

    on_real_store(story, apiservers=2, service_cidr="127.77.240.0/28", first_node_port=30000, last_node_port=30011)


def test_nothing_is_created_in_a_namespace_that_goes() -> None:
    """While one apiserver deletes a namespace, the other's writers either got in before, or are refused; when it is
    gone, nothing is left in it."""

    async def story(real: Real) -> None:
        one, two = await real.client("one", only=True), await real.client("two", first=1, only=True)
        for turn in range(5):
            name = f"team-{turn}"
            space = await one.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            assert (space["status"]["phase"], space["spec"]["finalizers"]) == ("Active", ["kubernetes"])

            async def fill(name: str = name) -> list[str]:
                reasons = []
                for n in range(30):
                    try:
                        await two.create(config_map(f"c{n}", name))
                        reasons.append("")
                    except StatusError as error:
                        reasons.append(error.reason)
                return reasons

            filling = asyncio.create_task(fill())
            await asyncio.sleep(0.02)
            going = await one.delete("Namespace", name)
            await refused(one.create(config_map("late", name)), "Forbidden")
            while (await one.list("ConfigMap", name))["items"]:
                await one.delete_collection("ConfigMap", name)
            emptied = await one.update({**going, "spec": {"finalizers": []}}, subresource="finalize")
            assert gone(emptied)
            reasons = await filling
            assert set(reasons) <= {"", "Forbidden", "NotFound"}
            await refused(one.create(config_map("later", name)), "NotFound")
            left = (await two.list("ConfigMap", name))["items"]
            assert left == [], f"{reasons}"

    on_real_store(story, apiservers=2)


def test_concurrent_updates_lose_nothing() -> None:
    """Read, change, write on two apiservers with many writers: every acknowledged step counts."""

    async def story(real: Real) -> None:
        clients = [await real.client(f"c{i}", first=i % 2) for i in range(4)]
        await clients[0].create(config_map("count", n="0"))
        conflicts = 0

        async def climb(client: Any) -> None:
            nonlocal conflicts
            for _ in range(10):
                while True:
                    found = await client.get("ConfigMap", "count", "default")
                    try:
                        await client.update({**found, "data": {"n": str(int(found["data"]["n"]) + 1)}})
                        break
                    except StatusError as error:
                        if error.reason != "Conflict" or MODIFIED not in error.message:
                            raise
                        conflicts += 1

        await asyncio.gather(*(climb(client) for client in clients))
        assert (await clients[1].get("ConfigMap", "count", "default"))["data"] == {"n": "40"}
        assert conflicts > 0

    on_real_store(story, apiservers=2)
