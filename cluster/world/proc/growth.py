"""Notes on how containers' log files grow, so that their lines have times. Real by nature: inotify, in a selector.

Must not read logs. Beside LOG is LOG.times, to which 16 bytes are added whenever LOG was seen to be longer: its size
and nanoseconds since 1970 (`nodes/runtime/logtimes.py` reads them). A file that grows all the time is looked at every
`PAUSE` seconds only. Where there is no inotify no notes are taken.
"""

from __future__ import annotations

import os
import selectors
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

PAUSE = 0.005
TIMES = ".times"
NOTE = struct.Struct("<QQ")
IN_MODIFY = 0x2


@dataclass(slots=True)
class _Watch:
    log: int
    notes: int
    mark: int
    size: int = 0

    def note(self) -> None:
        size = os.fstat(self.log).st_size
        if size > self.size:
            self.size = size
            with suppress(OSError):  # the disk is full: the log has no times then
                os.write(self.notes, NOTE.pack(size, time.time_ns()))


class Growth:
    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._watches: dict[str, _Watch] = {}
        self._marks: dict[int, _Watch] = {}
        self._inotify: Any = None
        self._resume = 0.0
        """When to look again (monotonic); 0: whenever something grows."""
        with suppress(ImportError, OSError, AttributeError):
            from inotify_simple import INotify

            self._inotify = INotify(nonblocking=True)
            selector.register(self._inotify, selectors.EVENT_READ, self.ready)

    def watch(self, id: str, path: str) -> None:
        """Take notes of a log that is there."""
        if self._inotify is None or path == os.devnull:
            return
        try:
            log = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            notes = os.open(path + TIMES, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            mark = self._inotify.add_watch(path, IN_MODIFY)
        except OSError:  # no more watches or files: this log has no times
            return
        watch = self._watches[id] = self._marks[mark] = _Watch(log, notes, mark)
        watch.note()

    def ended(self, id: str) -> None:
        """Its container has ended: the last note."""
        watch = self._watches.pop(id, None)
        if watch is None:
            return
        watch.note()
        self._marks.pop(watch.mark, None)
        with suppress(OSError):  # the file may be gone, and its mark with it
            self._inotify.rm_watch(watch.mark)
        os.close(watch.log)
        os.close(watch.notes)

    def ready(self, events: int) -> None:
        """Something has grown."""
        for event in self._inotify.read(timeout=0):
            watch = self._marks.get(event.wd)
            if watch is not None:
                watch.note()
        self._selector.unregister(self._inotify)
        self._resume = time.monotonic() + PAUSE

    def pause(self) -> float | None:
        """Seconds that the selector may wait; None: for ever."""
        if not self._resume:
            return None
        left = self._resume - time.monotonic()
        if left > 0:
            return left
        self._resume = 0.0
        self._selector.register(self._inotify, selectors.EVENT_READ, self.ready)
        return None

    def close(self) -> None:
        """What a forked child does: only the descriptors."""
        for watch in self._watches.values():
            os.close(watch.log)
            os.close(watch.notes)
        if self._inotify is not None:
            self._inotify.close()
