"""Stands for an image that there is no program for: says so in its log and waits to be stopped."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn


def main(argv: list[str]) -> int:
    signal.signal(signal.SIGTERM, _quit)
    image = argv[0] if argv else "?"
    print(f"There is no program for image {image!r} here; this placeholder does nothing until it is stopped.")
    sys.stdout.flush()
    while True:
        signal.pause()


def _quit(number: int, frame: object) -> NoReturn:
    raise SystemExit(0)
