"""Tiles of recipes and presets: a picture of the effect on the user's photo, or that photo until it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dioptre_link.editing.events import Image
from dioptre_link.language import translated
from dioptre_link.presets import presets

from . import drawing
from .toolkit import GdkPixbuf, Gtk, Pango, add_class, pack

TILE_PX = (132, 99)  # Width and height of a tile's picture.
PICTURE_PX = 200  # Longest side of the computed picture that fills a tile, upright ones too.
COLUMNS = 3


class Tiles(Gtk.FlowBox):
    """A tile for each name; `on_choose` gets the name of the tile that the user chooses."""

    def __init__(self, names: Iterable[str], on_choose: Callable[[str], None]) -> None:
        super().__init__(homogeneous=True, valign=Gtk.Align.START)
        self.set_min_children_per_line(COLUMNS)
        self.set_max_children_per_line(COLUMNS)
        add_class(self, "dioptre-recipes")
        self.get_accessible().set_name(translated("Recipes"))
        self._on_choose = on_choose
        self._pictures: dict[str, Gtk.Image] = {}
        self._chosen: str | None = None
        for name in names:
            self._add(name)
        self.connect("selected-children-changed", self._selected)

    def choose(self, name: str | None) -> None:
        """Mark one tile, or none; this does not call `on_choose`."""
        if name == self._chosen:
            return
        self._chosen = name
        if name is None:
            self.unselect_all()
        else:
            self.select_child(self.child(name))

    def child(self, name: str) -> Gtk.FlowBoxChild:
        return self.get_child_at_index(list(self._pictures).index(name))

    def describe(self, name: str, title: str, tip: str) -> None:
        """Set a tile's title, and the title's tooltip; one of the whole tile would cover the titles."""
        child = self.child(name)
        words = child.get_child().get_children()[1]
        words.set_text(translated(title))
        words.set_tooltip_text(translated(tip))
        child.get_accessible().set_name(translated(title))

    def _add(self, name: str) -> None:
        tile = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2, border_width=3)
        picture = self._pictures[name] = Gtk.Image()
        picture.set_size_request(*TILE_PX)
        title = Gtk.Label(wrap=True, lines=2, ellipsize=Pango.EllipsizeMode.END, justify=Gtk.Justification.CENTER)
        title.set_max_width_chars(1)  # Wrap at the picture's width instead of widening the tile.
        self.add(pack(tile, picture, title))
        if (recipe := presets().get(name)) is not None:
            self.describe(name, recipe.title, recipe.description)
        else:
            picture.set_from_icon_name("document-open", Gtk.IconSize.DIALOG)

    def _selected(self, _tiles: Gtk.FlowBox) -> None:
        chosen = [child.get_index() for child in self.get_selected_children()]
        name = list(self._pictures)[chosen[0]] if chosen else None
        if name is not None and name != self._chosen:
            self._chosen = name
            self._on_choose(name)

    def show_picture(self, name: str, image: Image) -> None:
        """Show a picture cropped to a tile; of an upright one the upper part, where people have their faces."""
        picture, (width, height) = drawing.opaque(drawing.pixbuf_of(image)), TILE_PX
        scale = max(width / picture.get_width(), height / picture.get_height())
        drawn = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, width, height)
        x, y = (width - scale * picture.get_width()) / 2, (height - scale * picture.get_height()) / 4
        picture.scale(drawn, 0, 0, width, height, x, y, scale, scale, GdkPixbuf.InterpType.BILINEAR)
        self._pictures[name].set_from_pixbuf(drawn)
