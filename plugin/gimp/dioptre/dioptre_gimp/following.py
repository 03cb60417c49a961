"""Arguments of Filters ▸ Dioptre ▸ Recipe: a preset, or a recipe file.

All steps of a recipe run as one job of the worker, which passes floats between the steps: see `dioptre_link.chain`.
"""

from __future__ import annotations

from pathlib import Path

from dioptre_link.errors import UsageError
from dioptre_link.language import translated
from dioptre_link.presets import preset, presets
from dioptre_link.recipe import Recipe

from . import arguments
from .host import Gimp, GObject

PRESET, FILE = "preset", "file"
FROM_FILE = "file"  # The choice that uses the recipe file instead of a preset.

_FLAGS = GObject.ParamFlags.READWRITE


def add_arguments(procedure: Gimp.Procedure) -> None:
    choice = Gimp.Choice.new()
    choice.add(FROM_FILE, 0, translated("From the file"), "")
    for number, (name, recipe) in enumerate(presets().items(), start=1):
        choice.add(name, number, translated(recipe.title), translated(recipe.description))
    help_text = translated("A recipe that comes with Dioptre, or the file below")
    procedure.add_choice_argument(PRESET, translated("Reci_pe"), help_text, choice, FROM_FILE, _FLAGS)
    help_text = translated("A recipe as a .json file; every run of Dioptre saves one")
    action = Gimp.FileChooserAction.OPEN
    procedure.add_file_argument(FILE, translated("_File"), help_text, action, True, None, _FLAGS)
    arguments.add_depth_argument(procedure)


def is_unchosen(config: Gimp.ProcedureConfig) -> bool:
    """Return whether neither a preset nor a file is chosen."""
    return bool(config.get_property(PRESET) == FROM_FILE and config.get_property(FILE) is None)


def none_chosen() -> UsageError:
    return UsageError("No recipe is selected.", hint="Choose a recipe that comes with Dioptre, or a file.")


def chosen(config: Gimp.ProcedureConfig) -> Recipe:
    """Return the chosen recipe.

    Raises:
        UsageError: No recipe is chosen.
        RecipeError: The recipe is invalid.
    """
    name = config.get_property(PRESET)
    if name != FROM_FILE:
        return preset(name)
    file = config.get_property(FILE)
    if file is None or file.get_path() is None:
        raise none_chosen()
    return Recipe.read(Path(file.get_path()))
