"""The operation that combines depth, subject and blur."""

from __future__ import annotations

from ..operation import Input, Memory, Operation, Role, WarmUp, fraction
from .blur import BLUR_PARAMETERS
from .depth import DEPTH_PARAMETERS
from .focus import FOCUS_PARAMETERS, FOCUS_RESETS, STROKES
from .lens import LENS_PARAMETERS
from .subject import ADDS, REMOVES, SUBJECT_PARAMETERS, SUBJECT_RESETS

KEEP_SUBJECT = fraction(
    name="keep_subject",
    label="Keep subject sharp",
    help="How much of the subject stays in focus: 0 blurs it like a real lens, 1 keeps all of it sharp.",
    default=1.0,
    group="Focus",
    simple=True,
)

OPERATION = Operation(
    name="portrait",
    feature="blur",
    title="Portrait blur",
    help="Keep the subject sharp and blur the rest by distance, like a fast lens.",
    parameters=(
        *FOCUS_PARAMETERS,
        *SUBJECT_PARAMETERS,
        KEEP_SUBJECT,
        STROKES,
        *BLUR_PARAMETERS,
        *LENS_PARAMETERS,
        *DEPTH_PARAMETERS,
    ),
    inputs=(Input.PICTURE,),
    optional_inputs=(Input.DISPARITY, Input.SUBJECT),
    outputs=(Role.RESULT, Role.SUBJECT, Role.BACKGROUND, Role.DEPTH),
    memory=Memory(fixed_mib=1200, bytes_per_pixel=55),
    warm_up=(
        WarmUp(draft=True),
        WarmUp(),
        # One for each length of the arrays that a clean background needs.
        *(WarmUp(subject=side, once=True) for side in (0.35, 0.5, 0.6, 0.75, 0.85)),
    ),
    warm_up_rank=2,
    click_resets={**FOCUS_RESETS, **SUBJECT_RESETS},
    click_adds=ADDS,
    click_removes=REMOVES,
    drafts=True,
)
