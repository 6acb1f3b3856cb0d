"""Protobuf bodies: one that a real kubectl sent, and what the tables and odd bytes make of others."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.rest import protobuf
from cluster.apiserver.rest.bodies import decode
from cluster.errors import StatusError

CONFIG_MAP = bytes.fromhex(
    "6b387300 0a0f 0a027631 1209436f6e6669674d6170 121c 0a12 0a027831 1200 1a00 2200 2a00 3200 3800 4200"
    "1206 0a0161 120162 1a00 2200".replace(" ", "")
)
"""kubectl create configmap x1 --from-literal=a=b"""


def varint(number: int) -> bytes:
    low = bytearray()
    while number > 127:
        low.append(number & 127 | 128)
        number >>= 7
    return bytes((*low, number))


def field(number: int, payload: bytes | int) -> bytes:
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def body(version: str, kind: str, raw: bytes) -> bytes:
    meta = field(1, version.encode()) + field(2, kind.encode())
    return protobuf.MAGIC + field(1, meta) + field(2, raw)


def test_what_kubectl_sent() -> None:
    found = decode(CONFIG_MAP, "application/vnd.kubernetes.protobuf")
    assert found == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x1"}, "data": {"a": "b"}}


def test_a_pointers_zero_is_meant_and_a_values_is_not() -> None:
    spec = field(1, 0) + field(5, 0) + field(7, 0)  # replicas, minReadySeconds, paused
    assert decode(body("apps/v1", "Deployment", field(2, spec)), protobuf.MEDIA)["spec"] == {"replicas": 0}


def test_inline_messages_maps_and_special_types() -> None:
    volume = field(1, b"v") + field(2, field(2, b""))  # name, emptyDir {}
    port = field(3, 80) + field(4, field(1, 1) + field(3, b"web"))
    limits = field(8, field(1, field(1, b"cpu") + field(2, field(1, b"100m"))))
    pod = decode(body("v1", "Pod", field(2, field(1, volume) + field(2, field(1, b"c") + limits))), protobuf.MEDIA)
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert pod["spec"]["containers"] == [{"name": "c", "resources": {"limits": {"cpu": "100m"}}}]
    service = decode(body("v1", "Service", field(2, field(1, port))), protobuf.MEDIA)
    assert service["spec"]["ports"] == [{"port": 80, "targetPort": "web"}]
    secret = decode(body("v1", "Secret", field(2, field(1, b"k") + field(2, b"\0\1"))), protobuf.MEDIA)
    assert secret["data"] == {"k": "AAE="}
    stamp = field(8, field(1, 60))
    meta = decode(body("v1", "Namespace", field(1, field(1, b"n") + stamp)), protobuf.MEDIA)["metadata"]
    assert meta == {"name": "n", "creationTimestamp": "1970-01-01T00:01:00Z"}


def test_what_is_no_body() -> None:
    for data, reason, word in (
        (b"{}", "BadRequest", "6b 38 73 00"),
        (body("v1", "Widget", b""), "UnsupportedMediaType", "Widget"),
        (body("v1", "Pod", b"\x0a\x7f"), "BadRequest", "ends within field 1"),
        (body("v1", "Pod", b"\x08\x01"), "BadRequest", "metadata"),
        (body("v1", "Pod", b"\x0b"), "BadRequest", "wire type 3"),
        (body("v1", "ConfigMap", field(1, field(1, b"\xff"))), "BadRequest", "UTF-8"),
        (protobuf.MAGIC + field(3, b"gzip"), "BadRequest", "encoding"),
    ):
        with pytest.raises(StatusError, match=word) as caught:
            protobuf.decode(data)
        assert caught.value.reason == reason


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    for kind in ("Pod", "ConfigMap", "CertificateSigningRequest"):
        with suppress(StatusError):
            protobuf.decode(body("v1", kind, data[:100]))
    with suppress(StatusError):
        protobuf.decode(protobuf.MAGIC + data)


# ── messages of the tables with strange values ───────────────────────────────────────────────────────────────

NUMBERS = (0, 1, 2, 80, 1 << 31, 1 << 62, 1 << 63, (1 << 64) - 1)
SECONDS = (0, 1, 1_700_000_000, 1 << 40, 1 << 55, (1 << 64) - 62_135_596_801, 253_402_300_800, *NUMBERS)
TEXTS = (b"", b"a", b"web", b"\xff\xfe", b"\xc3\xa4", b"\0", b"v1")
EMBEDDED = (b"{}", b"[1]", b"1e999", b"NaN", b"1" * 100, b'"\\ud800"', b"[" * 600 + b"]" * 600, b"[" * 100_000, b"\xff",
            b'{"a":' * 900 + b"1" + b"}" * 900, b"null")  # fmt: skip


def message(dice: Random, name: str, depth: int = 0) -> bytes:
    """By the tables, with half of its fields, whose values are from sound to absurd."""
    parts = []
    for number, about in protobuf._messages()[name].items():
        for _ in range(dice.choice((0, 1)) * (dice.choice((1, 2)) if about.many else 1)):
            value = scalar(dice, about.type, depth)
            if about.map:
                packed = value if isinstance(value, bytes) else varint(value)
                value = field(1, dice.choice(TEXTS)) + field(2, packed)
            parts.append(field(number, value))
    return b"".join(parts)


def scalar(dice: Random, type: str, depth: int) -> bytes | int:
    if type in protobuf.VARINTS:
        return dice.choice(NUMBERS)
    if type in protobuf._messages():
        return message(dice, type, depth + 1) if depth < 6 else b""
    match type:
        case "Time" | "MicroTime":
            return field(1, dice.choice(SECONDS)) + field(2, dice.choice((*NUMBERS, 999_999_999)))
        case "IntOrString":
            return field(1, dice.choice((0, 1, 5))) + field(2, dice.choice(NUMBERS)) + field(3, dice.choice(TEXTS))
        case "Raw":
            return field(1, dice.choice(EMBEDDED))
        case "Quantity" | "Strings":
            return field(1, dice.choice((b"1Gi", *TEXTS)))
    return dice.choice(TEXTS)


def test_any_message_becomes_what_json_can_say_or_is_refused(seed: int) -> None:
    """As deep as a body may be, with numbers of 64 bits and text that is Unicode: what follows takes no other."""
    dice = Random(seed)
    kinds = [name for name in protobuf._messages() if name[0].isupper() and "@" not in name]
    for _ in range(300):
        kind = dice.choice(kinds)
        sent = body("v1", kind, message(dice, kind))
        with suppress(StatusError):
            orjson.dumps(decode(sent, protobuf.MEDIA))
