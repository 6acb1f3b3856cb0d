"""The manifests that people start from pass, and one misspelt letter in them is found."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.api.defaults import default
from cluster.api.kinds import for_object
from cluster.api.validate import validate

FOLDER = Path(__file__).parents[3] / "scenarios" / "manifests"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_the_manifests_are_there() -> None:
    assert len(FILES) >= 6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_manifest_passes(path: Path) -> None:
    for obj in yaml.safe_load_all(path.read_text()):
        for_object(obj)
        filled = default(obj)
        assert validate(filled) == []
        assert default(filled) == filled


def test_a_misspelt_field_deep_inside_is_named() -> None:
    text = (FOLDER / "deployment-nginx.yaml").read_text().replace("image: nginx", "imagee: nginx")
    found = [str(e) for e in validate(default(next(yaml.safe_load_all(text))))]
    assert found == [
        'spec.template.spec.containers[0].imagee: unknown field, did you mean "image"?',
        "spec.template.spec.containers[0].image: Required value",
    ]
