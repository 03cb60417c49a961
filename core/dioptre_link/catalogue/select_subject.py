"""The operation that selects the subject."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Box, Input, Memory, Operation, Options, Role, WarmUp, option
from ..strokes import Strokes
from .selection import SelectionOptions
from .subject import ADDS, REMOVES, SubjectOptions


@dataclass(frozen=True, kw_only=True)
class _Area(Options, group="Subject"):
    """The area of the subject."""

    subject_strokes: Strokes = option(
        (),
        label="Subject brush",
        help="Brush strokes over areas to select or to leave out. Paint them in the editor's preview.",
        bytes_per_pixel=8,  # two float32 planes: the mask of strokes, and a plane adjusted under it
    )
    box: Box | None = option(
        None,
        label="Box",
        help="A box around the subject. Auto: looks for the subject in the whole picture.",
        simple=True,
    )


@dataclass(frozen=True, kw_only=True)
class SelectSubjectOptions(SubjectOptions, _Area, SelectionOptions):
    """The options of `select_subject`."""


OPERATION = Operation(
    name="select_subject",
    feature="select",
    title="Select subject",
    help="Select people, animals or objects, including hair and fur.",
    options=SelectSubjectOptions,
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY,),
    outputs=(Role.SELECTION, Role.SUBJECT),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=44),
    warm_up=(WarmUp(),),
    warm_up_rank=3,
    click_adds=ADDS,
    click_removes=REMOVES,
    drafts=True,
    finds_depth_layer=True,
)
