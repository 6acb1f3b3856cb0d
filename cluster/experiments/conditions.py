"""Whether a condition holds now, and waiting until it does: one function per subject of `cluster.scenario.subjects`.

Must not act. Three answers: yes, no, and None: nobody can say (the object is not there, no member answers); what nobody
can say holds neither as it stands nor negated. Counting nothing is counting: there are 0 pods.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from cluster.api.kinds import lookup
from cluster.api.meta import condition as condition_of
from cluster.api.meta import deleting, labels_of, name_of, parse_time
from cluster.api.selectors import parse_label_selector
from cluster.errors import StatusError, UsageError
from cluster.experiments.cast import Cast
from cluster.experiments.observer import LOOK, Observer, leader_of
from cluster.experiments.rollouts import rolled_out
from cluster.scenario.model import Condition
from cluster.scenario.target import parse

Object = Mapping[str, Any]
Said = bool | float | str | None

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TOLD = ("node", "nodes", "pods", "pod", "deployment", "replicaset", "daemonset", "endpoints", "event", "operations")
"""Subjects whose changes are told; of all others somebody has to be asked, again and again."""
AGREE = 1.0
"""Seconds that a member may take to say its hash."""


class Conditions:
    def __init__(self, observer: Observer, cast: Cast) -> None:
        self.observer = observer
        self.cast = cast
        self._before: dict[tuple[str, str], str] = {}
        """(subject, name): who had it when the last fault struck."""

    async def holds(self, condition: Condition) -> bool | None:
        said = await SUBJECT[condition.subject](self, condition)
        if said is None:
            return None
        if condition.operator and condition.predicate not in ("is", "is on", "is held by", "has taint"):
            said = COMPARE[condition.operator](said, condition.value)
        return bool(said) is not condition.negated

    async def wait(self, condition: Condition, within: float) -> bool | None:
        """True as soon as it holds; after `within` seconds what was last said of it (None: nobody could say)."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while True:
            said = await self.holds(condition)
            left = end - loop.time()
            if said or left <= 0:
                return said
            await self.observer.change(left if condition.subject in TOLD else min(LOOK, left))

    async def remember(self, conditions: Sequence[Condition]) -> None:
        """A fault is about to strike: who has what these conditions say may change."""
        for condition in conditions:
            if condition.predicate == "changed":
                self._before["role", condition.name] = await self.cast.one(condition.name)
            elif condition.predicate == "changed hands":
                self._before["lease", condition.name] = _holder(self._lease(condition.name)) or ""

    # ── objects ──────────────────────────────────────────────────────────────────────────────────────────────

    async def node(self, c: Condition) -> Said:
        name = await self.cast.one(c.name) if ":" in c.name else c.name
        node = self.observer.object("Node", name, "")
        if c.predicate == "exists":
            return node is not None
        return None if node is None else _node_said(node, c)

    async def nodes(self, c: Condition) -> Said:
        nodes = list(self.observer.objects("Node"))
        if c.name:
            try:
                named = await self.cast.resolve((parse(c.name),), self.observer.stage.dice("nodes"), "machines")
            except UsageError:  # nobody is it now
                return None
            nodes = [node for node in nodes if name_of(node) in named]
        ready = sum(_ready(node) for node in nodes)
        match c.predicate:
            case "count":
                return len(nodes)
            case "ready":
                return ready
            case "notready":
                return len(nodes) - ready
        wanted = ready if c.predicate == "are Ready" else len(nodes) - ready
        expected = len(named) if c.name else len(nodes)
        return None if not nodes else wanted == expected

    async def pods(self, c: Condition) -> Said:
        namespace, labels = _labels(c.name)
        pods = [p for p in self.observer.objects("Pod", namespace) if labels.matches(labels_of(p))]
        if c.where:
            node = await self.cast.one(c.where) if ":" in c.where else c.where
            pods = [pod for pod in pods if _spec(pod).get("nodeName") == node]
        return float(POD_COUNTS[c.predicate](pods))

    async def pod(self, c: Condition) -> Said:
        pod = self.observer.object("Pod", c.name)
        if c.predicate == "exists":
            return pod is not None
        if pod is None:
            return None
        match c.predicate:
            case "is Ready":
                return _pod_ready(pod)
            case "is Terminating":
                return deleting(pod)
            case "is bound":
                return bool(_spec(pod).get("nodeName"))
            case "is on":
                node = await self.cast.one(str(c.value)) if ":" in str(c.value) else c.value
                return _spec(pod).get("nodeName") == node
        phase = c.predicate.removeprefix("is ")
        return _status(pod).get("phase") == phase and (phase != "Running" or not deleting(pod))

    async def workload(self, c: Condition) -> Said:
        kind = {"deployment": "Deployment", "replicaset": "ReplicaSet", "daemonset": "DaemonSet"}[c.subject]
        obj = self.observer.object(kind, c.name)
        if c.predicate == "exists":
            return obj is not None
        if obj is None:
            return None
        if c.predicate == "is rolled out":
            return rolled_out(obj)
        fields = DAEMON_FIELDS if kind == "DaemonSet" else SET_FIELDS
        return float(_status(obj).get(fields[c.predicate], 0) or 0)

    async def endpoints(self, c: Condition) -> Said:
        where, _, service = c.name.rpartition("/")
        slices = [
            s
            for s in self.observer.objects("EndpointSlice", where or "default")
            if labels_of(s).get("kubernetes.io/service-name") == service
        ]
        ready = [e for s in slices for e in s.get("endpoints") or () if (e.get("conditions") or {}).get("ready", True)]
        return float(len({a for e in ready for a in e.get("addresses") or ()}))

    def _lease(self, name: str) -> Object | None:
        return self.observer.object("Lease", name, "kube-system")

    async def lease(self, c: Condition) -> Said:
        lease = self._lease(c.name)
        holder = _holder(lease)
        match c.predicate:
            case "is held by":
                return None if lease is None else holder == c.value
            case "changed hands":
                before = self._before.get(("lease", c.name))
                return None if lease is None or before is None else holder not in ("", before)
        if lease is None:
            return False
        spec = _spec(lease)
        now = (await self.observer.stage.host("observer", "observer")).clock.now()
        renewed = parse_time(spec["renewTime"]) if spec.get("renewTime") else 0.0
        return bool(holder) and now < renewed + float(spec.get("leaseDurationSeconds") or 0)

    async def any_object(self, c: Condition) -> Said:
        word, _, rest = c.name.partition("/")
        kind = lookup(word)
        where, _, name = rest.rpartition("/")
        client = await self.observer.stage.client()
        try:
            await client.get(kind.kind, name, (where or "default") if kind.namespaced else "")
        except StatusError as error:
            return False if error.reason == "NotFound" else None
        return True

    async def event(self, c: Condition) -> Said:
        found = 0
        for seen in self.observer.stage.book.events:
            obj = seen.object
            if seen.kind != "Event" or seen.type == "DELETED" or obj.get("reason") != c.name or not self._timely(seen):
                continue
            about = obj.get("involvedObject") or obj.get("regarding") or {}
            if not c.where or _is_about(about, c.where):
                found += 1
        return found > 0 if c.predicate == "was seen" else float(found)

    def _timely(self, seen: Any) -> bool:
        began = self.observer.stage.book.phases.get("timeline", (0.0, 0.0))[0]
        return bool(seen.time >= began and seen.observer == "observer")

    # ── the store, hosts, operations ─────────────────────────────────────────────────────────────────────────

    async def store(self, c: Condition) -> Said:
        if c.predicate == "is writable":
            return await self._writable()
        statuses = await self.observer.statuses()
        leader = leader_of(statuses)
        if c.predicate == "has a leader":
            return bool(leader)
        if not statuses:
            return None
        match c.predicate:
            case "is whole":
                if not leader or set(statuses) != set(self.observer.stage.members):
                    return False
                return all(s.applied >= statuses[leader].commit for s in statuses.values())
            case "members":
                newest = max(statuses.values(), key=lambda s: s.commit)
                return float(len(newest.members))
            case "term":
                return float(max(s.term for s in statuses.values()))
        return float(max(s.revision for s in statuses.values()))

    async def _writable(self) -> bool:
        store = await self.observer.stage.store()
        try:
            await store.put(b"/run/writable", b"1", timeout=1.0)
        except StatusError:
            return False
        return True

    async def replicas(self, c: Condition) -> Said:
        store, members = await self.observer.stage.store(), self.observer.stage.members
        try:
            revision = await store.revision(timeout=AGREE)
            hashes = {(await store.hash(member, revision, timeout=AGREE)) for member in members}
        except StatusError:
            return None
        return len(hashes) == 1

    async def role(self, c: Condition) -> Said:
        who = await self.cast.one(c.name)
        if c.predicate == "exists":
            return bool(who)
        if c.predicate == "changed":
            before = self._before.get(("role", c.name))
            return None if before is None or not who else who != before
        wanted = await self.cast.one(str(c.value))
        return None if not who else COMPARE[c.operator](who, wanted)

    async def host(self, c: Condition) -> Said:
        who = await self.cast.one(c.name)
        standing = (await self.observer.census()).get(who)
        return None if standing is None else standing.state == c.predicate.removeprefix("is ")

    async def machine(self, c: Condition) -> Said:
        who = await self.cast.one(c.name)
        hosts = [s for s in (await self.observer.census()).values() if s.machine == who]
        up = any(standing.state != "down" for standing in hosts)
        return None if not hosts else up is (c.predicate == "is up")

    async def operations(self, c: Condition) -> Said:
        ended = self.observer.stage.book.ended
        counts = [ended.get(c.name, {})] if c.name else list(ended.values())
        wanted = ("ok", "failed", "unknown") if c.predicate == "count" else (c.predicate,)
        return float(sum(count.get(outcome, 0) for count in counts for outcome in wanted))


SUBJECT: Mapping[str, Callable[[Conditions, Condition], Awaitable[Said]]] = {
    "node": Conditions.node,
    "nodes": Conditions.nodes,
    "pods": Conditions.pods,
    "pod": Conditions.pod,
    "deployment": Conditions.workload,
    "replicaset": Conditions.workload,
    "daemonset": Conditions.workload,
    "endpoints": Conditions.endpoints,
    "lease": Conditions.lease,
    "object": Conditions.any_object,
    "event": Conditions.event,
    "store": Conditions.store,
    "role": Conditions.role,
    "host": Conditions.host,
    "machine": Conditions.machine,
    "replicas": Conditions.replicas,
    "operations": Conditions.operations,
}
SET_FIELDS = {"ready": "readyReplicas", "available": "availableReplicas", "updated": "updatedReplicas"}
DAEMON_FIELDS = {"ready": "numberReady", "available": "numberAvailable", "updated": "updatedNumberScheduled"}


def _spec(obj: Object) -> Object:
    return obj.get("spec") or {}


def _status(obj: Object) -> Object:
    return obj.get("status") or {}


def _ready(node: Object) -> bool:
    found = condition_of(node, "Ready")
    return found is not None and found["status"] == "True"


def _node_said(node: Object, c: Condition) -> bool:
    match c.predicate:
        case "is Ready":
            return _ready(node)
        case "is NotReady":
            return not _ready(node)
        case "is cordoned":
            return bool(_spec(node).get("unschedulable"))
        case "has taint":
            key, _, effect = str(c.value).partition(":")
            taints = _spec(node).get("taints") or ()
            return any(t.get("key") == key and effect in ("", t.get("effect")) for t in taints)
    found = condition_of(node, "Ready")
    return found is not None and found["status"] == "Unknown"


def _pod_ready(pod: Object) -> bool:
    found = condition_of(pod, "Ready")
    return found is not None and found["status"] == "True"


def _in_phase(phase: str) -> Callable[[Sequence[Object]], int]:
    return lambda pods: sum(_status(p).get("phase") == phase and not deleting(p) for p in pods)


def _restarts(pods: Sequence[Object]) -> int:
    return sum(int(s.get("restartCount") or 0) for p in pods for s in _status(p).get("containerStatuses") or ())


POD_COUNTS: Mapping[str, Callable[[Sequence[Object]], int]] = {
    "count": len,
    "ready": lambda pods: sum(_pod_ready(p) and not deleting(p) for p in pods),
    "running": _in_phase("Running"),
    "pending": _in_phase("Pending"),
    "bound": lambda pods: sum(bool(_spec(p).get("nodeName")) and not deleting(p) for p in pods),
    "failed": lambda pods: sum(_status(p).get("phase") == "Failed" for p in pods),
    "terminating": lambda pods: sum(deleting(p) for p in pods),
    "restarts": _restarts,
    "nodes": lambda pods: len({_spec(p)["nodeName"] for p in pods if _spec(p).get("nodeName")}),
}


def _labels(name: str) -> tuple[str | None, Any]:
    """Namespace (None: all) and selector of "app=nginx", "kube-system/" or "default/app=nginx"."""
    where, slash, labels = name.partition("/") if "/" in name.partition("=")[0] else ("", "", name)
    if slash and "." in where:  # a prefixed label key, example.com/app=nginx
        where, labels = "", name
    return where or ("default" if name else None), parse_label_selector(labels)


def _holder(lease: Object | None) -> str:
    return str(_spec(lease or {}).get("holderIdentity") or "")


def _is_about(about: Object, where: str) -> bool:
    kind, _, rest = where.partition("/")
    namespace, _, name = rest.rpartition("/")
    return (
        lookup(kind).kind == about.get("kind")
        and about.get("name") == name
        and (not namespace or about.get("namespace") == namespace)
    )
