"""Planted bugs: each takes one safety rule out of the store; tests show that the proof's checks find every one.

Nothing in the product knows of this. A bug puts another function in the place of the one that holds a rule, while a
story runs. Those of the raft core are in tests/store/raft/bugs.py, those of the parts around it in store.py here.
"""

from __future__ import annotations

from tests.store.bugs.store import PLANTED
from tests.store.raft.bugs import BUGS as CORE
from tests.store.raft.bugs import Bug

ALL: dict[str, Bug] = {**CORE, **PLANTED}
"""By name."""

__all__ = ["ALL", "Bug"]
