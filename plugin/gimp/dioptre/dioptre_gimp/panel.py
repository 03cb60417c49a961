"""The options in a dialog, made from the description of an operation.

GIMP draws choices and yes or no; numbers get its sliders, with a tick where they are decided automatically when
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import GimpUi, Gtk  # noqa: E402  (the versions must be named first)

from dioptre_link import aperture_picture  # noqa: E402
from dioptre_link.language import translated  # noqa: E402
from dioptre_link.operations import Kind, Operation, Parameter  # noqa: E402

from . import arguments  # noqa: E402
from .host import Gimp, GLib, GObject  # noqa: E402
from .preview import pixbuf_from_rgb  # noqa: E402
from .screen import room_px  # noqa: E402

WIDTH_PX = 330
APERTURE_PX = 72
LOGARITHMIC_RATIO = 10  # a range from 0.7 to 32 is felt by its ratios…
GAMMA = 3.0  # …and GIMP's slider comes close to that with this curve
HUGE, LARGE, SMALL = 1000.0, 10.0, 0.1  # numbers up to here are shown with 1, 2 or 4 digits behind the point


def scrolled(panel: Gtk.Widget) -> Gtk.ScrolledWindow:
    """`panel` as high as it needs, as far as the screen has room for it."""
    window = Gtk.ScrolledWindow(propagate_natural_height=True, max_content_height=room_px())
    window.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
    window.add(panel)
    return window


class Panel(Gtk.Box):
    """Rows for all options of an operation: the simple ones first, the others folded away."""

    def __init__(
        self,
        dialog: GimpUi.ProcedureDialog,
        config: Gimp.ProcedureConfig,
        operation: Operation,
        on_change: Callable[[Parameter], None],
    ) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self.set_size_request(WIDTH_PX, -1)
        self._dialog = dialog
        self._config = config
        self._rows: dict[str, NumberRow | PointRow] = {}
        simple = [parameter for parameter in operation.parameters if parameter.simple]
        others = [parameter for parameter in operation.parameters if not parameter.simple]
        if not simple:
            simple, others = others, []
        self._add(self, simple)
        if others:
            more = Gtk.Expander(label=translated("_More options"), use_underline=True)
            inside = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, margin_start=12, margin_top=6)
            self._add(inside, others)
            more.add(inside)
            self.pack_start(more, False, False, 0)
        for parameter in operation.parameters:
            for name in arguments.names(parameter):
                config.connect(f"notify::{name}", lambda *_, changed=parameter: on_change(changed))
        self.show_all()

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show what was decided automatically."""
        for name, row in self._rows.items():
            if isinstance(row, NumberRow) and isinstance(values.get(name), (int, float)):
                row.show_automatic(float(values[name]))

    def _add(self, box: Gtk.Box, parameters: Sequence[Parameter]) -> None:
        group = ""
        for parameter in parameters:
            if parameter.group != group:
                group = parameter.group
                heading = Gtk.Label(xalign=0.0)
                heading.set_markup(f"<b>{GLib.markup_escape_text(translated(group))}</b>")
                box.pack_start(heading, False, False, 0)
            box.pack_start(self._row(parameter), False, False, 0)
        names = {parameter.name: parameter for parameter in parameters}
        if set(aperture_picture.OPTIONS) <= set(names):
            shown = ApertureRow([names[name] for name in aperture_picture.OPTIONS], self._config)
            box.pack_start(shown, False, False, 0)

    def _row(self, parameter: Parameter) -> Gtk.Widget:
        name = arguments.names(parameter)[0]
        if parameter.kind is Kind.POINT:
            row = self._rows[parameter.name] = PointRow(parameter, self._config)
            return row
        if parameter.kind in (Kind.FLOAT, Kind.INTEGER):
            row = self._rows[parameter.name] = NumberRow(parameter, self._config)
            return row
        return self._dialog.get_widget(name, GObject.TYPE_NONE)


class NumberRow(Gtk.Box):
    """A slider of GIMP's kind; with a tick for options that are decided automatically when left out."""

    def __init__(self, parameter: Parameter, config: Gimp.ProcedureConfig) -> None:
        super().__init__(spacing=6)
        self._parameter, self._config = parameter, config
        self._name = arguments.names(parameter)[0]
        self._quiet = False
        low, high = parameter.minimum or 0.0, 1.0 if parameter.maximum is None else parameter.maximum
        whole = parameter.kind is Kind.INTEGER
        step = 1.0 if whole else (high - low) / 100
        self._adjustment = Gtk.Adjustment(
            value=low, lower=low, upper=high, step_increment=step, page_increment=10 * step
        )
        unit = f" ({parameter.unit})" if parameter.unit else ""
        digits = 0 if whole or high >= HUGE else 1 if high > LARGE else 2 if high > SMALL else 4
        slider = GimpUi.SpinScale.new(self._adjustment, f"{translated(parameter.label)}{unit}", digits)
        if low > 0 and high / low >= LOGARITHMIC_RATIO:
            slider.set_gamma(GAMMA)
        self._slider = slider
        self.pack_start(slider, True, True, 0)
        self._tick: Gtk.CheckButton | None = None
        if parameter.default is None:
            self._tick = Gtk.CheckButton(label=translated("Auto"))
            self._tick.set_tooltip_text(translated("Decide from the picture"))
            self._tick.connect("toggled", self._changed)
            self.pack_start(self._tick, False, False, 0)
        self.set_tooltip_text(translated(parameter.help))
        self._adjustment.connect("value-changed", self._changed)
        config.connect(f"notify::{self._name}", lambda *_: self._show())
        self._show()

    def show_automatic(self, value: float) -> None:
        """Where the slider would stand by itself."""
        if self._tick is not None and self._tick.get_active():
            self._quiet = True
            self._adjustment.set_value(value)
            self._quiet = False

    def _show(self) -> None:
        value = self._config.get_property(self._name)
        automatic = self._tick is not None and value == arguments.automatic_value(self._parameter)
        self._quiet = True
        if self._tick is not None:
            self._tick.set_active(automatic)
        self._slider.set_sensitive(not automatic)
        if not automatic:
            self._adjustment.set_value(value)
        self._quiet = False

    def _changed(self, *_: object) -> None:
        if not self._quiet:
            automatic = self._tick is not None and self._tick.get_active()
            value = None if automatic else self._adjustment.get_value()
            arguments.write_option(self._parameter, self._config, value)


class ApertureRow(Gtk.Box):
    """The disc that a light out of focus becomes, in the middle and in a corner of the picture."""

    def __init__(self, parameters: Sequence[Parameter], config: Gimp.ProcedureConfig) -> None:
        super().__init__(spacing=12)
        self.set_halign(Gtk.Align.CENTER)
        self._parameters, self._config = parameters, config
        self._pictures = {aperture_picture.CENTRE: Gtk.Image(), aperture_picture.CORNER: Gtk.Image()}
        words_of = (translated("in the middle"), translated("in the corner"))
        for picture, words in zip(self._pictures.values(), words_of, strict=True):
            column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            column.pack_start(picture, False, False, 0)
            column.pack_start(Gtk.Label(label=words), False, False, 0)
            self.pack_start(column, False, False, 0)
        for parameter in parameters:
            for name in arguments.names(parameter):
                config.connect(f"notify::{name}", lambda *_: self._show())
        self._show()

    def _show(self) -> None:
        options = {one.name: arguments.read_one(one, self._config) for one in self._parameters}
        for field, picture in self._pictures.items():
            values = aperture_picture.disc(APERTURE_PX, options, field=field)
            picture.set_from_pixbuf(pixbuf_from_rgb(APERTURE_PX, APERTURE_PX, 1, values))


class PointRow(Gtk.Box):
    """Says which point was clicked in the preview, and takes it back."""

    def __init__(self, parameter: Parameter, config: Gimp.ProcedureConfig) -> None:
        super().__init__(spacing=6)
        self._parameter, self._config = parameter, config
        self._names = arguments.names(parameter)
        self._label = Gtk.Label(xalign=0.0)
        self._clear = Gtk.Button(label=translated("Automatic"))
        self._clear.set_tooltip_text(translated("Forget the point"))
        self._clear.connect("clicked", lambda *_: arguments.write_option(parameter, config, None))
        self.pack_start(self._label, True, True, 0)
        self.pack_start(self._clear, False, False, 0)
        self.set_tooltip_text(translated(parameter.help))
        for name in self._names:
            config.connect(f"notify::{name}", lambda *_: self._show())
        self._show()

    def _show(self) -> None:
        x, y = (self._config.get_property(name) for name in self._names)
        chosen = x >= 0 or y >= 0
        where = f"{x:.0f}, {y:.0f}" if chosen else translated("click in the picture")
        self._label.set_text(f"{translated(self._parameter.label)}: {where}")
        self._clear.set_sensitive(chosen)
