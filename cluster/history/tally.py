"""What a check on objects gathers on its way through a run: sentences about what is wrong, and how much it looked at.

Must not judge. `Objects` is the cluster as the run's own observer saw it, one event after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta
from cluster.history.finding import Finding, saw_nothing
from cluster.history.run import Run, Seen

Object = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """`looked_at`: what was judged so far. One sentence for each thing that is wrong, with the objects that show it."""

    check: str
    looked_at: int = 0
    sentences: list[str] = field(default_factory=list)
    objects: list[tuple[str, str, str]] = field(default_factory=list)

    def wrong(self, sentence: str, *shown: Object) -> None:
        self.sentences.append(sentence)
        self.objects.extend(reference(obj) for obj in shown)

    def finding(self, what: str) -> Finding:
        """`what` was looked at: "events of pods"."""
        if self.sentences:
            evidence = {"objects": [list(entry) for entry in dict.fromkeys(self.objects)]}
            first, more = self.sentences[0], len(self.sentences) - 1
            summary = f"{first} (and {more} more)" if more else first
            return Finding(self.check, "violated", summary, self.looked_at, tuple(self.sentences), evidence)
        if not self.looked_at:
            return saw_nothing(self.check, what)
        return Finding(self.check, "ok", f"holds over {self.looked_at} {what}", self.looked_at)


def reference(obj: Object) -> tuple[str, str, str]:
    """(kind, namespace/name, resourceVersion): how evidence names one version of an object."""
    return str(obj.get("kind", "")), meta.key_of(obj), str(obj["metadata"].get("resourceVersion", ""))


def called(obj: Object) -> str:
    """ "Pod default/web-0": how sentences name an object."""
    return f"{obj.get('kind', '')} {meta.key_of(obj)}"


@dataclass(slots=True)
class Objects:
    """What there is of each kind, by key, after the last event that was taken."""

    kinds: dict[str, dict[str, Object]] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Object]:
        return self.kinds.setdefault(kind, {})

    def take(self, event: Seen) -> Object | None:
        """The object as it was before; None for a new one."""
        shelf, key = self.of(event.kind), meta.key_of(event.object)
        before = shelf.get(key)
        if event.type == "DELETED":
            shelf.pop(key, None)
        else:
            shelf[key] = event.object
        return before


def observed(run: Run, *kinds: str) -> Iterator[Seen]:
    """Events of these kinds (none: all) as the run's own observer saw them."""
    for event in run.events:
        if event.observer == "observer" and (not kinds or event.kind in kinds):
            yield event


def notes(run: Run, *events: str) -> Iterator[tuple[float, str, Mapping[str, Any], str]]:
    """(time, host, data, event) of the journal's notes with these names."""
    for record in run.records:
        if len(record) == 6 and record[4] in events:
            yield float(record[0]), str(record[2]), record[5], str(record[4])
