"""What a run writes down while it goes on: strikes, moments, operations, what observers saw, all on its own clock.

Must not decide, strike or judge anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cluster.history.record import Recorder
from cluster.history.run import Moment, Seen, Strike, WatchSeen

Tell = Callable[[float, str], None]
"""Called with the time and one line, as things happen."""


def silent(time: float, line: str) -> None:
    """For a run that nobody watches."""


class Book:
    """`now`: seconds since the run began."""

    def __init__(self, now: Callable[[], float], tell: Tell = silent) -> None:
        self.now = now
        self.recorder = Recorder()
        self.strikes: list[Strike] = []
        self.moments: list[Moment] = []
        self.events: list[Seen] = []
        self.watches: list[WatchSeen] = []
        self.phases: dict[str, tuple[float, float]] = {}
        self.finals: dict[str, Any] = {}
        self.problem = ""
        self.ended: dict[str, dict[str, int]] = {}
        """Workload: outcome: how many operations, since the timeline began."""
        self.counting = False
        """Whether the timeline has begun."""
        self.on_operation: list[Callable[[], None]] = []
        """Called when an operation ends."""
        self._tell = tell
        self._phase = ""

    def say(self, line: str) -> None:
        self._tell(self.now(), line)

    # ── the run's course ─────────────────────────────────────────────────────────────────────────────────────

    def enter(self, phase: str) -> None:
        """The phase before ends here."""
        now = self.now()
        if self._phase:
            self.phases[self._phase] = (self.phases[self._phase][0], now)
        self._phase = phase
        if phase:
            self.phases[phase] = (now, now)
            self.counting = self.counting or phase == "timeline"
            self.say(f"phase {phase}")

    def moment(self, text: str, place: str = "", outcome: str = "") -> None:
        self.moments.append(Moment(self.now(), text, place, outcome))
        self.say(f"{text}{f': {outcome}' if outcome else ''}")

    def ended_as(self, workload: str, outcome: str) -> None:
        if self.counting:
            counts = self.ended.setdefault(workload, {})
            counts[outcome] = counts.get(outcome, 0) + 1
        for callback in list(self.on_operation):
            callback()

    # ── strikes ──────────────────────────────────────────────────────────────────────────────────────────────

    def strike(self, strike: Strike) -> int:
        """Its number, for `amend`."""
        number = len(self.strikes)
        self.strikes.append(replace(strike, id=f"s{number + 1}"))
        self.say(f"strike s{number + 1}: {strike.name}" + (f": {strike.error}" if strike.error else ""))
        return number

    def amend(self, number: int, **changes: Any) -> None:
        self.strikes[number] = replace(self.strikes[number], **changes)

    def over(self, number: int) -> None:
        """It is undone now."""
        if self.strikes[number].until is None:
            self.amend(number, until=self.now())
            self.say(f"undone s{number + 1}: {self.strikes[number].name}")

    # ── observers ────────────────────────────────────────────────────────────────────────────────────────────

    def saw(self, kind: str, type: str, obj: Mapping[str, Any], observer: str = "observer") -> None:
        self.events.append(Seen(self.now(), kind, type, obj, observer))

    def watched(self, seen: WatchSeen) -> None:
        self.watches.append(seen)
