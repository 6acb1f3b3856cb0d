"""What one write costs, by what is asked: CPU of a turn of 64 on three members, without raft, log or sockets.

    python -m bench.store_turn

The part of the way that depends on the request: the message is unpacked, checked and made into a log entry by a
leader's service, applied by the leader and two followers, and answered. Must not time anything but CPU of this process;
on a busy machine the least of several runs says most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace as Fake
from typing import Any, cast

from cluster.bundle import MANY, Batch, BatchHandler
from cluster.rpc import Rpc
from cluster.wire import pack, unpack
from cluster.world.host import Host
from store.client import Compare, Put, Range
from store.config import Config
from store.leaderships import Leaderships
from store.machine import Machine
from store.member import Member
from store.raft.node import Node, Role
from store.requests import addressed, put_request, txn_request, update_request, update_result
from store.service import Service
from store.waiting import Batch as Entry
from store.waiting import Proposal

TURN, TURNS, ROUNDS = 64, 150, 5
TERM = 3
VALUE = bytes(256)
KEYS = [b"/bench/key-%06d" % number for number in range(10_000)]
KINDS = {"put": "store.put", "txn": "store.txn", "update": "store.update"}


class Bench:
    """A leader's service over machines, with as much around it as it looks at."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._deferred: list[Callable[[], None]] = []
        self._handlers: dict[str, BatchHandler] = {}
        self._proposals: list[Proposal] = []
        self._id = 0
        self.machines = [Machine(), Machine(), Machine()]
        node = Fake(role=Role.LEADER, term=TERM, leader="store-0")
        self._host = cast(Host, Fake(bus=Fake(defer=self._deferred.append, send=self._send), name="store-0"))
        rpc = Fake(serve_batch=self._handlers.__setitem__, serve=self._ignore, serve_stream=self._ignore)
        member = Fake(
            machine=self.machines[0],
            node=node,
            leaderships=Leaderships("store-0", cast(Node, node), 0),
            propose=self._proposals.append,
        )
        member.leaderships.begins(TERM)
        Service(cast(Rpc, rpc), Config(members=("store-0",)), cast(Member, member))

    def _send(self, dst: str, kind: str, body: Any, **_: Any) -> int:
        self.sent.append(pack(body))
        return 0

    @staticmethod
    def _ignore(*_: Any) -> None:
        return

    def turn(self, kind: str, bodies: list[list[Any]]) -> list[Any]:
        """Their answers."""
        self._id += 1
        batch = Batch(self._host, kind + MANY, ("client", 1, self._id), unpack(pack(bodies)))
        self._handlers[kind](batch)
        proposal = self._proposals.pop()
        entry = Entry(proposal.operations, proposal)
        logged = pack(entry.operations)
        leader, *followers = self.machines
        entry.settle(leader.apply(entry.operations))
        for follower in followers:
            follower.apply(unpack(logged))
        for work in self._deferred:
            work()
        self._deferred.clear()
        return [row[1] for row in unpack(self.sent.pop())]


def request(what: str, serial: int, key: bytes, known: int) -> list[Any]:
    if what == "put":
        return addressed(TERM, put_request(serial, key, VALUE))
    asked = ((Compare(key, "mod", "=", known),), (Put(key, VALUE),), (Range(key),))
    short = update_request(serial, *asked) if what == "update" else None
    return addressed(TERM, short or txn_request(serial, *asked))


def revision(what: str, answer: Any) -> int:
    if what == "txn":
        return int(answer[0])
    return int(answer) if what == "put" else update_result(answer, True).revision


def measure(what: str) -> tuple[float, float]:
    """CPU microseconds of one write: on the members, and to make its request."""
    bench, known, serial = Bench(), dict.fromkeys(KEYS, 0), 0
    best = [1e9, 1e9]
    for _ in range(ROUNDS):
        spent = [0.0, 0.0]
        for _ in range(TURNS):
            keys = [KEYS[(serial + place) % len(KEYS)] for place in range(TURN)]
            start = time.process_time()
            bodies = [request(what, serial + place, key, known[key]) for place, key in enumerate(keys, 1)]
            made = time.process_time()
            answers = bench.turn(KINDS[what], bodies)
            done = time.process_time()
            spent[0] += done - made
            spent[1] += made - start
            serial += TURN
            known.update(zip(keys, [revision(what, answer) for answer in answers], strict=True))
        best = [min(least, taken / TURNS / TURN * 1e6) for least, taken in zip(best, spent, strict=True)]
    return best[0], best[1]


def main() -> None:
    for what in KINDS:
        members, client = measure(what)
        print(f"{what:8} {members:6.2f} us on three members, {client:5.2f} us to ask")


if __name__ == "__main__":
    main()
