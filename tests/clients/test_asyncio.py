"""The clients that work with asyncio, unmodified, on a real cluster: kubernetes-asyncio, kr8s, lightkube."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.clients.place import (
    GROUP,
    LEAVES_SOCKETS,
    PLURAL,
    VERSION,
    Place,
    config_map,
    deployment,
    needed,
    pond,
    talking_pod,
)

pytestmark = [pytest.mark.proc, pytest.mark.timeout(300), LEAVES_SOCKETS]


def with_api(place: Place, story: Callable[[Any, Any], Awaitable[None]]) -> None:
    """`story(kubernetes_asyncio, an ApiClient)`."""
    package = needed("kubernetes_asyncio")

    async def run() -> None:
        await package.config.load_kube_config(place.config)
        async with package.client.ApiClient() as api:
            await story(package, api)

    asyncio.run(run())


def test_kubernetes_asyncio_keeps_objects(place: Place) -> None:
    async def story(package: Any, api: Any) -> None:
        core = package.client.CoreV1Api(api)
        made = await core.create_namespaced_config_map("default", config_map("aio", a="1"))
        patched = await core.patch_namespaced_config_map("aio", "default", {"data": {"b": "2"}})
        assert patched.data == {"a": "1", "b": "2"}
        seen = []
        async with package.watch.Watch().stream(
            core.list_namespaced_config_map,
            "default",
            field_selector="metadata.name=aio",
            resource_version=made.metadata.resource_version,
            timeout_seconds=60,
        ) as events:
            await core.delete_namespaced_config_map("aio", "default")
            async for event in events:
                seen.append(event["type"])
                if event["type"] == "DELETED":
                    break
        assert seen == ["MODIFIED", "DELETED"]
        custom = package.client.CustomObjectsApi(api)
        here = (GROUP, VERSION, "default", PLURAL)
        assert (await custom.create_namespaced_custom_object(*here, pond("aio")))["spec"]["fish"] == "carp"
        assert (await custom.list_namespaced_custom_object(*here))["items"][0]["metadata"]["name"] == "aio"
        await custom.delete_namespaced_custom_object(*here, "aio")

    with_api(place, story)


def test_kubernetes_asyncio_talks_to_a_pod(place: Place) -> None:
    async def story(package: Any, api: Any) -> None:
        core = package.client.CoreV1Api(api)
        await core.create_namespaced_pod("default", talking_pod("aio"))
        async with package.watch.Watch().stream(
            core.list_namespaced_pod, "default", field_selector="metadata.name=aio", timeout_seconds=120
        ) as events:
            async for event in events:
                if event["object"].status.phase == "Running":
                    break
        assert (await core.read_namespaced_pod_log("aio", "default")) in ("", "hello\n")
        async with package.stream.WsApiClient(configuration=api.configuration) as socket:
            talk = package.client.CoreV1Api(socket)
            told = await talk.connect_get_namespaced_pod_exec(
                "aio", "default", command=["echo", "hi"], stderr=True, stdin=False, stdout=True, tty=False
            )
        assert told.strip() == "hi"
        await core.delete_namespaced_pod("aio", "default", grace_period_seconds=0)

    with_api(place, story)


def test_kr8s(place: Place) -> None:
    kr8s = needed("kr8s")

    async def story() -> None:
        from kr8s.asyncio.objects import ConfigMap, Deployment, Pod, new_class

        api = await kr8s.asyncio.api(kubeconfig=place.config)
        assert (await api.version())["minor"] == "32"
        assert await api.whoami() == "kubernetes-admin"
        found = await ConfigMap(config_map("kr8s", a="1"), api=api)
        await found.create()
        assert await found.exists()
        await found.patch({"data": {"b": "2"}})
        assert found.raw["data"] == {"a": "1", "b": "2"}
        await found.label({"tier": "front"})
        selected = [each.name async for each in api.get("configmaps", label_selector={"tier": "front"})]
        assert selected == ["kr8s"]
        await found.delete()
        web = await Deployment(deployment("kr8s-web"), api=api)
        await web.create()
        await web.scale(2)
        assert web.replicas == 2
        await web.delete()
        pond_class = new_class(kind="Pond", version=f"{GROUP}/{VERSION}", namespaced=True, plural=PLURAL)
        made = await pond_class(pond("kr8s"), api=api)
        await made.create()
        assert made.raw["spec"]["fish"] == "carp"
        await made.delete()
        pod = await Pod(talking_pod("kr8s"), api=api)
        await pod.create()
        await pod.wait("condition=Ready", timeout=120)
        assert (await pod.exec(["echo", "hi"])).stdout == b"hi\n"
        async for line in pod.logs(follow=True):
            assert line == "hello"
            break
        await pod.delete(grace_period=0)

    asyncio.run(story())


def test_lightkube(place: Place) -> None:
    lightkube = needed("lightkube")

    async def story() -> None:
        from lightkube.core.exceptions import ApiError
        from lightkube.generic_resource import create_namespaced_resource
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.apps_v1 import Deployment
        from lightkube.resources.core_v1 import ConfigMap, Node, Pod
        from lightkube.types import PatchType

        config = lightkube.KubeConfig.from_file(place.config)
        client = lightkube.AsyncClient(config=config, field_manager="lightkube", trust_env=False)
        assert "worker-0" in [node.metadata.name async for node in client.list(Node)]
        applied = await client.apply(ConfigMap(metadata=ObjectMeta(name="lk", namespace="default"), data={"a": "1"}))
        assert applied.metadata.managedFields[0].manager == "lightkube"
        patched = await client.patch(ConfigMap, "lk", {"data": {"b": "2"}}, patch_type=PatchType.MERGE)
        assert patched.data == {"a": "1", "b": "2"}
        await client.delete(ConfigMap, "lk")
        with pytest.raises(ApiError) as gone:
            await client.get(ConfigMap, "lk")
        assert gone.value.status.code == 404
        await client.create(Deployment.from_dict(deployment("lk-web")))
        scale = await client.patch(Deployment.Scale, "lk-web", {"spec": {"replicas": 2}}, patch_type=PatchType.MERGE)
        assert scale.spec.replicas == 2
        await client.wait(Deployment, "lk-web", for_conditions=["Available"])
        await client.delete(Deployment, "lk-web")
        ponds = create_namespaced_resource(GROUP, VERSION, "Pond", PLURAL)
        made = await client.create(ponds(pond("lk")))
        assert made["spec"]["fish"] == "carp"
        await client.delete(ponds, "lk")
        await client.create(Pod.from_dict(talking_pod("lk")))
        await client.wait(Pod, "lk", for_conditions=["Ready"])
        async for line in client.log("lk", follow=True):
            assert line.strip() == "hello"
            break
        await client.delete(Pod, "lk", grace_period=0)

    asyncio.run(story())
