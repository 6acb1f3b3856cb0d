"""A kind is one entry of the table (and its fields in the schema): an apiserver serves it like those it came with."""

from __future__ import annotations

import asyncio

import pytest

from cluster.api.fielderrors import ROOT, Errors, at
from cluster.api.kinds import KINDS, Kind, lookup
from cluster.api.printing import Printer
from cluster.api.schema import REGISTRY
from cluster.client.cache import gone
from cluster.client.informer import InformerSet
from tests.cluster.apiserver.real import Object, Real, on_real_store, pause, refused
from tests.cluster.apiserver.test_reading_for_real import Seen

FIELDS = """
Widget
  apiVersion      string
  kind            string
  metadata        ObjectMeta
  spec!           WidgetSpec
  status          WidgetStatus
WidgetSpec
  size            int(1..9) = 3
  colour!         string
  parts           [WidgetPart] by name
WidgetPart
  name!           string
  count           int
WidgetStatus
  made            int
"""


def small(obj: Object, errors: Errors) -> None:
    if obj["spec"]["colour"] == "red" and obj["spec"]["size"] > 5:
        errors.invalid(at(ROOT, "spec", "size"), obj["spec"]["size"], "red ones are small")


WIDGET = Kind(
    "Widget",
    "example.com",
    "v1",
    "widgets",
    "widget",
    ("wd",),
    status=True,
    fields=("spec.colour",),
    rule=small,
    printer=Printer(("NAME", "COLOUR"), lambda obj, now: [obj["metadata"]["name"], obj["spec"]["colour"]]),
)


def widget(name: str, **spec: object) -> Object:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": {"colour": "blue", **spec}}


def test_a_new_kind_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "Widget", WIDGET)
    monkeypatch.setattr(REGISTRY, "_lines", dict(REGISTRY._lines))
    REGISTRY.declare(FIELDS)

    async def story(real: Real) -> None:
        client = await real.client()
        watched = Seen(client, "Widget", resource_version="0", fields="spec.colour=blue")
        informers = InformerSet(await real.client("informed"), real.timing)
        informer = informers.add("Widget")
        made = await client.create(widget("a", parts=[{"name": "x", "count": 1}]))
        assert (made["spec"]["size"], made["metadata"]["generation"]) == (3, 1)
        patch = {"spec": {"parts": [{"name": "y", "count": 2}]}}
        patched = await client.patch("Widget", "a", patch, namespace="default", type="strategic")
        assert sorted(part["name"] for part in patched["spec"]["parts"]) == ["x", "y"]
        assert patched["metadata"]["generation"] == 2
        told = await client.update({**patched, "status": {"made": 1}, "spec": {}}, subresource="status")
        assert (told["status"], told["spec"]) == ({"made": 1}, patched["spec"])
        red = await client.update({**told, "spec": {**told["spec"], "colour": "red"}})
        wrong = await refused(client.create(widget("b", size=12, colour=7, sise=1)), "Invalid")
        assert 'Widget.example.com "b" is invalid' in wrong.message
        assert {cause["field"] for cause in wrong.details["causes"]} == {"spec.size", "spec.colour", "spec.sise"}
        rule = await refused(client.create(widget("b", size=9, colour="red")), "Invalid")
        assert "spec.size: Invalid value: 9: red ones are small" in rule.message
        assert (await refused(client.get("Widget", "b", "default"), "NotFound")).message == (
            'widgets.example.com "b" not found'
        )
        listed = await client.list("Widget", fields="spec.colour=red")
        assert (listed["kind"], listed["items"]) == ("WidgetList", [red])
        table = await client.table("Widget", "default")
        assert (list(table["columns"]), table["rows"]) == (["NAME", "COLOUR"], [["a", "red"]])
        # The table outlives the apiserver that it was written by.
        await real.world.restart("apiserver-0")
        assert await client.get("Widget", "a", "default") == red
        assert (await client.list("Widget"))["items"] == [red]
        informed = asyncio.create_task(informers.run())
        await informer.wait_synced()
        assert informers.cache.list("Widget") == [red]
        assert gone(await client.delete("Widget", "a", "default"))
        await pause()
        assert informers.cache.list("Widget") == []
        assert not informed.done()
        assert [type for type, _ in watched.told][:4] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]

    on_real_store(story)


def test_the_table_is_what_people_type() -> None:
    """Each kind answers to its plural, singular, short names and full name, and has a struct in the schema."""
    for kind in KINDS.values():
        for word in (kind.plural, kind.singular, *kind.short, kind.kind, kind.qualified):
            assert lookup(word) is kind
        assert kind.kind in REGISTRY
