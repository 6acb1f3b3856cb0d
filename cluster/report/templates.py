"""Templates and assets of the pages: loaded from this package, filled with values, everything in one text.

Must not know runs. Whatever is filled in is escaped; only the package's own scripts and styles are not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

SCRIPTS = (
    "data.js",
    "view.js",
    "operations.js",
    "charts.js",
    "raft.js",
    "causes.js",
    "spacetime.js",
    "details.js",
    "state.js",
    "network.js",
    "player.js",
    "main.js",
)
"""In the order in which they stand on the page: one scope."""
_HEADER = re.compile(r"\A/\*!.*?\*/\s*", re.DOTALL)
"""Of a vendored file: it names an address, and a page that loads nothing should not look as if it did."""


def asset(name: str) -> str:
    return (resources.files("cluster.report") / "assets" / name).read_text("utf-8")


@cache
def plotter() -> tuple[str, str]:
    """uPlot with its licence: (script, style)."""
    licence = "\n".join(f" * {line}".rstrip() for line in asset("uPlot.LICENSE").strip().splitlines())
    script = _HEADER.sub("", asset("uPlot.iife.min.js")).strip()
    return f"/*! uPlot\n{licence}\n */\n{script}\n", asset("uPlot.min.css")


@cache
def script(*names: str) -> Markup:
    """uPlot, then these scripts in one scope of their own."""
    own = "\n".join(asset(name) for name in names)
    return Markup(f'{plotter()[0]}\n(() => {{\n"use strict";\n{own}\n}})();\n')


@cache
def style() -> Markup:
    return Markup(plotter()[1] + "\n" + asset("page.css"))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        seconds=seconds, duration=duration, size=size, figure=figure, shorten=shorten, signed=signed
    )
    return environment


def render(name: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(name).render(**values)


# -- how values are written -------------------------------------------------------------------------------------------


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"


def duration(value: float | None) -> str:
    """Seconds in the unit in which one reads them."""
    if value is None:
        return "-"
    if abs(value) < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.2f} ms" if abs(value) < 1 else f"{value:.3f} s"


def size(value: int) -> str:
    for limit, divisor, unit in ((1_000, 1, "B"), (1_000_000, 1e3, "kB"), (1_000_000_000, 1e6, "MB")):
        if value < limit:
            return f"{value} B" if unit == "B" else f"{value / divisor:.1f} {unit}"
    return f"{value / 1e9:.2f} GB"


def figure(value: float | None) -> str:
    """Four digits that count; whole numbers whole."""
    if value is None or not math.isfinite(value):
        return "-"
    if float(value).is_integer() and abs(value) < 1e12:
        return f"{int(value):,}"
    return f"{value:.4g}"


def signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4g}"


def shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]}.."


def ticks(until: float, count: int = 5) -> Sequence[float]:
    """About so many round numbers from 0 on, the last at or over `until`."""
    rough = max(until, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough - 1e-12)
    return [step * n for n in range(math.ceil(until / step - 1e-9) + 1)]
