"""The actions by name, as functions.

Must not act.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.experiments.strikes import api, clock, disk, machine, membership, network, objects, process
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
    "poweroff": machine.poweroff,
    "poweron": machine.poweron,
    "join": machine.join,
    "leave": machine.leave,
    "cordon": machine.cordon,
    "drain": machine.drain,
    "clockJump": clock.jump,
    "clockDrift": clock.drift,
    "clockStrobe": clock.strobe,
    "disk": disk.disk,
    "loseUnsynced": disk.lose_unsynced,
    "grow": membership.grow,
    "shrink": membership.shrink,
    "replaceMember": membership.replace,
    "moveLeader": membership.move_leader,
    "api": api.api,
    "apply": objects.apply,
    "delete": objects.delete,
    "scale": objects.scale,
    "patch": objects.patch,
    "setImage": objects.set_image,
}
