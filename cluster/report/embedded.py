"""What the page's drawings need of a run, as a header of plain data and tables of whole numbers (`columns`).

Pure. Must not draw. Times in tables are whole microseconds, in the header seconds. Texts are numbers into lists.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.api.meta import condition, deleting, key_of
from cluster.api.views import pod_node, pod_phase, pod_ready
from cluster.history.containers import spells
from cluster.history.record import NEVER, Operation
from cluster.history.run import Run, Seen
from cluster.report.bands import Band
from cluster.report.hosts import HostStory, terms
from cluster.report.latency import OUTCOMES, Series
from cluster.report.messages import Message

Tables = dict[str, dict[str, list[int]]]
LONGEST = 120
"""Characters of one value in a tooltip."""
WORD = 1 << 32
"""Ids of messages carry their sender's boot in the bits above; it has a column of its own."""


class Words:
    """Texts, each once: `number` gives its place in `list`."""

    def __init__(self, *first: str) -> None:
        self._numbers: dict[str, int] = {}
        for text in first:
            self.number(text)

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def list(self) -> list[str]:
        return [*self._numbers]


def micros(seconds: float) -> int:
    return round(seconds * 1e6)


def operations_table(operations: Iterable[Operation], header: dict[str, Any]) -> dict[str, list[int]]:
    """`took` is -1 for an operation of unknown outcome. Lanes are clients, in the order of their first operation."""
    clients, kinds, keys, modes, sites, texts = Words(), Words(), Words(), Words(), Words(), Words("")
    rows: list[tuple[int, ...]] = []
    for number, o in enumerate(operations):
        took = -1 if o.end == NEVER else micros(o.end) - micros(o.start)
        rows.append((
            micros(o.start), took, clients.number(o.client), o.process, kinds.number(o.kind), keys.number(o.key),
            OUTCOMES.index(o.outcome), modes.number(o.mode), sites.number(o.site), texts.number(text_of(o.value)),
            texts.number(text_of(o.result)), texts.number(o.error), number,
        ))  # fmt: skip
    rows.sort(key=lambda row: (row[0], row[-1]))
    header["operations"] = {
        "clients": clients.list, "kinds": kinds.list, "keys": keys.list, "modes": modes.list, "sites": sites.list,
        "texts": texts.list, "outcomes": list(OUTCOMES),
    }  # fmt: skip
    names = ("+start", "took", "client", "process", "kind", "key", "outcome", "mode", "site", "value", "result",
             "error", "+number")  # fmt: skip
    return _columns(names, rows)


def messages_table(
    messages: Sequence[Message], stories: Sequence[HostStory], header: dict[str, Any]
) -> dict[str, list[int]]:
    """`took`: from sending to arrival or drop, -1 if it was not seen again. `fate` 0: delivered; else into `fates`.
    `flags`: 1 a copy, 2 its sender's line is not there."""
    hosts, kinds, fates = Words(*(story.name for story in stories)), Words(), Words("")
    rows = [
        (
            micros(m.sent),
            -1 if m.arrived is None else max(0, micros(m.arrived) - micros(m.sent)),
            hosts.number(m.src),
            hosts.number(m.dst),
            m.boot,
            m.to_boot,
            m.id % WORD,
            m.corr % WORD,
            m.size,
            kinds.number(m.kind),
            fates.number(m.fate),
            m.lamport,
            m.arrival_lamport,
            m.copy | (not m.told) << 1,
        )  # fmt: skip
        for m in messages
    ]
    header["kinds"], header["fates"] = kinds.list, fates.list
    header["hostNames"] = hosts.list
    names = ("+sent", "took", "src", "dst", "boot", "toBoot", "+id", "+corr", "size", "kind", "fate", "+lamport",
             "+arrival", "flags")  # fmt: skip
    return _columns(names, rows)


def writes(run: Run) -> list[list[Any]]:
    """[time, apiserver, kind, key, revision, verb, user, [host, boot, id] or None], in the order of time."""
    found = []
    for record in run.records:
        if record[4] != "write" or not isinstance(record[5], Mapping):
            continue
        data = record[5]
        message = data.get("message")
        found.append([
            record[0], record[2], str(data.get("kind", "")), str(data.get("key", "")), str(data.get("revision", "")),
            str(data.get("verb", "")), str(data.get("user", "")),
            list(message) if isinstance(message, list | tuple) and len(message) == 3 else None,
        ])  # fmt: skip
    return sorted(found, key=lambda row: row[0])


def objects(events: Iterable[Seen]) -> list[dict[str, Any]]:
    """One object's whole life as its first observer saw it: {"kind", "key", "changes": [[time, revision, what]]};
    `what` None: deleted; of a Pod: {node, phase, ready, leaving, uid}; of a Node: {ready, off, taints}; else a text."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    eyes = ""
    for event in events:
        eyes = eyes or event.observer
        if event.observer != eyes:
            continue
        key = key_of(event.object)
        life = found.setdefault((event.kind, key), {"kind": event.kind, "key": key, "changes": []})
        revision = str(event.object.get("metadata", {}).get("resourceVersion", ""))
        life["changes"].append([event.time, revision, None if event.type == "DELETED" else brief(event)])
    return [found[place] for place in sorted(found)]


def brief(event: Seen) -> Any:
    obj = event.object
    status = obj.get("status") or {}
    if event.kind == "Pod":
        uid = obj["metadata"].get("uid", "")
        return {
            "node": pod_node(obj), "phase": pod_phase(obj), "ready": pod_ready(obj), "leaving": deleting(obj),
            "uid": uid,
        }  # fmt: skip
    if event.kind == "Node":
        spec = obj.get("spec") or {}
        taints = [f"{t.get('key', '')}:{t.get('effect', '')}" for t in spec.get("taints") or ()]
        ready = str((condition(obj, "Ready") or {}).get("status", "Unknown"))
        return {"ready": ready, "off": bool(spec.get("unschedulable")), "taints": taints}
    if event.kind == "Lease":
        return f"held by {(obj.get('spec') or {}).get('holderIdentity', '')}"
    if event.kind in ("EndpointSlice", "Endpoints"):
        count = sum(bool((e.get("conditions") or {}).get("ready")) for e in obj.get("endpoints") or ())
        count += sum(len(s.get("addresses") or ()) for s in obj.get("subsets") or ())
        return f"{count} ready"
    if event.kind == "Event":
        return f"{obj.get('reason', '')}: {obj.get('message', '')}"[:LONGEST]
    if "replicas" in (obj.get("spec") or {}):
        return f"{status.get('readyReplicas', 0)} of {obj['spec']['replicas']} ready"
    if "desiredNumberScheduled" in status:
        return f"{status.get('numberReady', 0)} of {status['desiredNumberScheduled']} ready"
    return "there"


def embedded(
    run: Run, messages: Sequence[Message], stories: Sequence[HostStory], found: Sequence[Band], plots: Series
) -> tuple[dict[str, Any], Tables]:
    meta = run.meta
    header: dict[str, Any] = {
        "seconds": meta.seconds,
        "began": meta.began,
        "engine": meta.engine,
        "bands": [band.data() for band in found],
        "phases": [[name, *span] for name, span in meta.phases.items()],
        "moments": [[m.time, m.text, m.place, m.outcome] for m in run.moments],
        "hosts": [_host(story) for story in stories],
        "terms": [list(term) for term in terms(stories)],
        "series": plots.data(),
        "containers": [
            [spell.uid, spell.name, spell.node, spell.since, None if math.isinf(spell.until) else spell.until]
            for spell in spells(run)
        ],
        "writes": writes(run),
        "objects": objects(run.events),
    }
    tables: Tables = {
        "operations": operations_table(run.operations, header),
        "messages": messages_table(messages, stories, header),
    }
    return header, tables


def _host(story: HostStory) -> dict[str, Any]:
    return {
        "name": story.name,
        "machine": story.machine,
        "component": story.component,
        "member": story.member,
        "life": story.life,
        "roles": story.roles,
        "logs": story.logs,
        "offices": story.offices,
        "cached": story.cached,
        "notes": [[time, event, text_of(data)] for time, event, data in story.notes],
    }


def _columns(names: Sequence[str], rows: Sequence[tuple[int, ...]]) -> dict[str, list[int]]:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def text_of(value: Any) -> str:
    """A value for people: JSON where it can be, cut at `LONGEST`."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, default=_plain)
        except (TypeError, ValueError):
            text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)
