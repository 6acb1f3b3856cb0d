"""Promises that hold at every moment of every run, checked on journals and on watch events after the fact.

Must not run anything: records and events come in, violations with their evidence go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding, saw_nothing
from cluster.history.options import Options
from cluster.history.run import Run
from cluster.world.journal import Record

Event = Mapping[str, Any]
"""As watches give them: {"type": ADDED|MODIFIED|DELETED, "object": ...}, in the order of revisions."""

FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    sentence: str
    evidence: tuple[Any, ...] = ()
    """The journal records, or (namespace/name, resourceVersion) pairs, that show it."""


def one_leader_per_term(records: Iterable[Record]) -> list[Violation]:
    """Raft, election safety (paper, figure 3): at most one leader can be elected in a given term.

    Reads `role` notes with a numeric `term` and the role "leader"; a host that says so twice is still one, and a
    new boot of it is another leader."""
    leaders: dict[int, tuple[str, Record]] = {}
    violations = []
    for record in records:
        if len(record) != 6 or record[4] != "role" or not isinstance(record[5], Mapping):
            continue
        term, role = record[5].get("term"), record[5].get("role")
        if role != "leader" or type(term) is not int:
            continue
        who = f"{record[2]} (boot {record[3]})"
        first, seen = leaders.setdefault(term, (who, record))
        if first != who:
            sentence = f"term {term} has two leaders: {first} and {who}"
            violations.append(Violation("one leader per term", sentence, (seen, record)))
    return violations


def bound_once(events: Iterable[Event]) -> list[Violation]:
    """A pod is bound at most once: `spec.nodeName`, once set, stays what it is for the life of that uid."""
    nodes: dict[str, tuple[str, str]] = {}
    violations = []
    for event in events:
        pod = event["object"]
        node = pod.get("spec", {}).get("nodeName", "")
        if event["type"] == "BOOKMARK":
            continue
        meta = pod["metadata"]
        uid = meta["uid"]
        before, revision = nodes.get(uid, ("", ""))
        if before and node != before:
            sentence = f"pod {_key(meta)} was bound to {before} and then to {node or 'none'}"
            evidence = ((_key(meta), revision), (_key(meta), meta["resourceVersion"]))
            violations.append(Violation("a pod is bound once", sentence, evidence))
        if node != before:
            nodes[uid] = (node, meta["resourceVersion"])
        if event["type"] == "DELETED":
            nodes.pop(uid, None)
    return violations


def one_daemon_pod_per_node(events: Iterable[Event]) -> list[Violation]:
    """No node ever has two pods of one DaemonSet that have not finished; one that is being deleted still counts.

    A pod counts for the node it is bound to, or for the one that its required node affinity names."""
    live: dict[tuple[str, str], dict[str, str]] = {}
    places: dict[str, tuple[str, str]] = {}
    violations = []
    for event in events:
        if event["type"] == "BOOKMARK":
            continue
        pod = event["object"]
        meta = pod["metadata"]
        uid, owner, node = meta["uid"], _daemon_set(meta), _node_of(pod)
        place = places.pop(uid, None)
        if place is not None:
            live[place].pop(uid, None)
        finished = pod.get("status", {}).get("phase") in FINISHED
        if not owner or not node or finished or event["type"] == "DELETED":
            continue
        place = places[uid] = (owner, node)
        here = live.setdefault(place, {})
        here[uid] = _key(meta)
        if len(here) > 1 and event["type"] == "ADDED":
            sentence = f"node {node} has {len(here)} pods of one DaemonSet: {', '.join(here.values())}"
            violations.append(
                Violation("one DaemonSet pod per node", sentence, ((_key(meta), meta["resourceVersion"]),))
            )
    return violations


def _key(meta: Mapping[str, Any]) -> str:
    return f"{meta.get('namespace', '')}/{meta['name']}"


def _daemon_set(meta: Mapping[str, Any]) -> str:
    for owner in meta.get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == "DaemonSet":
            return str(owner["uid"])
    return ""


def _node_of(pod: Mapping[str, Any]) -> str:
    spec = pod.get("spec", {})
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    required = (
        spec.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    )
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field["operator"] == "In" and len(field["values"]) == 1:
                return str(field["values"][0])
    return ""


# ── as checks of a run ───────────────────────────────────────────────────────────────────────────────────────


def _told(check: str, violations: list[Violation], looked_at: int, what: str, evidence: dict[str, Any]) -> Finding:
    if violations:
        sentences = [v.sentence for v in violations]
        return Finding(check, "violated", sentences[0], looked_at, sentences, evidence)
    return Finding(check, "ok", f"holds over {looked_at} {what}", looked_at)


def _pods(run: Run) -> list[Event]:
    return [{"type": e.type, "object": e.object} for e in run.events if e.kind == "Pod" and e.observer == "observer"]


def _judge_bound(run: Run, _: Options) -> Finding:
    events = _pods(run)
    if not events:
        return saw_nothing("bound-once", "events of pods")
    violations = bound_once(events)
    evidence = {"objects": [["Pod", *pair] for v in violations for pair in v.evidence]}
    return _told("bound-once", violations, len(events), "events of pods", evidence)


CHECKS: Mapping[str, Check] = {
    "bound-once": Check("A pod is bound to a node at most once.", _judge_bound, ("events",)),
}
