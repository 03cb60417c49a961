"""Short texts beside the marks in the preview, as labels, because some GIMP builds lack Cairo for drawing text."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402  (the version must be named first)

from dioptre_link.editing import picking  # noqa: E402

from . import style  # noqa: E402

Tag = tuple[tuple[float, float], str]
"""A place, as fractions of the picture's width and height, and its text."""


class Tags(Gtk.Fixed):
    """Labels over the visible part of the picture."""

    def __init__(self) -> None:
        super().__init__(halign=Gtk.Align.CENTER, valign=Gtk.Align.CENTER)
        self._tags: tuple[Tag, ...] = ()
        self._labels: list[Gtk.Label] = []

    def show_texts(self, tags: tuple[Tag, ...]) -> None:
        """Set the texts and their places; `arrange` moves them there."""
        if tags == self._tags:
            return
        self._tags = tags
        for label in self._labels:
            label.destroy()
        self._labels = [Gtk.Label(label=text) for _, text in tags]
        for label in self._labels:
            style.add_class(label, "dioptre-tag")
            self.put(label, 0, 0)
            label.show()

    def arrange(self, whole: tuple[float, float, float, float], seen: tuple[int, int]) -> None:
        """Move every label beside its place, and hide those outside the visible part.

        Args:
            whole: Left, top, width and height of the whole picture relative to its visible part, in pixels.
            seen: Width and height of the visible part.
        """
        self.set_size_request(*seen)
        for ((across, down), _), label in zip(self._tags, self._labels, strict=True):
            mark = whole[0] + across * whole[2], whole[1] + down * whole[3]
            label.set_visible(all(0 <= at <= side for at, side in zip(mark, seen, strict=True)))
            size = label.get_preferred_size()[1]
            left, top = picking.tag_place(mark, (size.width, size.height), seen)
            self.move(label, round(left), round(top))
