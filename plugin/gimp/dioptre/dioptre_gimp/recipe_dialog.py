"""The dialog for choosing a recipe, with a tile for each one and a larger preview."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from dioptre_link.catalogue import depth, portrait, white_balance
from dioptre_link.chain import as_operation
from dioptre_link.client import Worker
from dioptre_link.editing import recipes, traits, views
from dioptre_link.editing import state as states
from dioptre_link.editing.events import Shown
from dioptre_link.editing.picking import Click
from dioptre_link.editing.request import Request, preview_of
from dioptre_link.editing.state import Phase, State, Store
from dioptre_link.errors import Cancelled, DioptreError
from dioptre_link.language import Message, translated
from dioptre_link.presets import presets
from dioptre_link.recipe import Recipe

from . import arguments, drawing, transfer
from .document import Gimp, GObject, has_selection, size_of
from .on_canvas import OnCanvas
from .options import scrolled
from .preview import Preview
from .previews import Inputs, Previews
from .sources import Source, check_still_there, left_out
from .tiles import PICTURE_PX, Tiles
from .toolkit import (
    MOST_PX,
    SMALL_PX,
    GimpUi,
    Gtk,
    Watch,
    add_columns,
    adds_tick,
    fitted,
    pack,
    procedure_dialog,
    use_colours,
)

SourceOf = Callable[..., Source]

WORDS_LINES = 4  # Height of the text about the chosen recipe.
FIRST = portrait.OPERATION.name  # The preset that is selected at first if the user has not chosen one yet.
VIEWS = (views.AFTER, views.BEFORE, views.SPLIT)


def ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, source_of: SourceOf, *, adds: bool | None
) -> tuple[Recipe, bool]:
    """Let the user choose a recipe.

    Args:
        procedure: The recipe procedure.
        config: Its settings, which receive the choice.
        source_of: Returns the layers that an operation works on, or raises RefusedError; the keyword `adds` says
            whether it adds a result.
        adds: Whether the recipe adds a result instead of replacing an earlier one, unless the user chooses
            otherwise; None if there is no earlier one.

    Returns:
        The recipe with the focus that the user clicked, and whether to keep the earlier result and add a new one.

    Raises:
        Cancelled: The user closed the dialog.
    """
    GimpUi.init("dioptre")
    use_colours()
    with transfer.open_worker() as worker, ExitStack() as files:
        dialog = RecipeDialog(procedure, config, source_of, worker, files, adds=adds)
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
        adds: bool | None,
    ) -> None:
        self._config, self._worker, self._files = config, worker, files
        self._adds = adds_tick(active=bool(adds))
        self._source_of: SourceOf = lambda operation: source_of(operation, adds=self._adds.get_active())
        source = self._source_of(white_balance.OPERATION)
        self._layer_size = size_of(source.picture)
        self._size = fitted(*self._layer_size)
        self._store: Store[State] = Store(states.opened(white_balance.OPERATION))
        self._dialog = procedure_dialog(procedure, config, Message("Recipe"), source.picture)
        self._recipe: Recipe | None = None  # With the focus that the user clicked.
        self._preview = Preview(
            self._store,
            self._size,
            self._layer_size,
            lambda: None,
            names=VIEWS,
            on_click=self._clicked,
            marked=lambda _state: self._marked,
        )
        self._use(source)
        self._previews = Previews(self._store, worker, self._longest_px)
        self._store.observe(self._picture_chosen)
        self._watch = Watch(lambda: check_still_there(self._source), self._lost)
        self._on_canvas = OnCanvas(self._store, self._dialog, config, lambda: self._source)
        self._on_canvas.fold(add_columns(self._dialog, self._preview, self._side()), self._preview)
        self._adds.set_visible(adds is not None)
        self._adds.connect("toggled", lambda _: self._choose())
        for name in (arguments.PRESET, arguments.FILE):
            config.connect(f"notify::{name}", lambda *_: self._choose())

    def run(self) -> tuple[Recipe, bool]:
        self._store.set(states.reading(self._store.state))
        self._choose()
        self._picture_all()
        self._tiles.child(self._config.get_property(arguments.PRESET)).grab_focus()
        if not self._dialog.run():
            raise Cancelled
        assert self._recipe is not None
        return self._recipe, bool(self._adds.get_active())

    def close(self) -> None:
        self._previews.stop()
        self._watch.end()
        self._on_canvas.end()
        self._dialog.destroy()

    def _lost(self, error: DioptreError) -> None:
        """Leave only Cancel, because the document or the layer is gone."""
        self._previews.stop()
        self._tiles.set_sensitive(False)
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
        self._store.set(states.closed(self._store.state, error))

    def _use(self, source: Source) -> None:
        self._source = source
        self._inputs = Inputs(source, self._worker, self._files, self._size)
        self._preview.show_layer(drawing.pixbuf_of(self._inputs.small))

    def _side(self) -> Gtk.Box:
        if arguments.is_recipe_unchosen(self._config):
            self._config.set_property(arguments.PRESET, FIRST)
        self._tiles = Tiles(
            [*presets(), arguments.FROM_FILE], lambda name: self._config.set_property(arguments.PRESET, name)
        )
        about = Message("A .json file that Dioptre wrote, or one of your own.")
        self._tiles.describe(arguments.FROM_FILE, Message("From a file"), about)
        window = scrolled(self._tiles)
        window.set_propagate_natural_height(True)  # They scroll only on a small screen.
        self._words = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True)
        self._words.set_max_width_chars(1)  # Wrap at the tiles' width.
        self._words.set_size_request(-1, WORDS_LINES * self._words.create_pango_layout("Ay").get_pixel_size()[1])
        self._file = self._dialog.get_widget(arguments.FILE, GObject.TYPE_NONE)
        side = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        return pack(side, window, self._words, self._file, self._on_canvas.switch, self._adds)

    def _choose(self) -> None:
        """Show the effect of the chosen recipe."""
        name = self._config.get_property(arguments.PRESET)
        self._tiles.choose(name)
        self._file.set_sensitive(name == arguments.FROM_FILE)
        try:
            recipe = arguments.chosen_recipe(self._config)
            source = self._source_of(as_operation(recipe)[0])
            others = _layers(source) != _layers(self._source)
            if others:
                self._use(source)
            if name == arguments.FROM_FILE and recipe.title:
                self._tiles.describe(name, recipe.title, recipe.description)
            self._follow(recipe)
            if others:
                self._picture_all()  # Once the layers are read.
        except DioptreError as error:
            self._recipe = None
            self._previews.forget()
            self._words.set_text("")
            state = states.closed(states.opened(white_balance.OPERATION), error)
            self._store.set(replace(state, view=views.BEFORE, on_canvas=self._store.state.on_canvas))
        self._dialog.set_response_sensitive(Gtk.ResponseType.OK, self._recipe is not None)

    def _follow(self, recipe: Recipe, *, shown: Shown | None = None) -> None:
        """Preview `recipe`, and show `shown` until then."""
        preview = preview_of(recipe)
        words = (recipe.description, preview.note if preview.shown else "", left_out(self._source))
        self._words.set_text(" ".join(translated(one) for one in words if one))
        view = views.AFTER if self._recipe is None else self._store.state.view
        self._recipe = recipe
        self._previews.forget()
        opened = replace(states.opened(preview.operation, preview.options), fixed=True)
        state = replace(states.reading(opened), view=view, shown=shown, on_canvas=self._store.state.on_canvas)
        if self._inputs.has_been_read:
            self._store.set(states.read(state))
            self._previews.resume()
        else:
            self._store.set(state)
            self._previews.open(self._inputs, self._inputs.read())

    def _clicked(self, x: float, y: float, click: Click) -> None:
        """Set the focus of the recipe's step that has one."""
        if self._recipe is None or self._store.state.phase is Phase.EMPTY:
            return
        clicked = recipes.clicked(self._recipe, x, y, self._layer_size, click=click)
        if clicked != self._recipe:
            self._follow(clicked, shown=self._store.state.shown)

    @property
    def _marked(self) -> State:
        """The state of the step whose focus a click sets; of an operation without clicks if there is none."""
        found = None if self._recipe is None else recipes.focusing(self._recipe)
        if found is None:
            return states.opened(depth.OPERATION)
        shown = self._store.state
        return replace(states.opened(*found), shown=shown.shown, decided=shown.decided, view=shown.view)

    def _longest_px(self) -> int:
        longest = min(MOST_PX, max(self._layer_size)) if self._store.state.on_canvas else max(self._size)
        return min(longest, SMALL_PX) if traits.enlarges(self._store.state.operation) else longest

    # -- pictures of the recipes ---------------------------------------------------------------------------------

    def _picture_all(self) -> None:
        self._previews.picture(presets(), self._picture_request, self._tiles.show_picture, self._inputs.small)

    def _picture_chosen(self, old: State, state: State) -> None:
        """Show the preview of the chosen recipe in its tile, too."""
        arrived = state.phase is Phase.READY and state.shown is not old.shown
        if arrived and state.shown and state.shown.after and not traits.enlarges(state.operation):
            self._tiles.show_picture(self._config.get_property(arguments.PRESET), state.shown.after)

    def _picture_request(self, name: str) -> Request | None:
        recipe = presets()[name]
        try:
            check_still_there(self._source)
            if _layers(self._source_of(as_operation(recipe)[0])) != _layers(self._source):
                return None
        except DioptreError:
            return None
        seen = preview_of(recipe)
        return self._inputs.request(states.opened(seen.operation, seen.options), PICTURE_PX)


def _layers(source: Source) -> tuple[int, int, bool]:
    """Return the tattoos of the source's layers, 0 for a missing depth layer, and whether a selection limits it."""
    depth = 0 if source.depth is None else source.depth.get_tattoo()
    return source.picture.get_tattoo(), depth, source.takes_selection and has_selection(source.image)
