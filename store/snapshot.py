"""A snapshot file: where it stands and the state's bytes, under one checksum.

Pure: bytes in, bytes out. Must not know what the state is made of or touch a disk.
"""

from __future__ import annotations

import struct
from zlib import crc32

_HEAD = struct.Struct("<8sIIQI")
_MAGIC = b"capstSNP"
FORMAT = 1


class SnapshotError(Exception):
    """The file cannot be trusted; names it and what to do."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"{name}: {what}; this member must not start with it: "
            "remove the member's data and let it join again, or restore the file"
        )
        self.name = name


def snapshot_name(index: int) -> str:
    return f"snapshot/{index:016d}"


def seal(meta: bytes, state: bytes) -> bytes:
    """The file's content."""
    checksum = crc32(state, crc32(meta))
    return b"".join((_HEAD.pack(_MAGIC, FORMAT, len(meta), len(state), checksum), meta, state))


def unseal(name: str, data: bytes) -> tuple[bytes, bytes]:
    """(meta, state), or SnapshotError. Snapshots are written all or nothing, so none is ever torn."""
    if len(data) < _HEAD.size:
        raise SnapshotError(name, f"{len(data)} bytes are no snapshot")
    magic, version, meta_size, state_size, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise SnapshotError(name, "this is no snapshot")
    if version != FORMAT:
        raise SnapshotError(name, f"format {version} of snapshots, this is format {FORMAT}")
    if len(data) != _HEAD.size + meta_size + state_size:
        raise SnapshotError(name, f"{len(data)} bytes where {_HEAD.size + meta_size + state_size} are meant")
    meta = data[_HEAD.size : _HEAD.size + meta_size]
    state = data[_HEAD.size + meta_size :]
    if crc32(state, crc32(meta)) != checksum:
        raise SnapshotError(name, "the content does not match its checksum")
    return meta, state
