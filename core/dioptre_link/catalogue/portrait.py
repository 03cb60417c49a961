"""The operation that combines depth, subject and blur."""

from __future__ import annotations

from dataclasses import dataclass

from ..operation import Input, Memory, Operation, Options, Role, WarmUp, fraction
from .blur import BlurOptions
from .focus import FOCUS_RESETS, BrushOptions, FocusOptions
from .subject import ADDS, REMOVES, SUBJECT_RESETS, SubjectOptions

KEEP_SUBJECT = "keep_subject"
"""Name of the option for how much of the subject stays sharp."""


@dataclass(frozen=True, kw_only=True)
class _Kept(Options, group="Focus"):
    """How much of the subject is in focus."""

    keep_subject: float = fraction(
        1.0,
        label="Keep subject sharp",
        help="How much of the subject stays in focus: 0 blurs it like a real lens, 1 keeps all of it sharp.",
        simple=True,
    )


@dataclass(frozen=True, kw_only=True)
class PortraitOptions(FocusOptions, SubjectOptions, _Kept, BrushOptions, BlurOptions):
    """The options of `portrait`."""


OPERATION = Operation(
    name="portrait",
    feature="blur",
    title="Portrait blur",
    help="Keep the subject sharp and blur the rest by distance, like a fast lens.",
    options=PortraitOptions,
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
    resets=FOCUS_RESETS,
    click_adds=ADDS,
    click_removes=REMOVES,
    drafts=True,
)
