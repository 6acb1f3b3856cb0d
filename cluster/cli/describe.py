"""`describe`: one object in words, with what belongs to it and its events.

A section is (title, value): text, or rows below it. What is printed is read from the object; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cluster.api.kinds import Kind
from cluster.api.meta import annotations_of, labels_of, name_of, namespace_of, parse_time, uid_of
from cluster.cli import output as out
from cluster.client.client import Client
from cluster.errors import StatusError

Object = dict[str, Any]
Section = tuple[str, str | Sequence[str]]
NONE = "<none>"


def pairs(values: Mapping[str, Any] | None, sign: str = "=") -> str | list[str]:
    """A map as lines, or <none>."""
    return [f"{k}{sign}{v}" for k, v in sorted((values or {}).items())] or NONE


def head(kind: Kind, obj: Object) -> list[Section]:
    result: list[Section] = [("Name", name_of(obj))]
    if kind.namespaced:
        result.append(("Namespace", namespace_of(obj)))
    result.append(("Labels", pairs(labels_of(obj))))
    shown = {k: v for k, v in annotations_of(obj).items() if "last-applied" not in k}
    result.append(("Annotations", pairs(shown, ": ")))
    return result


def _pod(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    phase = status.get("phase", "Pending")
    if obj["metadata"].get("deletionTimestamp"):
        phase = f"Terminating (since {obj['metadata']['deletionTimestamp']})"
    owner = next((o for o in obj["metadata"].get("ownerReferences", []) if o.get("controller")), None)
    result: list[Section] = [
        ("Node", f"{spec['nodeName']}/{status.get('hostIP', '')}" if spec.get("nodeName") else NONE),
        ("Start Time", status.get("startTime", NONE)),
        ("Status", phase),
    ]
    if status.get("reason"):
        result += [("Reason", status["reason"]), ("Message", status.get("message", ""))]
    result += [
        ("IP", status.get("podIP", NONE)),
        ("Controlled By", f"{owner['kind']}/{owner['name']}" if owner else NONE),
    ]
    by_name = {s["name"]: s for s in status.get("containerStatuses", []) + status.get("initContainerStatuses", [])}
    for title, key in (("Init Containers", "initContainers"), ("Containers", "containers")):
        lines = [line for c in spec.get(key, []) for line in _container(c, by_name.get(c["name"], {}))]
        if lines:
            result.append((title, lines))
    result += [
        ("Conditions", _conditions(status, ("type", "status"))),
        ("QoS Class", status.get("qosClass", NONE)),
        ("Node-Selectors", pairs(spec.get("nodeSelector"))),
        ("Tolerations", [_toleration(t) for t in spec.get("tolerations", [])] or NONE),
    ]
    return result


def _container(container: Object, status: Object) -> list[str]:
    lines = [
        f"{container['name']}:",
        f"  Container ID:  {status.get('containerID', '')}",
        f"  Image:  {container['image']}",
    ]
    ports = [f"{p['containerPort']}/{p.get('protocol', 'TCP')}" for p in container.get("ports", [])]
    if ports:
        lines.append(f"  Ports:  {', '.join(ports)}")
    for title in ("command", "args"):
        if container.get(title):
            lines.append(f"  {title.capitalize()}:  {' '.join(container[title])}")
    for title, key in (("State", "state"), ("Last State", "lastState")):
        for name, detail in (status.get(key) or {}).items():
            lines.append(f"  {title}:  {name.capitalize()}")
            lines += [f"    {k[0].upper() + k[1:]}:  {v}" for k, v in detail.items() if k != "containerID"]
    lines += [f"  Ready:  {status.get('ready', False)}", f"  Restart Count:  {status.get('restartCount', 0)}"]
    for title in ("limits", "requests"):
        values = container.get("resources", {}).get(title)
        if values:
            lines.append(f"  {title.capitalize()}:  " + ", ".join(f"{k}: {v}" for k, v in sorted(values.items())))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            lines.append(f"  {probe.removesuffix('Probe').capitalize()}:  {_probe(container[probe])}")
    lines += [f"  Env {e['name']}:  {e.get('value', e.get('valueFrom', ''))}" for e in container.get("env", [])]
    return lines


def _probe(probe: Object) -> str:
    how = next((k for k in ("httpGet", "tcpSocket", "exec", "grpc") if k in probe), "")
    numbers = {k: v for k, v in probe.items() if isinstance(v, int)}
    return f"{how} {probe.get(how, '')} " + " ".join(f"{k}={v}" for k, v in sorted(numbers.items()))


def _toleration(t: Object) -> str:
    text = (
        t.get("key", "") + (f"={t['value']}" if t.get("value") else "") + (f":{t['effect']}" if t.get("effect") else "")
    )
    seconds = f" for {t['tolerationSeconds']}s" if "tolerationSeconds" in t else ""
    return f"{text} op={t.get('operator', 'Equal')}{seconds}"


def _conditions(status: Object, columns: Sequence[str]) -> list[str] | str:
    rows = [[c.get(k, "") for k in columns] for c in status.get("conditions", [])]
    if not rows:
        return NONE
    return out.render_table([c[0].upper() + c[1:] for c in columns], rows).split("\n")


def _node(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    taints = [f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}" for t in spec.get("taints", [])]
    return [
        ("Taints", taints or NONE),
        ("Unschedulable", str(spec.get("unschedulable", False)).lower()),
        ("Conditions", _conditions(status, ("type", "status", "lastTransitionTime", "reason", "message"))),
        ("Addresses", [f"{a['type']}:  {a['address']}" for a in status.get("addresses", [])] or NONE),
        ("Capacity", pairs(status.get("capacity"), ":  ")),
        ("Allocatable", pairs(status.get("allocatable"), ":  ")),
        ("System Info", pairs(status.get("nodeInfo"), ":  ")),
        ("PodCIDR", spec.get("podCIDR", NONE)),
    ]


def _selector(spec: Object) -> str:
    labels = spec.get("selector", {}).get("matchLabels", {})
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items())) or NONE


def _template(spec: Object) -> Section:
    template = spec.get("template", {})
    labels = template.get("metadata", {}).get("labels", {})
    lines = ["Labels:  " + ",".join(f"{k}={v}" for k, v in sorted(labels.items()))]
    for container in template.get("spec", {}).get("containers", []):
        lines += [
            line for line in _container(container, {}) if not line.startswith(("  Ready", "  Restart", "  Container"))
        ]
    return ("Pod Template", lines)


def _deployment(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    counts = (
        f"{spec.get('replicas', 0)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable"
    )
    result: list[Section] = [
        ("Selector", _selector(spec)),
        ("Replicas", counts),
        ("StrategyType", spec.get("strategy", {}).get("type", "")),
    ]
    rolling = spec.get("strategy", {}).get("rollingUpdate")
    if rolling:
        text = f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
        result.append(("RollingUpdateStrategy", text))
    result += [_template(spec), ("Conditions", _conditions(status, ("type", "status", "reason")))]
    return result


def _replicaset(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    counts = f"{status.get('replicas', 0)} current / {spec.get('replicas', 0)} desired"
    return [("Selector", _selector(spec)), ("Replicas", counts), _template(spec)]


def _daemonset(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    return [
        ("Selector", _selector(spec)),
        ("Desired Number of Nodes Scheduled", str(status.get("desiredNumberScheduled", 0))),
        ("Current Number of Nodes Scheduled", str(status.get("currentNumberScheduled", 0))),
        ("Number of Nodes Scheduled with Up-to-date Pods", str(status.get("updatedNumberScheduled", 0))),
        ("Number of Nodes Scheduled with Available Pods", str(status.get("numberAvailable", 0))),
        ("Number of Nodes Misscheduled", str(status.get("numberMisscheduled", 0))),
        _template(spec),
    ]


def _service(obj: Object) -> list[Section]:
    spec = obj.get("spec", {})
    result: list[Section] = [
        ("Selector", ",".join(f"{k}={v}" for k, v in sorted((spec.get("selector") or {}).items())) or NONE),
        ("Type", spec.get("type", "")),
        ("IP", spec.get("clusterIP", NONE)),
    ]
    for port in spec.get("ports", []):
        text = f"{port.get('name', '<unset>')}  {port['port']}/{port.get('protocol', 'TCP')}"
        result += [("Port", text), ("TargetPort", str(port.get("targetPort", "")))]
        if port.get("nodePort"):
            result.append(("NodePort", str(port["nodePort"])))
    result.append(("Session Affinity", spec.get("sessionAffinity", "None")))
    return result


def _plain(obj: Object) -> list[Section]:
    """A kind without a describer of its own: its fields as they are."""
    rest = {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")}
    return [(key, out.to_yaml(value).rstrip().split("\n")) for key, value in rest.items()]


def _secret(obj: Object) -> list[Section]:
    sizes = {k: f"{len(v) * 3 // 4 - v.count('=')} bytes" for k, v in (obj.get("data") or {}).items()}
    return [("Type", obj.get("type", "")), ("Data", pairs(sizes, ":  "))]


DESCRIBERS: dict[str, Callable[[Object], list[Section]]] = {
    "Pod": _pod,
    "Node": _node,
    "Deployment": _deployment,
    "ReplicaSet": _replicaset,
    "DaemonSet": _daemonset,
    "Service": _service,
    "Secret": _secret,
}


async def describe(client: Client, kind: Kind, obj: Object, now: float) -> str:
    """The whole text, related objects and events included."""
    sections = head(kind, obj) + DESCRIBERS.get(kind.kind, _plain)(obj)
    sections += await _related(client, kind, obj)
    sections.append(("Events", await _events(client, obj, now)))
    return "\n".join(_render(sections))


async def _related(client: Client, kind: Kind, obj: Object) -> list[Section]:
    if kind.kind == "Node":
        listed = await client.list("Pod", fields=f"spec.nodeName={name_of(obj)}")
        rows = [[namespace_of(p), name_of(p), p.get("status", {}).get("phase", "")] for p in listed["items"]]
        title = f"Non-terminated Pods ({len(rows)} in total)"
        return [(title, out.render_table(["Namespace", "Name", "Phase"], rows).split("\n") if rows else NONE)]
    if kind.kind == "Service":
        try:
            endpoints = await client.get("Endpoints", name_of(obj), namespace_of(obj))
        except StatusError as error:
            if error.reason != "NotFound":
                raise
            return [("Endpoints", NONE)]
        ready = [
            f"{a['ip']}:{p['port']}"
            for s in endpoints.get("subsets", [])
            for a in s.get("addresses", [])
            for p in s.get("ports", [])
        ]
        return [("Endpoints", ",".join(ready) or NONE)]
    if kind.kind == "Deployment":
        listed = await client.list("ReplicaSet", namespace_of(obj))
        mine = [
            r for r in listed["items"] if uid_of(obj) in [o["uid"] for o in r["metadata"].get("ownerReferences", [])]
        ]
        lines = [
            f"{name_of(r)} ({r.get('status', {}).get('replicas', 0)}/{r['spec'].get('replicas', 0)} replicas)"
            for r in mine
        ]
        return [("ReplicaSets", lines or NONE)]
    return []


async def _events(client: Client, obj: Object, now: float) -> list[str] | str:
    from cluster.api.tables import human_duration

    listed = await client.list("Event", namespace_of(obj) or "default", fields=f"involvedObject.uid={uid_of(obj)}")
    events = sorted(listed["items"], key=lambda e: e.get("lastTimestamp") or e["metadata"].get("creationTimestamp", ""))
    rows = []
    for event in events:
        last = event.get("lastTimestamp") or event["metadata"].get("creationTimestamp")
        age = human_duration(now - parse_time(last)) if last else "<unknown>"
        if event.get("count", 1) > 1:
            age += f" (x{event['count']})"
        source = event.get("source", {}).get("component") or event.get("reportingComponent", "")
        rows.append([event.get("type", ""), event.get("reason", ""), age, source, event.get("message", "")])
    if not rows:
        return NONE
    return out.render_table(["Type", "Reason", "Age", "From", "Message"], rows).split("\n")


def _render(sections: Iterable[Section]) -> list[str]:
    listed = list(sections)
    width = max(len(title) for title, value in listed if isinstance(value, str)) + 3
    lines: list[str] = []
    for title, value in listed:
        if isinstance(value, str):
            lines.append(f"{title + ':':<{width}}{value}")
        else:
            lines.append(f"{title}:")
            lines += [f"  {line}" for line in value]
    return lines
