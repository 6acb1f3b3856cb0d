"""raftos members whose messages wait on a desk until a test hands them over, one by one: real states, no network.

Each member is the engine's own `Member` (so the published package with what it needs to run), on a seat of a
simulated world. Time stands still but for a moment per delivery, so no timer of raftos fires by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cluster.world.sim import SimWorld
from cluster.world.sim.disk import Platter
from store.engines.raftos.config import Config
from store.engines.raftos.library import FOLDER
from store.engines.raftos.member import PORT, Member

MOMENT = 0.001


class Mailbox:
    """Stands where a member's transport would: keeps what it sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    def is_closing(self) -> bool:
        return False

    def sendto(self, kind: str, data: bytes, destination: tuple[str, int]) -> None:
        self.sent.append((destination[0], kind, data))


class Desk:
    """`count` members, 0 to count - 1."""

    def __init__(self, world: SimWorld, count: int, **options: Any) -> None:
        self.names = tuple(f"store-{i}" for i in range(count))
        self._world = world
        self._config = Config(self.names, **options)
        self._hosts: list[Any] = []
        self.members: list[Member] = []
        self._mail: list[Mailbox] = []

    async def open(self) -> Desk:
        for i, name in enumerate(self.names):
            self._hosts.append(await self._world.join(name, f"master-{i}"))
            self.members.append(None)  # type: ignore[arg-type]
            self._mail.append(Mailbox())
            self.boot(i)
        return self

    def boot(self, i: int) -> None:
        """Once more from its files, all of which are there (a killed process, not a loss of power)."""
        if self.members[i] is not None:
            self.members[i].node.state.stop()
        self.members[i] = Member(self._hosts[i], self._config)
        self._mail[i] = Mailbox()
        self.members[i].node.begin(self._mail[i])

    def close(self) -> None:
        for member in self.members:
            member.node.state.stop()

    def platter(self, i: int) -> Platter:
        return self._world.platter(self.names[i])

    def generation(self, i: int) -> int:
        """How often its log was begun anew."""
        return int(self._hosts[i].disk.names(f"{FOLDER}{self.names[i]}_{PORT}.log")[-1].rpartition(".")[2])

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────

    async def sent(self, src: int, dst: int, kind: str) -> list[bytes]:
        """All that `src` has sent of that kind to `dst`, oldest first; they stay on the desk."""
        await asyncio.sleep(MOMENT)
        return [data for to, what, data in self._mail[src].sent if (to, what) == (self.names[dst], kind)]

    async def hand(self, src: int, dst: int, data: bytes) -> None:
        member = self.members[dst]
        member.guard("desk", lambda: member.node.protocol.datagram_received(data, (self.names[src], PORT)))
        await asyncio.sleep(MOMENT)

    async def newest(self, src: int, dst: int, kind: str) -> None:
        """Hand over the newest one. AssertionError if there is none."""
        found = await self.sent(src, dst, kind)
        assert found, f"{self.names[src]} has sent no {kind} to {self.names[dst]}"
        await self.hand(src, dst, found[-1])

    async def vote(self, candidate: int, voter: int) -> None:
        """The request and the answer."""
        await self.newest(candidate, voter, "request_vote")
        await self.newest(voter, candidate, "request_vote_response")

    async def append(self, leader: int, follower: int) -> None:
        await self.newest(leader, follower, "append_entries")
        await self.newest(follower, leader, "append_entries_response")

    async def beat(self, leader: int, *followers: int) -> None:
        """A heartbeat to each, and its answer."""
        self.state(leader).heartbeat()
        for follower in followers:
            await self.append(leader, follower)

    # ── what they are ────────────────────────────────────────────────────────────────────────────────────────

    def state(self, i: int) -> Any:
        """The role's object."""
        return self.members[i].state.state

    def stand(self, i: int) -> None:
        """Its election timer fires."""
        self.members[i].state.to_candidate()

    async def elect(self, i: int, *voters: int) -> None:
        self.stand(i)
        for voter in voters:
            await self.vote(i, voter)

    def role(self, i: int) -> str:
        return self.members[i].role()

    def term(self, i: int) -> int:
        return int(self.members[i].state.storage.term)

    def leaders(self) -> list[tuple[int, int]]:
        """(member, term) of all who lead."""
        return [(i, self.term(i)) for i in range(len(self.names)) if self.role(i) == "leader"]

    def failures(self) -> list[str]:
        """What raftos raised in its callbacks."""
        return [record[5]["error"] for record in self._world.notes("raftos-failed")]

    def log(self, i: int) -> list[tuple[int, Any]]:
        """(term, command) of each entry."""
        return [(entry["term"], entry["command"]) for entry in self.members[i].state.log.cache]

    def write(self, i: int, name: str, value: Any) -> asyncio.Task[None]:
        """raftos's own `set_value` on that member."""
        return asyncio.ensure_future(self.members[i].library.state.State.set_value(name, row(value)))

    def read(self, i: int, name: str) -> asyncio.Task[Any]:
        """raftos's own `get_value`."""
        return asyncio.ensure_future(self.members[i].library.state.State.get_value(name))


def row(value: str) -> list[str]:
    """A register as the engine keeps it (its versions do not matter here)."""
    return [value, "1 1 1"]


def on_desk(count: int, story: Callable[[Desk], Awaitable[None]], seed: int = 1, **options: Any) -> None:
    with SimWorld(seed) as world:

        async def main() -> None:
            desk = await Desk(world, count, **options).open()
            await story(desk)
            desk.close()

        world.run(main())
