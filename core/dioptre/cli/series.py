"""White balance of several pictures; those taken under the same light are balanced alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dioptre import photo, runtime
from dioptre.batch.plan import is_picture, without_developed
from dioptre.photo import apart
from dioptre.photo.outputs import Outputs, suffix_for
from dioptre.recipes.on_file import Planes
from dioptre_link.catalogue import white_balance
from dioptre_link.errors import DioptreError, UsageError

from . import log, process
from .reporting import Reporter

_SPEAKERS = 12
"""Number of pictures that determine the light of a group: those with the most certain estimates."""
_SEEN_PX = 64


def pictures(sources: Sequence[Path]) -> list[Path]:
    """Return the files and, sorted by name, the pictures in the folders; raise UsageError for an empty folder."""
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        there = [path for path in source.iterdir() if not path.name.startswith(".") and is_picture(path)]
        inside = sorted(without_developed(there))
        if not inside:
            raise UsageError(
                "{source} contains no pictures.", hint="Specify the pictures or another folder.", source=source
            )
        found += inside
    return found


def balance(
    sources: Sequence[Path],
    options: Mapping[str, Any],
    *,
    output: Path,
    reference: Path | None,
    planes: Planes,
    force: bool,
    report: Reporter,
    worker: bool,
) -> None:
    """Balance one picture into the file `output`, or several into the folder `output`.

    A picture that fails is reported and does not stop the others; the error of a single picture is raised.

    Args:
        sources: pictures, or folders of pictures.
        options: options of the operation `white_balance`.
        output: file or folder for the results.
        reference: picture whose light is used for all.
        planes: depth map and selection of a single picture.
        force: replace existing files.
        worker: let the worker balance a single picture if it can.

    Raises:
        UsageError: an option is invalid, or a result would replace its picture.
        DioptreError: at least one picture failed.
    """
    found = pictures(sources)
    chosen = process.recipe(None, otherwise=(white_balance.OPERATION.name,)).with_options(dict(options))
    if len(found) == 1 and not sources[0].is_dir():
        references = _opened(reference)
        outputs = Outputs.planned(chosen, output, found[0])
        process.run(outputs, planes=planes, force=force, report=report, references=references, worker=worker)
        return
    _require_series(options, reference, output)
    targets = dict(zip(found, _targets(found, output), strict=True))
    by_hand = {white_balance.NEUTRAL, white_balance.TEMPERATURE} & set(options)
    common = _opened(reference)
    whole = options.get(white_balance.STRENGTH) is not None
    shared = {} if common or by_hand else _shared(found, report, whole=whole)

    def balanced(source: Path) -> None:
        references = common or shared.get(source, ())
        outputs = Outputs.planned(chosen, targets[source], source)
        process.run(outputs, force=force, report=report, references=references, worker=False)

    process.each(found, balanced, report)


def _opened(reference: Path | None) -> tuple[np.ndarray, ...]:
    return () if reference is None else (photo.load(reference, decoding=apart.reader().decoding).pixels,)


def _require_series(options: Mapping[str, Any], reference: Path | None, output: Path) -> None:
    if output.suffix and not output.is_dir():
        raise UsageError(
            "{output} is a single file, but several pictures were given.",
            hint="Specify a folder with -o.",
            output=output,
        )
    if white_balance.NEUTRAL in options and reference is None:
        raise UsageError(
            "--neutral is a point in one picture, but several pictures were given.",
            hint="Specify that picture with --reference FILE.",
        )


def _targets(sources: Sequence[Path], folder: Path) -> list[Path]:
    """Return the paths of the results: names of the pictures, with suffixes of formats that can be written."""
    targets = [folder / _name(source) for source in sources]
    process.require_different(targets, sources)
    if any(target.exists() and target.samefile(source) for target, source in zip(targets, sources, strict=True)):
        raise UsageError("The results would be mixed with the originals.", hint="Choose another folder with -o.")
    return targets


def _name(source: Path) -> str:
    try:
        return source.stem + suffix_for(source)
    except DioptreError:
        return source.name  # the error is reported when the picture is read


def _shared(sources: Sequence[Path], report: Reporter, *, whole: bool) -> dict[Path, tuple[np.ndarray, ...]]:
    """Return small versions of the pictures that determine the light of each picture; skip unreadable ones.

    Whether whole casts are removed decides which pictures have the same light.
    """
    runtime.prepare_if_needed()
    # These modules load JAX, which has to be set up first.
    from dioptre.features.white_balance import estimate_light, groups, speakers, thumbnail

    report.begin(str(sources[0].parent))
    small: dict[Path, np.ndarray] = {}
    for number, source in enumerate(sources):
        report.progress(number / len(sources), "Estimating the light of the series")
        try:
            small[source] = thumbnail(photo.load(source, decoding=apart.reader().decoding).pixels, _SEEN_PX)
        except DioptreError as error:
            log.LOGGER.info("%s is not in the series: %s", source, error)
    readable = list(small)
    estimates = [estimate_light(small[source], whole=whole) for source in readable]
    found: dict[Path, tuple[np.ndarray, ...]] = {}
    for members in groups(estimates) if estimates else []:
        heard = tuple(small[readable[index]] for index in speakers(estimates, members, most=_SPEAKERS))
        found |= {readable[index]: heard for index in members}
    return found
