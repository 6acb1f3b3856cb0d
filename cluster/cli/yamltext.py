"""YAML as kubectl writes it. Apart from `output.py` because importing a YAML library is felt, and few commands need it.

Must not know objects.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def choose_scalar_style(self) -> str:
        style: str = super().choose_scalar_style()
        return '"' if style == "'" else style


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """Sorted keys, block style, double quotes where quotes are needed, no line folded, no anchors."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=True, default_flow_style=False, width=sys.maxsize, allow_unicode=True
    )
