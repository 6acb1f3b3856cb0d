"""A worker process of a campaign: told once what the job is, then one chunk of seeds after the other, until its input
ends.

    in   {"target": ..., "arguments": {...}, "name": ...}, then [[seed, again, ...], ...] (job.Task) for each chunk
    out  ["ready"] or ["refused", text, place, remedy]; then for each seed ["done", {result}, [records]]

What components print goes to standard error: standard output belongs to the campaign. It ignores Ctrl-C, for the
campaign decides when it ends.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import IO, Any

from cluster.campaign import frames
from cluster.campaign.job import Hand, Job, Task
from cluster.errors import UsageError


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = sys.stdin.buffer
    first = frames.read(source)
    if first is None:
        return 0
    try:
        serve(source, out, first)
    except UsageError as error:
        frames.write(out, ["refused", error.args[0], error.place, error.remedy])
        return 2
    except BrokenPipeError:
        return 0  # the campaign is gone
    return 0


def serve(source: IO[bytes], out: IO[bytes], first: dict[str, Any]) -> None:
    hand = Hand(Job(first["target"], first["arguments"]), first["name"])
    frames.write(out, ["ready"])
    settled = False
    while (chunk := frames.read(source)) is not None:
        for fields in chunk:
            done = hand.perform(Task(*fields))
            frames.write(out, ["done", done.result.data(), done.records])
            if not settled:
                settle()
                settled = True


def settle() -> None:
    """What the first run has imported and built stays: from now on the collector need not look at it."""
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
