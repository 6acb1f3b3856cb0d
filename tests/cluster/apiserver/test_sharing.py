"""Questions that are shared: nobody is answered by one that was sent before they asked."""

from __future__ import annotations

import asyncio

import pytest

from cluster.apiserver.sharing import Shared
from cluster.errors import StatusError
from cluster.world.sim import SimWorld


def test_nobody_is_answered_by_a_question_that_was_sent_before_they_asked() -> None:
    sent: list[float] = []

    async def question(_: float) -> float:
        sent.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1.0)
        return sent[-1]

    async def story() -> None:
        shared, loop = Shared(question), asyncio.get_running_loop()
        began = loop.time()

        async def ask(after: float) -> tuple[float, float]:
            await asyncio.sleep(after)
            now = loop.time()
            return now - began, await shared.answer(5.0) - began

        pairs = await asyncio.gather(*map(ask, (0.0, 0.0, 0.1, 0.9, 1.5, 1.6, 3.5)))
        assert all(asked <= answered for asked, answered in pairs), pairs
        # One for the first, one for who came meanwhile, one for who came during that, and one for who came after all.
        assert [round(at - began, 3) for at in sent] == [0.0, 1.0, 2.0, 3.5]

    with SimWorld(0) as world:
        world.run(story())


def test_an_error_reaches_all_who_share_the_question_and_not_the_next() -> None:
    count = 0

    async def question(_: float) -> int:
        nonlocal count
        count += 1
        mine = count
        await asyncio.sleep(1.0)
        if mine == 2:
            raise StatusError("Timeout", "no answer")
        return mine

    async def story() -> None:
        shared = Shared(question)
        found = await asyncio.gather(*(shared.answer(5.0) for _ in range(4)), return_exceptions=True)
        assert found[0] == 1
        assert [type(each) for each in found[1:]] == [StatusError] * 3
        assert await shared.answer(5.0) == 3

    with SimWorld(0) as world:
        world.run(story())


def test_who_goes_away_takes_nothing_from_the_others() -> None:
    async def question(_: float) -> str:
        await asyncio.sleep(1.0)
        return "yes"

    async def story() -> None:
        shared = Shared(question)
        first, second = (asyncio.ensure_future(shared.answer(5.0)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await second == "yes"

    with SimWorld(0) as world:
        world.run(story())
