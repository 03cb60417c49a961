"""`dioptre presets`, and running presets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dioptre.contract import Inputs
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe

Dioptre = Callable[..., tuple[int, str, str]]
Calls = list[tuple[str, Mapping[str, Any], Inputs]]


def test_the_list_names_each_with_its_purpose(dioptre: Dioptre) -> None:
    code, out, _ = dioptre("presets")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(presets())
    assert {"portrait", "product", "night-street", "old-scan", "landscape"} <= presets().keys()
    code, out, _ = dioptre("presets", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == list(presets())


def test_one_is_written_as_a_recipe_to_change(dioptre: Dioptre) -> None:
    code, out, _ = dioptre("presets", "night-street")
    assert code == 0
    assert Recipe.from_json(out) == presets()["night-street"]
    code, _, err = dioptre("presets", "nightstreet")
    assert code == 2
    assert "'night-street'" in err


@pytest.mark.parametrize("name", presets())
def test_each_runs(name: str, pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out", "--preset", name)
    assert code == 0, err
    assert [(call[0], call[1]) for call in pipelines] == [
        (step.operation, step.options) for step in presets()[name].steps
    ]


def test_options_change_a_preset_and_a_recipe_beside_it_is_refused(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    assert dioptre("run", photo, "-o", tmp_path / "out", "--preset", "night-street", "--f-number", "8")[0] == 0
    assert pipelines[0][1]["f_number"] == 8.0
    assert pipelines[0][1]["blades"] == 8
    code, _, err = dioptre("run", photo, "-o", tmp_path, "--preset", "pet", "--recipe", photo)
    assert (code, "cannot be combined" in err) == (2, True)
