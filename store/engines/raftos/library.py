"""A private copy of the published package raftos for one boot of one member, with what it needs to run put into it.

Must not change its algorithm: no method of its states or its log is replaced. The package keeps the
leader, the configuration and the loop in module and class attributes, so members of one process would share them;
hence a copy each, under a name of its own, which nobody else can import.

What is put in, and why (docs/engines.md, "raftos"):

    cryptors.default_cryptor   the plain one: Fernet reads the system's clock and dice, and the bus encrypts
    serializers                `unpackb(encoding=...)` is gone since msgpack 1.0; the line feed that the log leaves
                               on each record is an error to it
    state.asyncio              `asyncio.futures.InvalidStateError` is gone since Python 3.8
    state.random               the host's own dice: a run is repeatable
    state.Timer                notes what a callback raises, as asyncio's own exception handler would log it
    state.StateMachine         tells the member what was applied
    storage.open, storage.os   files on the host's disk
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import posixpath
import sys
from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import msgpack

from cluster.errors import UsageError
from cluster.world.host import Host
from store.engines.raftos.config import Config
from store.engines.raftos.files import Files

FOLDER = "raftos/"
PARTS = ("cryptors", "conf", "serializers", "storage", "timer", "state", "network", "server")
Guard = Callable[[str, Callable[[], None]], None]
"""guard(place, work): do it; what it raises is noted under `place`."""


class Library(NamedTuple):
    """The parts of one copy."""

    conf: Any
    storage: Any
    state: Any
    network: Any
    server: Any


def load(host: Host, config: Config, files: Files, guard: Guard) -> Library:
    """A fresh copy, configured. UsageError if the package is not installed."""
    parts = _copy(f"_raftos_{host.name}_{host.boot}".replace("-", "_"))
    storage, state = parts["storage"], parts["state"]
    storage.open = files.open
    storage.os = SimpleNamespace(makedirs=lambda path, exist_ok: None, path=posixpath)
    state.random = host.rng
    state.asyncio = SimpleNamespace(
        **{**vars(asyncio), "futures": SimpleNamespace(InvalidStateError=asyncio.InvalidStateError)}
    )
    state.Timer = _timer(parts["timer"], guard)
    state.StateMachine = _registers(storage)
    serializers = parts["serializers"]
    parts["conf"].configure(
        {
            "log_path": FOLDER,
            "heartbeat_interval": config.heartbeat,
            "step_down_missed_heartbeats": config.missed,
            "election_interval_spread": config.spread,
            "serializer": serializers.JSONSerializer if config.serializer == "json" else _msgpack(serializers),
            "cryptor": parts["cryptors"].DummyCryptor,
        }
    )
    return Library(parts["conf"], storage, state, parts["network"], parts["server"])


def _copy(alias: str) -> dict[str, Any]:
    """The modules, loaded once more under `alias` and then taken out of `sys.modules`."""
    found = importlib.util.find_spec("raftos")
    if found is None or found.origin is None or not found.submodule_search_locations:
        remedy = "pip install --no-build-isolation --no-deps raftos==0.2.6"
        raise UsageError("the package raftos is not installed", place="store", remedy=remedy)
    logging.getLogger("raftos").setLevel(logging.ERROR)  # it warns of missing encryption, which the bus does
    places = list(found.submodule_search_locations)
    spec = importlib.util.spec_from_file_location(alias, found.origin, submodule_search_locations=places)
    assert spec is not None
    sys.modules[alias] = importlib.util.module_from_spec(spec)
    try:
        parts: dict[str, ModuleType] = {}
        for part in PARTS:
            parts[part] = importlib.import_module(f"{alias}.{part}")
            if part == "cryptors":  # before `conf` derives a key with it, which takes 0.05 s
                parts[part].default_cryptor = parts[part].DummyCryptor  # type: ignore[attr-defined]
        return parts
    finally:
        for name in [name for name in sys.modules if name == alias or name.startswith(alias + ".")]:
            del sys.modules[name]


def _msgpack(serializers: Any) -> Any:
    class Serializer(serializers.MessagePackSerializer):  # type: ignore[misc]
        """The published one without the keyword that msgpack 1.0 has removed; reads one object and leaves the rest, for
        the log hands in each record with its line feed."""

        @staticmethod
        def unpack(data: bytes) -> Any:
            unpacker = msgpack.Unpacker(use_list=True, raw=False)
            unpacker.feed(data)
            return unpacker.unpack()

    return Serializer


def _timer(timer: Any, guard: Guard) -> Any:
    class Timer(timer.Timer):  # type: ignore[misc]
        def _run(self) -> None:
            guard("timer", super()._run)

    return Timer


def _registers(storage: Any) -> Any:
    class Registers(storage.StateMachine):  # type: ignore[misc]
        """The published state machine; `applied` is called after each command."""

        applied: Callable[[Mapping[str, Any]], None]
        cache: dict[str, Any]

        def apply(self, command: Mapping[str, Any]) -> None:
            super().apply(command)
            self.applied(command)

        def content(self) -> dict[str, Any]:
            """All registers. (What it has read before or written is in its cache; a missing name fills none.)"""
            if not self.cache:
                try:
                    self.cache = self._get_file_content()
                except FileNotFoundError:
                    return {}
            return dict(self.cache)

    return Registers
