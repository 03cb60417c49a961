"""Notices the end of a stroke on a depth layer by regular looks, because editors have no signal for it."""

from __future__ import annotations

from collections.abc import Hashable

LOOK_MS = 400
"""Interval between looks, which is also the shortest pause that ends a stroke."""
SEEN_PX = 640
"""Longer side of the reduced layer: it shows strokes that are wider than 1/640 of it, and takes Krita .1 s."""


class Strokes:
    """The strokes on one depth layer, of which the user may paint the first one before the first look.

    Attributes:
        rest: Whether the layer was the same at the last two looks.
        is_known: Whether it was a state that is known: the first one, or one that something has followed.
    """

    def __init__(self, layer: Hashable) -> None:
        """Begin with what identifies the pixels of the reduced layer now."""
        self.rest = self.is_known = False
        self._seen: Hashable = None
        self._known = {layer}

    def are_over(self, layer: Hashable, *, pressed: bool = False, waits: bool = False) -> bool:
        """Return, once for each state of the layer, whether it has new strokes and is at rest.

        Undo and redo lead to states that are known: if something followed there, the rest of the undo history would
        be lost.

        Args:
            layer: What identifies the pixels of the reduced layer.
            pressed: Whether the user presses a button of the pointer.
            waits: Whether nothing can follow yet, so that a later look has to tell.
        """
        self.rest, self._seen = layer == self._seen and not pressed, layer
        self.is_known = self.knows(layer)
        if waits or self.is_known or not self.rest:
            return False
        self.follow(layer)
        return True

    def knows(self, layer: Hashable) -> bool:
        """Return whether a state of the layer is known."""
        return layer in self._known

    def follow(self, layer: Hashable) -> None:
        """Count a state of the layer as known, as that of a change which the user has not made."""
        self._known.add(layer)

    def are_undone(self, began: Hashable, layer: Hashable) -> bool:
        """Return whether the user has taken back the strokes that an update began with.

        If they have, or have painted on, undo or redo may lead to these strokes without the update's result. Then
        another update follows.

        Args:
            began: What identifies the layer's pixels when the update began.
            layer: What identifies them now.
        """
        if layer == began:
            return False
        self._known.discard(began)
        return self.knows(layer)
