"""Where each planted bug was found: the seed of the first story known to show it, and the check that said so.

`python -m tests.store.proof --bugs` finds them anew (docs/proof.md has the table that it prints). Seeds go stale when
the store sends its messages in another order; then the neighbours of a seed find the bug, or the hunt is run again.
"""

from __future__ import annotations

FOUND: dict[str, tuple[str, int]] = {}

ONLY_BELOW: tuple[str, ...] = ()
"""Found by the core's own dice and rules (tests/store/raft/test_bugs.py), and not by 1,000 stories."""
