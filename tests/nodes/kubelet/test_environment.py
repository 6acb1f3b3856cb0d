"""Environment and volumes: order, references, expansion, and what is missing."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.kubelet.environment import Missing, Surroundings, environment, expand, references, service_links
from nodes.kubelet.volumes import mounts_of, volumes_of
from tests.nodes.kubelet.fakes import pod

PAINT = {"metadata": {"name": "paint"}, "data": {"colour": "red", "size": "9"}}
KEYS = {"metadata": {"name": "keys"}, "data": {"token": base64.b64encode(b"s3cret").decode()}}
AROUND = Surroundings(
    sources={("ConfigMap", "paint"): PAINT, ("Secret", "keys"): KEYS},
    node="worker-0",
    host_ip="127.77.1.1",
    ip="127.77.16.4",
    allocatable={"cpu": 4000, "memory": 2**30},
)


def env_of(container: dict[str, Any], around: Surroundings = AROUND) -> dict[str, str]:
    return environment(pod(), {"name": "main", **container}, around)


def ref(**source: Any) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": source}]}


@pytest.mark.parametrize(
    ("container", "value"),
    [
        (ref(configMapKeyRef={"name": "paint", "key": "colour"}), "red"),
        (ref(secretKeyRef={"name": "keys", "key": "token"}), "s3cret"),
        (ref(fieldRef={"fieldPath": "metadata.name"}), "web"),
        (ref(fieldRef={"fieldPath": "status.podIP"}), "127.77.16.4"),
        (ref(fieldRef={"fieldPath": "metadata.labels['app']"}), ""),
        ({**ref(resourceFieldRef={"resource": "limits.cpu"}), "resources": {"limits": {"cpu": "1500m"}}}, "2"),
        (ref(resourceFieldRef={"resource": "limits.memory", "divisor": "1Mi"}), "1024"),
        (ref(resourceFieldRef={"resource": "requests.cpu"}), "0"),
    ],
)
def test_value_from(container: dict[str, Any], value: str) -> None:
    assert env_of(container) == {"X": value}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "k"}}, 'configmap "no" not found'),
        ({"secretKeyRef": {"name": "keys", "key": "k"}}, "couldn't find key k in Secret default/keys"),
        ({"fieldRef": {"fieldPath": "spec.magic"}}, "fieldRef 'spec.magic' is not supported"),
    ],
)
def test_what_is_missing_is_named(source: dict[str, Any], message: str) -> None:
    with pytest.raises(Missing, match=message):
        env_of(ref(**source))


def test_optional_references_may_be_missing() -> None:
    assert env_of(ref(configMapKeyRef={"name": "no", "key": "k", "optional": True})) == {}
    assert env_of({"envFrom": [{"secretRef": {"name": "no", "optional": True}}]}) == {}


def test_env_goes_before_env_from_before_service_links() -> None:
    service = {"metadata": {"name": "my-db"}, "spec": {"clusterIP": "127.77.240.9", "ports": [{"port": 5432}]}}
    around = Surroundings(AROUND.sources, [service])
    container = {
        "envFrom": [{"configMapRef": {"name": "paint"}}, {"configMapRef": {"name": "paint"}, "prefix": "P_"}],
        "env": [{"name": "size", "value": "1"}, {"name": "MY_DB_SERVICE_PORT", "value": "$(P_size)$(size)"}],
    }
    found = env_of(container, around)
    assert (found["colour"], found["P_colour"], found["size"]) == ("red", "red", "1")
    assert found["MY_DB_SERVICE_HOST"] == "127.77.240.9"
    assert found["MY_DB_SERVICE_PORT"] == "91"
    assert found["MY_DB_PORT_5432_TCP_ADDR"] == "127.77.240.9"


def test_headless_services_give_no_links() -> None:
    assert service_links([{"metadata": {"name": "x"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}]) == {}


@pytest.mark.parametrize(
    ("text", "result"),
    [("$(A)-$(B)", "1-$(B)"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"), ("$A ${A}", "$A ${A}"), ("$(A", "$(A")],
)
def test_expansion(text: str, result: str) -> None:
    assert expand(text, {"A": "1"}) == result


@given(st.text(alphabet="ab(){}", max_size=30))
def test_text_without_a_dollar_stays(text: str) -> None:
    assert expand(text, {"a": "1", "b": "2"}) == text


def test_references_are_found_once() -> None:
    container = {"envFrom": [{"configMapRef": {"name": "a"}}], **ref(configMapKeyRef={"name": "a", "key": "k"})}
    assert references(pod(), container) == [("ConfigMap", "a")]
    volumes = [{"name": "v", "secret": {"secretName": "s"}}, {"name": "p", "projected": {"sources": [
        {"configMap": {"name": "c"}}]}}]  # fmt: skip
    assert references(pod(volumes=volumes)) == [("Secret", "s"), ("ConfigMap", "c")]


def mounted(volume: dict[str, Any]) -> Any:
    container = {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/etc/x"}]}
    return volumes_of(pod(volumes=[{"name": "v", **volume}]), container, AROUND)[0]


def test_volumes() -> None:
    assert mounted({"emptyDir": {}}).files is None
    assert mounted({"configMap": {"name": "paint"}}).files == {"colour": b"red", "size": b"9"}
    items = [{"key": "token", "path": "sub/t"}]
    assert mounted({"secret": {"secretName": "keys", "items": items, "defaultMode": 0o400}}).files == {
        "sub/t": b"s3cret"
    }
    downward = {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}
    assert mounted({"downwardAPI": downward}).files == {"name": b"web"}
    sources = [{"configMap": {"name": "paint"}}, {"downwardAPI": downward}]
    assert set(mounted({"projected": {"sources": sources}}).files) == {"colour", "size", "name"}
    assert mounted({"persistentVolumeClaim": {"claimName": "data"}}).claim == "default_data"
    with pytest.raises(Missing, match="hostPath is not supported"):
        mounted({"hostPath": {"path": "/"}})
    with pytest.raises(Missing, match="non-existent config key"):
        mounted({"configMap": {"name": "paint", "items": [{"key": "no", "path": "p"}]}})


def test_mounts() -> None:
    (mount,) = mounts_of({"volumeMounts": [{"name": "v", "mountPath": "/a", "subPath": "s", "readOnly": True}]})
    assert (mount.volume, mount.path, mount.sub_path, mount.read_only) == ("v", "/a", "s", True)
