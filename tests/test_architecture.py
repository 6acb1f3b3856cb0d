"""The layers, the purity and the sizes that docs/architecture.md promises, read from the source itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("cluster", "store", "nodes")
FILES = sorted(p for folder in OURS for p in (ROOT / folder).rglob("*.py"))

MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS, MAX_METHODS = 400, 60, 6, 25
LONGER = {"store/raft/node.py": 600}
WIDER = {
    "cluster/wire.py:encode": "a frame's fields, one by one: an Envelope first would cost a third of the bus's rate",
    "cluster/world/sim/world.py:SimWorld": "the World interface is wide, and tests look into it",
    "cluster/world/proc/world.py:ProcWorld": "the World interface is wide",
}
"""What may pass the limits on parameters or methods, and why."""

GROUND = (
    "cluster.errors",
    "cluster.config",
    "cluster.addresses",
    "cluster.wire",
    "cluster.world.host",
    "cluster.world.apifaults",
    "cluster.world.diskfaults",
    "cluster.world.faults",
    "cluster.world.journal",
    "cluster.world.ruleset",
    "cluster.world.scenario",
)
TALK = ("cluster.rpc", "cluster.bundle", "cluster.stream", "cluster.world", *GROUND)
API = ("cluster.api",)
REACH = ("cluster.client", *API, *TALK)

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # package: what of ours it may import besides itself; the longest matching name counts
    "cluster.errors": (),
    "cluster.addresses": ("cluster.errors",),
    "cluster.config": ("cluster.errors",),
    "cluster.wire": ("cluster.world.host",),
    "cluster.world": GROUND,
    "cluster.world.sim": GROUND,
    "cluster.world.proc": GROUND,
    "cluster.rpc": ("cluster.bundle", "cluster.stream", *GROUND),
    "cluster.bundle": GROUND,
    "cluster.stream": GROUND,
    "cluster.topology": ("cluster.addresses", "cluster.config", "cluster.world"),
    "cluster.api": ("cluster.errors",),
    "cluster.scenario": ("cluster.errors", "cluster.config", "cluster.api"),
    "cluster.history": ("cluster.api", "cluster.config", "cluster.errors", "cluster.wire", "cluster.world.journal"),
    "cluster.client": (*API, *TALK),
    "cluster.balancer": GROUND,
    "cluster.pki": ("cluster.errors",),
    "cluster.apiserver": ("cluster.pki", "store.engines", "store.client", "store.mvcc.values", *API, *TALK),
    "cluster.controllers": ("cluster.pki", *REACH),
    "cluster.scheduler": REACH,
    "cluster.report": ("cluster.history", "cluster.config", "cluster.errors", "cluster.world.journal", *API),
    "cluster.experiments": (
        "store.engines",
        "store.client",
        "store.administrator",
        "store.mvcc.values",
        "cluster.scenario",
        "cluster.history",
        "cluster.report",
        "cluster.topology",
        *REACH,
    ),
    "cluster.campaign": (
        "cluster.experiments",
        "cluster.scenario",
        "cluster.history",
        "cluster.report",
        "cluster.topology",
        "cluster.world.sim",
        *TALK,
    ),
    "cluster.cli": ("store", "cluster", "bench"),
    "store": TALK,
    "nodes.kubelet": ("nodes.network", "nodes.runtime", *REACH),
    "nodes.runtime": ("nodes.network", "nodes.kubelet", *REACH),
    "nodes.proxy": ("nodes.network", *REACH),
    "nodes.network": GROUND,
    "nodes": REACH,
}

REAL = (
    "os",
    "time",
    "socket",
    "subprocess",
    "signal",
    "threading",
    "zmq",
    "uvloop",
    "ctypes",
    "multiprocessing",
    "selectors",
    "ssl",
)
REAL_BY_NATURE = (
    "cluster/world/proc/",
    "cluster/cli/",
    "cluster/campaign/",
    "cluster/pki/chest.py",
    "cluster/balancer/",
    "cluster/apiserver/rest/delivery.py",
    "cluster/apiserver/rest/door.py",
    "cluster/apiserver/rest/hooks.py",
    "cluster/apiserver/rest/ownprocess.py",
    "cluster/apiserver/rest/refusing.py",
    "nodes/runtime/",
    "nodes/proxy/forward.py",
    "nodes/network/ports.py",
    "store/engines/etcd/channel.py",  # sockets of a real etcd's: for the proc world only
    "store/engines/etcd/transport.py",
)
PURE = (
    "cluster/api/",
    "cluster/scenario/",
    "cluster/history/",
    "cluster/report/",
    "cluster/topology.py",
    "cluster/addresses.py",
    "cluster/world/apifaults.py",
    "cluster/world/diskfaults.py",
    "cluster/world/faults.py",
    "cluster/world/ruleset.py",
    "cluster/world/proc/greetings.py",
    "cluster/world/proc/strangers.py",
    "cluster/world/proc/zap.py",
    "cluster/apiserver/registry",
    "cluster/apiserver/admission",
    "cluster/apiserver/audit.py",
    "cluster/apiserver/fairness.py",
    "cluster/apiserver/watchcache.py",
    *(
        f"cluster/apiserver/auth/{name}.py"
        for name in (
            *("rules", "rbac", "escalation", "nodes", "tokens", "tokenrequest", "authentication", "bususers"),
            *("defaultroles", "controllerroles", "firstroles"),
        )
    ),
    "cluster/apiserver/rest/channels.py",
    "cluster/apiserver/rest/spdy.py",
    "cluster/apiserver/rest/metering.py",
    "cluster/apiserver/rest/health.py",
    "cluster/apiserver/rest/identity.py",
    "cluster/apiserver/rest/paths.py",
    "cluster/apiserver/rest/requests.py",
    "cluster/apiserver/rest/review",
    "cluster/apiserver/rest/negotiation.py",
    "cluster/apiserver/rest/statuses.py",
    "cluster/apiserver/rest/discovery.py",
    "cluster/apiserver/rest/openapi",
    "cluster/apiserver/rest/bodies.py",
    "cluster/apiserver/rest/answers.py",
    "cluster/apiserver/rest/proto",
    "cluster/client/queue.py",
    "cluster/controllers/deployment.py",
    "cluster/controllers/replicaset.py",
    "cluster/controllers/resourcequota.py",
    "cluster/controllers/daemonset.py",
    "cluster/controllers/nodelifecycle.py",
    "cluster/controllers/endpoints.py",
    "cluster/controllers/endpointslice.py",
    "cluster/controllers/garbage.py",
    "cluster/controllers/namespace.py",
    "cluster/controllers/podgc.py",
    "cluster/controllers/disruption.py",
    "cluster/controllers/plan.py",
    "cluster/scheduler/filters.py",
    "cluster/scheduler/scores.py",
    "cluster/scheduler/snapshot.py",
    "cluster/scheduler/cycle.py",
    "cluster/scheduler/affinity.py",
    "cluster/scheduler/queue.py",
    "store/raft/",
    "store/mvcc/",
    "store/machine.py",
    "store/commands.py",
    "store/requests.py",
    "store/fields.py",
    "store/sessions.py",
    "store/state.py",
    "store/wal.py",
    "store/snapshot.py",
    "store/engines/eventual/values.py",
    "store/engines/eventual/clock.py",
    "store/engines/eventual/merkle.py",
    "store/engines/eventual/replica.py",
    "store/engines/eventual/rows.py",
    "store/engines/raftos/history.py",
    "store/engines/raftos/registers.py",
    "store/engines/etcd/protobuf.py",
    "store/engines/etcd/messages.py",
    "store/engines/etcd/leases.py",
    "store/engines/etcd/http2.py",
    "store/engines/etcd/endpoints.py",
    "store/engines/etcd/refusals.py",
    "nodes/kubelet/podstate.py",
    "nodes/kubelet/stages.py",
    "nodes/kubelet/probes.py",
    "nodes/kubelet/backoff.py",
    "nodes/kubelet/admit.py",
    "nodes/runtime/logtimes.py",
    "nodes/proxy/table.py",
    "nodes/proxy/balance.py",
    "nodes/network/ipam.py",
)
IMPURE = (*REAL, "asyncio", "msgpack", "logging", "uuid")
REAL_PROCESSES = ("proc", "kubectl", "clients")
"""Folders of tests that start real processes."""
DRAWERS = ("utils", "common", "helpers", "types", "misc")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == p or name.startswith(p + ".") for p in packages)


def rule_for(module: str) -> str:
    return max((p for p in MAY_IMPORT if within(module, (p,))), key=len, default="")


def id_of(path: Path) -> str:
    return relative(path)


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_who_may_import_whom(path: Path) -> None:
    module = name_of(path)
    rule = rule_for(module)
    if module in OURS:
        return
    assert rule, f"{module} has no row in MAY_IMPORT"
    for imported, line in imports(path):
        if within(imported, OURS) and imported not in OURS and not within(imported, (rule, *MAY_IMPORT[rule])):
            pytest.fail(f"{relative(path)}:{line}: {module} -> {imported}; {rule} may import {MAY_IMPORT[rule]}")


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_the_real_world_stays_where_it_belongs(path: Path) -> None:
    where = relative(path)
    if where.startswith(REAL_BY_NATURE):
        return
    for imported, line in imports(path):
        assert imported.partition(".")[0] not in REAL, f"{where}:{line} imports {imported}"


@pytest.mark.parametrize("path", [p for p in FILES if relative(p).startswith(PURE)], ids=id_of)
def test_pure_modules_are_pure(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for imported, line in imports(path):
        assert imported.partition(".")[0] not in IMPURE, f"{relative(path)}:{line} imports {imported}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = f"{node.value.id}.{node.attr}"
            ambient = node.value.id == "random" and node.attr != "Random"
            assert not ambient, f"{relative(path)}:{node.lineno} draws {dotted}"
            assert dotted not in ("datetime.now", "datetime.utcnow"), f"{relative(path)}:{node.lineno} {dotted}"


def test_every_pure_module_that_is_named_exists() -> None:
    for prefix in PURE:
        assert any(relative(p).startswith(prefix) for p in FILES), f"{prefix} names nothing"


@pytest.mark.parametrize("path", FILES, ids=id_of)
def test_sizes(path: Path) -> None:
    text, where = path.read_text(), relative(path)
    lines = text.count("\n")
    assert lines <= LONGER.get(where, MAX_FILE), f"{where} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            assert size <= MAX_FUNCTION, f"{where}:{node.lineno} {node.name} has {size} lines"
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in ("self", "cls")]
            wide = f"{where}:{node.name}" in WIDER
            assert wide or len(names) <= MAX_PARAMETERS, (
                f"{where}:{node.lineno} {node.name} takes {len(names)} parameters"
            )
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            wide = f"{where}:{node.name}" in WIDER
            assert wide or len(methods) <= MAX_METHODS, f"{where}:{node.lineno} {node.name} has {len(methods)} methods"


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py"], ids=id_of)
def test_every_module_says_its_job(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{relative(path)} has no docstring"
    assert path.stem not in DRAWERS, f"{relative(path)} is a drawer, not a noun"


def test_tests_without_real_processes_do_not_sleep_on_the_wall_clock() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if set(REAL_PROCESSES) & set(path.relative_to(ROOT / "tests").parts) or path == Path(__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("time", "sleep"), f"{relative(path)}:{node.lineno} sleeps"


def test_the_interpreter_is_one_that_we_promise() -> None:
    assert sys.version_info >= (3, 11)
