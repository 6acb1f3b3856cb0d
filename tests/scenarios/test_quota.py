"""A quota on a whole cluster: a Deployment gets no more pods than it allows, and the rest once there is room."""

from __future__ import annotations

from cluster.api.meta import name_of
from cluster.api.views import pod_terminal
from tests.scenarios.chronicle import Object
from tests.scenarios.clusters import NGINX, Cluster, tell


def used(c: Cluster) -> str:
    quota = c.get("ResourceQuota", "few")
    return str(((quota.get("status") or {}).get("used") or {}).get("pods", ""))


def test_a_deployment_stays_within_the_quota_and_goes_on_when_there_is_room() -> None:
    async def story(c: Cluster) -> None:
        await c.chronicle.follow("ResourceQuota")
        meta = {"name": "few", "namespace": "default"}
        spec = {"hard": {"pods": "2"}}
        await c.client.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": spec})
        await c.until(lambda: c.chronicle.one("ResourceQuota", "default/few") and used(c) == "0", "it is counted")

        def rule(kind: str, type: str, obj: Object) -> str:
            allowed = int(c.get("ResourceQuota", "few")["spec"]["hard"]["pods"])
            count = sum(not pod_terminal(pod) for pod in c.chronicle.kind("Pod", NGINX))
            # The chronicle's watches are apart: a quota that was made larger may be seen after its pods.
            return f"{count} pods" if count > max(allowed, larger) else ""

        larger = 2
        c.chronicle.rules.append(rule)
        await c.apply("deployment-nginx", replicas=4)
        await c.until(lambda: c.settled(NGINX, 2) and used(c) == "2", "two of four run")
        await c.until(lambda: "FailedCreate" in {e["reason"] for e in c.chronicle.kind("Event")}, "it says so")
        await c.client.delete("Pod", name_of(c.pods()[0]), "default", grace=0)
        await c.until(lambda: c.settled(NGINX, 2) and used(c) == "2", "one that went is replaced")
        larger = 4
        await c.client.patch("ResourceQuota", "few", {"spec": {"hard": {"pods": "4"}}}, namespace="default")
        await c.until(lambda: c.settled(NGINX, 4) and used(c) == "4", "all run once there is room")
        await c.scale("Deployment", "nginx", 1)
        await c.until(lambda: c.settled(NGINX, 1) and used(c) == "1", "what goes is given back")

    tell(story)
