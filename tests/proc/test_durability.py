"""kill -9 at any moment loses nothing that was synced, and tears nothing that was replaced."""

from __future__ import annotations

import asyncio
import random

import pytest

from cluster.world.proc.world import ProcWorld
from cluster.world.scenario import Spec, eventually
from tests.proc.trees import play, tree

pytestmark = pytest.mark.proc


@pytest.mark.parametrize("in_thread", [False, True])
def test_kill_9_loses_nothing_synced(in_thread: bool) -> None:
    dice = random.Random(7)
    with tree(sync_in_thread=in_thread) as directory:

        async def scenario(world: ProcWorld) -> None:
            durable = [0]
            seat = await world.join("seat", "m")
            seat.bus.listen(lambda envelope: durable.append(envelope.body))
            await world.start("w", "m", Spec("tests.proc.writer:run", {"seat": "seat"}))
            for _ in range(8):
                del durable[:-1]
                await eventually(lambda: len(durable) > 3, within=5, every=0.001)
                await asyncio.sleep(dice.uniform(0, 0.02))
                await world.crash("w")
                data = (world.layout.data("w") / "log").read_bytes()
                numbers = [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data) - 7, 8)]
                assert numbers == list(range(1, len(numbers) + 1))
                assert len(numbers) >= durable[-1]
                assert int((world.layout.data("w") / "state").read_bytes()) >= durable[-1]
                await world.restart("w")

        play(directory, scenario)
