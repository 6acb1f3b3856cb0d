"""The simulated world: an event loop, links and disks on virtual time, all from one seed.

Start at `world.py`. Must not import anything real: no files, sockets, threads or clocks.
"""

from cluster.world.sim.world import SimWorld

__all__ = ["SimWorld"]
