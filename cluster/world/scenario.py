"""Everything that a scenario may do to hosts and machines: the `World` interface, and waiting in its time.

Must not know the components: they arrive by name, as a `Spec`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cluster.config import parse
from cluster.world.faults import Rule
from cluster.world.host import Address, Component, Host
from cluster.world.journal import Record
from cluster.world.ruleset import Count


@dataclass(frozen=True, slots=True)
class Spec:
    """What runs on a host: `target` is "package.module:function", importable in another process.

    The module has a frozen dataclass `Config` beside the function; `config` is parsed into it, unknown keys
    refused. The function is `async def function(host: Host, config: Config) -> None`."""

    target: str
    config: Mapping[str, Any] = field(default_factory=dict)


def resolve(spec: Spec) -> Component:
    """The component that `spec` names, bound to its parsed config. UsageError if the config is wrong."""
    module_name, _, function_name = spec.target.partition(":")
    module = importlib.import_module(module_name)
    function = getattr(module, function_name)
    config = parse(module.Config, spec.config, place=spec.target)

    async def component(host: Host) -> None:
        await function(host, config)

    return component


@dataclass(frozen=True, slots=True)
class Standing:
    """One host as it is now. `paused`: it stands still and does not know it."""

    machine: str
    state: Literal["running", "paused", "down"]
    boot: int


class World(Protocol):
    """Two implementations and no third: `cluster.world.sim.SimWorld`, `cluster.world.proc.ProcWorld`."""

    async def start(self, name: Address, machine: str, spec: Spec) -> None:
        """First boot of a host on `machine` (made if it is new)."""

    async def crash(self, name: Address, *, lose_unsynced: bool = False) -> None:
        """SIGKILL: no finally runs. What was not synced may be lost, and certainly is with `lose_unsynced`."""

    async def restart(self, name: Address, *, wipe: bool = False) -> None:
        """Crash if it runs; then the same disk (an empty one with `wipe`), the next boot."""

    async def remove(self, name: Address) -> None:
        """Crash it and forget it: it will not be restarted, and its name is free."""

    async def pause(self, name: Address) -> None:
        """SIGSTOP: it stands still and does not know it."""

    async def resume(self, name: Address) -> None: ...

    async def skew(self, machine: str, *, offset: float = 0.0, rate: float = 1.0) -> None:
        """The machine's wall clock is off by `offset` seconds and runs `rate` times as fast."""

    async def drift(self, machine: str, rate: float) -> None:
        """What hosts of the machine measure with, and all that they wait for, goes `rate` times as fast from now on
        (`skew` is about the wall clock, with which nobody measures). UsageError where that cannot be done."""

    async def poweroff(self, machine: str) -> None:
        """Every host of the machine crashes at once."""

    async def poweron(self, machine: str) -> None:
        """Every host of the machine that is down boots again, with its disk."""

    async def fault(self, rule: Rule, *, lasting: float = 0.0) -> str:
        """Install a rule; on return every host that runs obeys it. It heals by itself after `lasting` seconds
        (0: only when healed). Returns the rule's id (given here if the rule has none)."""

    async def faults(self, rules: Sequence[Rule], *, lasting: float = 0.0) -> list[str]:
        """Several at once; their ids."""

    async def heal(self, rule_id: str | None = None) -> None:
        """Remove one rule, or all."""

    async def join(self, name: Address, machine: str) -> Host:
        """The scenario's own seat on the bus, on `machine` (so partitions hold for it too)."""

    async def leave(self, name: Address) -> None:
        """Give a seat back."""

    async def census(self) -> Mapping[Address, Standing]:
        """All hosts that were started and not removed, by name."""

    async def ended(self, name: Address) -> None:
        """Returns once that host does not run, at once if it does not."""

    async def evidence(self) -> Mapping[str, Sequence[Count]]:
        """Per rule, also of those that are healed, what it hit and let through on each link."""

    async def latest_peer(self, name: Address, pattern: str) -> Address:
        """To whom of those whose names match (fnmatch) its latest request went, "" for none: as its journal says, or
        UsageError where that holds no messages. Signs of life of streams count only if there is nothing else."""

    async def journal(self) -> Sequence[Record]:
        """Everything that was recorded so far, in an order that respects cause and effect."""

    def hosts(self) -> Sequence[Address]:
        """Names of all hosts that were started and not removed, sorted."""

    def running(self, name: Address) -> bool: ...

    def time(self) -> float:
        """True time in seconds; the world's, no host's."""


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], *, within: float, every: float = 0.05, what: str = ""
) -> None:
    """Wait until `holds()`; AssertionError naming `what` after `within` seconds of the running loop's time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        result = holds()
        if not isinstance(result, bool):
            result = await result
        if result:
            return
        if loop.time() >= end:
            raise AssertionError(f"not within {within} s: {what or holds}")
        await asyncio.sleep(every)
