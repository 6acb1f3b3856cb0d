"""How fast histories are judged and read: generated ones of correct systems, and Jepsen's against etcd where they are.

Must not judge a checker's word but for this: what was generated correct must be found so. Histories come from seeds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from bench.rows import Options, Row, missing, row
from cluster.history.checks import Ask, judge
from cluster.history.formats import WRITABLE, dump, load
from cluster.history.jepsen import from_log
from cluster.history.linearize import Budget, check
from cluster.history.record import Kind, Operation
from cluster.history.run import Meta, Run

RECORDED = "CAPSTAN_ETCD_HISTORIES"
"""Environment: the folder with Jepsen's logs against etcd and their verdicts.txt; they are not part of this project."""
UNKNOWN = 0.01
"""Share of operations whose outcome is not known."""


def instants(rng: Random, count: int, clients: int) -> list[tuple[int, float, float]]:
    """(client, start, end) of so many operations, in the order in which they take effect."""
    free = [0.0] * clients
    plans = []
    for _ in range(count):
        client = min(range(clients), key=lambda c: free[c])
        start = free[client] + rng.random() * 0.01
        end = free[client] = start + rng.random() * 0.05
        plans.append((rng.uniform(start, end), client, start, end))
    return [plan[1:] for plan in sorted(plans)]


def registers(seed: int, count: int, clients: int, keys: int) -> list[Operation]:
    """Reads, writes and compare-and-sets of registers; revisions rise; a few outcomes are not known."""
    rng = Random(seed)
    values: dict[str, int] = {}
    history = []
    for revision, (client, start, end) in enumerate(instants(rng, count, clients), start=1):
        key = f"k{rng.randrange(keys)}"
        before = values.get(key)
        kind: Kind = rng.choice(("read", "read", "write", "cas"))
        value: Any = {"read": None, "write": revision, "cas": (before if rng.random() < 0.7 else -1, revision)}[kind]
        result: Any = before if kind == "read" else None
        if kind == "cas":
            result = value[0] == before
        if kind == "write" or result is True:
            values[key] = revision
        known = rng.random() >= UNKNOWN or kind == "read"
        finish, outcome = (end, "ok") if known else (float("inf"), "unknown")
        history.append(
            _operation(client, kind, key, value, (start, finish), outcome, result if known else None, revision)
        )
    return sorted(history, key=lambda o: o.start)


def _operation(client: int, kind: Kind, key: str, value: Any, times: tuple[float, float], *rest: Any) -> Operation:
    outcome, result, revision = rest
    at = revision if outcome == "ok" and result is not False else 0
    return Operation(f"c{client}", client, kind, key, value, *times, outcome, result, revision=at)


def transactions(seed: int, count: int, clients: int) -> list[Operation]:
    """Transactions of one to four micro-operations on five lists at a time, about 20 appends to each."""
    rng = Random(seed)
    lists: dict[int, tuple[int, ...]] = {}
    history = []
    for number, (client, start, end) in enumerate(instants(rng, count, clients)):
        steps: list[Any] = []
        for _ in range(rng.randint(1, 4)):
            key = number // 40 * 5 + rng.randrange(5)
            if rng.random() < 0.5:
                steps.append(("r", key, lists.get(key, ())))
            else:
                lists[key] = (*lists.get(key, ()), number * 4 + len(steps))
                steps.append(("append", key, lists[key][-1]))
        asked = tuple((name, key, None if name == "r" else value) for name, key, value in steps)
        history.append(Operation(f"c{client}", client, "txn", "", asked, start, end, "ok", tuple(steps)))
    return sorted(history, key=lambda o: o.start)


def took(work: Callable[[], Any]) -> float:
    """Seconds of CPU: one thread works, so what others on the machine take does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def judged(history: Sequence[Operation], name: str, **options: Any) -> Callable[[], None]:
    """The check as a run's verdict has it; AssertionError unless it says ok."""
    run = Run(Meta("bench", "bench", "", 0, "", 0.0, "", ""), "", tuple(history))

    def work() -> None:
        verdict = judge(run, [Ask(name, options)])
        assert verdict.outcome == "holds", verdict.reason

    return work


def recorded(rounds: int) -> list[Row]:
    """The search over Jepsen's ten histories, each judged right, without reading them."""
    what = "Jepsen's histories against etcd, all, search alone"
    if not os.environ.get(RECORDED):
        return [missing(what, f"{RECORDED} names no folder", "ms")]
    folder = Path(os.environ[RECORDED])
    known = dict(line.split() for line in (folder / "verdicts.txt").read_text().splitlines())
    histories = {name: from_log((folder / name).read_text()) for name in known}

    def search() -> None:
        for name, history in histories.items():
            assert (check(history, budget=Budget()).outcome == "ok") == (known[name] == "linearizable"), name

    return [row("check", what, [1000 * took(search) for _ in range(rounds)], "ms", f"{len(known)} histories")]


def files(history: Sequence[Operation], rounds: int) -> list[Row]:
    rows = []
    for format in WRITABLE:
        data = dump(history, format)
        rates = [len(history) / took(lambda data=data: load(data, "bench")) for _ in range(rounds)]  # type: ignore[misc]
        rows.append(row("check", f"reading {format}", rates, "operations per s", f"{len(data) / 1e6:.1f} MB"))
    return rows


def run(options: Options) -> list[Row]:
    rounds = options.times(5)
    many, few = registers(1, 100_000, 10, 500), registers(2, 5_000, 20, 1)
    lists = transactions(3, 100_000, 10)
    jobs: list[tuple[str, Callable[[], None]]] = [
        ("linearizable, 100,000 operations, 500 registers, 10 clients", judged(many, "linearizable")),
        ("linearizable, 5,000 operations, one register, 20 clients", judged(few, "linearizable")),
        ("linearizable by revisions, 100,000 operations", judged(many, "linearizable", model="keyspace")),
        ("list-append, 100,000 transactions", judged(lists, "list-append")),
        ("session guarantees, 100,000 operations", judged(many, "serializable-sessions")),
        ("staleness, 100,000 operations", judged(many, "staleness", atMost=1)),
        ("lost writes, 100,000 operations", judged(many, "lost-writes")),
    ]
    rows = recorded(rounds)
    for what, work in jobs:
        rows.append(row("check", what, [took(work) for _ in range(rounds)], "s"))
    return rows + files(registers(4, 20_000, 10, 50), rounds)
