"""The door: hands the arguments to `cluster/cli/`, where each group of commands has a file."""

from __future__ import annotations

import sys


def main() -> None:
    from cluster.cli.main import main as run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
