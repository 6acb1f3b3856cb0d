"""Watches and logs as messages of a WebSocket: which requests become that, and what a message is."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.rest import messages
from cluster.apiserver.rest.exchange import Answer, Http
from cluster.apiserver.rest.flows import Flow
from cluster.apiserver.rest.negotiation import JSON
from tests.cluster.apiserver.cluster import config_map
from tests.cluster.apiserver.rest.test_handlers import Browser, browse

MAPS = "/api/v1/namespaces/default/configmaps"


def upgrade(browser: Browser, offered: str = "") -> Http:
    headers = {"upgrade": "WebSocket", "connection": "Upgrade"}
    if offered:
        headers["sec-websocket-protocol"] = offered
    return Http("GET", MAPS, {"watch": "1", "timeoutSeconds": "1"}, headers, who=browser.who)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("", ""), ("base64.binary.k8s.io", "base64.binary.k8s.io"), ("x, binary.k8s.io", "binary.k8s.io")],
)
def test_a_watch_that_asks_for_a_websocket_is_one_with_a_message_for_each_event(offered: str, chosen: str) -> None:
    async def story(browser: Browser) -> None:
        for name in ("one", "two"):
            await browser.raw("POST", MAPS, config_map(name))
        answer = await browser.handlers.handle(upgrade(browser, offered))
        assert isinstance(answer, Flow)
        assert answer.protocol == chosen
        found: list[str | bytes] = []
        await answer.run(lambda data: found.extend(messages.of(data, answer.content_type, answer.protocol or "")))
        assert all(isinstance(message, str) for message in found)
        events = [json.loads(message) for message in found]
        told = [(event["type"], event["object"]["metadata"]["name"]) for event in events]
        assert told[:2] == [("ADDED", "one"), ("ADDED", "two")]

    browse(story)


def test_a_protocol_that_nobody_knows_is_refused() -> None:
    async def story(browser: Browser) -> None:
        answer = await browser.handlers.handle(upgrade(browser, "v9.example"))
        assert isinstance(answer, Answer)
        assert answer.status == 400
        assert b"none of the protocols v9.example is known" in answer.body

    browse(story)


def test_a_watch_that_does_not_ask_is_a_plain_answer() -> None:
    async def story(browser: Browser) -> None:
        answer = await browser.handlers.handle(Http("GET", MAPS, {"watch": "1"}, who=browser.who))
        assert isinstance(answer, Flow)
        assert answer.protocol is None

    browse(story)


@given(st.lists(st.binary(min_size=1)))
def test_a_log_comes_out_again(pieces: list[bytes]) -> None:
    coded = [m for piece in pieces for m in messages.of(piece, "text/plain", messages.BASE64)]
    assert b"".join(base64.b64decode(message) for message in coded) == b"".join(pieces)
    assert [m for piece in pieces for m in messages.of(piece, "text/plain", "")] == pieces


def test_events_that_came_together_are_messages_of_their_own() -> None:
    assert messages.of(b'{"a":1}\n{"b":2}\n', JSON, messages.BASE64) == ['{"a":1}', '{"b":2}']
