"""Malformed requests of every verb on a real apiserver and store: each is answered, and none does harm."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.api.kinds import KINDS
from cluster.client.client import Client
from cluster.errors import REASONS, StatusError
from tests.cluster.apiserver.real import Real, on_real_store
from tests.cluster.apiserver.test_badinput import GOOD, SUBVERBS, VERBS, bodies, damaged, json
from tests.cluster.apiserver.test_reading_for_real import Seen

PATHS = st.sampled_from(
    ("/spec", "/metadata/name", "/metadata/labels", "/spec/ports/0", "/spec/containers/-", "/kind", "", "/", "/~2", "x")
)
operations = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "", 5))},
        optional={"path": PATHS | json, "from": PATHS | json, "value": json},
    ),
    max_size=4,
)


@st.composite
def aimed(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A request that gets as far as an object that is there: its body has the right name and a wrong rest."""
    good = draw(st.sampled_from(GOOD))
    meta = good["metadata"]
    verb = draw(st.sampled_from(("patch", "patch-status", "update", "update-status", "bind", "delete", "update-scale")))
    type = draw(st.sampled_from(("json", "merge", "strategic", "other")))
    patch = draw(operations if type == "json" else damaged() | json)
    wrong = draw(damaged())
    body = {
        "name": meta["name"],
        "namespace": "default",
        "type": type,
        "patch": patch,
        "object": {**wrong, "metadata": meta} if draw(st.booleans()) else wrong,
        "node": draw(json),
        "uid": draw(st.just("not the uid") | json),
        "grace": draw(json),
        "propagation": draw(st.sampled_from(("Sideways", "Orphan", "")) | json),
    }
    return good["kind"], verb, body


anything = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from((*VERBS, *SUBVERBS, "fly", "")), bodies)


async def answered(client: Client, kind: str, verb: str, body: Any) -> StatusError | None:
    try:
        await client.rpc.call("apiserver-0", f"{kind.lower()}.{verb}", body, timeout=1.5)
    except StatusError as error:
        return error
    return None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(aimed() | anything, min_size=12, max_size=12))
def test_malformed_requests_are_answered_and_harm_nothing(requests: list[tuple[str, str, Any]]) -> None:
    """What was refused has changed nothing; a watcher saw what was not refused, and no more."""

    async def story(real: Real) -> None:
        client, scout = await real.client(), await real.scout()
        for good in GOOD:
            await client.create(good)
        watched = [Seen(client, good["kind"], resource_version="") for good in GOOD]
        await asyncio.sleep(0.1)
        for kind, verb, body in requests:
            before = await scout.revision()
            error = await answered(client, kind, verb, body)
            if error is None:
                continue
            said = f"{kind}.{verb} {body}: {error}"
            assert error.reason in REASONS, said
            assert error.reason not in ("InternalError", "Timeout"), said
            assert error.message, said
            if verb != "delete-collection":  # that one may have come to some of its objects
                assert error.definite, said
                assert await scout.revision() == before, f"{said}, and written all the same"
        assert real.world.running("apiserver-0")
        await asyncio.sleep(0.1)
        for good, seen in zip(GOOD, watched, strict=True):
            assert seen.error is None
            state = {item["metadata"]["name"]: item for item in (await client.list(good["kind"], "default"))["items"]}
            last = {
                obj["metadata"]["name"]: (event[0], obj) for event, obj in zip(seen.events, seen.objects, strict=True)
            }
            assert {name: obj for name, (type, obj) in last.items() if type != "DELETED"} == state
            table = await client.table(good["kind"], "default", wide=True)
            assert len(table["rows"]) == len(state)

    on_real_store(story)
