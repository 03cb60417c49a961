"""What a new worker does before the first job comes, so that the job waits for as little as possible."""

from __future__ import annotations

from collections.abc import Callable

from .engine import WarmUpStep
from .libraries import load

_SIZE = (680, 1024)  # a preview; full pictures share the networks' shapes and the blur's tiles
_FULL = (1300, 1950)  # the smallest size whose depth is doubled as often as that of any photo
_LAPTOP = (427, 640)  # a dialog's, where the screen is small
_SMALL = (214, 320)  # fits into one tile of the blur
_PLACE = (106, 160)  # the dialog's place, before it is enlarged four times
_Progress = Callable[[float, str], None]


def steps() -> tuple[WarmUpStep, ...]:
    """In the order in which an editor is likely to need them; called as the operation that each is for."""
    return (libraries, depth, lens_blur, portrait, white_balance, super_resolution)


def libraries(progress: _Progress) -> None:
    """Import what every job needs and wake the device."""
    load()
    import jax.numpy as jnp

    progress(0.6, "")
    jnp.zeros(1).block_until_ready()


def depth(progress: _Progress) -> None:
    """Load the depth network and compile it, and the enlarging of its map to the size of any photo."""
    _run("depth", progress, with_disparity=False, size=_FULL)


def lens_blur(progress: _Progress) -> None:
    """Compile the blur for tiles of every size, and its drafts."""
    for size, draft, options in (
        (_LAPTOP, True, {"f_number": 1.4}),
        (_SIZE, False, {"f_number": 1.4}),
        (_SMALL, False, {"f_number": 1.4}),
        (_SMALL, True, {"f_number": 1.4}),
        (_SMALL, True, {"f_number": 1.4, "focus_range": 0.0}),  # small discs too
        (_LAPTOP, True, {"f_number": 4.0}),
    ):
        _run("lens_blur", progress, with_disparity=True, size=size, draft=draft, **options)


def portrait(progress: _Progress) -> None:
    """Load the subject network; compile what only the whole pipeline uses."""
    for draft in (True, False):
        _run("portrait", progress, with_disparity=False, draft=draft)


def white_balance(progress: _Progress) -> None:
    """Load and compile its small network."""
    _run("white_balance", progress, with_disparity=False)


def super_resolution(progress: _Progress) -> None:
    """Load the network and compile it for the place that a dialog shows."""
    _run("super_resolution", progress, with_disparity=False, size=_PLACE)


def _run(
    name: str,
    progress: _Progress,
    *,
    with_disparity: bool,
    size: tuple[int, int] = _SIZE,
    draft: bool = False,
    **options: float,
) -> None:
    load()
    import numpy as np

    from dioptre.imaging.layers import Inputs
    from dioptre.recipes.apply import apply

    height, width = size
    across = np.linspace(0, 1, width, dtype=np.float32)
    plane = np.repeat(across[None], height, axis=0)
    plane[height // 2 :, width // 2 :] *= np.float32(0.5)  # an edge in depth
    picture = np.stack([plane, plane[:, ::-1], 1 - plane], axis=-1)
    if with_disparity:
        options["focal_disparity"] = 0.8
    inputs = Inputs(picture=picture, disparity=plane if with_disparity else None, draft=draft)
    apply(name, options, inputs, progress=progress)
