"""Messages that name options: by their labels in a dialog, as they are typed on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre.cli.reporting import in_flags
from dioptre.recipes.limit import check_range
from dioptre_link.catalogue import operation
from dioptre_link.errors import UsageError
from dioptre_link.language import Message

Dioptre = Callable[..., tuple[int, str, str]]
_LIGHTS = ["--more-lights", "1,1"] * 4
_SWAPPED = ["--range-farthest", "0.9", "--range-nearest", "0.2"]


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("light", _LIGHTS, "Choose at most three places for --more-lights."),
        ("light", ["--light-at", "900,1"], "--light-at: 900,1 is outside the picture."),
        ("haze", ["--density", "2"], "--density: 2 is out of range."),
        ("haze", _SWAPPED, "Swap the values of --range-farthest and --range-nearest."),
        ("motion-blur", [], "Choose what stays sharp (--target)."),
        ("select-subject", [], "Choose the object to select (--subject), or a box around it (--box)."),
        (
            "select-depth",
            ["--side", "around", "--depth-level", "0.9", "--depth-range", "0.01"],
            "Choose another place (--depth-point), or a wider range (--depth-range).",
        ),
    ],
)
def test_the_command_line_names_options_as_they_are_typed(
    command: str, arguments: list[str], said: str, tmp_path: Path, dioptre: Dioptre
) -> None:
    depth = np.full((32, 48), 20, np.uint8)
    depth[:, 24:] = 60
    Image.fromarray(np.full((32, 48, 3), 128, np.uint8)).save(tmp_path / "photo.png")
    Image.fromarray(depth).save(tmp_path / "depth.png")
    code, _, err = dioptre(
        command, tmp_path / "photo.png", "-o", tmp_path / "o.png", "--depth", tmp_path / "depth.png", *arguments
    )
    assert code, err
    assert said in err


def test_dialogs_name_them_by_their_labels() -> None:
    with pytest.raises(UsageError) as caught:
        check_range({"range_farthest": 0.9, "range_nearest": 0.2})
    assert caught.value.hint == "Swap the values of Farthest depth and Nearest depth."
    move = operation("film").mention("move", "orbit")
    assert (move, in_flags(move)) == ("Move: Orbit", "--move orbit")
    assert in_flags(Message.from_wire(move.to_wire())) == "--move orbit"
