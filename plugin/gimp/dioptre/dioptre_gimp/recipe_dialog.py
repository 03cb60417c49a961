"""The dialog for choosing a recipe, with a description of each and a preview of its effect on the picture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dioptre_link.catalogue import portrait, white_balance
from dioptre_link.chain import as_operation
from dioptre_link.client import Worker
from dioptre_link.editing import state as states
from dioptre_link.editing import views
from dioptre_link.editing.events import Steps
from dioptre_link.editing.request import RecipePreview, preview_of
from dioptre_link.editing.state import Phase, State, Store
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.language import Message, translated
from dioptre_link.operation import Operation
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe

from . import arguments, drawing, transfer
from .document import Gimp, GLib, GObject, read_small
from .options import scrolled
from .preview import Preview
from .previews import Inputs, Previews
from .sources import Source, check_still_there
from .toolkit import GimpUi, Gtk, Watch, add_class, fitted, use_colours

SourceOf = Callable[[Operation], Source]

LIST_PX = 340
FIRST = portrait.OPERATION.name  # The preset that is selected at first if the user has not chosen one yet.
VIEWS = (views.AFTER, views.BEFORE, views.SPLIT)
_NONE = RecipePreview(operation=white_balance.OPERATION, options={}, shown=False)


def ask(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source_of: SourceOf, *, replaces: bool) -> bool:
    """Let the user choose a recipe.

    Args:
        procedure: The recipe procedure.
        config: Its settings, which receive the choice.
        source_of: Returns the layers that an operation works on, or raises RefusedError.
        replaces: Whether the recipe can replace an earlier result.

    Returns:
        Whether to keep the earlier result and add a new one.

    Raises:
        Cancelled: The user closed the dialog.
    """
    GimpUi.init("dioptre")
    use_colours()
    with transfer.open_worker() as worker, ExitStack() as files:
        dialog = RecipeDialog(procedure, config, source_of, worker, files, replaces=replaces)
        try:
            return dialog.run()
        finally:
            dialog.close()


class RecipeDialog:
    """One dialog, until OK or Cancel."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        source_of: SourceOf,
        worker: Worker,
        files: ExitStack,
        *,
        replaces: bool,
    ) -> None:
        self._config, self._source_of, self._worker, self._files = config, source_of, worker, files
        source = source_of(white_balance.OPERATION)
        layer_size = (source.picture.get_width(), source.picture.get_height())
        self._size = size = fitted(*layer_size)
        self._store: Store[State] = Store(states.opened(white_balance.OPERATION))
        self._dialog = GimpUi.ProcedureDialog.new(procedure, config, translated("Recipe"))
        if (button := self._dialog.get_widget_for_response(Gtk.ResponseType.HELP)) is not None:
            button.hide()  # GIMP's help has no page for this dialog.
        self._preview = Preview(self._store, size, layer_size, lambda: None, names=VIEWS, clickable=False)
        self._use(source)
        self._previews = Previews(self._store, worker, lambda: max(size))
        self._watch = Watch(lambda: check_still_there(self._source), self._lost)
        self._has_preview = True
        self._adds = Gtk.CheckButton(label=translated("Add as a _new group"), use_underline=True)
        self._adds.set_tooltip_text(translated("Keep the earlier result and add the new one above it"))
        columns = Gtk.Box(spacing=12, border_width=12)
        columns.pack_start(self._preview, True, True, 0)
        columns.pack_start(self._side(replaces=replaces), False, False, 0)
        self._dialog.get_content_area().pack_start(columns, True, True, 0)
        columns.show_all()
        self._adds.set_visible(replaces)
        for name in (arguments.PRESET, arguments.RECIPE_FILE):
            config.connect(f"notify::{name}", lambda *_: self._choose())

    def run(self) -> bool:
        self._store.set(states.reading(self._store.state))
        self._choose()
        self._list.get_selected_row().grab_focus()
        if not self._dialog.run():
            raise Cancelled
        return bool(self._adds.get_active())

    def close(self) -> None:
        self._previews.stop()
        self._watch.end()
        self._dialog.destroy()

    def _lost(self, error: DioptreError) -> None:
        """Leave only Cancel, because the document or the layer is gone."""
        self._previews.stop()
        self._list.set_sensitive(False)
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
        self._store.set(states.closed(self._store.state, error))

    def _use(self, source: Source) -> None:
        self._source = source
        self._inputs = Inputs(source, self._worker, self._files, None)
        data = read_small(source.picture, self._size)
        self._preview.show_layer(drawing.pixbuf_from_rgb(*self._size, 4, data))

    def _side(self, *, replaces: bool) -> Gtk.Box:
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        names = [*presets(), arguments.FROM_FILE]
        self._list = Gtk.ListBox()
        self._list.get_accessible().set_name(translated("Recipes"))
        for recipe in presets().values():
            self._list.add(_row(recipe.title, recipe.description))
        self._list.add(
            _row(Message("From a file"), Message("A .json file that Dioptre wrote, or one of your own."))
        )
        if arguments.is_recipe_unchosen(self._config):
            self._config.set_property(arguments.PRESET, FIRST)
        self._names = names
        self._show_chosen()
        self._list.connect("row-selected", self._selected)
        window = scrolled(self._list)
        add_class(self._list, "dioptre-recipes")
        window.set_size_request(LIST_PX, -1)
        side.pack_start(window, True, True, 0)
        self._note = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=40)
        self._note.set_size_request(-1, 2 * self._note.create_pango_layout("Ay").get_pixel_size()[1])
        side.pack_start(self._note, False, False, 0)
        self._file = self._dialog.get_widget(arguments.RECIPE_FILE, GObject.TYPE_NONE)
        side.pack_start(self._file, False, False, 0)
        if replaces:
            side.pack_start(self._adds, False, False, 0)
        return side

    def _show_chosen(self) -> None:
        row = self._list.get_row_at_index(self._names.index(self._config.get_property(arguments.PRESET)))
        if row is not self._list.get_selected_row():
            self._list.select_row(row)

    def _selected(self, _list: Gtk.ListBox, row: Gtk.ListBoxRow | None) -> None:
        if row is not None and self._names[row.get_index()] != self._config.get_property(arguments.PRESET):
            self._config.set_property(arguments.PRESET, self._names[row.get_index()])

    def _choose(self) -> None:
        """Show the effect of the chosen recipe."""
        name = self._config.get_property(arguments.PRESET)
        self._show_chosen()
        self._file.set_sensitive(name == arguments.FROM_FILE)
        problem = None
        try:
            recipe = self._recipe(name)
            source = self._source_of(as_operation(recipe)[0])
            if _layers(source) != _layers(self._source):
                self._use(source)
            preview = preview_of(recipe)
        except DioptreError as error:
            problem, preview = error, _NONE
        self._note.set_text(translated(preview.note))
        had_preview, self._has_preview = self._has_preview, preview.shown
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, problem is None)
        view = self._store.state.view if had_preview else views.AFTER
        state = replace(states.opened(preview.operation, preview.options), view=view, phase=Phase.READING)
        self._previews.forget()
        if preview.shown:
            self._store.set(state)
            self._previews.open(self._inputs, self._reading())
            return
        message, hint = ("", "") if problem is None else (problem.message, problem.hint)
        self._store.set(replace(state, phase=Phase.EMPTY, view=views.BEFORE, message=message, hint=hint))

    def _recipe(self, name: str) -> Recipe:
        if name != arguments.FROM_FILE:
            return presets()[name]
        file = self._config.get_property(arguments.RECIPE_FILE)
        if file is None or file.get_path() is None:
            raise arguments.no_recipe()
        return Recipe.read(Path(file.get_path()))

    def _reading(self) -> Steps[None]:
        if not self._inputs.has_been_read:
            yield from self._inputs.read()


def _layers(source: Source) -> tuple[int, int]:
    """Return the tattoos of the source's layers, with 0 for a missing depth layer."""
    return source.picture.get_tattoo(), 0 if source.depth is None else source.depth.get_tattoo()


def _row(title: str, description: str) -> Gtk.ListBoxRow:
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2, border_width=6)
    heading = Gtk.Label(xalign=0.0)
    heading.set_markup(f"<b>{GLib.markup_escape_text(translated(title))}</b>")
    words = Gtk.Label(label=translated(description), xalign=0.0, wrap=True, max_width_chars=40)
    box.pack_start(heading, False, False, 0)
    box.pack_start(words, False, False, 0)
    row = Gtk.ListBoxRow()
    row.add(box)
    row.get_accessible().set_name(translated(title))
    return row
