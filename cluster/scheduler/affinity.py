"""Rules between pods: required pod affinity and anti-affinity, and topology spread with DoNotSchedule.

Must not rank. What concerns all nodes is counted once per pod; the answer per node is then a look-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.api import selectors, views
from cluster.api.selectors import Selector
from cluster.api.views import Object
from cluster.scheduler.filters import FITS, Reasons
from cluster.scheduler.snapshot import NodeInfo, PodInfo, Snapshot

AFFINITY: Reasons = ("node(s) didn't match pod affinity rules",)
ANTI_AFFINITY: Reasons = ("node(s) didn't match pod anti-affinity rules",)
REPELLED: Reasons = ("node(s) didn't satisfy existing pods anti-affinity rules",)
SPREAD: Reasons = ("node(s) didn't match pod topology spread constraints",)
SPREAD_LABEL: Reasons = ("node(s) didn't match pod topology spread constraints (missing required label)",)

Domain = tuple[str, str]
"""(topology key, value)."""


@dataclass(frozen=True, slots=True)
class Term:
    """One PodAffinityTerm. `namespaces` None: all of them."""

    selector: Selector
    namespaces: tuple[str, ...] | None
    key: str

    @classmethod
    def of(cls, term: Object, namespace: str) -> Term:
        """A namespaceSelector that is not empty selects every namespace here: the scheduler does not watch their
        labels."""
        everywhere = term.get("namespaceSelector") is not None
        listed = tuple(term.get("namespaces") or ()) or (namespace,)
        selector = selectors.from_label_selector(term.get("labelSelector"))
        return cls(selector, None if everywhere else listed, term["topologyKey"])

    def matches(self, pod: PodInfo) -> bool:
        return (self.namespaces is None or pod.namespace in self.namespaces) and self.selector.matches(pod.labels)


@dataclass(slots=True)
class Spread:
    """One topologySpreadConstraint: how many matching pods each domain has."""

    key: str
    max_skew: int
    own: int
    """1 if the pod itself matches."""
    counts: dict[str, int] = field(default_factory=dict)
    least: int = 0

    def check(self, node: NodeInfo) -> Reasons:
        value = node.labels.get(self.key)
        if value is None:
            return SPREAD_LABEL
        return FITS if self.counts.get(value, 0) + self.own - self.least <= self.max_skew else SPREAD


@dataclass(slots=True)
class Constraints:
    """What the pods on all nodes mean for one pod."""

    spreads: list[Spread]
    wanted: list[tuple[str, dict[str, int]]]
    """Of each affinity term: topology key, matching pods by its value."""
    first: bool
    """No pod matches any affinity term, and the pod matches its own: it may be the first of its kind."""
    forbidden: dict[Domain, Reasons]

    def check(self, node: NodeInfo) -> Reasons:
        for spread in self.spreads:
            if reasons := spread.check(node):
                return reasons
        for key, counts in self.wanted:
            value = node.labels.get(key)
            if value is None or not (counts.get(value) or self.first):
                return AFFINITY
        if self.forbidden:
            for key, value in node.labels.items():
                if (key, value) in self.forbidden:
                    return self.forbidden[(key, value)]
        return FITS


def constraints(pod: PodInfo, snapshot: Snapshot) -> Constraints | None:
    """None if no rule between pods concerns this one: the common case, and quick."""
    spec = pod.obj.get("spec") or {}
    affinity = _required(spec, "podAffinity", pod.namespace)
    anti = [Term.of(term, pod.namespace) for term in pod.anti_affinity]
    spread = [c for c in spec.get("topologySpreadConstraints") or () if c.get("whenUnsatisfiable") == "DoNotSchedule"]
    forbidden = _repelled(pod, snapshot)
    if not (affinity or anti or spread or forbidden):
        return None
    for term in anti:
        for node, _ in _matching(term, snapshot):
            if term.key in node.labels:
                forbidden.setdefault((term.key, node.labels[term.key]), ANTI_AFFINITY)
    wanted = [(term.key, _domains(term, snapshot)) for term in affinity]
    first = not any(counts for _, counts in wanted) and all(term.matches(pod) for term in affinity)
    return Constraints([_spread(c, pod, snapshot) for c in spread], wanted, first, forbidden)


def _required(spec: Object, which: str, namespace: str) -> list[Term]:
    terms = ((spec.get("affinity") or {}).get(which) or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return [Term.of(term, namespace) for term in terms or ()]


def _repelled(pod: PodInfo, snapshot: Snapshot) -> dict[Domain, Reasons]:
    """Domains whose pods have anti-affinity against this one."""
    found: dict[Domain, Reasons] = {}
    for other in snapshot.repelling.values():
        node = snapshot.nodes.get(other.node)
        if node is None:
            continue
        for term in (Term.of(t, other.namespace) for t in other.anti_affinity):
            if term.key in node.labels and term.matches(pod):
                found[(term.key, node.labels[term.key])] = REPELLED
    return found


def _matching(term: Term, snapshot: Snapshot) -> Iterator[tuple[NodeInfo, PodInfo]]:
    for node in snapshot.nodes.values():
        for other in node.pods.values():
            if term.matches(other):
                yield node, other


def _domains(term: Term, snapshot: Snapshot) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node, _ in _matching(term, snapshot):
        value = node.labels.get(term.key)
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return counts


def _spread(constraint: Mapping[str, Any], pod: PodInfo, snapshot: Snapshot) -> Spread:
    """Counts only nodes that the pod's node affinity allows (nodeAffinityPolicy Honor, the default), and no pod that is
    being deleted."""
    key = constraint["topologyKey"]
    wanted = dict(constraint.get("labelSelector") or {})
    if keys := constraint.get("matchLabelKeys"):
        same = {k: pod.labels[k] for k in keys if k in pod.labels}
        wanted["matchLabels"] = {**(wanted.get("matchLabels") or {}), **same}
    selector = selectors.from_label_selector(wanted if constraint.get("labelSelector") is not None else None)
    spread = Spread(key, int(constraint["maxSkew"]), 1 if selector.matches(pod.labels) else 0)
    honour = constraint.get("nodeAffinityPolicy", "Honor") == "Honor"
    for node in snapshot.nodes.values():
        value = node.labels.get(key)
        if value is None or node.obj is None or (honour and not views.node_matches(pod.obj, node.obj)):
            continue
        here = sum(
            1
            for other in node.pods.values()
            if other.namespace == pod.namespace and not other.deleting and selector.matches(other.labels)
        )
        spread.counts[value] = spread.counts.get(value, 0) + here
    enough = len(spread.counts) >= int(constraint.get("minDomains") or 1)
    spread.least = min(spread.counts.values(), default=0) if enough else 0
    return spread
