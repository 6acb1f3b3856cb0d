"""An executor without processes: tasks are done when they are asked for, in this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from cluster.campaign.job import Done, Task
from cluster.campaign.pool import Event
from cluster.campaign.result import Result
from cluster.world.journal import Record

Play = Callable[[Task], tuple[Result, tuple[Record, ...]]]


class Here:
    def __init__(self, play: Play) -> None:
        self._play = play
        self._tasks: deque[Task] = deque()
        self.done: list[Task] = []

    def put(self, tasks: Iterable[Task]) -> None:
        self._tasks.extend(tasks)

    def take(self, seconds: float) -> list[Event]:
        task = self._tasks.popleft()
        self.done.append(task)
        result, records = self._play(task)
        return [Done(task, result, records)]

    def close(self) -> None:
        self._tasks.clear()
