"""Options, shared by all operations that select, that determine what is created from the selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..operation import Options, option

RESULT = "result"
"""Name of the option for the kind of result."""

Made = Literal["selection", "channel", "mask", "layer"]
_, CHANNEL, MASK, LAYER = get_args(Made)


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(Options, group="Result", simple=True):
    """What an operation that selects creates."""

    result: Made = option(
        "selection",
        label="Result",
        help="Selection: replace the document's selection. Mask on the layer: hide the rest of it. New layer: add "
        "a cut-out above the hidden original.",
        shown=("Selection", "Channel", "Mask on the layer", "New layer"),
        in_krita=("Selection", "Selection mask", "Mask on the layer", "New layer"),
    )
    decontaminate: bool = option(
        True,
        label="Decontaminate colours",
        help="For a new layer: removes the old background's colour from hair and soft edges.",
        only_if=(RESULT, LAYER),
    )
