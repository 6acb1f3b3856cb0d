"""What is asked in one turn is one message, and answered as few; lost, late and spoilt ones hurt nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cluster.bundle import MOST, MOST_BYTES, Batch
from cluster.errors import StatusError
from cluster.rpc import Request, Rpc
from cluster.stream import Sender
from cluster.world.faults import Loss
from cluster.world.sim import SimWorld


def play(scenario: Callable[[SimWorld, Rpc, Rpc], Awaitable[None]]) -> SimWorld:
    async def main(world: SimWorld) -> None:
        asker = Rpc(await world.join("asker", "desk"), keepalive=0.5)
        server = Rpc(await world.join("server", "rack"), keepalive=0.5)
        await asyncio.sleep(0.01)
        await scenario(world, asker, server)

    with SimWorld(1) as world:
        world.run(main(world))
        return world


def kinds(world: SimWorld, event: str = "send") -> list[str]:
    return [str(record[5]) for record in world.board.records if record[4] == event]


def echo(batch: Batch) -> None:
    for place, body in enumerate(batch.bodies):
        batch.ok(place, body)


async def reasons(waiters: list[asyncio.Future[Any]]) -> list[Any]:
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    return [o.reason if isinstance(o, StatusError) else o for o in outcomes]


def test_what_is_asked_in_one_turn_is_one_message_and_so_is_its_answer() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        assert await reasons([asker.ask("server", "echo", [n], 1.0) for n in range(20)]) == [[n] for n in range(20)]
        assert await reasons([asker.ask("server", "echo", "one", 1.0)]) == ["one"]

    assert kinds(play(scenario)) == ["echo.many", "echo.many.reply", "echo", "echo.reply"]


def test_kinds_and_destinations_travel_apart() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        server.serve_batch("other", echo)
        asked = [asker.ask("server", kind, 1, 1.0) for kind in ("echo", "other", "echo")]
        lost = asker.ask("nobody", "echo", 1, 0.5)
        assert await reasons([*asked, lost]) == [1, 1, 1, "Timeout"]

    assert kinds(play(scenario))[:3] == ["echo.many", "other", "echo"]


def test_answers_may_come_one_by_one_and_refusals_among_them() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        def serve(batch: Batch) -> None:
            batch.error(1, StatusError("NotFound", "no"))
            loop = asyncio.get_running_loop()
            loop.call_later(0.1, batch.ok, 2, "late")
            loop.call_later(0.2, batch.ok, 0, "later")

        server.serve_batch("slow", serve)
        asked = [asker.ask("server", "slow", n, 0.15) for n in range(3)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert [o.reason for o in outcomes[:2] if isinstance(o, StatusError)] == ["Timeout", "NotFound"]
        assert outcomes[2] == "late"
        await asyncio.sleep(0.2)
        assert not asker._asker._open

    play(scenario)


def test_a_handler_that_raises_refuses_all_of_them() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        def serve(batch: Batch) -> None:
            raise StatusError("NotLeader", "not me", {"leader": "x"})

        server.serve_batch("lead", serve)
        assert await reasons([asker.ask("server", "lead", n, 1.0) for n in range(3)]) == ["NotLeader"] * 3
        assert await reasons([asker.ask("server", "lead", 0, 1.0)]) == ["NotLeader"]

    play(scenario)


def test_who_serves_one_by_one_gets_them_one_by_one() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        async def serve(request: Request) -> Any:
            if request.body == 1:
                raise StatusError("NotFound", "no")
            return (request.place, request.body)

        server.serve("single", serve)
        assert await reasons([asker.ask("server", "single", n, 1.0) for n in range(3)]) == [[0, 0], "NotFound", [2, 2]]
        assert await reasons([asker.ask("server", "unknown", n, 1.0) for n in range(2)]) == ["MethodNotAllowed"] * 2

    play(scenario)


def test_much_is_split() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        big = [bytes(MOST_BYTES // 2 - 100)] * 4
        assert await reasons([asker.ask("server", "echo", body, 1.0) for body in big]) == big
        many = list(range(MOST + 1))
        assert await reasons([asker.ask("server", "echo", n, 1.0) for n in many]) == many

    sent = kinds(play(scenario))
    assert sent[:4] == ["echo.many", "echo.many", "echo.many.reply", "echo.many.reply"]
    assert sent[4:6] == ["echo.many", "echo"]


def test_a_body_that_cannot_be_packed_is_its_callers_bug_alone() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        asked = [asker.ask("server", "echo", body, 1.0) for body in (1, object(), 3)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (1, TypeError, 3)

    play(scenario)


def test_a_caller_that_went_away_is_forgotten() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        asked = [asker.ask("server", "echo", n, 1.0) for n in range(3)]
        asked[1].cancel()
        assert (await asked[0], await asked[2]) == (0, 2)
        await asyncio.sleep(0)
        assert not asker._asker._open

    play(scenario)


@pytest.mark.parametrize("body", [None, {}, 7, [[7, "x"]], [["0", 1]], [[0]], [[0, None, "text"]], [[-1, 1]], [5]])
def test_spoilt_answers_are_no_answers(body: Any) -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        def serve(batch: Batch) -> None:
            server.host.bus.send(batch.src, "echo.many.reply", body, corr=batch.id)

        server.serve_batch("echo", serve)
        assert await reasons([asker.ask("server", "echo", n, 0.3) for n in range(2)]) == ["Timeout"] * 2

    play(scenario)


def test_a_spoilt_bundle_is_refused() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        server.serve_batch("echo", echo)
        with pytest.raises(StatusError) as caught:
            await asker.call("server", "echo.many", {"no": "array"}, timeout=0.5)
        assert caught.value.reason == "BadRequest"

    play(scenario)


def test_one_item_for_many_streams_is_one_message() -> None:
    async def scenario(world: SimWorld, asker: Rpc, server: Rpc) -> None:
        senders: list[Sender] = []

        async def opener(request: Request, sender: Sender) -> None:
            senders.append(sender)
            await asyncio.get_running_loop().create_future()

        server.serve_stream("watch", opener)
        streams = [asker.stream("server", "watch", n) for n in range(4)]
        for stream in streams:
            await stream.__aenter__()
        await asyncio.sleep(0.05)
        before = len(kinds(world))
        senders[0].send("only the first")
        Sender.send_all(senders, "all")
        Sender.send_all(senders[:1], "first again")
        assert kinds(world)[before:] == ["watch.item", "watch.items", "watch.item"]
        assert [await anext(stream) for stream in streams] == ["only the first", "all", "all", "all"]
        assert [await anext(streams[0]), await anext(streams[0])] == ["all", "first again"]
        await world.fault(Loss(kinds=("watch.items",), probability=1.0))
        Sender.send_all(senders, "lost")
        await world.heal()
        for sender in senders:
            sender.send("next")
        for stream in streams:
            with pytest.raises(StatusError) as caught:
                await anext(stream)
            assert caught.value.reason == "StreamBroken"

    play(scenario)
