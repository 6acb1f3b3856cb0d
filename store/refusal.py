"""What a member does when a leader tells it that it has no place: it says why and what to do, and may have to stop.

Must not decide it (store/raft/election.py, store/raft/leading.py).
"""

from __future__ import annotations

from cluster.world.host import Host
from store.raft.messages import Refused


class LostLogError(Exception):
    """The disk has lost what it had acknowledged as synced; so it may have lost a vote as well."""

    def __init__(self, name: str, index: int) -> None:
        super().__init__(
            f"the disk of {name} has lost entries of the log, which it had acknowledged up to {index}: what it "
            f"promised cannot be trusted any more; {replace(name)}"
        )


def replace(name: str) -> str:
    return f"`store member remove {name}`, then `store member add {name}`"


def refused(host: Host, message: Refused) -> None:
    """LostLogError for a disk that lied."""
    name = host.name
    if message.lost:
        raise LostLogError(name, message.lost)
    if message.seat:
        text = (
            f"{name} has come back with another disk than the one that is a member under this name, and what it had "
            f"promised is lost, so it may not vote; {replace(name)}"
        )
    else:
        text = f"{name} was removed from the cluster; add it again, with an empty disk, to have it back"
    host.note("refused", {"by": message.src, "error": text})
