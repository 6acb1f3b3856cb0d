"""Which pod has which address: allocation from one node's range, lowest free first, reused late.

Must not know pods beyond an owner's name, nor sockets. Times are the caller's, in seconds.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Network, ip_address

from cluster.errors import StatusError


class Pool:
    """The addresses of one CIDR; the first (network) and the last (broadcast) are never given out.

    An address that was released rests for `reuse_after` seconds: a proxy that has not yet heard of a pod's end
    must not send its connections to a stranger. Under pressure the one that has rested longest goes first."""

    def __init__(self, cidr: str, reuse_after: float = 0.0) -> None:
        network = IPv4Network(cidr)
        self.cidr = cidr
        self.reuse_after = reuse_after
        self._first = int(network.network_address) + 1
        self._last = int(network.broadcast_address) - 1
        self._next = self._first
        """Above it, nothing was ever given out (but for what was `restore`d)."""
        self._owners: dict[str, int] = {}
        self._taken: dict[int, str] = {}
        self._free: list[int] = []
        self._resting: deque[tuple[float, int]] = deque()

    def allocate(self, owner: str, now: float) -> str:
        """The owner's address; the one it has if it has one. StatusError TooManyRequests if all are taken."""
        held = self._owners.get(owner)
        if held is not None:
            return str(ip_address(held))
        self._rested(now)
        address = self._pick()
        if address is None:
            raise StatusError("TooManyRequests", f"no free address in {self.cidr}")
        return self._give(owner, address)

    def restore(self, owner: str, ip: str) -> bool:
        """The owner has `ip` already (found after a restart). False, and nothing done, if another has it or it is
        not of this range."""
        address = int(ip_address(ip))
        if not self._first <= address <= self._last or self._taken.get(address, owner) != owner:
            return False
        if self._owners.get(owner, address) != address:
            return False
        self._free = [a for a in self._free if a != address]
        self._resting = deque((at, a) for at, a in self._resting if a != address)
        self._give(owner, address)
        return True

    def release(self, owner: str, now: float) -> str:
        """The address that the owner had, "" if none."""
        address = self._owners.pop(owner, None)
        if address is None:
            return ""
        del self._taken[address]
        self._resting.append((now + self.reuse_after, address))
        return str(ip_address(address))

    def held(self) -> dict[str, str]:
        """Owner to address."""
        return {owner: str(ip_address(address)) for owner, address in self._owners.items()}

    def _rested(self, now: float) -> None:
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])

    def _pick(self) -> int | None:
        if self._free:
            address = min(self._free)
            self._free.remove(address)
            return address
        while self._next <= self._last:
            self._next += 1
            if self._next - 1 not in self._taken and all(a != self._next - 1 for _, a in self._resting):
                return self._next - 1
        return self._resting.popleft()[1] if self._resting else None

    def _give(self, owner: str, address: int) -> str:
        self._owners[owner] = address
        self._taken[address] = owner
        return str(ip_address(address))
