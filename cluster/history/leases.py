"""Who acts as the leader: only the holder of the Lease does.

Must not judge leases of the store (`lease-not-early`). Needs the apiservers' "write" notes, and Leases among the
observer's events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run
from cluster.history.tally import Tally, notes, observed

LEASES: Mapping[str, str] = {"controller-manager": "kube-controller-manager", "scheduler": "kube-scheduler"}
"""By kind of host."""
FREE = ("Lease", "Event")
"""What those who do not lead may write too."""


def one_holder_per_lease(run: Run, options: Options) -> Finding:
    """Kubernetes, client-go's leader election: one at a time acts. `slack`: what a leader has sent in its time may be
    carried out a little later."""
    tally = Tally("one-holder-per-lease")
    held = _tenures(run)
    for now, server, data, _ in notes(run, "write"):
        host = str((data.get("message") or ("",))[0])
        lease = LEASES.get(host.rpartition("-")[0])
        if lease is None or data["kind"] in FREE:
            continue
        tally.looked_at += 1
        holders = held.get(lease, [])
        since, holder = _holder(holders, now)
        if holder in ("", host) or now - since <= options["slack"]:
            continue
        tally.wrong(_sentence(host, server, now, data, lease) + f", which {holder} has held since {since:.3f} s")
    return tally.finding("writes by those who must lead")


def _tenures(run: Run) -> dict[str, list[tuple[float, str]]]:
    """Lease of kube-system: (since when, who) in order. Whoever writes a Lease holds it then: an apiserver's note of
    that is on time, while the observer may hear of it seconds later, from another apiserver. What was not noted counts
    from when it was seen."""
    changes: dict[str, dict[int, tuple[float, str]]] = {}
    for now, _, data, _ in notes(run, "write"):
        namespace, _, name = str(data["key"]).partition("/")
        host = str((data.get("message") or ("",))[0])
        if data["kind"] == "Lease" and namespace == "kube-system" and LEASES.get(host.rpartition("-")[0]) == name:
            changes.setdefault(name, {})[int(data["revision"])] = (now, host)
    for event in observed(run, "Lease"):
        meta, spec = event.object["metadata"], event.object.get("spec") or {}
        if meta.get("namespace") == "kube-system":
            who = "" if event.type == "DELETED" else str(spec.get("holderIdentity") or "")
            revision = int(meta.get("resourceVersion") or 0)
            known = changes.setdefault(meta["name"], {})
            known[revision] = (known.get(revision, (event.time, ""))[0], who)
    held: dict[str, list[tuple[float, str]]] = {}
    for name, known in changes.items():
        for entry in (known[revision] for revision in sorted(known)):
            holders = held.setdefault(name, [])
            if not holders or holders[-1][1] != entry[1]:
                holders.append(entry)
    return held


def _holder(holders: list[tuple[float, str]], now: float) -> tuple[float, str]:
    """(since when, who) holds it at that time."""
    return max((entry for entry in holders if entry[0] <= now), default=(0.0, ""), key=lambda entry: entry[0])


def _sentence(host: str, server: str, now: float, data: Mapping[str, Any], lease: str) -> str:
    return (
        f"{host} acted as the leader at {now:.3f} s ({data['verb']} of {data['kind']} {data['key']} at {server}) "
        f"without the Lease {lease}"
    )


CHECKS: Mapping[str, Check] = {
    "one-holder-per-lease": Check(
        "Only the holder of the Lease acts as controller manager or scheduler.",
        one_holder_per_lease,
        ("records", "events"),
        {"slack": Option("duration", "how long a write may be under way", 0.3)},
    ),
}
