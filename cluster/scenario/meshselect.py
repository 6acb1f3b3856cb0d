"""Whom a Chaos Mesh selector means, in our words.

Chaos Mesh strikes pods; our faults strike processes, machines and the links between them. So
- pods of the control plane, by the labels that kubeadm gives them (component: etcd, k8s-app: kube-proxy, ...), are our
  hosts: kind:store, kind:apiserver, kind:controller-manager, kind:scheduler, kind:proxy; with `nodes` those on them;
- any other pods are the machines that they run on when the fault strikes: nodes-of:app=nginx, node-of:default/web-0;
- `nodes` and `nodeSelectors` alone are these machines.
Must not drop a field: what cannot be said is a problem with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cluster.errors import UsageError
from cluster.scenario import target
from cluster.scenario.document import Part
from cluster.scenario.model import Target
from cluster.scenario.reading import Reading

KUBEADM = {
    ("component", "etcd"): "store",
    ("component", "kube-apiserver"): "apiserver",
    ("component", "kube-controller-manager"): "controller-manager",
    ("component", "kube-scheduler"): "scheduler",
    ("k8s-app", "kube-proxy"): "proxy",
}
"""Labels of the control plane's pods to our kinds of hosts."""
STATIC_POD = re.compile(r"(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-master-(\d+)", re.ASCII)
MODES = ("one", "all", "fixed", "fixed-percent", "random-max-percent")
_MACHINE = re.compile(r"(master|worker)-(\d+)", re.ASCII)
_NO = "has no counterpart here"


@dataclass(slots=True)
class Fields:
    """The fields of a mapping, taken one by one; `rest` makes a problem of each that nobody has taken."""

    part: Part
    reading: Reading
    taken: set[str] = field(default_factory=set)

    def take(self, name: str) -> Part | None:
        self.taken.add(name)
        found = self.part.fields().get(name)
        return None if found is None or found.is_null else found

    def need(self, name: str, doc: str) -> Part | None:
        found = self.take(name)
        if found is None:
            self.reading.problems.add(self.part, f"{name!r} is missing", doc)
        return found

    def text(self, name: str, default: str = "") -> str:
        found = self.take(name)
        if found is None:
            return default
        if found.text is None:
            self.reading.problems.add(found, f"{found.called()} where a word is meant")
            return default
        return found.text

    def rest(self, why: Mapping[str, str] | None = None) -> None:
        for name, part in self.part.fields().items():
            if name not in self.taken and not part.is_null:
                text, _, remedy = (why or {}).get(name, _NO).partition("; ")
                self.reading.problems.add(part, f"{name!r} {text}", remedy or "remove it")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`words`: targets, a union. `hosts`: they are hosts, else machines. `pods`: what the pods are called, as namespace
    and name or labels: (namespace, "web-0", "") or (namespace, "", "app=nginx")."""

    words: tuple[str, ...]
    hosts: bool
    pods: tuple[tuple[str, str, str], ...] = ()


def target_of(part: Part, namespace: str, reading: Reading) -> tuple[Target, Chosen] | None:
    """The target of a mapping with `selector`, `mode` and `value` (a spec, or its `target`); these are taken."""
    fields = part.fields()
    if "selector" not in fields:
        reading.problems.add(part, "'selector' is missing", "whom it strikes")
        return None
    chosen = _select(fields["selector"], namespace, reading)
    amount = _amount(fields, part, reading)
    if chosen is None or amount is None:
        return None
    words = ", ".join(chosen.words)
    try:
        found = target.parse(words if amount == "all" else f"{amount} of {words}")
    except UsageError as error:
        reading.problems.take(fields["selector"], error)
        return None
    reading.targets.append((found, fields["selector"]))
    return found, chosen


def _amount(fields: Mapping[str, Part], part: Part, reading: Reading) -> str | None:
    mode = fields.get("mode")
    said = (mode.text if mode is not None else "") or ""
    if mode is None or said not in MODES:
        where = mode if mode is not None else part
        reading.problems.add(
            where, f"mode {said!r} is not known" if said else "'mode' is missing", f"one of {', '.join(MODES)}"
        )
        return None
    value = fields.get("value")
    number = (value.text if value is not None else "") or ""
    if said in ("one", "all"):
        if number:
            assert value is not None
            reading.problems.add(value, f"mode {said} has no value", "remove it")
        return said
    highest = 100 if said != "fixed" else 100_000
    if not number.isdecimal() or not 0 < int(number) <= highest:
        where = value if value is not None else part
        reading.problems.add(where, f"mode {said} needs a value, not {number!r}", f"a number from 1 to {highest}")
        return None
    return {"fixed": number, "fixed-percent": f"{number}%", "random-max-percent": f"up to {number}%"}[said]


def _select(part: Part, default: str, reading: Reading) -> Chosen | None:
    if not part.is_mapping:
        reading.problems.add(part, f"{part.called()} where a selector is meant", "labelSelectors: {app: nginx}")
        return None
    given = Fields(part, reading)
    before = len(reading.problems.found)
    namespaces = _words(given.take("namespaces"), reading)
    nodes = _words(given.take("nodes"), reading)
    labels = _pairs(given.take("labelSelectors"), reading)
    node_labels = _pairs(given.take("nodeSelectors"), reading)
    pods = given.take("pods")
    asked = [labels, *_expressions(given.take("expressionSelectors"), reading)]
    given.rest(
        {
            "annotationSelectors": "cannot be said here; use labelSelectors",
            "fieldSelectors": "cannot be said here; use pods or nodes",
            "podPhaseSelectors": "cannot be said here; use labelSelectors",
            "physicalMachines": "are not here; use nodes",
        }
    )
    if len(reading.problems.found) > before:
        return None
    alternatives = _combined(asked)
    found = _chosen(namespaces or [default], (nodes, node_labels), alternatives, pods, reading)
    if isinstance(found, str):
        what, _, remedy = found.partition("; ")
        reading.problems.add(part, what, remedy)
        return None
    return found


def _chosen(
    namespaces: Sequence[str],
    places: tuple[Sequence[str], Mapping[str, str]],
    alternatives: Sequence[Mapping[str, str]],
    pods: Part | None,
    reading: Reading,
) -> Chosen | str:
    """What the parts of a selector mean together, or why they mean nothing here: "what; remedy"."""
    nodes, node_labels = places
    labelled = [labels for labels in alternatives if labels]
    if pods is not None:
        if labelled or nodes or node_labels:
            return "pods by name and by something else; one of the two"
        return _named(pods, reading)
    if labelled:
        kinds = [_component(labels) for labels in labelled]
        if all(kinds):
            if node_labels:
                return "components by nodeSelectors cannot be said here; use nodes"
            return _components([k for k in kinds if k], nodes)
        if any(kinds):
            return "components and pods in one selector; two experiments"
        if nodes or node_labels:
            return "pods by labels on certain nodes cannot be said here; labels alone, or nodes alone"
        said = [(ns, "+".join(f"{k}={v}" for k, v in labels.items())) for ns in namespaces for labels in labelled]
        return Chosen(tuple(f"nodes-of:{ns}/{text}" for ns, text in said), False, tuple((ns, "", t) for ns, t in said))
    if nodes or node_labels:
        if nodes and node_labels:
            return "nodes and nodeSelectors together cannot be said here; one of the two"
        wrong = [n for n in nodes if not _MACHINE.fullmatch(n)]
        if wrong:
            return f"there is no node {wrong[0]!r}; machines are called master-0, worker-0, ..."
        label = "+".join(f"{k}={v}" for k, v in node_labels.items())
        return Chosen(tuple(nodes) or (f"label:{label}",), False)
    return Chosen(tuple(f"nodes-of:{ns}/" for ns in namespaces), False, tuple((ns, "", "") for ns in namespaces))


def _component(labels: Mapping[str, str]) -> str:
    found = [KUBEADM[pair] for pair in labels.items() if pair in KUBEADM]
    others = [k for k, v in labels.items() if (k, v) not in KUBEADM and (k, v) != ("tier", "control-plane")]
    return found[0] if len(found) == 1 and not others else ""


def _components(kinds: Sequence[str], nodes: Sequence[str]) -> Chosen | str:
    if not nodes:
        return Chosen(tuple(f"kind:{kind}" for kind in dict.fromkeys(kinds)), True)
    side = {"proxy": "worker"}
    words = []
    for kind in dict.fromkeys(kinds):
        for node in nodes:
            match = _MACHINE.fullmatch(node)
            if match is None or match[1] != side.get(kind, "master"):
                return f"{kind} does not run on {node!r}; such as {side.get(kind, 'master')}-0"
            words.append(f"{kind}-{match[2]}")
    return Chosen(tuple(words), True)


def _named(part: Part, reading: Reading) -> Chosen | str:
    words, pods, hosts = [], [], []
    for namespace, names in part.fields().items():
        for name in _words(names, reading):
            match = STATIC_POD.fullmatch(name)
            if match:
                words.append(f"{KUBEADM[('component', match[1])]}-{match[2]}")
            else:
                words.append(f"node-of:{namespace}/{name}")
                pods.append((namespace, name, ""))
            hosts.append(match is not None)
    if not words:
        return "no pod is named; pods: {default: [web-0]}"
    if any(hosts) and not all(hosts):
        return "components and pods in one selector; two experiments"
    return Chosen(tuple(words), all(hosts), tuple(pods))


def _words(part: Part | None, reading: Reading) -> list[str]:
    if part is None:
        return []
    if not part.is_list or any(item.text is None for item in part.items()):
        reading.problems.add(part, "this is a list of words", "such as [a, b]")
        return []
    return [item.text or "" for item in part.items()]


def _pairs(part: Part | None, reading: Reading) -> dict[str, str]:
    if part is None:
        return {}
    found = {key: value.text for key, value in part.fields().items()}
    if not part.is_mapping or any(value is None for value in found.values()):
        reading.problems.add(part, "this is a mapping of words", "such as {app: nginx}")
        return {}
    return {key: value or "" for key, value in found.items()}


def _expressions(part: Part | None, reading: Reading) -> list[list[dict[str, str]]]:
    """For each expression the labels that it allows, as alternatives."""
    if part is None:
        return []
    found = []
    for item in part.items():
        fields = Fields(item, reading)
        key, operator, values = fields.text("key"), fields.text("operator"), _words(fields.take("values"), reading)
        fields.rest()
        if operator != "In" or not values or not key:
            reading.problems.add(
                item, f"operator {operator!r} cannot be said here", "operator: In, with key and values"
            )
            continue
        found.append([{key: value} for value in values])
    return found


def _combined(asked: Sequence[object]) -> list[dict[str, str]]:
    """Labels that all hold, once for each choice among the alternatives."""
    result: list[dict[str, str]] = [{}]
    for one in asked:
        choices = [one] if isinstance(one, dict) else one if isinstance(one, list) else []
        result = [{**have, **choice} for have in result for choice in choices] if choices else result
    return result
