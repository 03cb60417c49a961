"""`dioptre bench --depth DATA`: measure the installed depth networks on photographs with measured depth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .reporting import say

_COLUMNS = ("AbsRel", "delta1", "boundary F1", "AbsRel in metres")


def networks(chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the networks to measure: the chosen ones, or all that are installed.

    Raises:
        UsageError: there is no such network.
    """
    from dioptre.models.registry import DEFAULTS, ENTRIES, ModelKind, chosen_depth_network, is_installed

    if chosen:
        return tuple(chosen_depth_network(name).id for name in chosen)
    here = [entry for entry in ENTRIES.values() if entry.kind is ModelKind.DEPTH and is_installed(entry)]
    return tuple(entry.id for entry in here) or (DEFAULTS[ModelKind.DEPTH],)


def measure(folder: Path, chosen: Sequence[str], *, as_json: bool) -> list[dict[str, Any]]:
    """Measure networks on a folder of photographs, and print a row for each of them.

    Args:
        folder: photographs with measured depth; see `dioptre.files.measured_depth`.
        chosen: ids of networks; empty for all that are installed.
        as_json: print one JSON object per picture and network instead of a table.

    Returns:
        For each network, its id, the number of pictures, the mean scores and those of each picture.

    Raises:
        UsageError: there is no such network, or the folder is not valid.
        DioptreError: a picture cannot be read, or the weights are missing.
    """
    rows = []
    if not as_json:
        say(f"{'':32} pictures" + "".join(f"{name:>18}" for name in _COLUMNS), lines=True)
    for name in networks(chosen):
        pictures = {}
        for picture, scores in _scores(folder, name):
            pictures[picture] = scores
            if as_json:
                say(json.dumps({"type": "picture", "network": name, "picture": picture, **scores}))
        row = {"network": name, "pictures": len(pictures), **_means(list(pictures.values()))}
        say(json.dumps({"type": "row", **row})) if as_json else say(_words(row), lines=True)
        rows.append({**row, "scores": pictures})
    return rows


def _scores(folder: Path, network: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each picture's name and the scores of a network on it."""
    from dioptre import files
    from dioptre.files.exif_lens import field_of_view
    from dioptre.files.measured_depth import measured_pictures
    from dioptre.imaging.depth_scores import IN_METRES, depth_scores, error_in_metres
    from dioptre.pipelines.depth import estimate_depth

    for each in measured_pictures(folder):
        picture = files.load(each.picture)
        each.check_shape(picture.height, picture.width)
        view = field_of_view(picture.source.exif, picture.pixels.shape)
        depth = estimate_depth(picture.pixels, model=network, field_of_view=view)
        scores = depth_scores(depth.disparity, each.truth)
        inverse_m = depth.metric
        if inverse_m is not None and each.truth.in_metres:
            scores[IN_METRES] = error_in_metres(inverse_m, each.truth)
        yield each.name, {name: round(value, 4) for name, value in scores.items() if value == value}


def _means(pictures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each score over the pictures that have it."""
    means = {}
    for name in sorted({name for scores in pictures for name in scores}):
        values = [scores[name] for scores in pictures if name in scores]
        means[name] = round(sum(values) / len(values), 4)
    return means


def _words(row: Mapping[str, Any]) -> str:
    cells = "".join(f"{row[name]:18.3f}" if name in row else f"{'-':>18}" for name in _COLUMNS)
    return f"{row['network']:32} {row['pictures']:8}{cells}"
