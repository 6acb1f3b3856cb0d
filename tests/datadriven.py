"""The golden runner: scripts of commands with the output they had, compared or, with --rewrite, written anew.

Must not know what the commands mean. A block is a command line, lines of input, `----`, the output, an empty line;
lines that start with # are kept. (After cockroachdb/datadriven, as etcd-io/raft uses it.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """`name word word key=value`, and the lines below it."""

    name: str
    words: tuple[str, ...]
    options: dict[str, str]
    input: tuple[str, ...]
    place: str
    """file:line"""


def run_script(path: Path, handle: Callable[[Command], str], *, rewrite: bool) -> None:
    """AssertionError with place, want and got at the first command whose output is another one."""
    out: list[str] = []
    for head, command, want in _blocks(path):
        out.extend(head)
        if command is None:
            continue
        got = handle(command).rstrip()
        if not rewrite:
            assert got == want, f"{command.place}: {command.name}\nwant:\n{want}\n\ngot:\n{got}"
        out.append("\n".join(part for part in ("----", got) if part) + "\n")
    if rewrite:
        path.write_text("\n".join(out))


def _blocks(path: Path) -> list[tuple[list[str], Command | None, str]]:
    """(lines as they stand, the command in them, its recorded output); comments and empty lines have no command."""
    blocks: list[tuple[list[str], Command | None, str]] = []
    head: list[str] = []
    body: list[str] = []
    want: list[str] | None = None
    start = 0
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if want is not None:
            if line:
                want.append(line)
                continue
            blocks.append((head, _command(body, f"{path.name}:{start}"), "\n".join(want)))
            head, body, want = [], [], None
        elif line == "----":
            want = []
        elif line.startswith("#") or not line:
            assert not body, f"{path.name}:{number}: a command without ----"
            if line:
                blocks.append(([line], None, ""))
        else:
            start = start if body else number
            head.append(line)
            body.append(line)
    assert not body, f"{path.name}:{start}: a command without ----"
    return blocks


def _command(lines: list[str], place: str) -> Command:
    name, *rest = lines[0].split()
    words = tuple(word for word in rest if "=" not in word)
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    return Command(name, words, options, tuple(lines[1:]), place)
