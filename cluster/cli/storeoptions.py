"""`up --store-option NAME=VALUE`: how members of the store are set, by the names that scenario files have for it too.

Must not know what the options mean: that stands in store/config.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click

from cluster.config import ClusterSpec, parse
from cluster.errors import UsageError
from cluster.scenario.document import suggest
from cluster.scenario.forms import STORE_OPTIONS
from cluster.scenario.units import duration
from cluster.topology import store_config
from store.config import Config

PLACE = "--store-option"
_COUNTS = frozenset(field.name for field in dataclasses.fields(Config) if field.type == "int")


def options_of(words: Sequence[str]) -> dict[str, float]:
    """ "keepSeconds=1h", "snapshot_entries=100" by their names in `store.config.Config`. UsageError for others."""
    found: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        plain = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if plain not in STORE_OPTIONS:
            raise UsageError(f"the store has no option {name!r}", place=PLACE, remedy=suggest(plain, STORE_OPTIONS))
        if not equals:
            raise UsageError(f"{name} has no value", place=PLACE, remedy=f"{name}=1000")
        found[plain] = _number(name, text, whole=plain in _COUNTS)
    return found


def _number(name: str, text: str, *, whole: bool) -> float:
    if whole and not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{name}={text!r} is no whole number", place=PLACE, remedy=f"{name}=1000")
    try:
        return int(text) if whole else duration(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error}", place=PLACE) from None


def look(spec: ClusterSpec) -> None:
    """UsageError if no member would start with what it is told."""
    if spec.store_options:
        try:
            parse(Config, store_config(spec), place=PLACE)
        except UsageError as error:
            raise UsageError(str(error).removeprefix("store: "), place=PLACE) from None


def _callback(context: click.Context, parameter: click.Parameter, words: Sequence[str]) -> dict[str, float]:
    return options_of(words)


def store_options(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "Of the store's members, as keepSeconds=1h; may be given again. Names: docs/engines.md."
    return click.option(PLACE, "store_options", multiple=True, callback=_callback, help=text)(function)
