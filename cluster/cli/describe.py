"""`describe`: one object in words, with what belongs to it and its events.

A section is (title, value): text, or rows below it. What is printed is read from the object; nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cluster.api.kinds import Kind
from cluster.api.meta import annotations_of, labels_of, name_of, namespace_of, parse_time, revision_of, uid_of
from cluster.api.quantity import format_bytes, format_cpu, resources
from cluster.cli import output as out
from cluster.client.client import Client
from cluster.controllers.rollout import find_new
from cluster.errors import StatusError

Object = dict[str, Any]
Section = tuple[str, str | tuple[str, ...] | Sequence[str]]
"""A title with a text, with lines beside it (a tuple), or with lines below it (a list)."""
NONE = "<none>"


def pairs(values: Mapping[str, Any] | None, sign: str = "=") -> tuple[str, ...]:
    """A map as lines beside its title, or <none>."""
    return tuple(f"{k}{sign}{v}" for k, v in sorted((values or {}).items())) or (NONE,)


def block(values: Iterable[tuple[str, Any]], indent: str = "") -> list[str]:
    """Keys and values in two columns; a value that is a list of lines stands below its key."""
    rows = list(values)
    width = max((len(key) for key, value in rows if not isinstance(value, list)), default=0) + 3
    lines = []
    for key, value in rows:
        if isinstance(value, list):
            lines += [f"{indent}{key}:", *(f"{indent}  {line}" for line in value)]
        else:
            lines.append(f"{indent}{key + ':':<{width}}{value}".rstrip())
    return lines


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
        ("Tolerations", tuple(_toleration(t) for t in spec.get("tolerations", [])) or NONE),
    ]
    return result


def _container(container: Object, status: Object | None) -> list[str]:
    """`status`: {} for a container that has none yet, None in a template."""
    rows: list[tuple[str, Any]] = [("Image", container["image"])]
    if status is not None:
        rows = [("Container ID", status.get("containerID", "")), *rows]
    ports = [f"{p['containerPort']}/{p.get('protocol', 'TCP')}" for p in container.get("ports", [])]
    rows.append(("Port" if len(ports) < 2 else "Ports", ", ".join(ports) or NONE))
    rows += [(t.capitalize(), [str(word) for word in container[t]]) for t in ("command", "args") if container.get(t)]
    if status is not None:
        for title, key in (("State", "state"), ("Last State", "lastState")):
            for name, detail in (status.get(key) or {}).items():
                inner = [(_words(k), v) for k, v in detail.items() if k != "containerID"]
                rows += [(title, name.capitalize()), *(("  " + k, v) for k, v in inner)]
        rows += [("Ready", status.get("ready", False)), ("Restart Count", status.get("restartCount", 0))]
    for title in ("limits", "requests"):
        values = container.get("resources", {}).get(title)
        if values:
            rows.append((title.capitalize(), block(sorted(values.items()))))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe):
            rows.append((probe.removesuffix("Probe").capitalize(), _probe(container[probe])))
    env = [(e["name"], e.get("value", e.get("valueFrom", ""))) for e in container.get("env", [])]
    mounts = [
        f"{m['mountPath']} from {m['name']} ({'ro' if m.get('readOnly') else 'rw'})"
        for m in container.get("volumeMounts", [])
    ]
    rows += [("Environment", block(env) or NONE), ("Mounts", mounts or NONE)]
    return [f"{container['name']}:", *block(rows, "  ")]


def _probe(probe: Object) -> str:
    """As kubectl: "http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3"."""
    if "httpGet" in probe:
        get = probe["httpGet"]
        how = (
            f"http-get {get.get('scheme', 'HTTP').lower()}://{get.get('host', '')}:{get['port']}{get.get('path', '/')}"
        )
    elif "tcpSocket" in probe:
        how = f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket']['port']}"
    else:
        how = f"exec [{' '.join(probe.get('exec', {}).get('command', []))}]"
    times = (("delay", "initialDelaySeconds", 0), ("timeout", "timeoutSeconds", 1), ("period", "periodSeconds", 10))
    counts = (("success", "successThreshold", 1), ("failure", "failureThreshold", 3))
    numbers = [f"{name}={probe.get(key, usual)}s" for name, key, usual in times]
    return " ".join([how, *numbers, *(f"#{name}={probe.get(key, usual)}" for name, key, usual in counts)])


def _toleration(t: Object) -> str:
    text = (
        t.get("key", "") + (f"={t['value']}" if t.get("value") else "") + (f":{t['effect']}" if t.get("effect") else "")
    )
    seconds = f" for {t['tolerationSeconds']}s" if "tolerationSeconds" in t else ""
    return f"{text} op={t.get('operator', 'Equal')}{seconds}"


def _conditions(status: Object, columns: Sequence[str]) -> list[str] | str:
    rows = [[c.get(k, "") for k in columns] for c in status.get("conditions", [])]
    return _table([c[0].upper() + c[1:] for c in columns], rows) if rows else NONE


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """With a line under the head, as describe has it."""
    rule = ["-" * len(column) for column in columns]
    return out.render_table(columns, [rule, *rows]).split("\n")


def _node(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    taints = [f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}" for t in spec.get("taints", [])]
    return [
        ("Taints", tuple(taints) or NONE),
        ("Unschedulable", str(spec.get("unschedulable", False)).lower()),
        ("Conditions", _conditions(status, ("type", "status", "lastTransitionTime", "reason", "message"))),
        ("Addresses", block((a["type"], a["address"]) for a in status.get("addresses", [])) or NONE),
        ("Capacity", block(sorted(status.get("capacity", {}).items())) or NONE),
        ("Allocatable", block(sorted(status.get("allocatable", {}).items())) or NONE),
        ("System Info", block((_words(k), v) for k, v in sorted(status.get("nodeInfo", {}).items())) or NONE),
        ("PodCIDR", spec.get("podCIDR", NONE)),
    ]


def _words(name: str) -> str:
    """ "Kernel Version" of kernelVersion."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[:1].upper() + name[1:]).replace("Os ", "OS ")


def _selector(spec: Object) -> str:
    labels = spec.get("selector", {}).get("matchLabels", {})
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items())) or NONE


def _template(spec: Object) -> Section:
    return ("Pod Template", template_lines(spec.get("template", {})))


def template_lines(template: Object) -> list[str]:
    """A pod template, as in `describe` and `rollout history --revision`."""
    labels = template.get("metadata", {}).get("labels", {})
    lines = ["Labels:  " + (",".join(f"{k}={v}" for k, v in sorted(labels.items())) or NONE)]
    for title, key in (("Init Containers", "initContainers"), ("Containers", "containers")):
        inner = [line for c in template.get("spec", {}).get(key, []) for line in _container(c, None)]
        lines += [f"{title}:", *(f"  {line}" for line in inner)] if inner else []
    return lines


def _deployment(obj: Object) -> list[Section]:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    counts = (
        f"{spec.get('replicas', 0)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable"
    )
    result: list[Section] = [
        ("CreationTimestamp", obj["metadata"].get("creationTimestamp", NONE)),
        ("Selector", _selector(spec)),
        ("Replicas", counts),
        ("StrategyType", spec.get("strategy", {}).get("type", "")),
        ("MinReadySeconds", str(spec.get("minReadySeconds", 0))),
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
    sizes = [(k, f"{len(v) * 3 // 4 - v.count('=')} bytes") for k, v in sorted((obj.get("data") or {}).items())]
    return [("Type", obj.get("type", "")), ("Data", block(sizes) or NONE)]


def _configmap(obj: Object) -> list[Section]:
    return [("Data", [line for k, v in sorted((obj.get("data") or {}).items()) for line in _datum(k, v)] or NONE)]


def _datum(key: str, value: str) -> list[str]:
    return [f"{key}:", *(f"  {line}" for line in value.splitlines())]


DESCRIBERS: dict[str, Callable[[Object], list[Section]]] = {
    "Pod": _pod,
    "Node": _node,
    "Deployment": _deployment,
    "ReplicaSet": _replicaset,
    "DaemonSet": _daemonset,
    "Service": _service,
    "Secret": _secret,
    "ConfigMap": _configmap,
}


async def describe(client: Client, kind: Kind, obj: Object, now: float) -> str:
    """The whole text, related objects and events included."""
    typed = [("API Version", kind.api_version), ("Kind", kind.kind)] if kind.custom else []
    sections = head(kind, obj) + typed + DESCRIBERS.get(kind.key, _plain)(obj)
    sections += await _related(client, kind, obj)
    sections.append(("Events", await _events(client, obj, now)))
    return "\n".join(_render(sections))


async def _related(client: Client, kind: Kind, obj: Object) -> list[Section]:
    if kind.key == "Node":
        listed = await client.list("Pod", fields=f"spec.nodeName={name_of(obj)}")
        going = [p for p in listed["items"] if p.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
        return [
            (f"Non-terminated Pods ({len(going)} in total)", _pods(going)),
            ("Allocated resources", _requests(going)),
        ]
    if kind.key == "Service":
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
    if kind.key == "Deployment":
        listed = await client.list("ReplicaSet", namespace_of(obj))
        mine = [r for r in listed["items"] if _owned(r, obj)]
        new = find_new(obj, mine)
        old = [r for r in mine if r is not new]
        return [("OldReplicaSets", _sizes(old)), ("NewReplicaSet", _sizes([new] if new else []))]
    if kind.key in ("ReplicaSet", "DaemonSet"):
        listed = await client.list("Pod", namespace_of(obj))
        phases = [p.get("status", {}).get("phase", "Pending") for p in listed["items"] if _owned(p, obj)]
        text = " / ".join(f"{phases.count(p)} {p}" for p in ("Running", "Pending", "Succeeded", "Failed"))
        return [("Pods Status", text)]
    return []


def _owned(obj: Object, owner: Object) -> bool:
    return uid_of(owner) in [o["uid"] for o in obj["metadata"].get("ownerReferences", [])]


def _sizes(sets: Sequence[Object]) -> str:
    counted = [
        f"{name_of(r)} ({r.get('status', {}).get('replicas', 0)}/{r['spec'].get('replicas', 0)} replicas created)"
        for r in sets
    ]
    return ", ".join(counted) or NONE


def _pods(pods: Sequence[Object]) -> list[str] | str:
    rows = []
    for pod in pods:
        asked = _asked(pod)
        millis, octets = format_cpu(asked.get("cpu", 0)), format_bytes(asked.get("memory", 0))
        rows.append([namespace_of(pod), name_of(pod), pod.get("status", {}).get("phase", ""), millis, octets])
    return _table(["Namespace", "Name", "Phase", "CPU Requests", "Memory Requests"], rows) if rows else NONE


def _asked(pod: Object) -> dict[str, int]:
    total: dict[str, int] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in resources(container.get("resources", {}).get("requests") or {}).items():
            total[name] = total.get(name, 0) + amount
    return total


def _requests(pods: Sequence[Object]) -> list[str]:
    sums = [_asked(pod) for pod in pods]
    cpu, memory = (sum(asked.get(name, 0) for asked in sums) for name in ("cpu", "memory"))
    return _table(["Resource", "Requests"], [["cpu", format_cpu(cpu)], ["memory", format_bytes(memory)]])


async def _events(client: Client, obj: Object, now: float) -> list[str] | str:
    from cluster.api.tables import human_duration

    listed = await client.list("Event", namespace_of(obj) or "default", fields=f"involvedObject.uid={uid_of(obj)}")
    events = sorted(listed["items"], key=_when)
    rows = []
    for event in events:
        last = event.get("lastTimestamp") or event["metadata"].get("creationTimestamp")
        age = human_duration(now - parse_time(last)) if last else "<unknown>"
        first = event.get("firstTimestamp")
        if event.get("count", 1) > 1:
            over = f" over {human_duration(now - parse_time(first))}" if first else ""
            age += f" (x{event['count']}{over})"
        source = event.get("source", {}).get("component") or event.get("reportingComponent", "")
        rows.append([event.get("type", ""), event.get("reason", ""), age, source, event.get("message", "")])
    return _table(["Type", "Reason", "Age", "From", "Message"], rows) if rows else NONE


def _when(event: Object) -> tuple[str, int]:
    """Seconds are coarse: within one, the order of writing."""
    return event.get("lastTimestamp") or event["metadata"].get("creationTimestamp", ""), revision_of(event)


def _render(sections: Iterable[Section]) -> list[str]:
    listed = list(sections)
    width = max(len(title) for title, value in listed if not isinstance(value, list)) + 3
    lines: list[str] = []
    for title, value in listed:
        if not isinstance(value, list):
            beside = (value,) if isinstance(value, str) else value
            lines.append(f"{title + ':':<{width}}{beside[0]}".rstrip())
            lines += [f"{'':<{width}}{line}" for line in beside[1:]]
        else:
            lines.append(f"{title}:")
            lines += [f"  {line}" for line in value]
    return lines
