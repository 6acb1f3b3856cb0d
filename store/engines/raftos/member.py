"""A raftos node on our bus: the published node and transport, subclassed where they touch sockets.

Must not decide anything that raftos decides. What raftos raises is noted and it goes on, as under asyncio's own loop;
only a failed disk ends the member.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cluster.errors import HaltError, StatusError
from cluster.rpc import Answer, Request, Rpc
from cluster.world.host import Host
from store.engines.raftos.config import Config
from store.engines.raftos.face import Face
from store.engines.raftos.files import Files
from store.engines.raftos.history import History
from store.engines.raftos.library import FOLDER, Library, load
from store.engines.raftos.registers import key_values, newest
from store.refusal import halting

__all__ = ["Config", "Member", "UnreadableError", "run"]

PORT = 1
"""raftos names members host:port; the bus needs no port."""


async def run(host: Host, config: Config) -> None:
    """Runs until its disk fails (DiskFailedError). UnreadableError at the start."""
    await Member(host, config).work()


class UnreadableError(HaltError):
    """raftos cannot read back what it has written: torn by a loss of power, or with a byte 0x0A in it."""


class Member:
    """`leader()` and `registers` are what raftos's own `get_value` looks at; `published` is called after each apply."""

    def __init__(self, host: Host, config: Config) -> None:
        self.host = host
        self.config = config
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.published: Callable[[], None] = lambda: None
        self.history = History()
        self.files = Files(host.disk, FOLDER)
        self.library: Library = load(host, config, self.files, self.guard)
        with self._reading():
            self.node: Any = _node(self.library, host, config)
            self.revision = newest(self.registers)
        self.node.state.state_machine.applied = self._applied
        self.library.conf.configure({"on_leader": self._on_leader, "on_follower": self._on_follower})

    async def work(self) -> None:
        """Until the disk fails; DiskFailedError then. UnreadableError at once."""
        rpc = Rpc(self.host, keepalive=self.config.keepalive)
        Face(rpc, self.config, self)
        rpc.serve_fast("raftos.*", self.receive)
        with self._reading():
            self.node.begin(Transport(self.host))
        writer = asyncio.ensure_future(self.files.write_back(self.config.writeback))
        with halting(self.host, "disk-failed"):
            await asyncio.wait((writer, self.failed), return_when=asyncio.FIRST_COMPLETED)
            for task in (writer, self.failed):
                if task.done():
                    task.result()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """While raftos reads its files: what it raises is UnreadableError."""
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            text = f"raftos cannot read its own files below {FOLDER} ({type(error).__name__}: {error})"
            self.host.note("refused-to-start", {"error": text})
            raise UnreadableError(text) from error

    # ── what raftos says ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> Any:
        """raftos's `State`: log, storage, state machine, and the role's own object in `state`."""
        return self.node.state

    @property
    def registers(self) -> dict[str, Any]:
        content: dict[str, Any] = self.node.state.state_machine.content()
        return content

    def leader(self) -> Any:
        """This member's `Leader`, if raftos takes it for one (raftos: leader_required). StatusError NotLeader."""
        known = self.library.state.State.leader
        if isinstance(known, self.library.state.Leader):
            return known
        hint = known.partition(":")[0] if known else ""
        text = f"{hint} leads" if hint else "nobody is known to lead"
        raise StatusError("NotLeader", f"{self.host.name} does not lead; {text}", {"leader": hint} if hint else {})

    def leader_name(self) -> str:
        known = self.library.state.State.get_leader()
        return known.partition(":")[0] if known else ""

    def role(self) -> str:
        return type(self.state.state).__name__.lower()

    def _applied(self, command: Mapping[str, Any]) -> None:
        kvs = key_values(command)
        self.revision = max((kv.mod_revision for kv in kvs), default=self.revision)
        self.history.add(self.revision, kvs)
        self.published()

    def _on_leader(self) -> None:
        self.host.note("role", {"term": self.state.storage.term, "role": "leader"})

    def _on_follower(self) -> None:
        self.host.note("role", {"term": self.state.storage.term, "role": "follower"})

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request, answer: Answer) -> None:
        """One datagram. StatusError Forbidden if it is not from a member."""
        if request.src not in self.config.members or type(request.body) is not bytes:
            raise StatusError("Forbidden", f"{request.src} is no member")
        data, sender = request.body, (request.src, PORT)
        self.guard(request.kind, lambda: self.node.protocol.datagram_received(data, sender))

    def guard(self, place: str, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            if not self.failed.done():
                self.failed.set_exception(error)
        except Exception as error:
            # Its own transport and timers run under asyncio's exception handler, which logs and goes on.
            self.host.note("raftos-failed", {"place": place, "error": f"{type(error).__name__}: {error}"})


def _node(library: Library, host: Host, config: Config) -> Any:
    class Protocol(library.network.UDPProtocol):  # type: ignore[misc, name-defined]
        """Says the kind of each message to the bus; packing is the published one's."""

        async def start(self) -> None:
            while not self.transport.is_closing():
                request = await self.queue.get()
                data = self.cryptor.encrypt(self.serializer.pack(request["data"]))
                self.transport.sendto(request["data"]["type"], data, request["destination"])

    class Node(library.server.Node):  # type: ignore[misc, name-defined]
        """Without `Queue(loop=...)`, which Python 3.10 has removed; its peers in a fixed order (a set of them has
        another one in each process); no socket."""

        def __init__(self, address: tuple[str, int], loop: asyncio.AbstractEventLoop) -> None:
            self.host, self.port = address
            self.cluster = dict.fromkeys((name, PORT) for name in config.members if name != self.host)
            self.loop = loop
            self.state = library.server.State(self)
            self.requests = asyncio.Queue[Any]()
            self.__class__.nodes.append(self)

        def begin(self, transport: Transport) -> None:
            self.protocol = Protocol(queue=self.requests, request_handler=self.request_handler, loop=self.loop)
            self.transport = transport
            self.protocol.connection_made(self.transport)
            self.state.start()

    return Node((host.name, PORT), asyncio.get_running_loop())


class Transport:
    """The datagram transport that raftos is handed."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def is_closing(self) -> bool:
        return False

    def sendto(self, kind: str, data: bytes, destination: tuple[str, int]) -> None:
        self._host.bus.send(destination[0], f"raftos.{kind}", data)
