"""Which program stands for which image and command."""

from __future__ import annotations

import pytest

from nodes.runtime.images import BUILTINS, PLACEHOLDER, program


@pytest.mark.parametrize(
    ("image", "command", "args", "argv", "builtin"),
    [
        ("nginx:1.25", [], [], ("nginx",), BUILTINS["nginx"]),
        ("docker.io/library/nginx", [], ["nginx", "-g", "x"], ("nginx", "-g", "x"), BUILTINS["nginx"]),
        ("redis:7", ["redis-server", "--port", "1"], [], ("redis-server", "--port", "1"), BUILTINS["redis"]),
        ("hello-world", [], [], ("hello-world",), BUILTINS["hello-world"]),
        ("busybox", ["sh", "-c"], ["true"], ("sh", "-c", "true"), ""),
        ("busybox", [], ["echo", "x"], ("echo", "x"), ""),
        ("busybox", [], [], ("/bin/sh",), ""),
        ("nginx", ["sleep", "1"], [], ("sleep", "1"), ""),
        ("acme/shop", ["./shop"], [], ("./shop",), ""),
        ("acme/shop", [], [], ("acme/shop",), PLACEHOLDER),
    ],
)
def test_program(image: str, command: list[str], args: list[str], argv: tuple[str, ...], builtin: str) -> None:
    found = program(image, command, args)
    assert (found.argv, found.builtin) == (argv, builtin)
    assert bool(found.warning) == (builtin == PLACEHOLDER)
