"""What a container runtime does for the kubelet: the interface, and the values that cross it.

Must not know how containers come to be (`nodes/runtime/`), nor what the kubelet makes of them (`podstate.py`).
Source: Kubernetes' container runtime interface (CRI), cut down to one container per call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True, order=True)
class ContainerKey:
    """One incarnation of a container: `pod` is the pod's uid, `attempt` counts from 0 (Kubernetes: restartCount)."""

    pod: str
    name: str
    attempt: int

    @property
    def id(self) -> str:
        return f"{self.pod}/{self.name}/{self.attempt}"

    @classmethod
    def parse(cls, id: str) -> ContainerKey:
        """ValueError for an id that is not ours."""
        pod, name, attempt = id.split("/")
        return cls(pod, name, int(attempt))


@dataclass(frozen=True, slots=True)
class Volume:
    """What a pod's volume holds. `files`: relative path to content; None: an empty folder that belongs to the pod.
    `claim`: a folder that outlives the pod on its node, by this name."""

    name: str
    files: Mapping[str, bytes] | None = None
    claim: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Mount:
    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything that is needed to start one container; references are resolved, $(VAR) is expanded.

    `limits`: cpu in milli-cores, memory in bytes; absent means none."""

    key: ContainerKey
    namespace: str
    pod_name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    ip: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stdin: bool = False
    stdin_once: bool = False
    """Its input ends when whoever attached first has left."""
    tty: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the runtime sees it. Times are seconds since 1970 on the machine's clock.

    `signal` is the number that ended it (0: none); `exit_code` is then 128 + signal. `message` of a running one is a
    warning for an Event (a placeholder says what it is)."""

    key: ContainerKey
    state: Literal["running", "exited"]
    started_at: float
    image: str = ""
    image_id: str = ""
    ip: str = ""
    finished_at: float = 0.0
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A pulled image. `present`: it was there already."""

    id: str
    size: int = 0
    present: bool = True


@dataclass(frozen=True, slots=True)
class Executed:
    stdout: bytes
    stderr: bytes
    exit_code: int


@dataclass(frozen=True, slots=True)
class Probed:
    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`tail`: last lines only, None for all. `follow`: go on until the container ends. `limit`: bytes at most,
    the last ones. `timestamps`: each line begins with the time when it was written. `since`: only lines written then
    or later, in seconds since 1970."""

    tail: int | None = None
    follow: bool = False
    limit: int = 16 * 1024 * 1024
    timestamps: bool = False
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """`cpu`: seconds of CPU time since it was started. `memory`: bytes, resident."""

    cpu: float
    memory: int


@dataclass(frozen=True, slots=True)
class Usage:
    """All that runs here, and the node's agent itself."""

    containers: Mapping[ContainerKey, Used]
    agent: Used


class RuntimeFailure(Exception):
    """The runtime could not. `reason` is Kubernetes' word for a waiting container (ErrImagePull,
    CreateContainerConfigError, CreateContainerError, RunContainerError), or NotFound, NotRunning, DeadlineExceeded."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


OnExit = Callable[[Container], None]

EXEC_LIMIT = 1024 * 1024
"""Bytes of stdout and of stderr that an exec gives back; the rest is read and dropped."""


STDOUT, STDERR = 1, 2


class Session(Protocol):
    """A command in a container that somebody talks to."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """(STDOUT or STDERR, bytes) as they come, until the command has closed both; with a terminal all is STDOUT."""

    async def write(self, data: bytes) -> None:
        """To its standard input. Nothing happens once it has ended."""

    async def end_input(self) -> None:
        """End of file on its standard input."""

    def resize(self, width: int, height: int) -> None:
        """Of its terminal, if it has one."""

    async def wait(self) -> int:
        """Its exit code; 128 + the signal that ended it."""

    async def close(self) -> None:
        """Kill what is left of it."""


class Pipe(Protocol):
    """A connection to a port of a pod."""

    async def read(self) -> bytes:
        """What came; b"" when the other side says that it sends no more. OSError when it was reset."""

    async def write(self, data: bytes) -> None:
        """Returns when it takes more. OSError when there is nobody any more."""

    async def end(self) -> None:
        """We send no more."""

    def close(self) -> None: ...


class Runtime(Protocol):
    """All methods raise RuntimeFailure; starting the same key twice starts nothing and answers the one there is."""

    async def open(self, on_exit: OnExit) -> list[Container]:
        """Ready the runtime; every container that it still has, running or not. From now on `on_exit` is called, in
        the loop, as soon as a container ends. RuntimeFailure if the runtime cannot be reached."""

    async def pull(self, image: str) -> Image:
        """Make the image present. RuntimeFailure ErrImagePull if there is none."""

    async def start(self, spec: ContainerSpec) -> Container: ...

    async def signal(self, key: ContainerKey, name: Literal["TERM", "KILL"]) -> None:
        """Nothing happens to one that does not run."""

    async def execute(self, key: ContainerKey, argv: tuple[str, ...], timeout: float) -> Executed:
        """Run a command inside. RuntimeFailure NotFound, NotRunning, or DeadlineExceeded (it was killed)."""

    async def session(self, key: ContainerKey, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> Session:
        """Run a command inside that somebody talks to; whoever has it closes it. RuntimeFailure NotFound, NotRunning,
        or CannotStart (there is no such command)."""

    async def attach(self, key: ContainerKey) -> Session:
        """The container's own output from now on, and its input if it was started with one; closing leaves it alone.
        Who comes first to one that was started for one session (`stdin_once`) sees all that it has written.
        RuntimeFailure NotFound or NotRunning."""

    async def probe(self, key: ContainerKey, action: Mapping[str, Any], timeout: float) -> Probed:
        """Carry out a probe's httpGet, tcpSocket or exec; `action` is that part of the container's manifest, with
        ports as numbers and `host` filled in. Never raises for the probed thing's sake: that is `ok=False`."""

    async def dial(self, pod: str, ip: str, port: int) -> Pipe:
        """Connect to a port of the pod with that uid and address. RuntimeFailure Refused in the network's own words."""

    def logs(self, key: ContainerKey, query: LogQuery) -> AsyncIterator[bytes]:
        """Chunks of the log, oldest first; with `timestamps` whole lines. RuntimeFailure NotFound if there is none."""

    async def usage(self) -> Usage:
        """What every container that runs has used so far."""

    async def remove(self, key: ContainerKey) -> None:
        """Forget one ended container and its files. Missing is fine."""

    async def remove_pod(self, pod: str) -> None:
        """Kill and forget all that belongs to the pod; nothing of it is left on return. Missing is fine."""

    def images(self) -> list[tuple[str, int]]:
        """Names and sizes in bytes of the images that are present, sorted."""

    async def close(self) -> None: ...
