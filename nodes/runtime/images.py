"""Which program stands for an image: built-in ones, the system's own commands, or a placeholder. Pure.

There are no real images here: a registry, a tag and a digest are ignored, and a command in a manifest is the system's
command of that name, run with the rights of whoever started the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nodes.kubelet.stages import short_name

PROGRAMS = "nodes.runtime.programs"

BUILTINS: Mapping[str, str] = {
    "nginx": f"{PROGRAMS}.nginx:main",
    "redis": f"{PROGRAMS}.redis:main",
    "valkey": f"{PROGRAMS}.redis:main",
    "hello-world": f"{PROGRAMS}.hello:main",
}
"""Image to the function that stands for its own program."""

COMMANDS: Mapping[str, str] = {
    "nginx": BUILTINS["nginx"],
    "redis-server": BUILTINS["redis"],
    "valkey-server": BUILTINS["valkey"],
}
"""Words that mean a built-in when they are an image's command or first argument."""

SHELLS = ("busybox", "alpine", "debian", "ubuntu", "bash", "python")
"""Images that are nothing but a system: without a command they are a shell with nothing to read, which ends at once."""

PLACEHOLDER = f"{PROGRAMS}.placeholder:main"


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: `builtin` ("module:function"), or the command `argv`. `warning`: what a person ought to know."""

    argv: tuple[str, ...]
    builtin: str = ""
    warning: str = ""


def program(image: str, command: Sequence[str], args: Sequence[str]) -> Program:
    """Kubernetes: `command` stands in for the image's entry point, `args` for its arguments."""
    name = short_name(image)
    line = (*command, *args)
    word = line[0].rpartition("/")[2] if line else ""
    if word in COMMANDS and (command or name in BUILTINS):
        return Program(line, COMMANDS[word])
    if command:
        return Program(line)
    if name in BUILTINS:
        return Program((name, *args), BUILTINS[name])
    if name in SHELLS:
        return Program(tuple(args) or ("/bin/sh",))
    warning = (
        f'image "{image}" has no program here and the container no command: a placeholder stands in and does nothing'
    )
    return Program((image, *args), PLACEHOLDER, warning)
