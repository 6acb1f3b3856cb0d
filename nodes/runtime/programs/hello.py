"""Stands for hello-world: says so and ends. Must not do anything else."""

from __future__ import annotations

import os


def main(argv: list[str]) -> int:
    print("Hello from Capstan!")
    print(
        f"This message shows that your cluster starts containers (this one in pod {os.environ.get('HOSTNAME', '?')})."
    )
    return 0
