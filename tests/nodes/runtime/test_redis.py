"""The redis stand-in: commands on a clock of our own, and the bytes on the wire."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodes.runtime.programs.redis import Refused, Space, encode, read_command


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(space: Space, text: str) -> object:
    return space.run([word.encode() for word in text.split()])


def test_strings_counters_and_expiry() -> None:
    clock = Clock()
    space = Space(clock)
    assert run(space, "PING") == "PONG"
    assert run(space, "SET k v EX 10") == "OK"
    assert run(space, "TTL k") == 10
    assert run(space, "SET k w NX") is None
    clock.now = 10.0
    assert run(space, "GET k") is None
    assert [run(space, "INCR n"), run(space, "DECRBY n 3"), run(space, "EXISTS n k")] == [1, -2, 1]
    assert [run(space, "EXPIRE n 5"), run(space, "PERSIST n"), run(space, "TTL n"), run(space, "DEL n")] == [
        1,
        1,
        -1,
        1,
    ]


@pytest.mark.parametrize("text", ["FROB", "GET", "INCRBY n x", "SELECT 3"])
def test_refusals(text: str) -> None:
    with pytest.raises(Refused, match="ERR"):
        run(Space(Clock()), text)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_commands_come_back_from_the_wire(words: list[bytes]) -> None:
    async def read() -> list[bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(encode(list(words)))
        reader.feed_eof()
        return await read_command(reader)

    assert asyncio.run(read()) == words
