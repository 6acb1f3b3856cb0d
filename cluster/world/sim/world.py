"""SimWorld: all hosts in one process on virtual time; one seed decides everything.

Must not know components (they arrive as a `Spec`). A crash runs no `finally`; the dead are kept in a graveyard until
the run is over and its journal closed, because the collector would run their `finally` blocks whenever it likes.

    with SimWorld(seed=7) as world:
        world.run(scenario(world))
        print(world.digest())
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Any, Literal, TypeVar

from cluster.errors import InvariantViolation, UsageError
from cluster.world.faults import Rule
from cluster.world.host import Address, Component, Host
from cluster.world.journal import Record, latest_peer
from cluster.world.ruleset import Count
from cluster.world.scenario import Spec, Standing, resolve
from cluster.world.sim.disk import Platter
from cluster.world.sim.host import Boot, Machine, Place, Switchboard, make_host
from cluster.world.sim.loop import SimLoop, set_rate
from cluster.world.sim.owner import OWNER
from cluster.world.sim.schedule import of_text
from cluster.world.sim.task import SimTask

T = TypeVar("T")


class SimWorld:
    def __init__(
        self, seed: int, *, keep_records: bool = True, tolerate_exits: bool = False, schedule: str = ""
    ) -> None:
        """`keep_records`: hold the journal in memory (the digest is kept anyway). `tolerate_exits`: a component
        that ends with an exception (a full disk, say) is noted as `exit` and does not fail the run. `schedule`: how
        long messages take (schedule.py); "": random, each on its own."""
        self.seed = seed
        self.loop = SimLoop()  # type: ignore[abstract]  # what it leaves out (sockets, threads) must not be used
        self.board = Switchboard(self.loop, seed, keep=keep_records)
        self.board.kill = self._killed_by
        self.board.schedule = of_text(schedule, seed)
        self.tolerate_exits = tolerate_exits
        self.exits: dict[Address, BaseException] = {}
        self._machines: dict[str, Machine] = {}
        self._components: dict[Address, Component] = {}
        self._graveyard: list[SimTask] = []
        self._boots: dict[Address, int] = {}
        """Of hosts that were removed: a later one of that name counts on, as in the other world."""
        self._rule_number = 0
        self._ends: dict[Address, asyncio.Future[None]] = {}

    def __enter__(self) -> SimWorld:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def run(self, scenario: Coroutine[Any, Any, T]) -> T:
        """Run the scenario to its end; raises what it raises, or the first failure of a component."""
        collecting = gc.isenabled()
        gc.disable()  # abandoned coroutines must not be closed in the middle of a run
        try:
            result: T = self.loop.run_until_complete(scenario)
        finally:
            if collecting:
                gc.enable()
        return result

    def close(self) -> None:
        for place in self.board.places.values():
            if place.boot is not None:
                place.boot.dead = True
        tasks = [t for t in asyncio.all_tasks(self.loop) if isinstance(t, SimTask)]
        self.board.hexdigest()
        self.loop.discard(sorted({*tasks, *self._graveyard}, key=lambda t: t.serial))
        self._graveyard.clear()
        self.loop.close()

    # ── what it saw ──────────────────────────────────────────────────────────────────────────────────────────

    def digest(self) -> str:
        return self.board.hexdigest()

    def notes(self, event: str) -> list[Record]:
        return [r for r in self.board.records if r[4] == event]

    def time(self) -> float:
        return self.loop._now

    def hosts(self) -> Sequence[Address]:
        return sorted(self._components)

    def running(self, name: Address) -> bool:
        return self._place(name).boot is not None

    async def census(self) -> Mapping[Address, Standing]:
        return {name: _standing(self._place(name)) for name in self.hosts()}

    async def evidence(self) -> Mapping[str, Sequence[Count]]:
        return self.board.rules.counts()

    async def latest_peer(self, name: Address, pattern: str) -> Address:
        boot = self._place(name).boots
        return latest_peer((r for r in self.board.records if r[2] == name and r[3] == boot), pattern)

    async def journal(self) -> Sequence[Record]:
        return self.board.records

    def platter(self, name: Address) -> Platter:
        return self._place(name).platter

    # ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, name: Address, machine: str, spec: Spec) -> None:
        self.add(name, machine, resolve(spec))

    def add(self, name: Address, machine: str, component: Component) -> None:
        """Start a component that is at hand as a function (tests' own)."""
        if name in self.board.places:
            raise UsageError(f"there is a host {name!r} already")
        self._new_place(name, machine, seat=False)
        self._components[name] = component
        self._boot(name)

    async def crash(self, name: Address, *, lose_unsynced: bool = False) -> None:
        place = self._place(name)
        if place.boot is not None:
            self._kill(place, "crash", lose_all=lose_unsynced)

    async def restart(self, name: Address, *, wipe: bool = False) -> None:
        await self.crash(name)
        if wipe:
            self._place(name).platter.files.clear()
        self._boot(name)

    async def ended(self, name: Address) -> None:
        if self._place(name).boot is not None:
            end = self._ends.setdefault(name, self.loop.create_future())
            await asyncio.shield(end)

    async def remove(self, name: Address) -> None:
        await self.crash(name)
        self._boots[name] = self.board.places[name].boots
        del self.board.places[name]
        del self._components[name]
        for place in self.board.places.values():
            place.links.pop(name, None)

    async def pause(self, name: Address) -> None:
        place = self._place(name)
        if place.boot is not None and place.boot.parked is None:
            self.board.note(place, place.boot, "pause", {})
            place.boot.parked = []

    async def resume(self, name: Address) -> None:
        place = self._place(name)
        if place.boot is not None and place.boot.parked is not None:
            self.loop.release(place.boot)
            self.board.note(place, place.boot, "resume", {})
            self.board.redeliver(place)

    async def skew(self, machine: str, *, offset: float = 0.0, rate: float = 1.0) -> None:
        m = self._machine(machine)
        m.offset, m.rate, m.since = offset, rate, self.time()

    async def drift(self, machine: str, rate: float) -> None:
        """Also of hosts that boot there later."""
        self._machine(machine).drift = rate
        self.loop.drifting = True
        for place in self.board.places.values():
            if place.machine.name == machine and place.boot is not None and not place.seat:
                set_rate(self.loop, place.boot, rate)

    async def poweroff(self, machine: str) -> None:
        for name in self._on(machine):
            await self.crash(name)

    async def poweron(self, machine: str) -> None:
        for name in self._on(machine):
            if not self.running(name):
                self._boot(name)

    def _on(self, machine: str) -> list[Address]:
        names = [n for n in self.hosts() if self._place(n).machine.name == machine]
        if not names:
            raise UsageError(f"no machine {machine!r}", remedy=f"one of {', '.join(sorted(self._machines))}")
        return names

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────

    async def fault(self, rule: Rule, *, lasting: float = 0.0) -> str:
        if not rule.id:
            self._rule_number += 1
            rule = replace(rule, id=f"f{self._rule_number}")
        if lasting:
            rule = replace(rule, expires=self.time() + lasting)
            self.loop.call_later(lasting, self._expire, context=Context())
        self.board.rules.install(rule)
        self.board.rules_changed()
        return rule.id

    async def faults(self, rules: Sequence[Rule], *, lasting: float = 0.0) -> list[str]:
        return [await self.fault(rule, lasting=lasting) for rule in rules]

    async def heal(self, rule_id: str | None = None) -> None:
        if self.board.rules.heal(rule_id):
            self.board.rules_changed()

    def _expire(self) -> None:
        if self.board.rules.expire(self.time()):
            self.board.rules_changed()

    # ── the scenario's own seats ─────────────────────────────────────────────────────────────────────────────

    async def join(self, name: Address, machine: str) -> Host:
        place = self._new_place(name, machine, seat=True)
        place.boots += 1
        boot = place.boot = Boot(name, place.boots)
        return make_host(self.board, place, boot, Random(f"{self.seed}/{name}/1"))

    async def leave(self, name: Address) -> None:
        place = self._place(name)
        if place.boot is not None:
            place.boot.dead = True
        del self.board.places[name]
        for other in self.board.places.values():
            other.links.pop(name, None)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, name: Address) -> Place:
        try:
            return self.board.places[name]
        except KeyError:
            raise UsageError(f"no host {name!r}", remedy=f"one of {', '.join(self.hosts())}") from None

    def _machine(self, name: str) -> Machine:
        return self._machines.setdefault(name, Machine(name))

    def _new_place(self, name: Address, machine: str, *, seat: bool) -> Place:
        platter = Platter(Random(f"{self.seed}/disk/{name}"))
        place = self.board.places[name] = Place(name, self._machine(machine), platter, seat)
        place.boots = self._boots.get(name, 0)
        return place

    def _boot(self, name: Address) -> None:
        place = self._place(name)
        place.boots += 1
        boot = place.boot = Boot(name, place.boots, place.machine.drift)
        context = copy_context()
        context.run(OWNER.set, boot)
        boot.run_as = context.copy().run
        host = make_host(self.board, place, boot, Random(f"{self.seed}/{name}/{place.boots}"))
        self.board.note(place, boot, "boot", {})
        work = self._run(place, boot, host)
        self.loop.create_task(work, name=f"{name}.{boot.number}", context=context)
        self.board.redeliver(place)

    async def _run(self, place: Place, boot: Boot, host: Host) -> None:
        """The body of one boot; a component that ends, ends its host."""
        error: BaseException | None = None
        try:
            await self._components[place.name](host)
        except Exception as failure:
            error = failure
            if boot.dead:
                return  # killed in the middle of a turn: what came of the rest of it means nothing
            self.exits[place.name] = failure
        self.board.note(place, boot, "exit", {"error": repr(error) if error else ""})
        self._kill(place, "")
        if isinstance(error, InvariantViolation) or (error is not None and not self.tolerate_exits):
            self.loop.fail(error)

    def _killed_by(self, place: Place, rule: str) -> None:
        """In the middle of a turn of its own: what that turn still does reaches nobody."""
        if place.boot is not None and not place.seat:
            self._kill(place, "crash", rule=rule)

    def _kill(self, place: Place, event: str, *, lose_all: bool = False, rule: str = "") -> None:
        boot = place.boot
        assert boot is not None
        if event:
            self.board.note(place, boot, event, {"rule": rule} if rule else {})
        boot.dead = True
        if boot.disk is not None:
            boot.disk.detach()
        end = self._ends.pop(place.name, None)
        if end is not None:
            end.set_result(None)
        place.boot = None
        place.watching.clear()
        self._graveyard.extend(self.loop.tasks_of(boot))
        place.platter.crash(lose_all=lose_all)


def _standing(place: Place) -> Standing:
    state: Literal["running", "paused", "down"] = "running"
    if place.boot is None or place.boot.parked is not None:
        state = "down" if place.boot is None else "paused"
    return Standing(place.machine.name, state, place.boots)
