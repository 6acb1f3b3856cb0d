"""The door: hands the arguments to `cluster/cli/`, where each group of commands has a file."""

from __future__ import annotations

import sys


def main() -> None:
    from cluster.world.proc.seedling import Seedling, seedlings

    if sys.argv[1:2] in (["up"], ["tour"]):
        seedlings.append(Seedling())  # imports on one core what the tree needs, while this one imports on another
    from cluster.cli.main import main as run

    try:
        sys.exit(run(sys.argv[1:]))
    finally:
        for seedling in seedlings:
            seedling.discard()


if __name__ == "__main__":
    main()
