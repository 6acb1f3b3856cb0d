"""The official Python client, unmodified, on a real cluster."""

from __future__ import annotations

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
HERE = (GROUP, VERSION, "default", PLURAL)


@pytest.fixture(scope="module")
def api(place: Place) -> Any:
    kubernetes = needed("kubernetes")
    kubernetes.config.load_kube_config(place.config)
    return kubernetes.client


def test_objects(api: Any) -> None:
    core = api.CoreV1Api()
    made = core.create_namespaced_config_map("default", config_map("py", a="1"))
    assert made.metadata.uid
    assert core.patch_namespaced_config_map("py", "default", {"data": {"b": "2"}}).data == {"a": "1", "b": "2"}
    operations = [{"op": "remove", "path": "/data/a"}]
    assert core.patch_namespaced_config_map("py", "default", operations).data == {"b": "2"}
    read = core.read_namespaced_config_map("py", "default")
    read.data["c"] = "3"
    assert core.replace_namespaced_config_map("py", "default", read).data == {"b": "2", "c": "3"}
    made.metadata.resource_version = "1"
    with pytest.raises(api.ApiException) as stale:
        core.replace_namespaced_config_map("py", "default", made)
    assert stale.value.status == 409
    core.delete_namespaced_config_map("py", "default")
    with pytest.raises(api.ApiException) as gone:
        core.read_namespaced_config_map("py", "default")
    assert gone.value.status == 404


def test_what_there_is(api: Any) -> None:
    assert api.VersionApi().get_code().git_version.startswith("v1.32")
    groups = [group.name for group in api.ApisApi().get_api_versions().groups]
    assert {"apps", "apiextensions.k8s.io", GROUP} <= set(groups)
    assert "pods/log" in [each.name for each in api.CoreV1Api().get_api_resources().resources]
    defined = api.ApiextensionsV1Api().read_custom_resource_definition(f"{PLURAL}.{GROUP}")
    assert ("Established", "True") in [(each.type, each.status) for each in defined.status.conditions]
    lists = (
        api.CoreV1Api().list_node,
        api.CoreV1Api().list_service_for_all_namespaces,
        api.CoreV1Api().list_event_for_all_namespaces,
        api.CoreV1Api().list_service_account_for_all_namespaces,
        api.AppsV1Api().list_deployment_for_all_namespaces,
        api.BatchV1Api().list_job_for_all_namespaces,
        api.PolicyV1Api().list_pod_disruption_budget_for_all_namespaces,
        api.AutoscalingV2Api().list_horizontal_pod_autoscaler_for_all_namespaces,
        api.StorageV1Api().list_storage_class,
        api.RbacAuthorizationV1Api().list_cluster_role,
        api.CoordinationV1Api().list_lease_for_all_namespaces,
        api.DiscoveryV1Api().list_endpoint_slice_for_all_namespaces,
    )
    for each in lists:
        assert each().metadata.resource_version, each.__name__


def test_a_pod_is_watched_read_and_talked_to(api: Any) -> None:
    from kubernetes import watch
    from kubernetes.stream import stream

    core = api.CoreV1Api()
    core.create_namespaced_pod("default", talking_pod("py"))
    looking = watch.Watch()
    seen = []
    for event in looking.stream(core.list_namespaced_pod, "default", timeout_seconds=120):
        if event["object"].metadata.name == "py":
            seen.append(event["object"].status.phase)
        if seen[-1:] == ["Running"]:
            looking.stop()
    assert seen[0] == "Pending"
    log = watch.Watch()
    for line in log.stream(core.read_namespaced_pod_log, "py", "default", follow=True):
        assert line == "hello"
        log.stop()
    how = {"stderr": True, "stdout": True, "tty": False}
    words = ["sh", "-c", "echo out; echo err >&2"]
    told = stream(core.connect_get_namespaced_pod_exec, "py", "default", command=words, stdin=False, **how)
    assert sorted(told.split()) == ["err", "out"]
    talk = stream(
        core.connect_get_namespaced_pod_exec, "py", "default", command=["sh"], stdin=True, _preload_content=False, **how
    )
    talk.write_stdin("echo heard\nexit 3\n")
    talk.run_forever(timeout=60)
    assert (talk.read_stdout().strip(), talk.returncode) == ("heard", 3)
    assert core.delete_namespaced_pod("py", "default", grace_period_seconds=0).metadata.name == "py"


def test_scale(api: Any) -> None:
    apps = api.AppsV1Api()
    apps.create_namespaced_deployment("default", deployment("py-web"))
    assert apps.patch_namespaced_deployment_scale("py-web", "default", {"spec": {"replicas": 2}}).spec.replicas == 2
    assert apps.read_namespaced_deployment("py-web", "default").spec.replicas == 2
    apps.delete_namespaced_deployment("py-web", "default")


def test_custom_objects(api: Any) -> None:
    custom = api.CustomObjectsApi()
    made = custom.create_namespaced_custom_object(*HERE, pond("py"))
    assert made["spec"] == {"depth": 2, "fish": "carp"}
    with pytest.raises(api.ApiException) as wrong:
        custom.create_namespaced_custom_object(*HERE, pond("bad", "deep"))
    assert wrong.value.status == 422
    assert 'spec.depth in body must be of type integer: \\"string\\"' in str(wrong.value.body)
    patched = custom.patch_namespaced_custom_object(*HERE, "py", {"spec": {"depth": 5}})
    assert patched["spec"]["depth"] == 5
    told = custom.patch_namespaced_custom_object_status(*HERE, "py", {"status": {"any": {"thing": 1}}})
    assert (told["status"], told["metadata"]["generation"]) == ({"any": {"thing": 1}}, 2)
    names = [item["metadata"]["name"] for item in custom.list_namespaced_custom_object(*HERE)["items"]]
    assert names == ["py"]
    custom.delete_namespaced_custom_object(*HERE, "py")
    assert custom.list_namespaced_custom_object(*HERE)["items"] == []
