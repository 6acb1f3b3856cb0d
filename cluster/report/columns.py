"""Whole numbers by the hundred thousand in a page: columns, packed so that a browser unpacks them in milliseconds.

Pure. Must not know what the numbers mean. The other end is assets/data.js.

Layout before compression: the header's length (4 bytes, little-endian), the header (JSON), then each column's bytes. A
column is kept as differences if its header says so, zigzag (0, -1, 1, -2 are 0, 1, 2, 3), as planes: first the lowest
byte of every number, then the next. All that is zlib ("deflate" to a browser) and base64.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

LEVEL = 6


def pack(header: Mapping[str, Any], tables: Mapping[str, Mapping[str, Sequence[int]]]) -> str:
    """Base64 text. `tables`: name to columns of one length each; a column named with a leading "+" is kept as
    differences (times, numbers that grow) and loses the sign in its name."""
    blocks: list[bytes] = []
    described: dict[str, Any] = {}
    for table, columns in tables.items():
        rows = {len(values) for values in columns.values()}
        if len(rows) > 1:
            raise ValueError(f"columns of {table} differ in length: {sorted(rows)}")
        described[table] = {"rows": rows.pop() if rows else 0, "columns": []}
        for name, values in columns.items():
            differences = name.startswith("+")
            data, width = _planes(values, differences)
            described[table]["columns"].append([name.lstrip("+"), width, int(differences)])
            blocks.append(data)
    head = json.dumps({**header, "tables": described}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    encoded = head.encode("utf-8", "replace")
    whole = b"".join([len(encoded).to_bytes(4, "little"), encoded, *blocks])
    return base64.b64encode(zlib.compress(whole, LEVEL)).decode("ascii")


def _planes(values: Sequence[int], differences: bool) -> tuple[bytes, int]:
    """The column's bytes, and how many bytes each number takes (0: all are zero)."""
    if differences:
        values = [value - before for value, before in zip(values, chain((0,), values), strict=False)]
    zigzag = array("Q", [value << 1 if value >= 0 else (-value << 1) - 1 for value in values])
    width = (max(zigzag, default=0).bit_length() + 7) // 8
    if sys.byteorder == "big":
        zigzag.byteswap()
    data = zigzag.tobytes()
    return b"".join(data[plane::8] for plane in range(width)), width


def unpack(text: str) -> tuple[dict[str, Any], dict[str, dict[str, list[int]]]]:
    """What `pack` was given: for tests, and for whoever wants the numbers out of a page."""
    whole = zlib.decompress(base64.b64decode(text))
    size = int.from_bytes(whole[:4], "little")
    header: dict[str, Any] = json.loads(whole[4 : 4 + size])
    at = 4 + size
    tables: dict[str, dict[str, list[int]]] = {}
    for table, described in header.pop("tables").items():
        rows, columns = described["rows"], tables.setdefault(table, {})
        for name, width, differences in described["columns"]:
            planes = [whole[at + plane * rows : at + (plane + 1) * rows] for plane in range(width)]
            at += width * rows
            numbers = [sum(plane[row] << 8 * n for n, plane in enumerate(planes)) for row in range(rows)]
            values = [-(n + 1 >> 1) if n & 1 else n >> 1 for n in numbers]
            if differences:
                for row in range(1, rows):
                    values[row] += values[row - 1]
            columns[name] = values
    return header, tables
