"""What a served object has that nobody wrote, what is refused and in which words, what the server prints: for real."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.kinds import KINDS
from tests.cluster.apiserver.cluster import config_map, deployment, pod, service
from tests.cluster.apiserver.real import Object, Real, on_real_store, refused


def test_defaults_of_workloads() -> None:
    async def story(real: Real) -> None:
        client = await real.client()
        given = deployment("web")
        del given["spec"]["replicas"]
        spec = (await client.create(given))["spec"]
        assert spec["replicas"] == 1
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        }
        assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
        inner = spec["template"]["spec"]
        assert (inner["restartPolicy"], inner["dnsPolicy"]) == ("Always", "ClusterFirst")
        assert inner["terminationGracePeriodSeconds"] == 30
        assert inner["containers"][0]["imagePullPolicy"] == "IfNotPresent"
        agent = {**deployment("agent"), "kind": "DaemonSet"}
        del agent["spec"]["replicas"]
        strategy = (await client.create(agent))["spec"]["updateStrategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        exposed = (await client.create(service("web")))["spec"]
        assert (exposed["type"], exposed["sessionAffinity"]) == ("ClusterIP", "None")
        assert exposed["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
        # An update is filled in like a new object, and that is no change.
        stored = await client.get("Deployment", "web", "default")
        assert await client.update({**given, "metadata": {**given["metadata"]}}) == stored

    on_real_store(story)


def _with(obj: Object, path: str, value: Any) -> Object:
    """A copy with another value at a dotted path."""
    head, dot, rest = path.partition(".")
    if not dot:
        return {**obj, head: value}
    inner = obj.get(head, {})
    if isinstance(inner, list):
        at, _, deeper = rest.partition(".")
        changed = [_with(item, deeper, value) if i == int(at) else item for i, item in enumerate(inner)]
        return {**obj, head: changed}
    return {**obj, head: _with(inner, rest, value)}


REFUSED = (
    (_with(deployment("web"), "spec.replicas", "two"), "spec.replicas", 'Invalid value: "two"'),
    (_with(deployment("web"), "spec.template.spec.containers", []), "spec.template.spec.containers", "Required value"),
    (
        _with(deployment("web"), "spec.template.metadata.labels", {"app": "other"}),
        "spec.template.metadata.labels",
        "`selector` does not match template `labels`",
    ),
    (
        _with(deployment("web"), "spec.strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        "spec.strategy.rollingUpdate.maxUnavailable",
        "may not be 0 when `maxSurge` is 0",
    ),
    (_with(pod("p"), "spec.restartPolicy", "Sometimes"), "spec.restartPolicy", 'Unsupported value: "Sometimes"'),
    (_with(pod("p"), "spec.containers.0.imagee", "x"), "spec.containers[0].imagee", "unknown field"),
    (_with(pod("p"), "spec.containers.0.name", "A_b"), "spec.containers[0].name", 'Invalid value: "A_b"'),
    (_with(pod("p"), "metadata.name", "UPPER"), "metadata.name", 'Invalid value: "UPPER"'),
    (_with(service("s"), "spec.ports.0.port", 70000), "spec.ports[0].port", "Invalid value: 70000"),
    (_with(config_map("c"), "data", {"a/b": "x"}), "data[a/b]", 'Invalid value: "a/b"'),
)


@pytest.mark.parametrize(("obj", "path", "words"), REFUSED, ids=[f"{r[0]['kind']} {r[1]}" for r in REFUSED])
def test_a_refusal_names_the_field(obj: Object, path: str, words: str) -> None:
    """As kubectl shows it: Kind.group "name" is invalid: path: words; and the same as data. Nothing is written."""

    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        before = await scout.revision()
        error = await refused(client.create(obj), "Invalid")
        kind = KINDS[obj["kind"]]
        shown = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
        assert error.message.startswith(f'{shown} "{obj["metadata"]["name"]}" is invalid: ')
        assert f"{path}: " in error.message
        assert words in error.message
        assert path in [cause["field"] for cause in error.details["causes"]]
        assert (error.code, error.definite) == (422, True)
        assert await scout.revision() == before

    on_real_store(story)


def test_every_kind_prints() -> None:
    """A row an object, a cell a column, wide or not, pages too; by name; and what there is none of has its columns."""

    async def story(real: Real) -> None:
        client = await real.client()
        for obj in (deployment("web"), pod("web-1"), service("web"), config_map("web"), config_map("web-2")):
            await client.create(obj)
        for kind in KINDS:
            objects = (await client.list(kind))["items"]
            for wide in (False, True):
                table = await client.table(kind, wide=wide)
                assert len(table["columns"]) >= 2
                assert [len(row) for row in table["rows"]] == [len(table["columns"])] * len(objects)
                assert all(type(cell) is str for row in table["rows"] for cell in row)
                names = [obj["metadata"]["name"] for obj in objects]
                assert [obj["name"] for obj in table["objects"]] == names
        page = await client.table("ConfigMap", "default", limit=1)
        assert [row[0] for row in page["rows"]] == ["web"]
        assert page["metadata"]["remainingItemCount"] == 1
        one = await client.table("ConfigMap", "default", name="web-2")
        assert [row[0] for row in one["rows"]] == ["web-2"]
        await refused(client.table("ConfigMap", "default", name="none"), "NotFound")

    on_real_store(story)
