"""A command in a container that somebody talks to: pipes and a real terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nodes.runtime.session import ProcessSession

pytestmark = pytest.mark.proc
ENV = {"PATH": "/usr/bin:/bin"}


async def heard(session: ProcessSession) -> dict[int, bytes]:
    found = {1: b"", 2: b""}
    async for channel, data in session.output():
        found[channel] += data
    return found


def test_streams_are_kept_apart_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        argv = ("sh", "-c", "cat; echo bad >&2; exit 3")
        session = await ProcessSession.open(argv, ENV, tmp_path, stdin=True, tty=False)
        await session.write(b"x" * 300_000)
        await session.end_input()
        assert await heard(session) == {1: b"x" * 300_000, 2: b"bad\n"}
        assert await session.wait() == 3
        await session.close()

    asyncio.run(story())


def test_a_terminal_with_a_size(tmp_path: Path) -> None:
    async def story() -> None:
        session = await ProcessSession.open(("sh",), ENV, tmp_path, stdin=True, tty=True)
        session.resize(100, 40)
        await session.write(b"stty size; test -t 0 && echo on a terminal; exit 4\n")
        said = (await heard(session))[1]
        assert b"40 100" in said
        assert b"on a terminal\r\n" in said
        assert await session.wait() == 4
        await session.close()

    asyncio.run(story())


def test_what_is_closed_is_killed_with_its_children(tmp_path: Path) -> None:
    async def story() -> None:
        session = await ProcessSession.open(("sh", "-c", "sleep 1000 & wait"), ENV, tmp_path, stdin=False, tty=False)
        await session.close()
        assert await session.wait() == 128 + 9
        assert await heard(session) == {1: b"", 2: b""}

    asyncio.run(story())


def test_a_command_that_is_none(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(FileNotFoundError):
            await ProcessSession.open(("nosuch-command",), ENV, tmp_path, stdin=False, tty=False)

    asyncio.run(story())
