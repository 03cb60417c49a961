"""Options, shared by all operations that select, that determine what is created from the selection."""

from __future__ import annotations

from ..operation import Kind, Parameter, grouped

SELECTION, CHANNEL, MASK, LAYER = "selection", "channel", "mask", "layer"

RESULT = "result"
"""Name of the option for the kind of result."""

SELECTION_PARAMETERS = grouped(
    "Result",
    Parameter(
        name=RESULT,
        kind=Kind.CHOICE,
        label="Result",
        help=(
            "Selection: replace the document's selection. Mask on the layer: hide the rest of it. New layer: add "
            "a cut-out above the hidden original."
        ),
        default=SELECTION,
        choices=(SELECTION, CHANNEL, MASK, LAYER),
        shown=("Selection", "Channel", "Mask on the layer", "New layer"),
        in_krita=("Selection", "Selection mask", "Mask on the layer", "New layer"),
    ),
    Parameter(
        name="decontaminate",
        kind=Kind.BOOLEAN,
        label="Decontaminate colours",
        only_if=(RESULT, LAYER),
        help="For a new layer: removes the old background's colour from hair and soft edges.",
        default=True,
    ),
    simple=True,
)
