"""The options of the operations `select_subject` and `select_depth`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dioptre.contract import Options
from dioptre_link.strokes import Strokes


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(Options):
    """The result that a selection creates."""

    result: Literal["selection", "channel", "mask", "layer"] = "selection"
    decontaminate: bool = True


@dataclass(frozen=True, kw_only=True)
class SelectSubjectOptions(SelectionOptions):
    """The options of `select_subject`."""

    operation = "select_subject"

    subject: tuple[tuple[float, float], ...] = ()
    not_subject: tuple[tuple[float, float], ...] = ()
    subject_strokes: Strokes = ()
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SelectDepthOptions(SelectionOptions):
    """The options of `select_depth`."""

    operation = "select_depth"

    side: Literal["nearer", "farther", "around"] = "nearer"
    depth_point: tuple[float, float] | None = None
    depth_level: float | None = None
    depth_range: float = 0.08
    depth_feather: float = 0.04
    picture_edges: bool = True
