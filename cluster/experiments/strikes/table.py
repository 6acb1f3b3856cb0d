"""The actions by name, as functions.

Must not act.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.experiments.strikes import network, process
from cluster.experiments.strikes.deed import Strike

STRIKES: Mapping[str, Strike] = {
    "partition": network.partition,
    "isolate": network.isolate,
    "delay": network.delay,
    "loss": network.loss,
    "duplicate": network.duplicate,
    "reorder": network.reorder,
    "corrupt": network.corrupt,
    "bandwidth": network.bandwidth,
    "dropNth": network.drop_nth,
    "kill": process.kill,
    "pause": process.pause,
    "resume": process.resume,
    "restart": process.restart,
    "crashLoop": process.crash_loop,
    "killAfter": process.kill_after,
}
