"""Commands of the command line, as they are typed, told to a simulated cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import click
import pytest

from cluster.cli.main import COMMANDS, describe_error
from cluster.client.client import Client
from cluster.errors import StatusError, UsageError

MODULES = ("objects", "show", "workloads", "top")


class _Session:
    """What a command needs of `cluster.cli.session.Session`: an API client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __aenter__(self) -> _Session:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def client(self) -> Client:
        return self._client


@dataclass
class Said:
    status: int
    out: str
    error: str

    @property
    def rows(self) -> list[list[str]]:
        """Of a table: the cells, which here have no blanks in them."""
        return [line.split() for line in self.out.splitlines()]


class Seat:
    """`await seat.run("get", "pods", "-o", "wide")`"""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        session: Callable[[str], _Session] = lambda name: _Session(client)  # noqa: E731
        for module in MODULES:
            monkeypatch.setattr(f"cluster.cli.{module}.Session", session)

    async def run(self, name: str, *words: str) -> Said:
        """What a person would see, and the exit status."""
        self._capsys.readouterr()
        status, error = await self._status(name, list(words))
        told = self._capsys.readouterr()
        return Said(status, told.out, told.err + error)

    async def good(self, name: str, *words: str) -> str:
        """What it printed; it must not fail."""
        said = await self.run(name, *words)
        assert (said.status, said.error) == (0, ""), said
        return said.out

    async def _status(self, name: str, words: list[str]) -> tuple[int, str]:
        command: click.Command = getattr(importlib.import_module(f"cluster.cli.{COMMANDS[name][0]}"), f"{name}_command")
        try:
            context = command.make_context(name, words)
            work: Any = getattr(command.callback, "__wrapped__")  # noqa: B009  (without a loop of its own)
            return await work(**context.params) or 0, ""
        except UsageError as error:
            return error.status, str(error)
        except StatusError as error:
            return 1, describe_error(error)
