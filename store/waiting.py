"""What waits inside a member: proposals for their log entry, reads for the proof that this member leads.

Must not know when either happens (store/member.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cluster.rpc import Answer


@dataclass(slots=True)
class Proposal:
    """A command on its way into the log. `answer` None: the member's own. `deadline` on the loop's clock, 0: none.
    `term` is that of its entry, once it has one."""

    data: bytes
    answer: Answer | None
    deadline: float = 0.0
    term: int = 0


@dataclass(slots=True)
class Read:
    """A linearizable read: `serve` answers it from the state, once that is new enough."""

    serve: Callable[[], None]
    answer: Answer
    deadline: float
