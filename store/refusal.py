"""What a member says when a leader tells it that it has no place, or its disk fails: why, what to do, whether it stops.

Must not decide it (store/raft/election.py, store/raft/leading.py; the disk).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cluster.errors import HaltError
from cluster.world.host import Host
from store.raft.messages import Refused


class DiskFailedError(HaltError, OSError):
    """A write or a sync failed. What was not synced before may be there or not, so nothing is tried again."""

    def __init__(self, name: str, error: OSError) -> None:
        super().__init__(
            f"the disk of {name} failed: {error}; it stops rather than trust it. Mend the disk (space, hardware), then "
            f"`restart {name}`"
        )


class LostLogError(HaltError):
    """The disk has lost what it had acknowledged as synced; so it may have lost a vote as well."""

    def __init__(self, name: str, index: int) -> None:
        super().__init__(
            f"the disk of {name} has lost entries of the log, which it had acknowledged up to {index}: what it "
            f"promised cannot be trusted any more; {replace(name)}"
        )


@contextmanager
def halting(host: Host, event: str) -> Iterator[None]:
    """Whatever a disk does to its member here ends it as a HaltError, and stands in the journal: what the disk holds as
    `event`, an OSError as `disk-failed`."""
    try:
        yield
    except HaltError as error:
        host.note(event, {"error": str(error)})
        raise
    except OSError as error:
        host.note("disk-failed", {"error": str(error)})
        raise DiskFailedError(host.name, error) from error


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
