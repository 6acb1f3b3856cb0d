"""Where a field stands in a file, and how objects become text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.describe import block
from cluster.cli.manifests import documents
from cluster.cli.output import render_table, widths_of
from cluster.cli.yamltext import dump
from cluster.errors import UsageError

TWO = """apiVersion: v1
kind: ConfigMap
metadata:
  name: a
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec:
  containers:
  - name: x
    image: y
  - name: z
"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("metadata.name", 8),
        ("spec.containers[0].image", 12),
        ("spec.containers[1].image", 13),
        ("spec.containers[7].image", 10),
        ("nothing.like.that", 6),
        ("", 6),
    ],
)
def test_a_field_is_found_or_what_is_nearest_to_it(tmp_path: Path, field: str, line: int) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(TWO)
    first, second = documents([str(file)])
    assert first.place == f"{file}:1"
    assert second.place_of(field) == f"{file}:{line}"


def test_the_items_of_a_list_have_places_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    item = "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: %s}\n"
    file.write_text("apiVersion: v1\nkind: List\nitems:\n" + item % "a" + item % "b")
    assert [d.place for d in documents([str(file)])] == [f"{file}:4", f"{file}:7"]
    file.write_text("apiVersion: v1\nkind: List\nitems:\n" + item % "a" + "- 5\n")
    with pytest.raises(UsageError, match=r"list.yaml:7: an object is a mapping, this is a int"):
        documents([str(file)])


@pytest.mark.parametrize(
    "text", ["\x00", "a: " + "[" * 5000, "a: !!python/object:os.system x\n", "a: *x\n", "a: \ttab\n- b"]
)
def test_rubbish_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rubbish.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        documents([str(file)])
    assert str(caught.value).startswith(f"{file}")
    assert "\n" not in str(caught.value)


def test_yaml_as_kubectl_writes_it() -> None:
    assert dump({"b": "true", "a": ["1", 1, "x: y"]}) == 'a:\n- "1"\n- 1\n- "x: y"\nb: "true"\n'
    assert dump({"a": "word " * 400}).count("\n") == 1


def test_columns_of_a_watch_keep_their_widths() -> None:
    widths = widths_of([["NAME", "AGE"], ["a-long-name", "1s"]])
    assert widths == [11, 3]
    assert render_table(["NAME", "AGE"], [["b", "2s"]], header=False, least=widths) == "b             2s"
    assert widths_of([["x"]], [0, 9]) == [1]


def test_a_block_aligns_values_and_puts_lists_below() -> None:
    assert block([("Image", "x"), ("Environment", ["a", "b"]), ("Ready", True)]) == [
        "Image:  x", "Environment:", "  a", "  b", "Ready:  True",
    ]  # fmt: skip
