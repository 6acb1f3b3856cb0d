"""Framing of several streams on one WebSocket."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.rest import channels
from cluster.errors import StatusError


@given(st.sampled_from(("v5.channel.k8s.io", "v4.channel.k8s.io", "base64.channel.k8s.io", "")), st.binary())
def test_what_is_framed_comes_out_again(protocol: str, data: bytes) -> None:
    framed = channels.frame(1, data, protocol)
    assert isinstance(framed, str) is protocol.startswith("base64.")
    assert channels.unframe(framed, protocol) == (1, data)


@given(st.one_of(st.binary(), st.text()), st.sampled_from(channels.PROTOCOLS))
def test_any_message_is_one_or_refused(message: bytes | str, protocol: str) -> None:
    with suppress(StatusError):
        channel, _ = channels.unframe(message, protocol)
        assert 0 <= channel <= 255


def test_which_protocol() -> None:
    assert channels.choose(["v5.channel.k8s.io", "v4.channel.k8s.io"]) == "v5.channel.k8s.io"
    assert channels.choose([]) == ""
    assert channels.choose([channels.BEARER + "abc", "v4.channel.k8s.io"]) == "v4.channel.k8s.io"
    assert channels.choose(["SPDY/3.1"]) is None
    assert channels.unframe("\0text", "v4.channel.k8s.io") == (0, b"text")


def test_sizes_and_ends() -> None:
    assert channels.size_of(b'{"Width":80,"Height":24}') == (80, 24)
    assert channels.size_of(b"{}") is channels.size_of(b"x") is None
    assert channels.ended(0)["status"] == "Success"
    assert channels.ended(3)["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    with pytest.raises(StatusError, match="empty"):
        channels.unframe(b"", "v4.channel.k8s.io")
