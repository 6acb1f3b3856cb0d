"""Where each planted bug was found: the seed of the first story known to show it, and the check that said so.

`python -m tests.store.proof --bugs` finds them anew (docs/proof.md has the table that it prints). Seeds go stale when
the store sends its messages in another order; then the neighbours of a seed find the bug, or the hunt is run again.
"""

from __future__ import annotations

FOUND: dict[str, tuple[str, int]] = {
    "vote-twice": ("one leader per term", 13),
    "vote-before-sync": ("one leader per term", 130),
    "forget-term": ("one leader per term", 1),
    "old-log-elected": ("committed is never lost", 4),
    "append-of-older-term": ("no invariant is violated", 19),
    "no-log-match-check": ("log matching", 2),
    "cut-matching-entries": ("writable", 11),
    "ack-before-sync": ("committed is never lost", 78),
    "own-copy-before-sync": ("committed is never lost", 115),
    "minority": ("one leader per term", 0),
    "one-majority-of-two": ("committed is never lost", 27),
    "no-joint-configuration": ("committed is never lost", 27),
    "two-changes-at-once": ("committed is never lost", 54),
    "change-before-own-commit": ("committed is never lost", 54),
    "learner-votes": ("committed is never lost", 27),
    "another-disk": ("writable", 4),
    "read-without-round": ("lease reads are not stale", 19),
    "read-before-own-commit": ("lease reads are not stale", 19),
    "lease-without-clock-error": ("lease reads are not stale", 175),
    "no-sync": ("committed is never lost", 1),
    "torn-tail-kept": ("members run on", 1),
    "no-checksums": ("all catch up", 16),
    "vote-not-stored": ("one leader per term", 1),
    "applied-twice": ("exactly once", 6),
    "sessions-not-in-snapshots": ("exactly once", 33),
    "snapshot-of-later-state": ("writable", 4),
    "leader-reads-its-state": ("lease reads are not stale", 19),
    "followers-answer-linearizable-reads": ("linearizable reads are not stale", 4),
    "watch-resumes-late": ("watch completeness", 1),
    "watch-forgets-at-restore": ("members run on", 12),
    "compacted-before-told": ("members run on", 0),
    "watch-chunk-skips": ("watch completeness", 1),
    "lease-shortened-by-new-leader": ("no lease ends early", 0),
    "lease-keepalive-lost": ("no lease ends early", 0),
    "lease-not-told-to-new-leader": ("lease ends", 0),
    "snapshot-without-leases": ("members run on", 1),
    "answered-before-commit": ("only what is committed is answered", 0),
    "lost-leadership-refuses": ("refused is never visible", 2),
}

ONLY_BELOW: tuple[str, ...] = (
    "forget-vote",
    "old-write-blesses-new-entries",
    "count-older-terms",
    "snapshot-without-configuration",
    "lease-without-promise",
    "lease-after-restart",
    "lease-kept-in-transfer",
)
"""Found by the core's own dice and rules (tests/store/raft/test_bugs.py), and not by 1,000 stories."""
