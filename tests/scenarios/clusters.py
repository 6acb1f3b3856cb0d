"""A whole cluster in the simulated world, as scenario tests use it: booted, watched, with an administrator's client.

Must not hold expectations of one story; what holds in every story is checked at the end of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.api.meta import condition, controller_of, deleting, key_of, name_of, revision_of, uid_of
from cluster.api.views import pod_node, pod_ready, pod_terminal
from cluster.client.client import Client
from cluster.config import PROFILES, ClusterSpec
from cluster.errors import StatusError
from cluster.experiments.assembly import assemble, nodes_ready, seat
from cluster.history.invariants import bound_once, one_daemon_pod_per_node, one_leader_per_term
from cluster.rpc import Rpc
from cluster.topology import members, worker_hosts, workers
from cluster.wire import unpack
from cluster.world.sim import SimWorld
from nodes.kubelet.runtime import ContainerKey
from store.client import StoreClient
from tests.scenarios.chronicle import Chronicle

Object = dict[str, Any]

MANIFESTS = Path(__file__).resolve().parents[2] / "scenarios" / "manifests"
FOLLOWED = (
    "Node",
    "Pod",
    "ReplicaSet",
    "Deployment",
    "DaemonSet",
    "Service",
    "Endpoints",
    "EndpointSlice",
    "Event",
)
NGINX = {"app": "nginx"}


def manifest(name: str) -> list[Object]:
    """The objects of scenarios/manifests/NAME.yaml, in the namespace default where they name none."""
    loaded = [obj for obj in yaml.safe_load_all((MANIFESTS / f"{name}.yaml").read_text()) if obj]
    for obj in loaded:
        obj["metadata"].setdefault("namespace", "default")
    return loaded


class Cluster:
    """`chronicle` has everything that was seen since the boot."""

    def __init__(self, world: SimWorld, spec: ClusterSpec) -> None:
        self.world = world
        self.spec = spec
        self.client: Client
        self.chronicle: Chronicle
        self._scout: StoreClient

    async def boot(self) -> None:
        await assemble(self.world, self.spec)
        self.client = await seat(self.world, self.spec)
        self._scout = StoreClient(Rpc(await self.world.join("scout", "client")), members(self.spec))
        await nodes_ready(self.client, workers(self.spec))
        self.chronicle = Chronicle(self.client)
        await self.chronicle.follow(*FOLLOWED)

    def judge(self) -> None:
        """What holds in every story."""
        pods = [{"type": e.type, "object": e.object} for e in self.chronicle.events if e.kind == "Pod"]
        found = [*one_leader_per_term(self.world.board.records), *bound_once(pods), *one_daemon_pod_per_node(pods)]
        problems = [*map(str, found), *self.chronicle.violations]
        assert not problems, "\n".join(problems)

    # ── acting ───────────────────────────────────────────────────────────────────────────────────────────────

    async def apply(self, name: str, **spec: Any) -> None:
        """Create the objects of a manifest; `spec` goes over the first one's spec."""
        objects = manifest(name)
        objects[0]["spec"].update(spec)
        for obj in objects:
            await self.seen(await self.client.create(obj))

    async def patch(self, kind: str, name: str, patch: Any, **options: Any) -> None:
        """Strategic unless said otherwise; on return the chronicle has seen it."""
        answer = await self.client.patch(kind, name, patch, **{"namespace": "default", "type": "strategic", **options})
        await self.seen(answer)

    async def scale(self, kind: str, name: str, replicas: int) -> None:
        await self.patch(kind, name, {"spec": {"replicas": replicas}})

    async def seen(self, obj: Object) -> None:
        """Until the chronicle has come so far: what it said before does not count as an answer to a write."""

        def caught_up() -> bool:
            found = self.chronicle.one(obj["kind"], key_of(obj))
            return found is not None and revision_of(found) >= revision_of(obj)

        await self.until(caught_up, f"{obj['kind']} {key_of(obj)} as written is seen", within=30.0)

    async def set_image(self, kind: str, name: str, container: str, image: str, namespace: str = "default") -> None:
        containers = [{"name": container, "image": image}]
        await self.patch(kind, name, {"spec": {"template": {"spec": {"containers": containers}}}}, namespace=namespace)

    async def insist(self, action: Callable[[], Awaitable[Any]]) -> Any:
        """Again and again, while the cluster says that it cannot now."""
        while True:
            try:
                return await action()
            except StatusError as error:
                if error.code < 500:
                    raise

    async def join(self, machine: str) -> None:
        for placement in worker_hosts(self.spec, machine):
            await self.world.start(placement.name, placement.machine, placement.spec)

    async def leave(self, machine: str) -> None:
        """The machine is gone for good, and the administrator says so."""
        await self.world.poweroff(machine)
        for placement in worker_hosts(self.spec, machine):
            await self.world.remove(placement.name)
        await self.client.delete("Node", machine)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────────────────

    async def until(self, holds: Callable[[], Any], what: str, within: float = 60.0) -> None:
        await self.chronicle.until(holds, within, what)

    def get(self, kind: str, name: str, namespace: str = "default") -> Object:
        """As last seen; it must be there."""
        found = self.chronicle.one(kind, f"{namespace}/{name}" if namespace else name)
        assert found is not None, f"there is no {kind} {namespace}/{name}"
        return found

    def pods(self, labels: Mapping[str, str] = NGINX, namespace: str = "") -> list[Object]:
        """Those that are neither ended nor being deleted."""
        found = self.chronicle.kind("Pod", dict(labels), namespace)
        return [pod for pod in found if not deleting(pod) and not pod_terminal(pod)]

    def ready_pods(self, labels: Mapping[str, str] = NGINX) -> list[Object]:
        return [pod for pod in self.pods(labels) if pod_ready(pod)]

    def settled(self, labels: Mapping[str, str], count: int) -> bool:
        """So many ready pods with these labels, and not one more of any sort."""
        return len(self.ready_pods(labels)) == count == len(self.chronicle.kind("Pod", dict(labels)))

    def rolled_out(self, name: str = "nginx") -> bool:
        """As `kubectl rollout status` sees it."""
        obj = self.get("Deployment", name)
        status, wanted = obj.get("status", {}), obj["spec"]["replicas"]
        names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        counted = [status.get(field, 0) for field in names]
        return status.get("observedGeneration") == obj["metadata"]["generation"] and counted == [wanted] * 4

    def addresses(self, service: str = "nginx", namespace: str = "default") -> list[str]:
        """Ready addresses of the Service's slices, sorted."""
        slices = self.chronicle.kind("EndpointSlice", {"kubernetes.io/service-name": service}, namespace)
        entries = [e for item in slices for e in item.get("endpoints") or []]
        return sorted(a for e in entries if e["conditions"]["ready"] for a in e["addresses"])

    def said(self, reason: str) -> list[str]:
        """Messages of all Events with this reason."""
        return [e["message"] for e in self.chronicle.kind("Event") if e["reason"] == reason]

    def node_status(self, name: str) -> str:
        return str((condition(self.get("Node", name, ""), "Ready") or {}).get("status"))

    def containers(self, machine: str) -> list[str]:
        """Uids of the pods that have a container on this machine's disk that nobody has told to end."""
        files = self.world.platter(f"kubelet-{machine.rpartition('-')[2]}").files
        found = []
        for name, file in files.items():
            if name.startswith("containers/"):
                id, _, _, _, _, termed, killed = unpack(bytes(file.data))
                if termed is None and killed is None:
                    found.append(ContainerKey.parse(id).pod)
        return sorted(found)

    def orphans(self) -> list[str]:
        """Pods that name a controller which does not exist."""
        known = {uid_of(o) for kind in ("ReplicaSet", "DaemonSet") for o in self.chronicle.kind(kind)}
        pods = self.chronicle.kind("Pod")
        return [key_of(p) for p in pods if (owner := controller_of(p)) is not None and owner["uid"] not in known]

    def placed(self, labels: Mapping[str, str] = NGINX) -> list[str]:
        return sorted(pod_node(pod) for pod in self.pods(labels))

    async def lease(self, name: str, namespace: str = "kube-system") -> Object:
        """Leases change all the time, so the chronicle does not follow them."""
        return dict(await self.insist(lambda: self.client.get("Lease", name, namespace)))

    async def holder(self, lease: str) -> str:
        """Who leads by this Lease ("kube-controller-manager", "kube-scheduler")."""
        return str((await self.lease(lease))["spec"]["holderIdentity"])

    async def store_leader(self) -> str:
        for member in members(self.spec):
            try:
                if (await self._scout.status(member, timeout=0.2)).role == "leader":
                    return member
            except StatusError:
                continue
        return ""

    def names(self, labels: Mapping[str, str] = NGINX) -> list[str]:
        return [name_of(pod) for pod in self.pods(labels)]


Story = Callable[[Cluster], Awaitable[None]]


def tell(story: Story, seed: int = 0, profile: str = "fast", **shape: Any) -> None:
    """Boot a cluster of 3 + 3 (or of another `shape`), run the story on it, and judge."""
    spec = ClusterSpec(profile=profile, timing=PROFILES[profile], runtime="simulated", **shape)

    with SimWorld(seed) as world:
        cluster = Cluster(world, spec)

        async def whole() -> None:
            await cluster.boot()
            await story(cluster)
            cluster.judge()

        world.run(whole())
