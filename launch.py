"""The door: hands the arguments to `cluster/cli/`, where each group of commands has a file."""

from __future__ import annotations

import sys

# Also where PYTHONDONTWRITEBYTECODE is set: compiling 125 modules anew costs every start of a command 0.4 s.
sys.dont_write_bytecode = False


def main() -> None:
    from cluster.cli.main import main as run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
