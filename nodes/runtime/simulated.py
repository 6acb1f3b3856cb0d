"""A runtime whose containers are rows of a table (`nodes/kubelet/stages.py`), on the host's own loop, in both worlds.

Must not run anything real. What there is of a container, its log included, follows from when it was started and
stopped; that is kept on the host's disk, so containers outlive their kubelet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cluster.wire import pack, unpack
from cluster.world.host import Host
from nodes.kubelet.runtime import (
    Container,
    ContainerKey,
    ContainerSpec,
    Executed,
    Image,
    LogQuery,
    OnExit,
    Probed,
    RuntimeFailure,
    Session,
    Usage,
    Used,
)
from nodes.kubelet.stages import (
    Answer,
    Behaviour,
    Life,
    Run,
    Stages,
    behaviour,
    life,
    log_lines,
    serving,
    short_name,
)
from nodes.runtime.logtimes import stamped
from nodes.runtime.said import Echo, Overheard, Said

FOLDER = "containers/"
AGENT_CPU, AGENT_MEMORY = 0.01, 50_000_000
"""Cores and bytes that a simulated node's agent uses."""
LONGEST_ANSWER = 3600.0
"""Seconds that a command somebody talks to may take."""


@dataclass(slots=True)
class _Record:
    """One container. Times are stamps of the machine's clock; `due`: the timer that waits for its end."""

    key: ContainerKey
    image: str
    argv: tuple[str, ...]
    ip: str
    row: Behaviour
    started_at: float
    termed_at: float | None = None
    killed_at: float | None = None
    ended: Container | None = None
    due: asyncio.TimerHandle | None = None
    awaited: bool = False
    """It is there for one session, which has not begun."""
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return self.row.run(self.key.attempt)

    def life(self) -> Life:
        return life(self.run, self.started_at, self.termed_at, self.killed_at)

    def data(self) -> bytes:
        return pack(
            [self.key.id, self.image, list(self.argv), self.ip, self.started_at, self.termed_at, self.killed_at]
        )


class SimulatedRuntime:
    """See `nodes.kubelet.runtime.Runtime`."""

    def __init__(self, host: Host, stages: Stages) -> None:
        self._host = host
        self._stages = stages
        self._records: dict[ContainerKey, _Record] = {}
        self._images: dict[str, int] = {}
        self._on_exit: OnExit | None = None

    async def open(self, on_exit: OnExit) -> list[Container]:
        self._on_exit = on_exit
        for name in self._host.disk.names(FOLDER):
            id, image, argv, ip, started, termed, killed = unpack(self._host.disk.read(name))
            row = behaviour(self._stages, image, argv)
            record = _Record(ContainerKey.parse(id), image, tuple(argv), ip, row, started, termed, killed)
            self._records[record.key] = record
            self._images[image] = row.size
            end = record.life().ends_at
            if end is not None and end <= self._host.clock.now():
                record.ended = self._shown(record, over=True)
            else:
                self._arm(record)
        return [self._shown(record) for record in self._records.values()]

    async def pull(self, image: str) -> Image:
        row = behaviour(self._stages, image, ())
        if row.missing:
            await asyncio.sleep(row.pull)
            raise RuntimeFailure("ErrImagePull", f"image {image!r} does not exist (simulated)")
        present = image in self._images
        if not present:
            await asyncio.sleep(row.pull)
            self._images[image] = row.size
        return Image(image_id(image), row.size, present)

    async def start(self, spec: ContainerSpec) -> Container:
        known = self._records.get(spec.key)
        if known is None:
            argv = (*spec.command, *spec.args)
            row = behaviour(self._stages, spec.image, argv)
            await asyncio.sleep(row.start)
            known = self._records.get(spec.key)
            if known is None:
                known = _Record(spec.key, spec.image, argv, spec.ip, row, self._host.clock.now())
                known.awaited = spec.stdin and spec.stdin_once
                self._records[spec.key] = known
                await self._save(known)
                self._arm(known)
        return self._shown(known)

    async def signal(self, key: ContainerKey, name: Literal["TERM", "KILL"]) -> None:
        record = self._records.get(key)
        if record is None or record.ended is not None:
            return
        if name == "KILL":
            record.killed_at = self._host.clock.now()
        elif record.termed_at is None:
            record.termed_at = self._host.clock.now()
        self._arm(record)
        await self._save(record)

    async def execute(self, key: ContainerKey, argv: tuple[str, ...], timeout: float) -> Executed:
        record = self._running(key)
        answer = record.row.execs.get(" ".join(argv))
        if answer is None:
            answer = _plain_exec(argv)
        if answer is None:
            message = f"a simulated container has no answer for {' '.join(argv)!r}; its row in `stages` has `execs`"
            return Executed(b"", (message + "\n").encode(), 127)
        if answer.seconds:
            await asyncio.sleep(min(answer.seconds, timeout))
            if answer.seconds > timeout:
                raise RuntimeFailure("DeadlineExceeded", f"no end within {timeout:g} s")
        return Executed(answer.stdout.encode(), answer.stderr.encode(), answer.exit_code)

    async def session(self, key: ContainerKey, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> Session:
        return Said(await self.execute(key, argv, LONGEST_ANSWER))

    async def attach(self, key: ContainerKey) -> Session:
        record = self._running(key)
        whole, record.awaited = record.awaited, False
        return Overheard(self.logs(key, LogQuery(None if whole else 0, True)))

    async def probe(self, key: ContainerKey, action: Mapping[str, Any], timeout: float) -> Probed:
        record = self._records.get(key)
        if record is None or record.ended is not None:
            return Probed(False, "the container does not run")
        if "exec" in action:
            try:
                done = await self.execute(key, tuple(action["exec"].get("command") or ()), timeout)
            except RuntimeFailure as failure:
                return Probed(False, failure.message)
            return Probed(done.exit_code == 0, (done.stdout + done.stderr).decode(errors="replace"))
        if serving(record.run, record.started_at, self._host.clock.now()):
            return Probed(True)
        ((kind, detail),) = action.items()
        where = f"{detail.get('host', record.ip)}:{detail.get('port')}"
        if kind == "httpGet":
            return Probed(False, f"HTTP probe of {where}{detail.get('path', '/')} failed with statuscode: 503")
        return Probed(False, f"dial tcp {where}: connect: connection refused")

    async def dial(self, pod: str, ip: str, port: int) -> Echo:
        now = self._host.clock.now()
        if not any(
            r.key.pod == pod and r.ended is None and serving(r.run, r.started_at, now) for r in self._records.values()
        ):
            why = "connect: connection refused"
            raise RuntimeFailure("Refused", f"failed to connect to {ip}:{port}: dial tcp4 {ip}:{port}: {why}")
        return Echo()

    async def logs(self, key: ContainerKey, query: LogQuery) -> AsyncIterator[bytes]:
        record = self._records.get(key)
        if record is None:
            raise RuntimeFailure("NotFound", f"there is no container {key.id}")
        lines = self._lines(record)
        chosen = lines if query.tail is None else lines[len(lines) - min(query.tail, len(lines)) :]
        if shown := _shown(chosen, query):
            yield shown[-query.limit :]
        told = len(lines)
        while query.follow and record.ended is None and key in self._records:
            await self._next_line(record)
            lines = self._lines(record)
            if len(lines) > told:
                yield _shown(lines[told:], query)
            told = len(lines)

    async def usage(self) -> Usage:
        now = self._host.clock.now()
        live = [record for record in self._records.values() if record.ended is None]
        used = {r.key: Used(r.run.cpu * max(now - r.started_at, 0.0), r.run.memory) for r in live}
        return Usage(used, Used(AGENT_CPU * self._host.clock.monotonic(), AGENT_MEMORY))

    async def remove(self, key: ContainerKey) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            self._disarm(record)
            self._wake(record)
            await self._host.disk.remove(FOLDER + key.id)

    async def remove_pod(self, pod: str) -> None:
        for key in [key for key in self._records if key.pod == pod]:
            await self.remove(key)

    def images(self) -> list[tuple[str, int]]:
        return sorted(self._images.items())

    async def close(self) -> None:
        for record in self._records.values():
            self._disarm(record)

    # ── within ───────────────────────────────────────────────────────────────────────────────────────────────

    def _running(self, key: ContainerKey) -> _Record:
        record = self._records.get(key)
        if record is None:
            raise RuntimeFailure("NotFound", f"there is no container {key.id}")
        if record.ended is not None:
            raise RuntimeFailure("NotRunning", f"container {key.id} does not run")
        return record

    async def _save(self, record: _Record) -> None:
        await self._host.disk.replace(FOLDER + record.key.id, record.data())
        if record.key not in self._records:  # removed meanwhile
            await self._host.disk.remove(FOLDER + record.key.id)

    def _arm(self, record: _Record) -> None:
        """Wait for its end, as it now looks. A clock that is off makes the wait longer or shorter, never wrong."""
        self._disarm(record)
        end = record.life().ends_at
        if end is not None:
            wait = max(end - self._host.clock.now(), 0.0)
            record.due = asyncio.get_running_loop().call_later(wait, self._end, record)

    def _disarm(self, record: _Record) -> None:
        if record.due is not None:
            record.due.cancel()
            record.due = None

    def _end(self, record: _Record) -> None:
        record.due = None
        if record.ended is not None or self._records.get(record.key) is not record:
            return
        record.ended = self._shown(record, over=True)
        self._wake(record)
        if self._on_exit is not None:
            self._on_exit(record.ended)

    def _shown(self, record: _Record, over: bool = False) -> Container:
        if record.ended is not None:
            return record.ended
        key, image = record.key, record.image
        if not over:
            return Container(key, "running", record.started_at, image, image_id(image), record.ip)
        end = record.life()
        at = record.started_at if end.ends_at is None else end.ends_at
        return Container(
            key,
            "exited",
            record.started_at,
            image,
            image_id(image),
            record.ip,
            at,
            end.exit_code,
            end.signal,
            end.reason,
        )

    def _lines(self, record: _Record) -> list[tuple[float, str]]:
        until = record.ended.finished_at if record.ended is not None else self._host.clock.now()
        return log_lines(record.run, record.started_at, until)

    async def _next_line(self, record: _Record) -> None:
        """Until the container may have written more, or has ended."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        record.waiters.append(waiter)
        every = record.run.log_every or None
        try:
            await asyncio.wait_for(waiter, every)
        except TimeoutError:
            record.waiters.remove(waiter)

    def _wake(self, record: _Record) -> None:
        for waiter in record.waiters:
            if not waiter.done():
                waiter.set_result(None)
        record.waiters.clear()


def _shown(lines: list[tuple[float, str]], query: LogQuery) -> bytes:
    """Lines with their times, as they are asked for."""
    told = [(at, line.encode() + b"\n") for at, line in lines if query.since is None or at >= query.since]
    return b"".join(stamped(line, round(at * 1e9)) if query.timestamps else line for at, line in told)


def image_id(image: str) -> str:
    return f"simulated://{short_name(image)}"


def _plain_exec(argv: tuple[str, ...]) -> Answer | None:
    """Commands that mean the same everywhere."""
    if argv and argv[0] in ("true", "/bin/true"):
        return Answer()
    if argv and argv[0] in ("false", "/bin/false"):
        return Answer(exit_code=1)
    if argv and argv[0] in ("echo", "/bin/echo"):
        return Answer(stdout=" ".join(argv[1:]) + "\n")
    return None
