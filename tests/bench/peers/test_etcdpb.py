"""Protobuf by hand, against bytes that protoc's rules give."""

from __future__ import annotations

import pytest

from bench.peers import etcdpb as pb


@pytest.mark.parametrize(("value", "encoded"), [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")])
def test_varints(value: int, encoded: str) -> None:
    assert pb.varint(value).hex() == encoded
    assert list(pb.fields(b"\x08" + pb.varint(value))) == [(1, value)]


def test_requests() -> None:
    assert pb.put(b"k", b"v") == b"\x0a\x01k\x12\x01v"
    assert pb.get(b"k", serializable=True) == b"\x0a\x01k\x38\x01"
    assert pb.get(b"a", b"b", keys_only=True) == b"\x0a\x01a\x12\x01b\x40\x01"
    assert pb.watch(b"a", b"b", 5) == b"\x0a\x08\x0a\x01a\x12\x01b\x18\x05"


@pytest.mark.parametrize("mod", [0, 5, 1 << 40])
def test_an_update_compares_puts_or_else_reads(mod: int) -> None:
    request = dict(pb.fields(pb.update(pb.guard(b"k"), mod, pb.branches(b"k", b"v"))))
    compare = dict(pb.fields(bytes(request[1])))
    assert compare == {2: 2, 3: b"k", 6: mod}
    assert dict(pb.fields(bytes(request[2]))) == {2: pb.put(b"k", b"v")}
    assert dict(pb.fields(bytes(request[3]))) == {1: pb.get(b"k")}


def test_answers() -> None:
    header = pb.chunk(1, pb.whole(1, 1 << 60) + pb.whole(2, 77) + pb.whole(3, 1234) + pb.whole(4, 2))
    assert pb.revision(header) == 1234
    assert pb.revision(b"") == 0
    assert not pb.succeeded(header)
    assert pb.succeeded(header + pb.whole(2, 1))
    kv = pb.chunk(1, b"k") + pb.whole(2, 7) + pb.whole(3, 9) + pb.whole(4, 1) + pb.chunk(5, b"value")
    assert pb.modified(header + pb.chunk(2, kv) + pb.whole(4, 1)) == {b"k": 9}


@pytest.mark.parametrize("data", [b"\x08", b"\x08\x80", b"\x0a\x05abc", b"\x0d\x00\x00\x00\x00"])
def test_what_is_cut_off_or_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends within|wire type"):
        list(pb.fields(data))
