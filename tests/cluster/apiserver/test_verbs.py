"""The verbs, end to end over the simulated bus: what a client sees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.client.cache import gone
from cluster.errors import StatusError
from cluster.world.faults import Delay
from cluster.world.scenario import eventually
from tests.cluster.apiserver.cluster import Cluster, config_map, deployment, pod, service, simulate


async def refused(work: Any) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await work
    return caught.value


def test_create_fills_in_what_is_the_servers() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(pod("web-1"))
        meta = made["metadata"]
        assert meta["generation"] == 1
        assert len(meta["uid"]) == 36
        assert meta["creationTimestamp"].endswith("Z")
        assert int(meta["resourceVersion"]) > 1
        assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
        assert made["spec"]["restartPolicy"] == "Always"
        keys = {t["key"]: t["tolerationSeconds"] for t in made["spec"]["tolerations"]}
        assert keys == {"node.kubernetes.io/not-ready": 300, "node.kubernetes.io/unreachable": 300}
        assert await client.get("Pod", "web-1", "default") == made

    simulate(story)


def test_create_refuses() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(pod("web-1"))
        again = await refused(client.create(pod("web-1")))
        assert (again.reason, again.message) == ("AlreadyExists", 'pods "web-1" already exists')
        nowhere = await refused(client.create(pod("web-1", "nowhere")))
        assert (nowhere.reason, nowhere.message) == ("NotFound", 'namespaces "nowhere" not found')
        wrong = deployment("web")
        wrong["spec"]["replicas"] = -1
        invalid = await refused(client.create(wrong))
        assert invalid.reason == "Invalid"
        assert invalid.message.startswith('Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1')
        assert invalid.details["causes"][0]["field"] == "spec.replicas"
        misspelt = pod("web-2")
        misspelt["spec"]["containers"][0]["imagee"] = "x"
        unknown = await refused(client.create(misspelt))
        assert "spec.containers[0].imagee" in unknown.message
        assert (await client.create(misspelt, validation="Ignore"))["metadata"]["name"] == "web-2"

    simulate(story)


def test_generate_name_steps_aside() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        obj = pod("x")
        del obj["metadata"]["name"]
        obj["metadata"]["generateName"] = "web-"
        names = {(await client.create(obj))["metadata"]["name"] for _ in range(20)}
        assert len(names) == 20
        assert all(name.startswith("web-") and len(name) == 9 for name in names)

    simulate(story)


def test_update_conflict_generation_and_no_op() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        first = await client.create(deployment("web"))
        labelled = {**first, "metadata": {**first["metadata"], "labels": {"a": "b"}}}
        second = await client.update(labelled)
        assert second["metadata"]["generation"] == 1
        third = await client.update({**second, "spec": {**second["spec"], "replicas": 5}})
        assert third["metadata"]["generation"] == 2
        stale = await refused(client.update({**second, "spec": {**second["spec"], "replicas": 7}}))
        assert stale.reason == "Conflict"
        assert stale.message == (
            'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        writes = cluster.store.txns
        assert await client.update(third) == third
        assert cluster.store.txns == writes
        free = {**third, "metadata": {k: v for k, v in third["metadata"].items() if k != "resourceVersion"}}
        free["spec"] = {**third["spec"], "replicas": 1}
        assert (await client.update(free))["spec"]["replicas"] == 1
        other = {**third, "metadata": {**third["metadata"], "uid": "0" * 36, "resourceVersion": ""}}
        assert (await refused(client.update(other))).reason == "Conflict"

    simulate(story)


def test_status_and_spec_are_written_apart() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(deployment("web"))
        both = {**made, "status": {"replicas": 2}, "spec": {**made["spec"], "replicas": 9}}
        told = await client.update(both, subresource="status")
        assert told["status"]["replicas"] == 2
        assert told["spec"]["replicas"] == 2
        assert told["metadata"]["generation"] == 1
        both = {**told, "status": {"replicas": 7}, "spec": {**made["spec"], "replicas": 9}}
        asked = await client.update(both)
        assert (asked["spec"]["replicas"], asked["status"]["replicas"]) == (9, 2)
        patched = await client.patch(
            "Deployment", "web", {"status": {"replicas": 3}}, namespace="default", subresource="status"
        )
        assert patched["status"]["replicas"] == 3
        assert (await refused(client.update(config_map("a"), subresource="status"))).reason == "MethodNotAllowed"

    simulate(story)


def test_patches() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(deployment("web"))
        merged = await client.patch("Deployment", "web", {"metadata": {"labels": {"a": "b"}}}, namespace="default")
        assert merged["metadata"]["labels"] == {"a": "b"}
        operations = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
        assert (await client.patch("Deployment", "web", operations, namespace="default", type="json"))["spec"][
            "replicas"
        ] == 4
        container = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:1.27"}]}}}}
        strategic = await client.patch("Deployment", "web", container, namespace="default", type="strategic")
        assert strategic["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.27"
        stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "spec": {"replicas": 1}}
        assert (await refused(client.patch("Deployment", "web", stale, namespace="default"))).reason == "Conflict"
        renamed = {"metadata": {"name": "other"}}
        assert (await refused(client.patch("Deployment", "web", renamed, namespace="default"))).reason == "BadRequest"
        await asyncio.gather(
            *(
                client.patch("Deployment", "web", {"metadata": {"labels": {f"l{i}": "x"}}}, namespace="default")
                for i in range(10)
            )
        )
        labels = (await client.get("Deployment", "web", "default"))["metadata"]["labels"]
        assert sorted(labels) == ["a", *(f"l{i}" for i in range(10))]

    simulate(story)


def test_deletion_of_pods() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(pod("free"))
        assert gone(await client.delete("Pod", "free", "default"))
        assert (await refused(client.get("Pod", "free", "default"))).reason == "NotFound"
        await client.create(pod("bound", terminationGracePeriodSeconds=20))
        bound = await client.bind("default", "bound", "worker-0")
        assert bound["spec"]["nodeName"] == "worker-0"
        assert bound["status"]["conditions"][0]["type"] == "PodScheduled"
        again = await refused(client.bind("default", "bound", "worker-1"))
        assert again.reason == "Conflict"
        assert 'already assigned to node "worker-0"' in again.message
        going = await client.delete("Pod", "bound", "default")
        assert not gone(going)
        assert going["metadata"]["deletionGracePeriodSeconds"] == 20
        assert (await client.delete("Pod", "bound", "default"))["metadata"] == going["metadata"]
        shorter = await client.delete("Pod", "bound", "default", grace=5)
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        wrong = await refused(client.delete("Pod", "bound", "default", uid="1" * 36))
        assert wrong.reason == "Conflict"
        assert gone(await client.delete("Pod", "bound", "default", grace=0))
        assert (await refused(client.delete("Pod", "bound", "default"))).reason == "NotFound"

    simulate(story)


def test_finalizers_and_propagation() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(deployment("web"))
        going = await client.delete("Deployment", "web", "default", propagation="Foreground")
        assert going["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert not gone(going)
        orphaned = await client.delete("Deployment", "web", "default", propagation="Orphan")
        assert orphaned["metadata"]["finalizers"] == ["orphan"]
        grown = {**orphaned, "metadata": {**orphaned["metadata"], "finalizers": ["orphan", "example.com/new"]}}
        assert (await refused(client.update(grown))).reason == "Invalid"
        freed = await client.patch("Deployment", "web", {"metadata": {"finalizers": None}}, namespace="default")
        assert gone(freed)
        assert (await refused(client.get("Deployment", "web", "default"))).reason == "NotFound"

    simulate(story)


def test_namespaces_go_when_they_are_finalized() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        await client.create(config_map("a", "team"))
        going = await client.delete("Namespace", "team")
        assert going["status"]["phase"] == "Terminating"
        assert not gone(going)
        late = await refused(client.create(config_map("b", "team")))
        assert late.reason == "Forbidden"
        assert late.details["causes"][0]["reason"] == "NamespaceTerminating"
        assert len(await client.delete_collection("ConfigMap", "team")) == 1
        ended = await client.update({**going, "spec": {"finalizers": []}}, subresource="finalize")
        assert gone(ended)
        assert (await refused(client.get("Namespace", "team"))).reason == "NotFound"
        assert (await refused(client.delete("Namespace", "kube-system"))).reason == "Forbidden"

    simulate(story)


def test_an_apiserver_that_lags_makes_nothing_in_a_namespace_that_is_going() -> None:
    """It was found by the zoo's story "namespaces": what was made so outlived its namespace."""

    async def story(cluster: Cluster) -> None:
        client, other = await cluster.client(), await cluster.client("other", first=1)
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        await other.list("Namespace")
        await cluster.world.fault(Delay(dst=("apiserver-1",), kinds=("store.watch.item*",), seconds=1.0))
        await client.delete("Namespace", "team")
        assert (await refused(other.create(config_map("late", "team")))).reason == "Forbidden"
        assert (await client.list("ConfigMap", "team"))["items"] == []

    simulate(story, apiservers=2)


def test_a_namespace_that_has_changed_takes_new_objects_all_the_same() -> None:
    async def story(cluster: Cluster) -> None:
        client, other = await cluster.client(), await cluster.client("other", first=1)
        await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        await other.list("Namespace")
        await cluster.world.fault(Delay(dst=("apiserver-1",), kinds=("store.watch.item*",), seconds=1.0))
        await client.patch("Namespace", "team", {"metadata": {"labels": {"a": "b"}}})
        made = await other.create(config_map("late", "team"))
        assert made["metadata"]["namespace"] == "team"

    simulate(story, apiservers=2)


def test_services_get_addresses_that_nobody_else_has() -> None:
    async def story(cluster: Cluster) -> None:
        one, two = await cluster.client("one"), await cluster.client("two", first=1)
        made = await asyncio.gather(*(c.create(service(f"s{i}")) for i, c in enumerate([one, two] * 3)))
        addresses = [s["spec"]["clusterIP"] for s in made]
        assert len(set(addresses)) == 6
        taken = await refused(one.create(service("thief", clusterIP=addresses[0])))
        assert taken.reason == "Invalid"
        assert "provided IP is already allocated" in taken.message
        outside = await refused(one.create(service("far", clusterIP="10.1.2.3")))
        assert "is not in the valid range" in outside.message
        await two.delete("Service", "s0", "default")
        assert (await one.create(service("heir", clusterIP=addresses[0])))["spec"]["clusterIP"] == addresses[0]
        kept = await one.update({**service("s1"), "metadata": {"name": "s1", "labels": {"a": "b"}}})
        assert kept["spec"]["clusterIP"] == addresses[1]

    simulate(story, apiservers=2, service_cidr="127.77.240.0/28")


def test_node_ports_come_and_go_with_the_type() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(service("web", type="NodePort"))
        number = made["spec"]["ports"][0]["nodePort"]
        assert 30000 <= number <= 30003
        clash = service("other", type="NodePort", ports=[{"port": 80, "nodePort": number}])
        assert "provided port is already allocated" in (await refused(client.create(clash))).message
        low = service("low", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
        assert "The range of valid ports is 30000-30003" in (await refused(client.create(low))).message
        inner = await client.update({**made, "spec": {**made["spec"], "type": "ClusterIP"}})
        assert "nodePort" not in inner["spec"]["ports"][0]
        assert (await client.create(clash))["spec"]["ports"][0]["nodePort"] == number

    simulate(story, first_node_port=30000, last_node_port=30003)


def test_scale() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(deployment("web"))
        scale = await client.get_scale("Deployment", "web", "default")
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"]["selector"] == "app=web"
        assert (await client.scale("Deployment", "web", "default", 6))["spec"]["replicas"] == 6
        assert (await client.get("Deployment", "web", "default"))["metadata"]["generation"] == 2
        assert (await refused(client.scale("Deployment", "web", "default", -1))).reason == "Invalid"

    simulate(story)


def test_dry_run_writes_nothing() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(deployment("web"))
        before = cluster.store.space.revision
        assert (await client.create(deployment("dry"), dry_run=True))["spec"]["replicas"] == 2
        assert (await refused(client.create(deployment("web"), dry_run=True))).reason == "AlreadyExists"
        changed = {**made, "spec": {**made["spec"], "replicas": 3}}
        assert (await client.update(changed, dry_run=True))["spec"]["replicas"] == 3
        await client.delete("Deployment", "web", "default", dry_run=True)
        assert cluster.store.space.revision == before
        assert await client.get("Deployment", "web", "default") == made

    simulate(story)


def test_writes_say_whether_they_happened() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(config_map("a", x="1"))
        cluster.store.mute = True
        lost = await refused(client.create(config_map("b")))
        assert (lost.reason, lost.definite) == ("Timeout", False)
        cluster.store.mute = False
        assert (await client.get("ConfigMap", "b", "default"))["metadata"]["name"] == "b"
        cluster.store.refuse = True
        shut = await refused(client.create(config_map("c")))
        assert (shut.reason, shut.definite) in (("ServiceUnavailable", True), ("Timeout", True))
        cluster.store.refuse = False
        assert (await refused(client.get("ConfigMap", "c", "default"))).reason == "NotFound"

    simulate(story)


def test_table_is_printed_by_the_server() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        await client.create(pod("web-1"))
        table = await client.table("Pod", "default")
        assert [c.upper() for c in table["columns"]][:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert table["rows"][0][0] == "web-1"
        assert table["objects"][0]["labels"] == {"app": "web"}
        assert len((await client.table("Pod", "default", wide=True))["columns"]) > 5

    simulate(story)


def test_every_cluster_has_its_first_objects_once() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()

        async def there() -> bool:
            names = [n["metadata"]["name"] for n in (await client.list("Namespace"))["items"]]
            services = [s["metadata"]["name"] for s in (await client.list("Service"))["items"]]
            return names == ["default", "kube-node-lease", "kube-public", "kube-system"] and services == ["kubernetes"]

        await eventually(there, within=5, what="the first objects")
        assert (await client.get("Service", "kubernetes", "default"))["spec"]["clusterIP"] == "127.77.240.1"
        await cluster.world.restart("apiserver-0")
        before = [n["metadata"]["resourceVersion"] for n in (await client.list("Namespace"))["items"]]
        await asyncio.sleep(5)
        assert [n["metadata"]["resourceVersion"] for n in (await client.list("Namespace"))["items"]] == before

    simulate(story, apiservers=3)


def test_old_events_are_forgotten() -> None:
    async def story(cluster: Cluster) -> None:
        client = await cluster.client()
        made = await client.create(pod("web-1"))
        client.event(made, "Normal", "Seen", "it is there")
        client.event(made, "Normal", "Seen", "it is there")
        await asyncio.sleep(1)
        events = (await client.list("Event", "default"))["items"]
        assert [e["count"] for e in events] == [2]
        assert events[0]["involvedObject"]["uid"] == made["metadata"]["uid"]
        await asyncio.sleep(120)
        assert (await client.list("Event", "default"))["items"] == []

    simulate(story, event_ttl=60.0)
