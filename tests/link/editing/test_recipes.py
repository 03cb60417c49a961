"""Clicks in a recipe's preview, and the presets of an operation."""

from __future__ import annotations

from dioptre_link.catalogue import operation
from dioptre_link.chain import as_operation
from dioptre_link.editing import recipes
from dioptre_link.editing.picking import Click
from dioptre_link.presets import preset, presets

SIZE = (101, 51)


def test_a_click_sets_the_focus_of_the_step_that_has_one() -> None:
    for name in ("portrait", "product"):
        clicked = recipes.clicked(preset(name), 0.25, 0.5, SIZE)
        focusing = recipes.focusing(clicked)
        assert focusing is not None
        assert (focusing[0].name, focusing[1]["focus"]) == ("portrait", (25.0, 25.0))
        assert [step.operation for step in clicked.steps] == [step.operation for step in preset(name).steps]
        as_operation(clicked)  # Raises an exception if an option is invalid.


def test_further_clicks_add_and_remove_subjects() -> None:
    added = recipes.clicked(preset("product"), 0.5, 0.5, SIZE, click=Click.ADD)
    focusing = recipes.focusing(recipes.clicked(added, 0.1, 0.1, SIZE, click=Click.REMOVE))
    assert focusing is not None
    assert (len(focusing[1]["subject"]), len(focusing[1]["not_subject"])) == (1, 1)


def test_a_recipe_without_a_focus_does_not_change() -> None:
    for name in ("landscape", "print"):
        assert recipes.focusing(preset(name)) is None
        assert recipes.clicked(preset(name), 0.25, 0.5, SIZE) == preset(name)


def test_the_scale_of_a_recipe() -> None:
    assert {name: recipes.scale(recipe) for name, recipe in presets().items() if recipes.scale(recipe) > 1} == {
        "old-scan": 2,
        "print": 4,
    }


def test_presets_of_an_operation_keep_what_was_clicked() -> None:
    portrait, white_balance = operation("portrait"), operation("white_balance")
    assert list(recipes.presets_of(portrait)) == ["portrait", "night-street", "pet"]  # The defaults come first.
    assert recipes.presets_of(white_balance) == {}  # It has one preset alone.
    clicked = portrait.check({"focus": (3.0, 4.0), "f_number": 11.0})
    assert recipes.preset_in(clicked, portrait) == ""
    night = recipes.with_preset(clicked, "night-street", portrait)
    assert (night["focus"], night["f_number"]) == ((3.0, 4.0), 1.4)
    assert recipes.preset_in(night, portrait) == "night-street"


def test_what_is_chosen_in_the_picture_is_all_that_a_preset_keeps() -> None:
    portrait = operation("portrait")
    stroke = {"keep": True, "radius": 0.1, "points": [[0.5, 0.5]]}
    chosen = {"focus": (3.0, 4.0), "strokes": [stroke], "focal_disparity": 0.5}
    options = portrait.check({**chosen, "f_number": 11.0})
    kept = recipes.chosen_in_picture(options, portrait)
    assert all(kept[name] == options[name] for name in chosen)
    assert "f_number" not in kept
    assert recipes.with_preset(options, "pet", portrait) | kept == recipes.with_preset(options, "pet", portrait)
