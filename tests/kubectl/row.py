"""One line of the table: what a person types, and what they must see."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`command`: without "kubectl". `shows`: regular expressions, each of which must be found in what it printed, on
    either stream. `hides`: one that must not. `status`: its exit status. `editor`: a sed script that stands for the
    person in the editor. `until`: repeated until it shows that (a controller is on its way), for a while."""

    command: str
    shows: tuple[str, ...] = ()
    status: int = 0
    stdin: str = ""
    hides: str = ""
    editor: str = ""
    until: bool = False


def row(command: str, *shows: str, status: int = 0, stdin: str = "", hides: str = "", editor: str = "") -> Row:
    return Row(command, shows, status, stdin, hides, editor)


def until(command: str, *shows: str) -> Row:
    return Row(command, shows, until=True)
