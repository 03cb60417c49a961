"""Select the subject: a mask of people, animals or objects, including their hair."""

from __future__ import annotations

from typing import Any

from dioptre.contract import Disparity, Inputs, Picture, Progress, Result, no_progress, part_of
from dioptre.features.depth import kept_depth
from dioptre.features.subject import Choice, chosen_subject
from dioptre_link.catalogue.depth import DepthOptions
from dioptre_link.catalogue.select_subject import OPERATION, SelectSubjectOptions
from dioptre_link.catalogue.subject import ADDS
from dioptre_link.errors import UsageError

from .selected import Selected, selection_layers

_SHARE_DEPTH = 0.4  # fraction of the total time that depth estimation takes, for the progress bar


def select_subject(
    image: Picture,
    *,
    disparity: Disparity | None = None,
    progress: Progress = no_progress,
    **options: Any,
) -> Selected:
    """Select the subject of a picture.

    Args:
        image: sRGB-encoded (H, W, 3 or 4), straight alpha.
        disparity: (H, W) in [0, 1], 1 = nearest: a depth map that resolves ambiguous areas. Default: an estimate.
        progress: called with (fraction, phase) between steps; raises Cancelled to stop.
        options: options of the operation `select_subject`, with all positions in pixels:
            subject: list of points (x, y) on objects that belong to the subject.
            not_subject: list of points (x, y) on objects that do not belong to it.
            box: (left, top, right, bottom) of a box around the subject.
            subject_strokes: strokes over areas to select or to leave out, with their objects, as in
                `dioptre_link.strokes`.

    Returns:
        Selected: the selection; `mask` is (H, W) in [0, 1], 1 inside the subject and fractional in hair.

    Raises:
        UsageError: no subject was found, an option is out of range, or a point lies outside the picture.
        WeightsError: the weights of a network are missing or damaged.
    """
    chosen = SelectSubjectOptions(**OPERATION.check(options))
    return _selected(Inputs(picture=image, disparity=disparity), chosen, progress)


def run(inputs: Inputs, options: SelectSubjectOptions, progress: Progress) -> Result:
    """Run the operation `select_subject`."""
    selected = _selected(inputs, options, progress)
    layers = selection_layers(inputs.picture, selected.mask, options)
    progress(1.0, "Done")
    return Result(layers=layers, values=selected.values, messages=selected.messages, models=selected.models)


def _selected(inputs: Inputs, options: SelectSubjectOptions, progress: Progress) -> Selected:
    disparity, models = inputs.disparity, dict[str, str]()
    if disparity is None:
        depth = kept_depth(inputs, DepthOptions(), progress=part_of(progress, 0.0, _SHARE_DEPTH))
        disparity, models = depth.disparity, dict(depth.models)
    choice = Choice(
        box=options.box, added=options.subject, removed=options.not_subject, strokes=options.subject_strokes
    )
    progress(_SHARE_DEPTH, "Finding the subject")
    subject = chosen_subject(
        inputs,
        disparity,
        choice,
        quick=inputs.draft,
        progress=part_of(progress, _SHARE_DEPTH, 0.95),
    )
    if not subject.found:
        if choice != Choice():
            raise UsageError(
                "The selection is empty.",
                hint="Choose the object to select ({added}), or start again.",
                added=OPERATION.mention(ADDS),
            )
        raise UsageError(
            "No single subject was found.",
            hint="Choose the object to select ({added}), or a box around it ({box}).",
            added=OPERATION.mention(ADDS),
            box=OPERATION.mention("box"),
        )
    values = {"subject_chance": round(subject.chance, 2), "selected": round(float(subject.alpha.mean()), 4)}
    models.update(subject.models)
    return Selected(mask=subject.alpha, values=values, models=models, messages=subject.messages)
