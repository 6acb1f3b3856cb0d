"""Reading a container's log file, and following it. Must not know containers. Real by nature: files, and a look now and
then, because files do not call back (only while somebody reads along)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from nodes.kubelet.runtime import LogQuery, RuntimeFailure

LOOK = 0.1
"""Seconds between looks while following."""
BLOCK = 64 * 1024


async def read_log(path: Path, query: LogQuery, live: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Chunks, oldest first; with `follow` until `live()` is false and everything is told."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise RuntimeFailure("NotFound", "there is no log of this container") from None
    with file:
        size = os.fstat(file.fileno()).st_size
        start = max(size - query.limit, 0)
        if query.tail is not None:
            start = max(start, tail_start(path, query.tail))
        file.seek(start)
        while file.tell() < size:
            yield file.read(min(BLOCK, size - file.tell()))
        while query.follow:
            ending = not live()
            while chunk := file.read(BLOCK):
                yield chunk
            if ending:
                return
            await asyncio.sleep(LOOK)


def tail_start(path: Path, lines: int) -> int:
    """Where the last `lines` lines begin; a last line without its end counts."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if lines <= 0 or size == 0:
            return size if lines <= 0 else 0
        end, wanted = size, lines
        file.seek(size - 1)
        if file.read(1) == b"\n":
            end -= 1
        while end > 0:
            begin = max(end - BLOCK, 0)
            file.seek(begin)
            block = file.read(end - begin)
            at = len(block)
            while (at := block.rfind(b"\n", 0, at)) >= 0:
                wanted -= 1
                if wanted == 0:
                    return begin + at + 1
            end = begin
    return 0
