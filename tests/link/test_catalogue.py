"""The descriptions of the operations are consistent, and options are validated with clear messages."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from dioptre_link.catalogue import OPERATIONS, operation
from dioptre_link.errors import UsageError
from dioptre_link.operation import Kind, Memory, Operation, Options, Parameter, option


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_description_is_complete(described) -> None:
    names = [parameter.name for parameter in described.parameters]
    assert len(names) == len(set(names))
    assert described.title
    assert described.help.endswith(".")
    for parameter in described.parameters:
        assert parameter.name.isidentifier()
        assert parameter.label
        assert parameter.help.endswith(".")
        assert (parameter.kind is Kind.CHOICE) == bool(parameter.choices)
        if parameter.kind in (Kind.FLOAT, Kind.INTEGER):
            assert parameter.minimum is not None
            assert parameter.maximum is not None


UNNATURAL = re.compile(r"\b(left out|made|told|anew|what is|from close by|in words)\b", re.IGNORECASE)
NAMES = ("AnimeVideo", "Auto", "Duv", "Faithful", "GIMP", "JPEG", "Krita", "OpenRaster", "Real-ESR", "Real-ESRGAN")


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_the_words_are_the_editors(described: Operation) -> None:
    """Texts use sentence case, short labels, and none of the phrases that sound like a translation."""
    texts = [described.title, described.help]
    for parameter in described.parameters:
        texts += [parameter.label, parameter.help, *map(parameter.shown_choice, parameter.choices)]
        assert len(parameter.label) <= 26, parameter.label
        words = re.findall(r"[\w'-]+", parameter.label)
        assert words[0][0].isupper()
        assert all(word.islower() or word in NAMES for word in words[1:]), parameter.label
        assert len(parameter.help) <= 220, parameter.help
        if parameter.default is None and parameter.kind is not Kind.POINT and parameter.name != "value":
            assert "Auto: " in parameter.help, parameter.name
    assert [text for text in texts if UNNATURAL.search(text)] == []


def test_one_label_for_one_thing() -> None:
    labels: dict[str, set[str]] = {}
    for described in OPERATIONS.values():
        for parameter in described.parameters:
            labels.setdefault(parameter.name, set()).add(parameter.label)
    assert [name for name, used in labels.items() if len(used) > 1] == []
    for described in OPERATIONS.values():
        used = [parameter.label for parameter in described.parameters]
        assert len(used) == len(set(used)), described.name


def test_the_first_level_of_portrait_blur_is_short() -> None:
    simple = [parameter.name for parameter in operation("portrait").parameters if parameter.simple]
    assert simple == ["focus", "focus_range", "subject", "not_subject", "keep_subject", "f_number"]


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_sliders_lie_within_the_limits(described: Operation) -> None:
    for parameter in described.parameters:
        if parameter.slider is not None:
            low, high = parameter.slider
            assert parameter.minimum <= low < high <= parameter.maximum, parameter.name
            assert parameter.default is None or low <= parameter.default <= high, parameter.name


def test_auto_stands_for_a_value_from_the_picture() -> None:
    checked = operation("portrait").check({"focus": "auto", "max_radius": "auto"})
    assert checked["focus"] is None
    assert checked["max_radius"] is None
    with pytest.raises(UsageError):
        operation("portrait").check({"f_number": "auto"})


@pytest.mark.parametrize("described", OPERATIONS.values(), ids=lambda described: described.name)
def test_defaults_pass_their_own_check(described) -> None:
    assert described.check({}) == described.check(described.defaults())


def test_a_misspelt_option_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="has no option 'f_nummer'") as caught:
        operation("portrait").check({"f_nummer": 2})
    assert "'f_number'" in caught.value.hint


def test_a_misspelt_operation_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        operation("portrat")
    assert "'portrait'" in caught.value.hint


@pytest.mark.parametrize("value", [0.1, 1000, "wide", float("nan"), True, [1]])
def test_a_wrong_number_is_refused_with_its_range(value: object) -> None:
    with pytest.raises(UsageError) as caught:
        operation("lens_blur").check({"f_number": value})
    assert "f-number" in caught.value.message


@pytest.mark.parametrize(("given", "point"), [("12,7.5", (12.0, 7.5)), ([3, 4], (3.0, 4.0)), (None, None)])
def test_points_come_as_text_or_pairs(given: object, point: object) -> None:
    assert operation("portrait").check({"focus": given})["focus"] == point


@pytest.mark.parametrize("given", ["12", "a,b", (1, 2, 3), (float("inf"), 0)])
def test_wrong_points_are_refused(given: object) -> None:
    with pytest.raises(UsageError, match="Focus point"):
        operation("portrait").check({"focus": given})


@pytest.mark.parametrize("given", ["3,4 5,6", "3,4;5,6", [[3, 4], [5, 6]], ((3.0, 4.0), "5,6")])
def test_lists_of_points_come_as_text_or_pairs(given: object) -> None:
    checked = operation("portrait").check({"subject": given})
    assert checked["subject"] == ((3.0, 4.0), (5.0, 6.0))
    assert operation("portrait").scaled(checked, 2)["subject"] == ((6.0, 8.0), (10.0, 12.0))


@pytest.mark.parametrize("given", ["3,4,5", [3, 4], [["a", 1]], [(0, 0)] * 101, None])
def test_wrong_lists_of_points_are_refused(given: object) -> None:
    with pytest.raises(UsageError, match="Added subjects"):
        operation("portrait").check({"subject": given})


def test_every_point_of_a_list_lies_in_the_picture() -> None:
    options = operation("portrait").check({"not_subject": "3,4 30,4"})
    operation("portrait").check_points(options, (31, 10))
    with pytest.raises(UsageError, match="Removed subjects: 30,4 is outside"):
        operation("portrait").check_points(options, (29, 10))


def test_a_box_has_its_sides_in_order() -> None:
    box = Parameter(name="box", kind=Kind.BOX, label="Box", help="")
    assert box.check("30,40,10,20") == (10.0, 20.0, 30.0, 40.0)
    assert box.scaled((10.0, 20.0, 30.0, 40.0), 0.5) == (5.0, 10.0, 15.0, 20.0)
    for wrong in ("1,2,1,4", "1,2,3", [1, 2, 3, "x"]):
        with pytest.raises(UsageError, match="is not a box"):
            box.check(wrong)


def test_choices_and_switches() -> None:
    chosen = operation("super_resolution").check({"model": "realesrgan-x4plus"})
    assert chosen["model"] == "realesrgan-x4plus"
    assert operation("depth").check({"refine": "no"})["refine"] is False
    with pytest.raises(UsageError, match="is not one of the choices"):
        operation("super_resolution").check({"model": "other"})


def test_whole_numbers_of_pixels_stay_whole_and_at_least_one() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Lengths(Options):
        a: int = option(1, label="a", help="", unit="px")
        b: int = option(1, label="b", help="")

    described = Operation(
        name="x",
        title="",
        help="",
        options=Lengths,
        inputs=(),
        outputs=(),
        memory=Memory(fixed_mib=0, bytes_per_pixel=60),
    )
    assert described.scaled({"a": 3, "b": 3}, 0.1) == {"a": 1, "b": 3}
    assert described.scaled({"a": 0, "b": 3}, 0.1) == {"a": 0, "b": 3}


def test_options_follow_the_picture_they_are_for() -> None:
    described = operation("lens_blur")
    larger = described.scaled(
        {"focus": (10.0, 20.0), "max_radius": 200.0, "f_number": 2.0, "focal_disparity": None}, 4
    )
    assert larger == {"focus": (40.0, 80.0), "max_radius": 300.0, "f_number": 2.0, "focal_disparity": None}
    described.check(larger)


def test_nothing_else_names_an_operation() -> None:
    """An operation's needs, costs and limits are in its own file, so that a new one is described in one place."""
    names = set(OPERATIONS) - {"depth", "place"}  # Both are also common words.
    root = Path(__file__).resolve().parents[2]
    places = [
        *root.glob("plugin/*/**/*.py"),
        *root.glob("core/dioptre/cli/*.py"),
        *root.glob("core/dioptre_link/editing/*.py"),
    ]
    places += [root / "core/dioptre/recipes/memory.py", root / "core/dioptre/worker/warm_up.py"]
    named = {
        (path.name, node.value)
        for path in places
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert len(places) > 50
    assert named == set()


def test_known_distances_are_points_with_metres() -> None:
    blur = operation("lens_blur")
    checked = blur.check({"known_distance": "3,4,2.1 30,4,12"})
    assert checked["known_distance"] == ((3.0, 4.0, 2.1), (30.0, 4.0, 12.0))
    assert blur.scaled(checked, 2)["known_distance"] == ((6.0, 8.0, 2.1), (60.0, 8.0, 12.0))
    assert "known_distance" not in blur.written(blur.defaults())
    with pytest.raises(UsageError, match="Known distances: 30,4 is outside"):
        blur.check_points(checked, (20, 20))
    for wrong in ("3,4", "3,4,0", "3,4,nan", "3,4,2,1", "3,4,20000"):
        with pytest.raises(UsageError, match="Known distances"):
            blur.check({"known_distance": wrong})
