"""Partitions on real processes: acknowledged, gapless, obeyed by those who stood still; and their evidence."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from cluster.wire import encode
from cluster.world.faults import Partition, to_data
from cluster.world.host import Envelope
from cluster.world.journal import DELIVER, DROP, SEND, read
from cluster.world.proc.bus import BusOptions, ZmqBus
from cluster.world.proc.control import frame
from cluster.world.proc.gate import Gate
from cluster.world.proc.journal import Journal
from cluster.world.proc.network import Network, VersionPage
from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec, eventually
from tests.proc.trees import journal, pids, play, tree

pytestmark = pytest.mark.proc

SIDES = {"left": ("a-0", "a-1"), "right": ("b-0", "b-1")}
EVERYBODY = (*SIDES["left"], *SIDES["right"])


async def chat(world: ProcWorld) -> None:
    """Four hosts on two machines, all talking to all, until all have been heard."""
    spec = Spec("tests.proc.chatter:run", {"peers": EVERYBODY})
    await asyncio.gather(
        *(world.start(name, machine, spec) for machine, names in SIDES.items() for name in names),
    )
    await asyncio.sleep(0.3)


def crossings(directory: Path, begin: float, end: float) -> list[str]:
    """Deliveries across the cut in that time, by every host's own journal."""
    found = []
    for mine, theirs in (("left", "right"), ("right", "left")):
        for name in SIDES[mine]:
            for record in journal(directory, name):
                if record[4] == DELIVER and record[6] in SIDES[theirs] and begin <= record[0] <= end:
                    found.append(f"{record[6]} -> {name} at {record[0] - begin:.6f}")
    return found


def test_not_one_message_crosses_after_partition_has_returned_and_all_flows_after_heal() -> None:
    with tree() as directory:
        times: list[float] = []

        async def scenario(world: ProcWorld) -> None:
            await chat(world)
            for _ in range(3):
                id = await world.fault(Partition(src=("left",), dst=("right",)))
                times.append(world.time())
                await asyncio.sleep(0.2)
                (rule,) = (await world.status())["rules"]
                assert rule["hit"] > 100
                times.append(world.time())
                await world.heal(id)
                await asyncio.sleep(0.2)
                times.append(world.time())

        play(directory, scenario)
        for i in range(0, len(times), 3):
            begin, end, later = times[i : i + 3]
            assert crossings(directory, begin, end) == []
            assert len(crossings(directory, end, later)) > 100
        drops = [r for r in journal(directory, "a-0") if r[4] == DROP and r[8] == "f1"]
        assert {r[6] for r in drops} == set(SIDES["right"])
        assert all(r[4] != SEND or r[6] in EVERYBODY for r in journal(directory, "a-0"))


def test_a_process_that_stood_still_when_it_was_cut_obeys_with_its_first_message() -> None:
    with tree() as directory:
        times: list[float] = []

        async def scenario(world: ProcWorld) -> None:
            await chat(world)
            await world.pause("a-0")
            os.kill(pids(directory)["b-0"], signal.SIGSTOP)  # behind the supervisor's back
            await asyncio.sleep(0.2)  # queues fill
            await world.fault(Partition(src=("left",), dst=("right",)))
            times.append(world.time())
            await world.resume("a-0")
            os.kill(pids(directory)["b-0"], signal.SIGCONT)
            await asyncio.sleep(0.3)
            times.append(world.time())

        play(directory, scenario)
        assert crossings(directory, *times) == []
        for name in ("a-0", "b-0"):
            inside = [r for r in journal(directory, name) if r[4] == DELIVER and times[0] <= r[0] <= times[1]]
            assert len(inside) > 100  # its own side reached it


def test_a_host_that_boots_behind_a_cut_is_cut() -> None:
    with tree() as directory:
        times: list[float] = []

        async def scenario(world: ProcWorld) -> None:
            await world.fault(Partition(src=("left",), dst=("right",)))
            times.append(world.time())
            await chat(world)
            await world.restart("b-1")
            await asyncio.sleep(0.2)
            times.append(world.time())

        play(directory, scenario)
        assert crossings(directory, *times) == []
        across = [r for r in journal(directory, "b-1", boot=2) if r[4] == DELIVER and r[6] in SIDES["left"]]
        assert across == []
        assert any(r[4] == DELIVER and r[6] == "b-0" for r in journal(directory, "b-1", boot=2))


def test_a_lasting_fault_heals_in_every_process_by_itself_without_the_supervisor() -> None:
    with tree() as directory:
        times: list[float] = []

        async def scenario(world: ProcWorld) -> None:
            await chat(world)
            supervisor = pids(directory)["supervisor"]
            await world.fault(Partition(src=("left",), dst=("right",)), lasting=0.5)
            times.append(world.time())
            os.kill(supervisor, signal.SIGSTOP)
            try:
                await asyncio.sleep(0.9)
                times.append(world.time())
            finally:
                os.kill(supervisor, signal.SIGCONT)
            await eventually(lambda: world.running("a-0"), within=5)
            assert (await world.status())["rules"] == []

        play(directory, scenario)
        begin, end = times
        assert crossings(directory, begin, begin + 0.45) == []
        assert len(crossings(directory, begin + 0.6, end)) > 50


def test_evidence_of_a_crashed_process_is_kept() -> None:
    with tree() as directory:

        async def scenario(world: ProcWorld) -> None:
            await chat(world)
            await world.fault(Partition(src=("left",), dst=("right",)))
            await asyncio.sleep(0.2)
            before = (await world.status())["rules"][0]["hit"]
            for name in EVERYBODY:
                await world.crash(name)
            (rule,) = (await world.status())["rules"]
            assert rule["hit"] >= before > 0

        play(directory, scenario)


def test_new_rules_are_obeyed_within_the_very_turn_of_the_loop_in_which_they_are_shipped(tmp_path: Path) -> None:
    async def body() -> None:
        page = tmp_path / "page"
        page.write_bytes(bytes(4096))
        mine, supervisors = socket.socketpair()
        network = Network(mine, on_end=lambda: None)
        rules: list[Any] = []
        network.become(
            {"name": "a", "machine": "left", "epoch": 0.0, "page": str(page), "version": 0, "lamport": 0}
            | {"peers": {"a": ["left", "127.0.0.1", 0], "b": ["right", "127.0.0.1", 9]}, "rules": rules}
            | {"skew": [0.0, 1.0, 0.0]}
        )
        journal = Journal(tmp_path / "a.1")
        gate = Gate()
        bus = ZmqBus(gate, BusOptions("a", 1, "seed"), network, journal)
        network.attach(asyncio.get_running_loop())
        got: list[Envelope] = []
        bus.listen(got.append)
        letter = encode("k", "b", "a", 1, 1, 0, 0.0, 1, None)
        bus._receive(letter)
        cut = to_data(Partition(src=("left",), dst=("right",), id="f1"))
        VersionPage(page).raise_to(1)
        supervisors.sendall(frame({"op": "rules", "version": 1, "lamport": 5, "rules": [cut]}))
        bus._receive(letter)  # no turn of the loop has passed
        bus.send("b", "k", None)
        bus.close()
        gate.close()
        network.close()
        supervisors.close()
        journal.close()
        assert len(got) == 1

    asyncio.run(body())
    drops = [(r[6], r[8]) for r in read((tmp_path / "a.1").read_bytes()) if r[4] == DROP]
    assert drops == [("b", "f1"), ("b", "f1")]
