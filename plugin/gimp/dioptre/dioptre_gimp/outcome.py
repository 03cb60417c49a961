"""The outcome of a run, and a check that the document and layers still exist before the run changes them."""

from __future__ import annotations

from dataclasses import dataclass

from dioptre_link.editing import refusals
from dioptre_link.errors import RefusedError

from .host import Gimp
from .sources import Source


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The new layer or group, and messages for the user."""

    layer: Gimp.Layer
    messages: tuple[str, ...]


def check_still_there(source: Source) -> None:
    """Raise if the document or a layer was closed or deleted during the run.

    Raises:
        RefusedError: The document or a layer is gone.
    """
    if not source.image.is_valid():
        raise refusals.document_closed()
    for layer in (source.picture, source.depth):
        if layer is not None and not layer.is_valid():
            raise RefusedError("The layer was deleted in the meantime.", hint="Undo the deletion and try again.")
