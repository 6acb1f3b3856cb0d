"""Stands for an image that there is no program for: says so in its log and waits to be stopped."""

from __future__ import annotations

import signal
import sys
import threading


def main(argv: list[str]) -> int:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    image = argv[0] if argv else "?"
    print(f"There is no program for image {image!r} here; this placeholder does nothing until it is stopped.")
    sys.stdout.flush()
    stop.wait()
    return 0
