"""What runs on nodes beside what the API says: promises of the kubelet, judged on the journal's notes of containers.

Must not judge the scheduler or controllers. Notes (written by kubelets): "container" {id, state: running, pod, ip} and
{id, state: exited, code}; "containers" {running: {id: ip}} is what a kubelet finds when it boots. An id is
"pod's uid/container/attempt".

A kubelet can only do its duty while it runs and its node is Ready: `duty` says when that was, and what is to happen
within some time is asked of the stretches that are longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster.api import meta, views
from cluster.history.checker import Check
from cluster.history.finding import Finding
from cluster.history.options import Option, Options
from cluster.history.run import Run
from cluster.history.tally import Object, Objects, Tally, called, notes, observed


@dataclass(slots=True)
class Spell:
    """One incarnation of a container: from its start to its end, both in seconds of the run."""

    uid: str
    name: str
    attempt: int
    node: str
    since: float
    ip: str = ""
    until: float = math.inf
    code: int | None = None
    """Its exit code, None while it is not known."""

    @property
    def called(self) -> str:
        return f"container {self.name} (attempt {self.attempt}) of pod {self.uid}"


def spells(run: Run) -> list[Spell]:
    """All incarnations, in the order of their starts. One that ended while its kubelet was down ended nobody knows
    when: as far as is known it ran until the kubelet went down."""
    found: list[Spell] = []
    live: dict[str, dict[str, Spell]] = {}
    down: dict[str, float] = {}
    for time, host, data, event in notes(run, "container", "containers", "orphan-removed", "crash", "exit"):
        here = live.setdefault(host, {})
        if event in ("crash", "exit"):
            down[host] = time
            continue
        node = run.meta.machines.get(host, host)
        if event == "orphan-removed":
            for id in [id for id in here if id.startswith(f"{data['pod']}/")]:
                here.pop(id).until = time
            continue
        running = data["running"] if event == "containers" else {data["id"]: data.get("ip", "")}
        if event == "containers":
            for id in [id for id in here if id not in running]:
                here.pop(id).until = down.get(host, time)
        elif data["state"] == "exited":
            ended = here.pop(data["id"], None)
            if ended is not None:
                ended.until, ended.code = time, data["code"]
            continue
        for id, ip in running.items():
            if id not in here:
                uid, name, attempt = id.split("/")
                here[id] = Spell(uid, name, int(attempt), node, time, ip)
                found.append(here[id])
    return found


def duty(run: Run) -> dict[str, list[tuple[float, float]]]:
    """node -> stretches of time in which its kubelet ran and the node was Ready."""
    changes: list[tuple[float, str, str, bool]] = []
    for time, host, _, event in notes(run, "boot", "crash", "exit", "pause", "resume"):
        if host.startswith("kubelet-"):
            changes.append((time, run.meta.machines.get(host, host), "up", event in ("boot", "resume")))
    for seen in observed(run, "Node"):
        ready = seen.type != "DELETED" and views.node_ready(seen.object)
        changes.append((seen.time, meta.name_of(seen.object), "ready", ready))
    state: dict[str, dict[str, bool]] = {}
    since: dict[str, float] = {}
    found: dict[str, list[tuple[float, float]]] = {}
    for time, node, what, holds in sorted(changes, key=lambda change: change[0]):
        known = state.setdefault(node, {"up": False, "ready": False})
        before = all(known.values())
        known[what] = holds
        if all(known.values()) and not before:
            since[node] = time
        elif before and not all(known.values()):
            found.setdefault(node, []).append((since.pop(node), time))
    for node, time in since.items():
        found.setdefault(node, []).append((time, run.meta.seconds))
    return found


def _longest(stretches: list[tuple[float, float]], since: float, until: float) -> tuple[float, float]:
    """The longest part of a stretch that lies in that time: (from, to)."""
    parts = [(max(a, since), min(b, until)) for a, b in stretches if min(b, until) > max(a, since)]
    return max(parts, key=lambda part: part[1] - part[0], default=(since, since))


# ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────


def one_incarnation(run: Run, _: Options) -> Finding:
    """Kubernetes, CRI: a container is started again after it has ended; a pod runs on one node."""
    tally = Tally("one-incarnation")
    runs: dict[tuple[str, str], list[Spell]] = {}
    names = _names(run)
    for spell in spells(run):
        tally.looked_at += 1
        before = runs.setdefault((spell.uid, spell.name), [])
        other = next((b for b in before if b.until > spell.since), None)
        if other is not None:
            end = "the end of the run" if other.until == math.inf else f"{other.until:.3f} s"
            tally.wrong(
                f"{spell.called} ({names.get(spell.uid, '?')}) was started on {spell.node} at {spell.since:.3f} s "
                f"while attempt {other.attempt} ran on {other.node} from {other.since:.3f} s to {end}"
            )
        before.append(spell)
    return tally.finding("containers")


def _names(run: Run) -> dict[str, str]:
    return {meta.uid_of(event.object): meta.key_of(event.object) for event in observed(run, "Pod")}


def addresses_distinct(run: Run, _: Options) -> Finding:
    """Kubernetes' network model: every pod has an address of its own while it runs."""
    tally, names = Tally("addresses-distinct"), _names(run)
    hosted = {meta.uid_of(e.object) for e in observed(run, "Pod") if e.object["spec"].get("hostNetwork")}
    users: dict[str, list[Spell]] = {}
    for spell in spells(run):
        if not spell.ip or spell.uid in hosted:
            continue
        tally.looked_at += 1
        before = users.setdefault(spell.ip, [])
        other = next((b for b in before if b.uid != spell.uid and b.until > spell.since), None)
        if other is not None:
            tally.wrong(
                f"pod {names.get(spell.uid, spell.uid)} was given {spell.ip} at {spell.since:.3f} s on {spell.node}, "
                f"which pod {names.get(other.uid, other.uid)} had from {other.since:.3f} s on"
            )
        before.append(spell)
    return tally.finding("containers with an address")


def ended_with_their_pods(run: Run, options: Options) -> Finding:
    """Kubernetes' kubelet: containers of a pod that is not there any more are stopped."""
    tally, stretches, names = Tally("ended-with-their-pods"), duty(run), _names(run)
    gone = {meta.uid_of(e.object): e.time for e in observed(run, "Pod") if e.type == "DELETED"}
    for spell in spells(run):
        if spell.uid not in gone:
            continue
        tally.looked_at += 1
        until = min(spell.until, run.meta.seconds)
        since, to = _longest(stretches.get(spell.node, []), max(gone[spell.uid], spell.since), until)
        if to - since > options["within"]:
            tally.wrong(
                f"{spell.called} ({names.get(spell.uid, '?')}) ran on {spell.node} until {until:.3f} s; its pod was "
                f"gone at {gone[spell.uid]:.3f} s, and from {since:.3f} s on the kubelet was there to stop it"
            )
    return tally.finding("containers of pods that are gone")


def deleted_pods_end(run: Run, options: Options) -> Finding:
    """Kubernetes, "Termination of Pods": within its grace period a pod that is being deleted is stopped and gone."""
    tally, stretches = Tally("deleted-pods-end"), duty(run)
    marked: dict[str, tuple[float, Object]] = {}
    ended: list[tuple[float, Object, float]] = []
    for event in observed(run, "Pod"):
        uid = meta.uid_of(event.object)
        if event.type == "DELETED":
            since, pod = marked.pop(uid, (0.0, event.object))
            if since:
                ended.append((since, pod, event.time))
        elif meta.deleting(event.object) and uid not in marked:
            marked[uid] = (event.time, event.object)
    ended += [(since, pod, run.meta.seconds) for since, pod in marked.values()]
    for since, pod, until in ended:
        node = views.pod_node(pod)
        if not node or meta.finalizers_of(pod):
            continue
        tally.looked_at += 1
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        begun, to = _longest(stretches.get(node, []), since, until)
        if to - begun > grace + options["within"]:
            tally.wrong(
                f"{called(pod)} was to end from {since:.3f} s on, with {grace:g} s of grace, and was there until "
                f"{until:.3f} s, though the kubelet of {node} ran and was in touch from {begun:.3f} s on",
                pod,
            )
    return tally.finding("pods that were deleted")


def own_status(run: Run, _: Options) -> Finding:
    """Kubernetes' kubelet (status manager): a status is written to the pod that it is about, by uid."""
    tally = Tally("own-status")
    for event in observed(run, "Pod"):
        for entry in (event.object.get("status") or {}).get("containerStatuses") or ():
            whose = str(entry.get("containerID", "")).rpartition("//")[2].partition("/")[0]
            tally.looked_at += bool(whose)
            if whose and whose != meta.uid_of(event.object):
                tally.wrong(
                    f"the status of {called(event.object)} (uid {meta.uid_of(event.object)}) tells at "
                    f"{event.time:.3f} s of container {entry['name']} of uid {whose}, a pod that had its name before",
                    event.object,
                )
    return tally.finding("statuses of containers")


def ready_after_probe(run: Run, _: Options) -> Finding:
    """Kubernetes, "Pod Lifecycle": a container with a readiness probe is ready after its first success, and the first
    probe is made initialDelaySeconds after the start."""
    tally = Tally("ready-after-probe")
    started = {f"{s.uid}/{s.name}/{s.attempt}": s.since for s in reversed(spells(run))}
    for event in observed(run, "Pod"):
        delays = _readiness_delays(event.object) if event.type != "DELETED" else {}
        for entry in (event.object.get("status") or {}).get("containerStatuses") or ():
            delay = delays.get(entry["name"])
            since = started.get(str(entry.get("containerID", "")).rpartition("//")[2])
            if delay is None or since is None:
                continue
            tally.looked_at += 1
            if entry.get("ready") and event.time < since + delay - 0.001:
                tally.wrong(
                    f"{called(event.object)} said at {event.time:.3f} s that container {entry['name']} is ready; it "
                    f"runs since {since:.3f} s, and its readiness probe begins {delay:g} s later",
                    event.object,
                )
    return tally.finding("statuses of containers with readiness probes")


def _readiness_delays(pod: Object) -> dict[str, float]:
    probes = {c["name"]: c.get("readinessProbe") or {} for c in views.containers(pod)}
    return {
        name: float(probe["initialDelaySeconds"]) for name, probe in probes.items() if "initialDelaySeconds" in probe
    }


def restart_policy(run: Run, _: Options) -> Finding:
    """Kubernetes, "Container restart policy": Never, OnFailure and Always."""
    tally = Tally("restart-policy")
    pods = {meta.uid_of(e.object): e.object for e in observed(run, "Pod")}
    for before, after in _restarts(run):
        pod = pods.get(after.uid)
        if pod is None or any(c["name"] == after.name for c in views.init_containers(pod)):
            continue
        tally.looked_at += 1
        policy = pod["spec"].get("restartPolicy") or "Always"
        if policy == "Never" or (policy == "OnFailure" and before.code == 0):
            tally.wrong(
                f"{called(pod)} has restartPolicy {policy}, and its container {after.name} was started again at "
                f"{after.since:.3f} s after it had ended with exit code {before.code}",
                pod,
            )
    ran = {(s.uid, s.name) for s in spells(run) if s.code is not None}
    tally.looked_at += sum(1 for uid, _ in ran if uid in pods)
    return tally.finding("containers that ended")


def _restarts(run: Run) -> Iterator[tuple[Spell, Spell]]:
    """Each incarnation with the one before it."""
    last: dict[tuple[str, str], Spell] = {}
    for spell in spells(run):
        before = last.get((spell.uid, spell.name))
        if before is not None and before.until <= spell.since:
            yield before, spell
        last[spell.uid, spell.name] = spell


def crash_backoff(run: Run, _: Options) -> Finding:
    """Kubernetes' kubelet: the first restart is at once, each later one waits twice as long (to a limit)."""
    tally, names = Tally("crash-backoff"), _names(run)
    first = float(run.meta.timing.get("crash_backoff_start", 10.0))
    longest = float(run.meta.timing.get("crash_backoff_max", 300.0))
    for before, after in _restarts(run):
        if after.attempt < 2 or before.until - before.since >= 2 * longest:
            continue
        tally.looked_at += 1
        least = min(first * 2.0 ** (after.attempt - 2), longest)
        waited = after.since - before.until
        if waited < 0.9 * least:
            tally.wrong(
                f"container {after.name} of pod {names.get(after.uid, after.uid)} ended at {before.until:.3f} s and "
                f"was started for the {after.attempt}. time again after {waited:.3f} s, where back-off is {least:g} s"
            )
    return tally.finding("restarts after the first")


def ready_again(run: Run, options: Options) -> Finding:
    """Kubernetes' kubelet (status manager): what others write over a pod's status is written again as it is. Looked at
    where the run ends, of pods without probes."""
    tally, stretches, objects = Tally("ready-again"), duty(run), Objects()
    for event in observed(run, "Pod"):
        objects.take(event)
    since: dict[str, dict[str, float]] = {}
    for spell in spells(run):
        if spell.until == math.inf:
            since.setdefault(spell.uid, {})[spell.name] = spell.since
    for pod in objects.of("Pod").values():
        node, running = views.pod_node(pod), since.get(meta.uid_of(pod), {})
        names = [c["name"] for c in views.containers(pod)]
        probed = any("readinessProbe" in c or "startupProbe" in c for c in views.containers(pod))
        if not node or probed or not views.is_pod_active(pod) or any(name not in running for name in names):
            continue
        tally.looked_at += 1
        begun = max(running.values())
        last = next((a for a, b in reversed(stretches.get(node, [])) if b >= run.meta.seconds), run.meta.seconds)
        calm = max(begun, last)
        if run.meta.seconds - calm > options["within"] and not views.pod_ready(pod):
            tally.wrong(
                f"{called(pod)} is not ready at {run.meta.seconds:.3f} s, though all its containers run since "
                f"{begun:.3f} s and the kubelet of {node} runs and is in touch since {last:.3f} s",
                pod,
            )
    return tally.finding("running pods at the end")


EVENTS, NOTES = ("events",), ("records", "events")
WITHIN: Mapping[str, Option] = {"within": Option("duration", "besides any grace period", 5.0)}
CHECKS: Mapping[str, Check] = {
    "one-incarnation": Check("A container runs once at a time, on one node.", one_incarnation, ("records",)),
    "addresses-distinct": Check("No two running pods have one address.", addresses_distinct, ("records",)),
    "ended-with-their-pods": Check(
        "Containers of pods that are gone are stopped.", ended_with_their_pods, NOTES, WITHIN
    ),
    "deleted-pods-end": Check("A pod that is deleted ends in time.", deleted_pods_end, NOTES, WITHIN),
    "own-status": Check("A pod's status is about its own containers.", own_status, EVENTS),
    "ready-after-probe": Check("No container is ready before its probe can have succeeded.", ready_after_probe, NOTES),
    "restart-policy": Check("What has ended is started again only as its policy says.", restart_policy, NOTES),
    "ready-again": Check("A pod that runs is ready again after trouble.", ready_again, NOTES, WITHIN),
    "crash-backoff": Check("What crashes again and again waits longer each time.", crash_backoff, ("records",)),
}
