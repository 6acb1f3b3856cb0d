"""A narrated run: what was said, measured and expected so far.

Must not measure anything itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Story:
    """What was said, measured and expected so far."""

    quiet: bool
    began: float = field(default_factory=time.monotonic)
    data: dict[str, Any] = field(default_factory=dict)
    expectations: list[dict[str, Any]] = field(default_factory=list)

    def title(self, text: str) -> None:
        self.say(f"\n── {text} ──" if self.expectations else f"── {text} ──")

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)

    def expect(self, holds: bool, text: str) -> None:
        self.expectations.append({"holds": bool(holds), "expectation": text})
        self.say(f"   {'ok    ' if holds else 'FAILED'}  {text}")

    @property
    def failed(self) -> list[str]:
        return [e["expectation"] for e in self.expectations if not e["holds"]]
