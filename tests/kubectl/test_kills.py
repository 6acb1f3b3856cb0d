"""Processes are killed under clients of the REST door: clients carry on or fail cleanly, and watches tell the truth."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import aiohttp
import pytest

from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import eventually
from tests.kubectl.kubectl import LAUNCH, Kubectl, cluster
from tests.kubectl.restclients import Client, connection, wrong_with
from tests.kubectl.row import row, until

pytestmark = [pytest.mark.proc, pytest.mark.timeout(600)]

SUBNET, NAME = 176, "kills"
CLIENTS, GROUPS = 100, 10
PATIENCE = 300.0
"""Seconds after which something hangs."""
SLOW = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  replicas: 2
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}}
    spec: {nodeSelector: {kills: are-over}, containers: [{name: c, image: nginx}]}
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with cluster(tmp_path_factory.mktemp(NAME), NAME, SUBNET, "--masters", "3", "--workers", "1") as one:
        yield one


def act(kubectl: Kubectl, what: str, *names: str) -> None:
    """crash, restart, pause or resume these hosts."""

    async def each() -> None:
        world = await ProcWorld.connect(kubectl.folder / ".capstan" / NAME)
        for name in names:
            await getattr(world, what)(name)
        await world.close()

    asyncio.run(each())


def states(kubectl: Kubectl) -> dict[str, str]:
    """Each host's state."""

    async def ask() -> dict[str, str]:
        world = await ProcWorld.connect(kubectl.folder / ".capstan" / NAME)
        hosts = (await world.status())["hosts"]
        await world.close()
        return {name: host["state"] for name, host in hosts.items()}

    return asyncio.run(ask())


def kill_leader(kubectl: Kubectl) -> None:
    command = [sys.executable, LAUNCH, "kill", "leader:store", "--name", NAME]
    subprocess.run(command, cwd=kubectl.folder, check=True, capture_output=True)


def revive(kubectl: Kubectl) -> None:
    """Whoever is down comes back, and is ready."""
    act(kubectl, "restart", *(name for name, state in states(kubectl).items() if state != "running"))
    for i in range(3):
        kubectl.check(until(f"--context {NAME}-master-{i} get --raw /readyz", "^ok"))


def test_whoever_lives_answers_at_the_balancers_address(kubectl: Kubectl) -> None:
    """Killed or standing still: the next command finds another master, and none has to be repeated."""
    act(kubectl, "crash", "apiserver-0")
    kubectl.check(row("get nodes", "worker-0"))
    act(kubectl, "pause", "apiserver-1")
    kubectl.check(row("get nodes", "worker-0"))
    act(kubectl, "resume", "apiserver-1")
    revive(kubectl)


def test_a_rollout_is_followed_over_the_death_of_its_apiserver(kubectl: Kubectl) -> None:
    kubectl.check(row("apply -f -", "slow created", stdin=SLOW))
    status = kubectl.start("rollout", "status", "deployment/slow", "--timeout=90s")
    watch = kubectl.start("get", "deployment", "slow", "-w", "-o", "jsonpath={.metadata.resourceVersion}{'\\n'}")
    assert status.stdout is not None
    assert watch.stdout is not None
    assert "Waiting" in status.stdout.readline()
    assert watch.stdout.readline().strip().isdecimal()
    kill_leader(kubectl)
    for i in range(3):  # whichever carries the connections
        act(kubectl, "crash", f"apiserver-{i}")
        act(kubectl, "restart", f"apiserver-{i}")
        kubectl.check(until(f"--context {NAME}-master-{i} get --raw /readyz", "^ok"))
    kubectl.check(row("label node worker-0 kills=are-over", "labeled"))
    out, error = status.communicate(timeout=120)
    assert status.returncode == 0, out + error
    assert "successfully rolled out" in out
    shown, complaint = watch.communicate(timeout=60)  # kubectl's get -w ends with its connection
    revisions = [int(line) for line in re.findall(r"^\d+$", shown, re.MULTILINE)]
    assert revisions == sorted(set(revisions))
    assert "panic" not in complaint
    revive(kubectl)


def test_a_hundred_clients_are_told_the_truth(kubectl: Kubectl) -> None:
    """Each watches what ten of them write, while an apiserver and the store's leader are killed: no event is skipped,
    none comes twice or out of order, and what was acknowledged is there."""
    asyncio.run(_hundred(kubectl))


async def _hundred(kubectl: Kubectl) -> None:
    server, tls = connection(kubectl.config, kubectl.folder)
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(server, connector=connector, timeout=timeout) as session:
        clients = [Client(session, number, GROUPS) for number in range(CLIENTS)]
        done = asyncio.Event()
        watching = [asyncio.ensure_future(client.watch()) for client in clients]
        writing = [asyncio.ensure_future(client.write(done, 3.0)) for client in clients]
        try:
            await _all_write(clients, 2)
            for strike in (partial(act, kubectl, "crash", "apiserver-0"), partial(kill_leader, kubectl)):
                await asyncio.to_thread(strike)
                await _all_write(clients, 1)
                await asyncio.to_thread(revive, kubectl)
                await _all_write(clients, 1)
            done.set()
            await asyncio.gather(*writing)
            goal = {group: _newest(clients, group) for group in range(GROUPS)}
            await eventually(
                lambda: all(client.seen.revision >= goal[client.group] for client in clients), within=PATIENCE
            )
        finally:
            for task in (*watching, *writing):
                task.cancel()
            await asyncio.gather(*watching, *writing, return_exceptions=True)
    assert sum(client.seen.breaks for client in clients) > 0, "nobody lost a connection: nothing was shown"
    wrong = [f"{client.writes.name}: {text}" for client in clients for text in wrong_with(client, clients)]
    assert not wrong, "\n".join(wrong[:20])


def _newest(clients: list[Client], group: int) -> int:
    """The last revision that was acknowledged in a group."""
    return max(revision for c in clients if c.group == group for revision in c.writes.acknowledged)


async def _all_write(clients: list[Client], times: int) -> None:
    """Until each has been acknowledged so many writes more."""
    goal = [len(client.writes.acknowledged) + times for client in clients]
    pairs = list(zip(clients, goal, strict=True))
    try:
        await eventually(lambda: all(len(c.writes.acknowledged) >= wanted for c, wanted in pairs), within=PATIENCE)
    except AssertionError:
        late = [c.writes for c, wanted in pairs if len(c.writes.acknowledged) < wanted]
        pytest.fail(f"{len(late)} clients cannot write any more, such as {late[0]}")


def test_an_apiserver_that_is_told_to_end_ends_its_watches_as_one_does(kubectl: Kubectl) -> None:
    """SIGTERM: kubectl's watch is over without an error, and the process is gone by itself."""
    watch = kubectl.start("--context", f"{NAME}-master-2", "get", "ns", "-w", "-o", "name")
    assert watch.stdout is not None
    assert watch.stdout.readline().startswith("namespace/")
    asyncio.run(_told_to_end(kubectl, "apiserver-2"))
    out, error = watch.communicate(timeout=60)
    assert watch.returncode == 0, out + error
    assert error == ""
    assert states(kubectl)["apiserver-2"] == "exit 0"


async def _told_to_end(kubectl: Kubectl, name: str) -> None:
    world = await ProcWorld.connect(kubectl.folder / ".capstan" / NAME)
    os.kill((await world.status())["hosts"][name]["pid"], signal.SIGTERM)
    await world.ended(name)
    await world.close()
