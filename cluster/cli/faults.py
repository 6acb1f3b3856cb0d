"""kill, pause, resume, restart, poweroff, poweron, partition, isolate, delay, loss, faults, heal.

Must not know how a world does it; targets are names, machines or roles that are resolved when the command strikes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from cluster.cli import output as out
from cluster.cli.roles import Cast, Chosen, resolve_targets
from cluster.cli.session import Session, command
from cluster.cli.units import duration, probability
from cluster.errors import UsageError
from cluster.world.faults import Delay, Loss, Partition, Rule, partition_groups

Strike = Callable[[Session, Chosen], Awaitable[None]]


def _one_target(name: str, doc: str, verb: str, strike: Strike, states: Sequence[str]) -> click.Command:
    """A command that strikes each named host or machine. `states`: it must have a host in one of these, for else there
    would be nothing to do; all targets are checked before the first is struck."""

    @click.command(name, help=doc)
    @click.argument("words", nargs=-1, required=True, metavar="TARGET...")
    @command
    async def body(words: tuple[str, ...], cluster: str) -> int:
        async with Session(cluster) as session:
            chosen = await resolve_targets(await Cast.of(session), words)
            for target in chosen:
                _check(target, name, states)
            for target in chosen:
                await strike(session, target)
                note = f" ({', '.join(target.hosts)})" if target.is_machine else ""
                print(f"{target.name} {verb}{note}", flush=True)
        return 0

    made: click.Command = body
    return made


def _check(target: Chosen, name: str, states: Sequence[str]) -> None:
    if name.startswith("power") and not target.is_machine:
        remedy = "power is a machine's, such as worker-1; for a host: kill, restart"
        raise UsageError(f"{target.name!r} is a host", place=name, remedy=remedy)
    if states and not any(state in states for state in target.states):
        found = ", ".join(dict.fromkeys(target.states))
        remedy = f"{name} is for what is {' or '.join(states)}"
        raise UsageError(f"{target.name} is {found}", place=name, remedy=remedy, status=1)


def _each_host(method: str) -> Strike:
    async def strike(session: Session, target: Chosen) -> None:
        await asyncio.gather(*(getattr(session.world, method)(host) for host in target.hosts))

    return strike


async def _poweroff(session: Session, target: Chosen) -> None:
    await session.world.poweroff(target.name)


async def _poweron(session: Session, target: Chosen) -> None:
    await session.world.poweron(target.name)


LIVE, DOWN = ("running", "starting", "stopped"), ("dead", "exited")
_TARGETS = (
    "TARGET: a host (store-1), a machine (worker-2) or a role (leader:store, follower:store, leader:scheduler, "
    "leader:controller-manager, node-of:POD)."
)
kill_command = _one_target("kill", f"SIGKILL. {_TARGETS}", "killed", _each_host("crash"), LIVE)
pause_command = _one_target("pause", f"SIGSTOP. {_TARGETS}", "paused", _each_host("pause"), ("running",))
resume_command = _one_target("resume", f"SIGCONT. {_TARGETS}", "resumed", _each_host("resume"), ("stopped",))
restart_command = _one_target(
    "restart", f"Kill and boot with the same disk. {_TARGETS}", "restarted", _each_host("restart"), ()
)
poweroff_command = _one_target("poweroff", "Hosts and containers of a machine end at once.", "is off", _poweroff, LIVE)
poweron_command = _one_target("poweron", "Boot a machine's hosts.", "is on", _poweron, DOWN)


# ── network ──────────────────────────────────────────────────────────────────────────────────────────────────


def fault_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--for", "lasting", default="", help="Heals by itself after so long, such as 10s."),
        click.option(
            "--kind", "kinds", multiple=True, help="Only messages of this kind, such as raft.* or lease.renew."
        ),
    ):
        function = option(function)
    return function


async def _install(cluster: str, make: Callable[[Cast], Awaitable[Sequence[Rule]]], lasting: str, what: str) -> int:
    seconds = duration(lasting) if lasting else 0.0
    async with Session(cluster) as session:
        rules = await make(await Cast.of(session))
        start = time.monotonic()
        ids = await session.world.faults(rules, lasting=seconds)
        took = (time.monotonic() - start) * 1000
        ends = f" for {seconds:g} s" if seconds else ""
        for rule_id, rule in zip(ids, rules, strict=True):
            print(f"{rule_id}: {what} {_sides(rule)}{ends}, in force after {took:.0f} ms")
    return 0


def _sides(rule: Rule) -> str:
    arrow = "|" if isinstance(rule, Partition) and rule.both else "<->" if rule.both else "->"
    kinds = f" [{', '.join(rule.kinds)}]" if rule.kinds else ""
    return f"{','.join(rule.src) or 'anyone'} {arrow} {','.join(rule.dst) or 'anyone'}{kinds}"


async def _names(cast: Cast, text: str) -> tuple[str, ...]:
    words = [w.strip() for w in text.split(",") if w.strip()]
    if not words:
        raise UsageError(
            f"an empty group in {text!r}", place="partition", remedy='such as "master-0 | master-1,master-2"'
        )
    return tuple(t.name for t in await resolve_targets(cast, words))


@click.command("partition")
@click.argument("groups")
@click.option("--one-way", is_flag=True, help="Only from the left group to the right one.")
@fault_options
@command
async def partition_command(groups: str, one_way: bool, lasting: str, kinds: tuple[str, ...], cluster: str) -> int:
    """Cut the links between groups of machines or hosts: partition "master-0 | master-1,master-2"."""
    sides = groups.split("|")
    if len(sides) < 2:
        raise UsageError(
            "one group is no partition", place=groups, remedy='two or more, such as "master-0 | master-1,master-2"'
        )

    async def make(cast: Cast) -> Sequence[Rule]:
        named = [await _names(cast, side) for side in sides]
        seen = [n for group in named for n in group]
        twice = next((n for n in seen if seen.count(n) > 1), None)
        if twice:
            raise UsageError(f"{twice} is on two sides", place=groups)
        return partition_groups(named, both=not one_way, kinds=kinds)

    return await _install(cluster, make, lasting, "partition")


@click.command("isolate")
@click.argument("words", nargs=-1, required=True, metavar="TARGET...")
@fault_options
@command
async def isolate_command(words: tuple[str, ...], lasting: str, kinds: tuple[str, ...], cluster: str) -> int:
    """Cut machines or hosts off from every other."""

    async def make(cast: Cast) -> Sequence[Rule]:
        named = tuple(t.name for t in await resolve_targets(cast, words))
        others = tuple(m for m in cast.machines if m not in named)
        return [Partition(src=named, dst=others, kinds=kinds)]

    return await _install(cluster, make, lasting, "isolation")


def _link_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--from", "src", default="", help="Machines or hosts that send; empty: any."),
        click.option("--to", "dst", default="", help="Machines or hosts that receive; empty: any."),
        click.option("--both", is_flag=True, help="The other direction too."),
    ):
        function = option(function)
    return fault_options(function)


async def _between(cast: Cast, rule: Rule, src: str, dst: str) -> Rule:
    left = await _names(cast, src) if src else ()
    right = await _names(cast, dst) if dst else ()
    return replace(rule, src=left, dst=right)


@click.command("delay")
@click.argument("seconds")
@click.option("--jitter", default="0")
@click.option("--distribution", default="constant", help="constant, uniform, normal or exponential.")
@_link_options
@command
async def delay_command(seconds: str, jitter: str, distribution: str, cluster: str, **flags: Any) -> int:
    """Delay messages: delay 100ms --from master-0 --jitter 20ms --distribution normal."""
    rule = Delay(
        seconds=duration(seconds),
        jitter=duration(jitter),
        distribution=distribution,
        both=flags["both"],
        kinds=flags["kinds"],
    )

    async def make(cast: Cast) -> Sequence[Rule]:
        return [await _between(cast, rule, flags["src"], flags["dst"])]

    return await _install(cluster, make, flags["lasting"], f"delay of {seconds}")


@click.command("loss")
@click.argument("share")
@_link_options
@command
async def loss_command(share: str, cluster: str, **flags: Any) -> int:
    """Lose messages: loss 30% --from worker-1 --kind lease.renew."""
    rule = Loss(probability=probability(share), both=flags["both"], kinds=flags["kinds"])

    async def make(cast: Cast) -> Sequence[Rule]:
        return [await _between(cast, rule, flags["src"], flags["dst"])]

    return await _install(cluster, make, flags["lasting"], f"loss of {share}")


@click.command("faults")
@out.as_json
@command
async def faults_command(output: str, cluster: str) -> int:
    """The faults in force, with the messages that each hit and let through."""
    async with Session(cluster) as session:
        status = await session.world.status()
    rules = status["rules"]
    if output == "json":
        print(out.to_json(rules))
    elif not rules:
        print("No faults in force.")
    else:
        rows = []
        for r in rules:
            left = f"{r['expires'] - status['now']:.1f} s" if r["expires"] else "until healed"
            sides = f"{','.join(r['src']) or 'anyone'} {'<->' if r['both'] else '->'} {','.join(r['dst']) or 'anyone'}"
            rows.append(
                [r["id"], r["type"], sides, ",".join(r["kinds"]) or "any", left, str(r["hit"]), str(r["passed"])]
            )
        print(out.render_table(["ID", "FAULT", "LINKS", "KINDS", "LASTS", "HIT", "PASSED"], rows))
    return 0


@click.command("heal")
@click.argument("rule_id", required=False)
@command
async def heal_command(rule_id: str | None, cluster: str) -> int:
    """Remove one fault by its ID, or all."""
    async with Session(cluster) as session:
        before = [r["id"] for r in (await session.world.status())["rules"]]
        if rule_id and rule_id not in before:
            raise UsageError(
                f"no fault {rule_id!r} is in force", remedy=f"one of {', '.join(before) or 'none'}", status=1
            )
        await session.world.heal(rule_id)
        print(f"healed: {rule_id or ', '.join(before) or 'nothing to heal'}")
    return 0
