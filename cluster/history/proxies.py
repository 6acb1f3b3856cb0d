"""Where proxies send connections: to endpoints that are ready, or not for long any more.

Must not judge the EndpointSlices between pods and proxies: what counts is what the pods say and what the proxies do.
Notes (written by proxies): "endpoints" {service, ready: [ip, ...]} whenever a Service's addresses change in its table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.containers import duty
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run, Seen
from cluster.history.tally import Tally, notes, observed

Place = tuple[str, str, str]
"""(proxy, service, address)"""


@dataclass(slots=True)
class _Belief:
    """What proxies believe and what pods say, up to one moment."""

    within: float
    tally: Tally
    duty: Mapping[str, list[tuple[float, float]]]
    """proxy -> stretches in which its node was in touch: nobody else can know what its proxy should"""
    ready: dict[str, set[str]] = field(default_factory=dict)
    """address -> uids of the ready pods that have it"""
    dead: dict[str, float] = field(default_factory=dict)
    """address -> since when no ready pod has had it"""
    routed: dict[Place, float] = field(default_factory=dict)
    """since when a proxy sends connections there"""
    told: dict[Place, bool] = field(default_factory=dict)

    def pod(self, event: Seen) -> None:
        address, uid = views.pod_ip(event.object), meta.uid_of(event.object)
        if not address:
            return
        users = self.ready.setdefault(address, set())
        if event.type != "DELETED" and views.pod_ready(event.object) and views.is_pod_active(event.object):
            users.add(uid)
            self.dead.pop(address, None)
        else:
            users.discard(uid)
            if not users:
                self.dead.setdefault(address, event.time)

    def table(self, now: float, proxy: str, service: str, addresses: list[str]) -> None:
        for place in [p for p in self.routed if p[:2] == (proxy, service) and p[2] not in addresses]:
            del self.routed[place]
            self.told.pop(place, None)
        for address in addresses:
            self.routed.setdefault((proxy, service, address), now)

    def restarted(self, proxy: str) -> None:
        for place in [p for p in self.routed if p[0] == proxy]:
            del self.routed[place]

    def _in_touch(self, proxy: str, now: float) -> float:
        """Since when; infinity if it is not."""
        return next((a for a, b in self.duty.get(proxy, ()) if a <= now <= b), math.inf)

    def look(self, now: float) -> None:
        """What was wrong for too long until now."""
        for place, since in self.routed.items():
            proxy, service, address = place
            wrong = max(since, self.dead.get(address, 0.0), self._in_touch(proxy, now))
            if self.ready.get(address):
                continue
            if now - wrong > self.within and place not in self.told:
                self.told[place] = True
                self.tally.wrong(
                    f"{proxy} sent connections of {service} to {address} from {wrong:.3f} s to {now:.3f} s, and no pod "
                    "with that address was ready in that time"
                )


def proxies_follow(run: Run, options: Options) -> Finding:
    """Kubernetes, "Virtual IPs and Service Proxies": new connections go to ready endpoints. Asked of proxies while
    their nodes are Ready and their kubelets run."""
    tally, stretches = Tally("proxies-follow"), duty(run)
    # After an outage its watches take their time to be opened anew; before the first there was none.
    late = {
        node: [*found[:1], *((a + options["reconnect"], b) for a, b in found[1:])] for node, found in stretches.items()
    }
    belief = _Belief(options["within"], tally, {h: late.get(m, []) for h, m in run.meta.machines.items()})
    stories: list[tuple[float, int, Any]] = [(event.time, 0, event) for event in observed(run, "Pod")]
    stories += [(at, 1, (host, data, event)) for at, host, data, event in notes(run, "endpoints", "boot", "crash")]
    for now, what, story in sorted(stories, key=lambda entry: entry[:2]):
        belief.look(now)
        if what == 0:
            belief.pod(story)
            continue
        host, data, event = story
        if event == "endpoints":
            tally.looked_at += 1
            belief.table(now, host, data["service"], data["ready"])
        else:
            belief.restarted(host)
    belief.look(run.meta.seconds)
    return tally.finding("changes of proxies' tables")


CHECKS: Mapping[str, Check] = {
    "proxies-follow": Check(
        "No proxy sends connections where no pod has been ready for some time.",
        proxies_follow,
        ("records", "events"),
        {
            "within": Option("duration", "for so long", 5.0),
            "reconnect": Option("duration", "how long its watches may take after its node was cut off", 6.0),
        },
    ),
}
