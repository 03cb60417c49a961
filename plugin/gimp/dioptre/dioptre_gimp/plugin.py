"""The GIMP plug-in: one procedure per operation, one for recipes, Edit, Edit depth and Update."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from dioptre_link.catalogue import IN_EDITORS
from dioptre_link.catalogue.depth import OPERATION as DEPTH
from dioptre_link.chain import CHAIN, as_operation
from dioptre_link.client import Worker
from dioptre_link.editing import exporting as exports
from dioptre_link.editing import first_start, traits
from dioptre_link.editing.events import Step, Steps
from dioptre_link.errors import Cancelled, RefusedError, UsageError
from dioptre_link.language import Message, translated
from dioptre_link.operation import Operation
from dioptre_link.recipe import RecipeError

from . import arguments, depth_editing, exporting, sources, transfer, updating
from .document import LOG, Gimp, GLib, GObject, clear_preview, has_selection, logger, opened_file
from .enlarge import run_image
from .jobs import run
from .updating import run_change

PREFIX = "dioptre-"
RECIPE = "dioptre-recipe"
EDIT = "dioptre-edit"
EDIT_DEPTH = "dioptre-edit-depth"
UPDATE = "dioptre-update"
EXPORT = "dioptre-export-depth"
# "Dioptre" has no mnemonic, because GIMP's own 17 entries in the Filters menu use all of its letters.
MENU = "<Image>/Filters/Dioptre"
AUTHORS = "The Dioptre developers"
YEAR = "2026"
SHOWN_S = 5.0  # How long a message stays in the status bar; the same as GIMP's own messages.

T = TypeVar("T")


class Dioptre(Gimp.PlugIn):
    """The plug-in class that GIMP instantiates."""

    def do_query_procedures(self) -> list[str]:
        return _names()

    def do_set_i18n(self, _name: str) -> bool:
        return False  # The texts are already translated; returning True would make GIMP print a warning.

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        if name in _OTHERS:
            run, label, text = _OTHERS[name]
            procedure = self._image_procedure(name, run, None, translated(label), translated(text))
            if name == RECIPE:
                arguments.add_recipe_arguments(procedure)
            elif name == EXPORT:
                arguments.add_export_argument(procedure)
            elif name == EDIT_DEPTH:
                arguments.add_painting_arguments(procedure)
            return procedure
        operation = next(op for op in IN_EDITORS.values() if PREFIX + op.command == name)
        label, text = f"{arguments.menu_labels()[operation.name]}…", translated(operation.help)
        procedure = self._image_procedure(name, run_operation, operation, label, text)
        arguments.add_arguments(procedure, operation)
        return procedure

    def _image_procedure(
        self, name: str, function: Callable[..., Any], data: Operation | None, label: str, text: str
    ) -> Gimp.Procedure:
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, function, data)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(label)  # Must come before the menu path, or GIMP rejects the path.
        # GIMP sorts by path before label. It shows no name of a section that it does not know.
        procedure.add_menu_path(f"{MENU}/[{_names().index(name):02d}]")
        procedure.set_attribution(AUTHORS, AUTHORS, YEAR)
        procedure.add_layer_return_value(
            "result",
            translated("Result"),
            translated("The new layer group, or the new layer if there is only one"),
            True,
            GObject.ParamFlags.READWRITE,
        )
        procedure.set_documentation(text, text, name)
        return procedure


def _names() -> list[str]:
    """Return the names of all procedures in the order of the menu."""
    return [*(PREFIX + operation.command for operation in IN_EDITORS.values()), *_OTHERS]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a procedure by GIMP; `operation` is set for those that run a single operation."""

    procedure: Gimp.Procedure
    run_mode: Gimp.RunMode
    image: Gimp.Image
    drawables: list[Gimp.Drawable]
    config: Gimp.ProcedureConfig
    operation: Operation | None

    @property
    def interactive(self) -> bool:
        return bool(self.run_mode == Gimp.RunMode.INTERACTIVE)


Function = Callable[..., Gimp.ValueArray]


def _procedure(do: Callable[[Call], Gimp.Layer | None]) -> Function:
    """Return `do` as a function with GIMP's signature and GIMP's status values."""

    def run(*given: Any) -> Gimp.ValueArray:
        names = ("procedure", "run_mode", "image", "drawables", "config", "operation")
        call = Call(**dict(zip(names, given, strict=True)))
        if clear_preview(call.image):
            Gimp.message(translated("Removed the preview that was left on the canvas."))
            call = replace(call, drawables=call.image.get_selected_layers())
        return _guarded(call, lambda: do(call))

    return run


@_procedure
def run_operation(call: Call) -> Gimp.Layer | None:
    operation, image, config = call.operation, call.image, call.config
    assert operation is not None
    _set_up(call)
    depth = config.get_property(arguments.DEPTH_LAYER) if traits.takes_depth(operation) else None
    if call.interactive:
        from .dialog import run_dialog  # Imported here because it needs a display, which a script may lack.

        edited = updating.replaceable(image, call.drawables, operation)
        source = sources.find(operation, image, call.drawables, depth) if edited is None else edited.source
        outcome = run_dialog(call.procedure, config, operation, source, edited)
    else:
        source = sources.find(operation, image, call.drawables, depth)
        options = arguments.read_options(operation, config)
        how = run_image if arguments.means_whole_image(operation, config) else run
        outcome = _with_progress(operation.title, lambda worker: how(worker, operation, options, source))
    _tell(call, outcome.messages)
    return outcome.layer


@_procedure
def run_recipe(call: Call) -> Gimp.Layer | None:
    _set_up(call)
    if call.interactive:
        return _recipe_by_dialog(call)
    recipe = arguments.chosen_recipe(call.config)
    operation, options = as_operation(recipe)
    source = sources.find(operation, call.image, call.drawables, call.config.get_property(arguments.DEPTH_LAYER))
    outcome = _with_progress(operation.title, lambda worker: run(worker, operation, options, source))
    _tell(call, (*recipe.notes, *outcome.messages))
    return outcome.layer


def _recipe_by_dialog(call: Call, *, asked: bool = False) -> Gimp.Layer | None:
    """Ask for a recipe and run it, replacing the earlier result if there is one and the user agrees."""
    from . import recipe_dialog  # Imported here because it needs a display, which a script may lack.

    image, drawables, config = call.image, call.drawables, call.config

    def source_of(operation: Operation, *, adds: bool) -> sources.Source:
        edited = updating.replaceable(image, drawables, operation)
        if edited is not None:
            return edited.source_for(adds=adds)
        return sources.find(operation, image, drawables, config.get_property(arguments.DEPTH_LAYER))

    adds = has_selection(image) and not asked if updating.has_results(image, drawables) else None
    recipe, adds = recipe_dialog.ask(call.procedure, config, source_of, adds=adds)
    operation, options = as_operation(recipe)
    edited = updating.replaceable(image, drawables, operation)
    if edited is not None and not adds:
        change = edited.change(operation, options, edited.source)
        outcome = _with_progress(operation.title, lambda worker: run_change(worker, change))
    else:
        source = source_of(operation, adds=adds)
        outcome = _with_progress(operation.title, lambda worker: run(worker, operation, options, source))
    _tell(call, (*recipe.notes, *outcome.messages))
    return outcome.layer


@_procedure
def run_edit(call: Call) -> Gimp.Layer | None:
    if call.run_mode == Gimp.RunMode.NONINTERACTIVE:
        raise UsageError(
            "Edit works only interactively.",
            hint="In a script, call the operation's own procedure with its options.",
        )
    _set_up(call)
    from .dialog import run_dialog  # Imported here because it needs a display, which a script may lack.

    edited = updating.find_edited(call.image, call.drawables)
    name = RECIPE if edited.operation.name == CHAIN else PREFIX + edited.operation.command
    own = call.procedure.get_plug_in().do_create_procedure(name)
    config = own.create_config()
    if edited.operation.name == CHAIN:
        return _recipe_by_dialog(replace(call, procedure=own, config=config), asked=True)
    outcome = run_dialog(own, config, edited.operation, edited.source, edited)
    _tell(call, outcome.messages)
    return outcome.layer


@_procedure
def run_edit_depth(call: Call) -> Gimp.Layer | None:
    depth = depth_editing.begin(call.image, call.drawables)
    if call.interactive:
        from . import painting  # Imported here because it needs a display, which a script may lack.

        Gimp.displays_flush()
        with transfer.open_worker() as worker:
            painting.PaintingWindow(call.config, call.image, depth, worker).run()
    return depth if depth.is_valid() else None


@_procedure
def run_update(call: Call) -> Gimp.Layer | None:
    _set_up(call)
    updated = _with_progress("Update", lambda worker: updating.update(worker, call.image, call.drawables))
    _tell(call, (*updated.outcome.messages, *([updated.summary] if call.interactive else [])))
    return updated.outcome.layer


@_procedure
def run_export(call: Call) -> Gimp.Layer | None:
    _set_up(call)
    source = exporting.find(call.image, call.drawables)
    if source.depth is None:
        needs = sources.REFUSALS.needs_depth(exports.TITLE)
        if not call.interactive:
            raise needs
        from .toolkit import inform  # Imported here because it needs a display, which a script may lack.

        if not inform(translated(needs.message), translated(exports.OFFER), offer=translated("_Estimate depth")):
            raise Cancelled
        source = _with_progress(DEPTH.title, lambda worker: exporting.estimate(worker, source))
    if call.interactive:
        from .toolkit import ask_for_file  # Imported here because it needs a display, which a script may lack.

        file = ask_for_file(translated(exports.TITLE), exports.suggested(opened_file(call.image)))
        if file is None:
            raise Cancelled
    elif (file := arguments.chosen_file(call.config)) is None:
        raise UsageError("No file was chosen.", hint="Specify a file that ends in .jpg.")
    written = exports.with_suffix(file)
    outcome = _with_progress(exports.TITLE, lambda worker: exporting.run(worker, source, written))
    _tell(call, outcome.messages)
    return outcome.layer


_OTHERS: dict[str, tuple[Function, str, str]] = {
    RECIPE: (
        run_recipe,
        Message("Re_cipe…"),
        Message("Apply a recipe that comes with Dioptre or that an earlier run saved."),
    ),
    EDIT: (run_edit, Message("_Edit…"), Message("Change the options of the selected result and recompute it.")),
    EDIT_DEPTH: (
        run_edit_depth,
        Message("Edit dept_h"),
        Message(
            "Show and select the depth layer of the selected result so that you can paint on it. Update shows the "
            "result again."
        ),
    ),
    UPDATE: (
        run_update,
        Message("_Update"),
        Message("Recompute the selected result after you change its picture or paint on its depth layer."),
    ),
    EXPORT: (run_export, Message("E_xport with depth…"), exports.HELP),
}
"""The procedures that are not one operation: what runs, menu label and help."""


def _set_up(call: Call) -> None:
    """Offer to install the compute core if the plug-in came as a zip and has none yet.

    Raises:
        Cancelled: The user declined.
    """
    if call.interactive and first_start.is_needed():
        from .first_start import set_up  # Imported here because it needs a display.

        set_up()


def _with_progress(title: str, steps_of: Callable[[Worker], Steps[T]]) -> T:
    """Run steps to the end under GIMP's progress bar.

    Args:
        title: Title of the progress bar, in English.
        steps_of: Returns the steps for a worker.

    Returns:
        The outcome of the steps.
    """
    with transfer.open_worker() as worker, progress(translated(title)) as show:
        return transfer.run_here(steps_of(worker), show)


def _tell(call: Call, messages: Sequence[str]) -> None:
    """Tell the user what a run did, in the status bar: GIMP would show a message with a warning sign."""
    if not call.interactive:
        for message in messages:
            Gimp.message(translated(message))
    elif messages:
        Gimp.progress_init(" ".join(map(translated, messages)))
        Gimp.progress_update(1.0)
        Gimp.displays_flush()
        time.sleep(SHOWN_S)
        Gimp.progress_end()


@contextmanager
def progress(title: str) -> Iterator[Callable[[Step], None]]:
    """Show GIMP's progress bar. Its Cancel button ends this process, which cancels the worker's job."""
    phase = ""

    def show(step: Step) -> None:
        nonlocal phase
        if step.phase != phase:
            phase = step.phase
            Gimp.progress_set_text(f"{title}: {translated(phase)}")
        Gimp.progress_update(step.fraction)

    Gimp.progress_init(title)
    try:
        yield show
    finally:
        Gimp.progress_end()


def _guarded(call: Call, do: Callable[[], Gimp.Layer | None]) -> Gimp.ValueArray:
    """Run `do` and return its outcome as GIMP status values; only a completed run counts as a success."""
    procedure, began = call.procedure, time.monotonic()
    try:
        layer = do()
    except Cancelled:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except (UsageError, RefusedError, RecipeError) as error:
        logger.info("%s was refused: %s", procedure.get_name(), error.message)
        if not call.interactive:
            return _failed(procedure, Gimp.PDBStatusType.CALLING_ERROR, error)
        from .toolkit import inform  # Imported here because it needs a display.

        inform(translated(error.message), translated(error.hint))
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except Exception as error:  # noqa: BLE001  (the top of the plug-in: logged, and reported as a failure)
        logger.error("%s failed: %s", procedure.get_name(), error, exc_info=error)
        return _failed(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, error)
    Gimp.displays_flush()
    logger.info("%s: %.2f s", procedure.get_name(), time.monotonic() - began)
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, layer))
    return values


def _failed(procedure: Gimp.Procedure, status: Gimp.PDBStatusType, error: Exception) -> Gimp.ValueArray:
    return procedure.new_return_values(status, GLib.Error(LOG.told(error).shown))


def main(argv: list[str]) -> None:
    """Run the plug-in until GIMP ends the connection."""
    LOG.set_up()
    Gimp.main(Dioptre.__gtype__, argv)
