"""Options, shared by all operations that select, that determine what is created from the selection."""

from __future__ import annotations

from ..operation import Kind, Parameter

SELECTION, CHANNEL, MASK, LAYER = "selection", "channel", "mask", "layer"

RESULT = "result"
"""Name of the option for the kind of result."""

SELECTION_PARAMETERS = (
    Parameter(
        name=RESULT,
        kind=Kind.CHOICE,
        label="Result",
        help=(
            "Selection: replace the document's selection. Channel: save it for later. Mask: "
            "hide the rest of the layer. New layer: add a cut-out above the hidden original. "
            "A file contains a 16-bit mask or the cut-out."
        ),
        default=SELECTION,
        choices=(SELECTION, CHANNEL, MASK, LAYER),
        shown=("Selection", "Channel (GIMP), selection mask (Krita)", "Mask on the layer", "New layer"),
        group="Result",
        simple=True,
    ),
    Parameter(
        name="decontaminate",
        kind=Kind.BOOLEAN,
        label="Decontaminate colours",
        help="For a new layer: removes the old background's colour from hair and soft edges.",
        default=True,
        group="Result",
        simple=True,
    ),
)
