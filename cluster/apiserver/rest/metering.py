"""What the door has counted, as Prometheus reads it. Counting costs a look-up and an addition; text is made when asked.

Pure. Must not know requests beyond their labels, nor ask the system. Source: Prometheus, "Text-based format"; names and
labels are the kube-apiserver's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
MEDIA = "text/plain; version=0.0.4; charset=utf-8"


class Labels(NamedTuple):
    """Of one request. `scope`: "resource" (one object), "namespace", "cluster", or "" of what is no resource."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    scope: str = ""


class Sample(NamedTuple):
    """One line: labels and value."""

    labels: Mapping[str, str]
    value: float
    suffix: str = ""


@dataclass(slots=True)
class _Took:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Meter:
    """`inflight`: requests being answered, reading and mutating; `lasting`: watches, logs and conversations."""

    inflight: dict[str, int] = field(default_factory=lambda: {"readOnly": 0, "mutating": 0})
    lasting: dict[Labels, int] = field(default_factory=dict)
    _codes: dict[tuple[Labels, int], int] = field(default_factory=dict)
    _took: dict[Labels, _Took] = field(default_factory=dict)

    def answered(self, labels: Labels, code: int, seconds: float) -> None:
        key = (labels, code)
        self._codes[key] = self._codes.get(key, 0) + 1
        took = self._took.get(labels)
        if took is None:
            took = self._took[labels] = _Took()
        took.buckets[bisect_left(BUCKETS, seconds)] += 1
        took.total += seconds
        took.count += 1

    def counted(self, labels: Labels, code: int) -> None:
        """A request that lasts: its seconds say nothing."""
        self._codes[labels, code] = self._codes.get((labels, code), 0) + 1

    def began(self, labels: Labels) -> None:
        self.lasting[labels] = self.lasting.get(labels, 0) + 1

    def ended(self, labels: Labels) -> None:
        self.lasting[labels] -= 1

    def families(self) -> list[str]:
        """All of it, one text for each metric."""
        requests = [Sample({**_of(labels), "code": str(code)}, count) for (labels, code), count in self._codes.items()]
        lasting = [Sample(_of(labels), count) for labels, count in self.lasting.items()]
        inflight = [Sample({"request_kind": kind}, count) for kind, count in self.inflight.items()]
        return [
            family("apiserver_request_total", "counter", "Requests answered, by verb, resource and code.", requests),
            family("apiserver_request_duration_seconds", "histogram", "Until the answer was there.", self._times()),
            family("apiserver_current_inflight_requests", "gauge", "Requests being answered.", inflight),
            family("apiserver_longrunning_requests", "gauge", "Watches, logs, exec and port-forward.", lasting),
        ]

    def _times(self) -> Iterable[Sample]:
        for labels, took in self._took.items():
            own, sum_ = _of(labels), 0
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), took.buckets, strict=True):
                sum_ += count
                yield Sample({**own, "le": bound}, sum_, "_bucket")
            yield Sample(own, took.total, "_sum")
            yield Sample(own, took.count, "_count")


def family(name: str, type: str, help: str, samples: Iterable[Sample]) -> str:
    """One metric with its lines."""
    lines = [f"# HELP {name} {help}", f"# TYPE {name} {type}"]
    for labels, value, suffix in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        number = str(int(value)) if value == int(value) else repr(float(value))
        lines.append(f"{name}{suffix}{{{shown}}} {number}" if shown else f"{name}{suffix} {number}")
    return "\n".join(lines) + "\n"


def plain(name: str, type: str, help: str, value: float) -> str:
    """A metric without labels."""
    return family(name, type, help, [Sample({}, value)])


def _of(labels: Labels) -> dict[str, str]:
    return labels._asdict()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def by_kind(name: str, type: str, help: str, values: Sequence[tuple[str, float]]) -> str:
    """A metric with one line for each resource."""
    return family(name, type, help, [Sample({"resource": kind}, value) for kind, value in values])
