"""The operation that selects the subject."""

from __future__ import annotations

from ..operation import Input, Kind, Memory, Operation, Parameter, Role, WarmUp
from .selection import SELECTION_PARAMETERS
from .subject import ADDS, REMOVES, SUBJECT_PARAMETERS, SUBJECT_STROKES

_BOX = Parameter(
    name="box",
    kind=Kind.BOX,
    label="Box",
    help="A box around the subject. Auto: looks for the subject in the whole picture.",
    group="Subject",
    simple=True,
)

OPERATION = Operation(
    name="select_subject",
    feature="select",
    title="Select subject",
    help="Select people, animals or objects, including hair and fur.",
    parameters=(*SUBJECT_PARAMETERS, SUBJECT_STROKES, _BOX, *SELECTION_PARAMETERS),
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
