"""The built-in commands on kinds that are defined while the cluster runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.customkinds import kinds_of
from cluster.cli.resources import BUILT_IN, Table, targets
from cluster.client.client import Client
from cluster.errors import UsageError
from tests.cluster.apiserver.cluster import Cluster, simulate
from tests.cluster.apiserver.test_customs import definition as plain_definition
from tests.cluster.apiserver.test_customs import established
from tests.cluster.cli.seat import Seat

Object = dict[str, Any]
Story = Callable[[Seat, Client, Cluster], Awaitable[None]]
Tell = Callable[[Story], None]
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Colour", "type": "string", "jsonPath": ".spec.colour", "priority": 1},
]


def definition(**version: Any) -> Object:
    """Widgets in v1 (stored), and in v2, which is preferred, with columns of its own."""
    made = plain_definition(additionalPrinterColumns=COLUMNS, **version)
    made["spec"]["names"] |= {"singular": "widget", "categories": ["all", "toys"]}
    first = made["spec"]["versions"][0]
    second = {**first, "name": "v2", "storage": False, "additionalPrinterColumns": COLUMNS[1:]}
    made["spec"]["versions"].append(second)
    return made


def widget(name: str, version: str = "v1", **spec: Any) -> Object:
    meta = {"name": name}
    return {"apiVersion": f"example.com/{version}", "kind": "Widget", "metadata": meta, "spec": {"size": 3, **spec}}


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    def run(story: Story) -> None:
        async def seated(cluster: Cluster) -> None:
            client = await cluster.client()
            await story(Seat(client, monkeypatch, capsys), client, cluster)

        simulate(seated)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(*objects: Object, name: str = "file.yaml") -> str:
        (tmp_path / name).write_text(yaml.safe_dump_all(objects))
        return str(tmp_path / name)

    return write


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_word_for_a_kind() -> None:
    table = Table(kinds_of(definition()))

    def meant(*words: str) -> list[tuple[str, str]]:
        return [(t.kind.api_version, t.kind.plural) for t in targets(words, table)]

    for word in ("widgets", "widget", "wi", "Widget", "widgets.example.com", "widget.example.com", "wi.example.com"):
        assert meant(word) == [("example.com/v2", "widgets")], word
    assert meant("widgets.v1.example.com") == meant("Widget.v1.example.com") == [("example.com/v1", "widgets")]
    assert meant("toys") == [("example.com/v2", "widgets")]
    assert meant("wi/a", "deploy.v1.apps/b") == [("example.com/v2", "widgets"), ("apps/v1", "deployments")]
    everything = [plural for _, plural in meant("all")]
    assert everything[0] == "pods"
    assert everything[-1] == "widgets"
    with pytest.raises(UsageError, match="did you mean 'widgets'"):
        meant("widgests")
    with pytest.raises(UsageError, match="resource type"):
        meant("widgets.v3.example.com")


def test_what_is_built_in_has_its_words_first() -> None:
    other = plain_definition("deployments", "Deployment")
    other["spec"]["names"]["singular"] = "deployment"
    table = Table(kinds_of(other))
    assert [t.kind.group for t in targets(("deployments,deployment.apps,deployments.example.com",), table)] == [
        "apps", "apps", "example.com"
    ]  # fmt: skip


def test_an_object_that_is_none_says_what_would_be() -> None:
    table = Table(kinds_of(definition()))
    for obj, message in (
        (widget("a", "v3"), "use example.com/v2 or example.com/v1"),
        ({**widget("a"), "kind": "Widgt"}, "did you mean 'Widget'"),
        ({**widget("a"), "apiVersion": "example.org/v1"}, "apply its CustomResourceDefinition first"),
        ({"apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress"}, "use networking.k8s.io/v1"),
    ):
        with pytest.raises(UsageError, match=message):
            table.of_object(obj)


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_with_a_definition_and_an_object_of_it(tell: Tell, file: Callable[..., str]) -> None:
    both = file(definition(), widget("a"))

    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        named = "customresourcedefinition.apiextensions.k8s.io/widgets.example.com"
        said = await seat.good("apply", "-f", both)
        assert said == f"{named} created\nwidget.example.com/a created\n"
        assert await seat.good("apply", "-f", both) == f"{named} unchanged\nwidget.example.com/a unchanged\n"
        more = file(widget("a", "v2", size=4), widget("b", "v2", colour="red"), name="more.yaml")
        assert await seat.good("apply", "-f", more) == "widget.example.com/a configured\nwidget.example.com/b created\n"
        assert (await client.get("Widget.example.com", "a", "default"))["spec"] == {"size": 4, "colour": "blue"}
        # kubectl's order of discovery: the preferred version, and its columns
        assert (await seat.run("get", "widgets")).rows == [["NAME"], ["a"], ["b"]]
        wide = [["NAME", "SIZE", "COLOUR"], ["a", "4", "blue"], ["b", "3", "red"]]
        assert (await seat.run("get", "widgets.v1.example.com", "-o", "wide")).rows == wide
        assert (await seat.run("get", "widgets.v1.example.com", "b", "-A")).status == 2
        names = await seat.good("get", "toys", "-o", "name")
        assert names == "widget.example.com/a\nwidget.example.com/b\n"
        for word, version in (("wi", "v2"), ("widget.v1.example.com", "v1")):
            whole = json.loads(await seat.good("get", word, "a", "-o", "json"))
            assert (whole["apiVersion"], whole["spec"]["size"]) == (f"example.com/{version}", 4)
            listed = yaml.safe_load(await seat.good("get", word, "-o", "yaml"))
            assert [item["apiVersion"] for item in listed["items"]] == [f"example.com/{version}"] * 2
        both_kinds = (await seat.run("get", "all", "--no-headers")).rows
        assert ["widget.example.com/a"] in both_kinds
        assert ["service/kubernetes"] == both_kinds[0][:1]
        assert await seat.good("delete", "-f", both) == (
            'widget.example.com "a" deleted\n'
            'customresourcedefinition.apiextensions.k8s.io "widgets.example.com" deleted\n'
        )
        gone = await seat.run("get", "widgets")
        assert (gone.status, "the server doesn't have a resource type 'widgets'" in gone.error) == (2, True)
        gone = await seat.run("delete", "-f", more)
        assert (gone.status, gone.error.count('no matches for kind "Widget" in version "example.com/v2"')) == (1, 2)
        assert "more.yaml:" in gone.error
        assert (await seat.run("delete", "-f", more, "--ignore-not-found")).status == 0

    tell(story)


def test_lists_are_replaced_whole_whatever_they_are_called(tell: Tell, file: Callable[..., str]) -> None:
    """A client knows no merge keys of kinds defined at run time."""

    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        await client.create(definition())
        await established(client)
        for containers in ([{"name": "x", "image": "a"}, {"name": "y"}], [{"name": "x", "image": "b"}], []):
            await seat.good("apply", "-f", file(widget("a", free={"containers": containers})))
            found = await client.get("Widget.example.com", "a", "default")
            assert found["spec"]["free"] == {"containers": containers}
        await seat.good("apply", "-f", file(widget("a")))
        assert "free" not in (await client.get("Widget.example.com", "a", "default"))["spec"]

    tell(story)


def test_an_object_that_stands_before_its_definition(tell: Tell, file: Callable[..., str]) -> None:
    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        made = (await seat.good("create", "-f", file(widget("a"), definition()))).splitlines()
        assert made == [
            "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created", "widget.example.com/a created"
        ]  # fmt: skip

    tell(story)


def test_nothing_is_written_when_a_kind_is_nobodys(tell: Tell, file: Callable[..., str]) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "early"}}

    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        for command in ("apply", "create"):
            said = await seat.run(command, "-f", file(namespace, widget("a")))
            assert (said.status, said.out) == (2, "")
            assert 'file.yaml:7: no matches for kind "Widget" in version "example.com/v1"' in said.error
            assert "apply its CustomResourceDefinition first" in said.error
        assert "early" not in await seat.good("get", "namespaces", "-o", "name")

    tell(story)


def test_a_definition_that_does_not_come_is_said(tell: Tell, file: Callable[..., str]) -> None:
    bad = definition()
    bad["metadata"]["name"] = "wodgets.example.com"
    rival = plain_definition("wotsits", "Widget")

    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        began = asyncio.get_running_loop().time()
        said = await seat.run("apply", "-f", file(bad, widget("a")))
        assert (said.status, said.out) == (1, "")
        assert "metadata.name: Invalid value" in said.error
        assert "there is no CustomResourceDefinition widgets.example.com" in said.error
        dry = await seat.run("apply", "-f", file(definition(), widget("a")), "--dry-run", "server")
        assert "there is no CustomResourceDefinition widgets.example.com" in dry.error
        assert "widget.example.com/a created (dry run)" in await seat.good(
            "create", "-f", file(definition(), widget("a")), "--dry-run", "client"
        )
        await client.create(rival)
        await established(client, "wotsits.example.com")
        said = await seat.run("apply", "-f", file(definition(), widget("a", "v2")))
        assert said.status == 1
        assert "the names of its definition widgets.example.com are not accepted" in said.error
        assert asyncio.get_running_loop().time() - began < 5.0, "what cannot come is not waited for"

    tell(story)


def test_a_definition_that_is_never_established_is_not_waited_for_for_ever(
    tell: Tell, file: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.cli.meanings.table_of", lambda definitions: BUILT_IN)

    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        began = asyncio.get_running_loop().time()
        said = await seat.run("apply", "-f", file(definition(), widget("a")))
        assert said.status == 1
        assert said.out.endswith("widgets.example.com created\n")
        assert "its definition widgets.example.com is not Established after 5 s" in said.error
        assert "see `describe crd widgets.example.com`" in said.error
        assert 5.0 < asyncio.get_running_loop().time() - began < 6.0

    tell(story)


def test_a_watch_prints_the_version_that_was_asked_for(tell: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        await client.create(definition())
        await established(client)
        await client.create({**widget("a"), "metadata": {"name": "a", "namespace": "default"}})
        watching = asyncio.create_task(seat.run("get", "widgets.v1.example.com", "-w"))
        await asyncio.sleep(0.5)
        await client.patch("Widget.example.com", "a", {"spec": {"size": 7}}, namespace="default")
        await asyncio.sleep(0.5)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
            ["NAME", "SIZE"], ["a", "3"], ["a", "7"]
        ]  # fmt: skip

    tell(story)


def test_describe_label_scale_and_delete(tell: Tell) -> None:
    async def story(seat: Seat, client: Client, cluster: Cluster) -> None:
        await client.create(definition())
        await established(client)
        await client.create({**widget("a"), "metadata": {"name": "a", "namespace": "default"}})
        await client.create({**widget("b"), "metadata": {"name": "b", "namespace": "default"}})
        assert await seat.good("label", "wi", "a", "k=v") == "widget.example.com/a labeled\n"
        assert await seat.good("scale", "widget/a", "--replicas", "5") == "widget.example.com/a scaled\n"
        assert (await seat.run("scale", "widget/a", "--replicas", "6", "--current-replicas", "3")).status == 1
        described = await seat.good("describe", "widgets", "-l", "k=v")
        assert "Name:         a\nNamespace:    default\nLabels:       k=v\n" in described
        assert "API Version:  example.com/v2\nKind:         Widget\n" in described
        assert "size: 5" in described
        assert (await seat.run("get", "wi", "-l", "k=v", "--show-labels")).rows == [["NAME", "LABELS"], ["a", "k=v"]]
        assert "not possible for widgets" in (await seat.run("rollout", "status", "widget/a")).error
        assert await seat.good("delete", "wi", "-l", "k=v") == 'widget.example.com "a" deleted\n'
        missing = await seat.run("get", "widget/a")
        assert missing.error.strip() == 'Error from server (NotFound): widgets.example.com "a" not found'
        assert await seat.good("delete", "widgets", "--all") == 'widget.example.com "b" deleted\n'
        assert (await seat.run("get", "widgets")).error == "No resources found in default namespace.\n"

    tell(story)
