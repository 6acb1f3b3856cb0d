"""`tour`: the main job, narrated from what is measured while it runs. Nothing that it prints is written in advance.

Each stop is a function that does something, sees something, and states what it expected. Exit status 0 only if every
expectation held. `--json` prints the same as data.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cluster.api.meta import deleting, name_of, uid_of
from cluster.api.views import pod_node, pod_ready
from cluster.cli import output as out
from cluster.cli.cap import ledger_table
from cluster.cli.lifecycle import add_worker, endpoint, make_spec, remove_worker, start_cluster, wait_ready
from cluster.cli.manifests import load
from cluster.cli.objects import apply_one
from cluster.cli.observer import Observer
from cluster.cli.session import STATE, Session
from cluster.cli.story import Story
from cluster.config import ClusterSpec
from cluster.errors import StatusError, UsageError
from cluster.experiments.cap import Setup, run_cap
from cluster.report.failover import FailoverClock, last_renewal
from cluster.topology import Placement, members, workers
from cluster.world.proc.launch import down
from cluster.world.proc.registry import is_free
from cluster.world.proc.world import ProcWorld

Object = dict[str, Any]
NAME = "tour"
MANIFESTS = Path(__file__).resolve().parents[2] / "scenarios" / "manifests"
LABELS = {"app": "nginx"}


@click.command("tour")
@click.option("--json", "as_json", is_flag=True, help="The same as data.")
@click.option("--keep", is_flag=True, help="Leave the cluster up at the end, to look around.")
def tour_command(as_json: bool, keep: bool) -> int:
    """The main job, narrated: up, an app, CAP, failover, a DaemonSet, down."""
    return asyncio.run(_tour(Story(quiet=as_json), keep))


async def _tour(story: Story, keep: bool) -> int:
    where = Path.cwd() / STATE / NAME
    if where.exists():
        down(where, wipe=True)
    spec = make_spec(where, masters=3, workers=3, engine="raft", profile="fast", runtime="process", zones="", subnet=0)
    placed: list[Placement] = []
    try:
        try:
            placed = await _up(story, spec, where)
            async with Session(NAME) as session:
                await _deployment(story, session)
                await _cap(story, session)
                await _failover(story, session)
                await _daemonset(story, session)
        except (StatusError, UsageError, AssertionError, TimeoutError) as error:
            story.expect(False, f"the tour goes on to its end: {type(error).__name__}: {error}")
    finally:
        if not keep:
            await _down(story, spec, where, placed)
    seconds = time.monotonic() - story.began
    story.data |= {"seconds": round(seconds, 1), "expectations": story.expectations, "failed": story.failed}
    if story.quiet:
        print(out.to_json(story.data))
    held = len(story.expectations) - len(story.failed)
    story.say(f"\n{held} of {len(story.expectations)} expectations held, in {seconds:.0f} s.")
    for text in story.failed:
        story.say(f"FAILED: {text}")
    return 1 if story.failed else 0


# ── 1 up ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _up(story: Story, spec: ClusterSpec, where: Path) -> list[Placement]:
    story.title(f"1 Up: {spec.masters} masters, {spec.workers} workers")
    began = time.monotonic()
    world, placed = await start_cluster(spec, where)
    await world.close()
    async with Session(NAME) as session:
        await wait_ready(session, workers(spec))
        seconds = time.monotonic() - began
        hosts = list((await session.world.status())["hosts"].values())
    by_machine: dict[str, list[str]] = {}
    for host in hosts:
        by_machine.setdefault(host["machine"], []).append(f"{host['name']} {host['pid']}")
    for machine, names in by_machine.items():
        story.say(f"   {machine}: {', '.join(names)}")
    alive = [h for h in hosts if _alive(h["pid"])]
    story.data["up"] = {"ready_seconds": round(seconds, 3), "pids": {h["name"]: h["pid"] for h in hosts}}
    story.expect(len({h["pid"] for h in alive}) == len(placed) == 19, f"{len(alive)} OS processes of their own run")
    story.expect(True, f"all nodes Ready {seconds:.2f} s after the start")
    return placed


def _alive(pid: int | None) -> bool:
    try:
        os.kill(pid or -1, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return bool(pid)


# ── 2 a Deployment behind a Service ──────────────────────────────────────────────────────────────────────────


async def _until(what: str, holds: Callable[[], Any], within: float, every: float = 0.03) -> float:
    """Seconds until `holds()` (awaited if need be) is true; TimeoutError naming what was waited for."""
    start = time.monotonic()
    while True:
        result = holds()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return time.monotonic() - start
        if time.monotonic() - start > within:
            raise TimeoutError(f"{what} did not happen within {within:g} s")
        await asyncio.sleep(every)


async def _pods(session: Session, labels: str = "app=nginx", namespace: str = "default") -> list[Object]:
    client = await session.client()
    items: list[Object] = (await client.list("Pod", namespace, labels=labels))["items"]
    return items


async def fetch(ip: str, port: int, timeout: float = 2.0) -> str:
    """One HTTP GET over a TCP connection of its own; the whole answer. OSError or TimeoutError if there is none."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(ip, port)
        try:
            writer.write(f"GET / HTTP/1.1\r\nHost: {ip}\r\nConnection: close\r\n\r\n".encode())
            data = await reader.read()
        finally:
            writer.close()
    return data.decode(errors="replace")


async def _answering(ip: str, port: int, names: list[str], tries: int) -> dict[str, int]:
    """How many of `tries` connections each pod answered."""
    counts = dict.fromkeys(names, 0)
    for _ in range(tries):
        try:
            text = await fetch(ip, port)
        except (OSError, TimeoutError):
            continue
        for name in names:
            counts[name] += name in text
    return counts


async def _deployment(story: Story, session: Session) -> None:
    story.title("2 A Deployment of two nginx pods behind a Service")
    client = await session.client()
    began = time.monotonic()
    for obj in load([str(MANIFESTS / "deployment-nginx.yaml")]):
        story.say(f"   {out.reference(obj)} {await apply_one(client, obj, 'default')}")

    async def both_ready() -> bool:
        return sum(pod_ready(p) for p in await _pods(session)) == 2

    await _until("two ready pods", both_ready, 20)
    ready = time.monotonic() - began
    pods = await _pods(session)
    for pod in pods:
        story.say(f"   {name_of(pod)} runs on {pod_node(pod)} at {pod['status']['podIP']}")
    service = await client.get("Service", "nginx", "default")
    ip, port = service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]
    counts: dict[str, int] = {}

    async def all_answer() -> bool:
        for name, count in (await _answering(ip, port, [name_of(p) for p in pods], 6)).items():
            counts[name] = counts.get(name, 0) + count
        return all(counts.values())

    await _until("an answer from each pod", all_answer, 10)
    story.expect(True, f"both pods are Ready after {ready:.2f} s")
    told = ", ".join(f"{c} from {n}" for n, c in counts.items())
    story.expect(all(counts.values()), f"the Service's address {ip}:{port} answers over TCP: {told}")
    successor, seconds = await _replace(session, pods[0])
    story.data["deployment"] = {"ready_seconds": round(ready, 3), "service": f"{ip}:{port}", "answers": counts}
    story.data["deployment"] |= {"deleted": name_of(pods[0]), "successor": successor, "seconds": round(seconds, 3)}
    story.expect(bool(successor), f"{name_of(pods[0])} was deleted; {successor} took its place after {seconds:.2f} s")


async def _replace(session: Session, pod: Object) -> tuple[str, float]:
    """Delete the pod; the name of its ready successor, and how long that took."""
    before = {uid_of(p) for p in await _pods(session)}
    await (await session.client()).delete("Pod", name_of(pod), "default", grace=1)
    found: list[str] = []

    async def replaced() -> bool:
        found[:] = [name_of(p) for p in await _pods(session) if uid_of(p) not in before and pod_ready(p)]
        return bool(found)

    seconds = await _until("a successor", replaced, 20)
    return found[0], seconds


# ── 3 CAP ────────────────────────────────────────────────────────────────────────────────────────────────────


async def _cap(story: Story, session: Session) -> None:
    story.title("3 CAP: the store leader's machine is cut from the others")
    names = members(session.spec)
    hosts = {h["name"]: h["machine"] for h in (await session.world.status())["hosts"].values()}
    setup = Setup(names, {m: hosts[m] for m in names}, keepalive=session.spec.timing.watch_keepalive)
    report = await run_cap(session.world, setup)
    story.data["cap"] = report.data()
    story.say(
        f"   v0 was written; then {','.join(report.minority)} | {','.join(report.majority)} ({report.leader} led)"
    )
    story.say("   " + ledger_table(report).replace("\n", "\n   "))
    problems = report.problems()
    story.expect(
        not problems,
        "; ".join(problems)
        or "the majority goes on, the minority refuses, and only serializable reads there are stale",
    )
    story.expect(
        report.serializable_on_minority == "v0",
        f"on the minority a serializable read said {report.serializable_on_minority!r}, the majority was beyond it",
    )
    if report.new_leader_seconds is not None and report.first_write_seconds is not None:
        story.say(
            f"   {report.new_leader} led {report.new_leader_seconds:.2f} s after the cut, "
            f"the first write was acknowledged after {report.first_write_seconds:.2f} s"
        )
    digests = ", ".join(sorted(set(report.replicas.values())))
    story.expect(
        report.heal_seconds is not None,
        f"after healing all {len(report.replicas)} replicas agreed in {report.heal_seconds or 0:.2f} s: {digests}",
    )
    story.expect(report.linearizable == "ok", f"{len(report.history)} operations checked: {report.message}")


# ── 4 failover ───────────────────────────────────────────────────────────────────────────────────────────────


async def _failover(story: Story, session: Session) -> None:
    client = await session.client()
    pods = [p for p in await _pods(session) if not deleting(p)]
    node = pod_node(pods[0])
    story.title(f"4 Failover: {node} loses its power")
    clock = FailoverClock(node, LABELS, "nginx")
    clock.start(pods)
    async with Observer(client, ("Node", "Pod", "EndpointSlice")) as observer:
        observer.on_event(lambda kind, type, obj: clock.feed(kind, type, obj, time.time()))
        await observer.synced()
        await session.world.poweroff(node)
        renewed = last_renewal(await client.get("Lease", node, "kube-node-lease"))
        timing = session.spec.timing
        story.say(
            f"   the power went {time.time() - renewed:.2f} s after the last renewal of its lease; the profile says: "
            f"noticed after {timing.node_monitor_grace:g} s of silence, evicted {timing.default_toleration:g} s later"
        )
        limit = timing.node_monitor_grace + timing.default_toleration + 15
        try:
            await _until("the whole chain of the failover", clock.done, limit)
        except TimeoutError:
            story.say(f"   not seen: {', '.join(s.name for s in clock.steps(renewed, timing) if s.seconds is None)}")
    steps = clock.steps(renewed, timing)
    rows = [
        [
            s.name,
            "-" if s.seconds is None else f"{s.seconds:.2f} s",
            f"{s.predicted[0]:.1f} to {s.predicted[1]:.1f} s",
            s.what,
        ]
        for s in steps
    ]
    table = out.render_table(["STEP", "SINCE LAST RENEWAL", "PREDICTED", "WHAT"], rows)
    story.say("   " + table.replace("\n", "\n   "))
    story.data["failover"] = {
        "node": node,
        "victims": list(clock.victims.values()),
        "steps": [asdict(s) for s in steps],
    }
    story.expect(clock.done(), "every step of the chain was seen")
    early = [
        s.name for s in steps if s.seconds is not None and not s.predicted[0] - 0.25 <= s.seconds <= s.predicted[1]
    ]
    story.expect(
        not early, f"each step came when the timing profile predicts it{': not ' + ', '.join(early) if early else ''}"
    )
    await session.world.poweron(node)
    await wait_ready(session, [node])


# ── 5 a DaemonSet ────────────────────────────────────────────────────────────────────────────────────────────


async def _daemonset(story: Story, session: Session) -> None:
    story.title("5 A DaemonSet, and a worker that joins and leaves")
    client = await session.client()
    most: dict[str, int] = {}
    live: dict[str, tuple[str, bool]] = {}

    def count(kind: str, type: str, obj: Object) -> None:
        if obj["metadata"].get("labels", {}).get("app") != "log-agent":
            return
        live[uid_of(obj)] = (pod_node(obj), type != "DELETED" and not deleting(obj))
        for node, counts in live.values():
            if node and counts:
                most[node] = max(most.get(node, 0), sum(n == node and c for n, c in live.values()))

    async with Observer(client, ("Pod",)) as observer:
        observer.on_event(count)
        await observer.synced()
        for obj in load([str(MANIFESTS / "daemonset-log-agent.yaml")]):
            story.say(f"   {out.reference(obj)} {await apply_one(client, obj, 'default')}")
        seconds = await _until("a pod on each worker", lambda: _on_each(session, workers(session.spec)), 20)
        story.expect(True, f"a log-agent runs on each of {', '.join(workers(session.spec))} after {seconds:.2f} s")
        began = time.monotonic()
        joined = await add_worker(session)
        await wait_ready(session, [joined])
        ready = time.monotonic() - began
        await _until(f"a pod on {joined}", lambda: _on_each(session, [*workers(session.spec), joined]), 20)
        took = time.monotonic() - began
        story.expect(True, f"{joined} joined, was Ready after {ready:.2f} s and had its pod after {took:.2f} s")
        began = time.monotonic()
        await remove_worker(session, joined)
        await _until("the reclaiming of the pod", lambda: _none_on(session, joined), 30)
        reclaimed = time.monotonic() - began
        story.expect(True, f"{joined} left; its pod was reclaimed after {reclaimed:.2f} s")
    twice = [node for node, count_ in most.items() if count_ > 1]
    story.expect(bool(most) and not twice, f"no node ever had two of them ({len(live)} pods on {len(most)} nodes seen)")
    story.data["daemonset"] = {
        "joined": joined,
        "ready_seconds": ready,
        "pod_seconds": took,
        "reclaimed_seconds": reclaimed,
    }
    story.data["daemonset"]["most_per_node"] = most


async def _on_each(session: Session, nodes: list[str]) -> bool:
    pods = await _pods(session, "app=log-agent", "kube-system")
    return sorted(pod_node(p) for p in pods if pod_ready(p)) == sorted(nodes)


async def _none_on(session: Session, node: str) -> bool:
    pods = await _pods(session, "app=log-agent", "kube-system")
    return all(pod_node(p) != node for p in pods)


# ── 6 down ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _down(story: Story, spec: ClusterSpec, where: Path, placed: list[Placement]) -> None:
    if not (where / "cluster.json").exists():
        return
    story.title("6 Down")
    pids = list(story.data.get("up", {}).get("pids", {}).values())
    if ProcWorld(where).layout.is_up():
        down(where)
    left = [pid for pid in pids if _alive(pid)]
    taken = [f"{ip}:{port}" for ip, port in (endpoint(spec, p) for p in placed) if not is_free(ip, port)]
    sockets = [p.name for p in (where / "run").glob("*.sock")] if (where / "run").exists() else []
    story.data["down"] = {"ended": len(pids) - len(left), "left": left, "ports": taken, "sockets": sockets}
    story.expect(not left, f"{len(pids) - len(left)} processes ended, {len(left)} left")
    story.expect(
        not taken and not sockets,
        f"no socket is left of {len(placed)}{': ' + str(taken + sockets) if taken + sockets else ''}",
    )
