"""What a new worker does before the first job comes, so that the job waits for as little as possible."""

from __future__ import annotations

from collections.abc import Callable

from .engine import WarmUpStep
from .libraries import load

_SIZE = (680, 1024)  # the panel's preview; full pictures share the networks' shapes
_Progress = Callable[[float, str], None]


def steps() -> tuple[WarmUpStep, ...]:
    """In the order in which an editor is likely to need them."""
    return (libraries, depth, lens_blur, portrait)


def libraries(progress: _Progress) -> None:
    """Import what every job needs and wake the device."""
    load()
    import jax.numpy as jnp

    progress(0.6, "")
    jnp.zeros(1).block_until_ready()


def depth(progress: _Progress) -> None:
    """Load the depth network and compile it."""
    _run("depth", progress, with_disparity=False)


def lens_blur(progress: _Progress) -> None:
    """Compile the blur at the preview's size."""
    _run("lens_blur", progress, with_disparity=True)


def portrait(progress: _Progress) -> None:
    """Load the subject network; compile what only the whole pipeline uses."""
    _run("portrait", progress, with_disparity=False)


def _run(name: str, progress: _Progress, *, with_disparity: bool) -> None:
    load()
    import numpy as np

    from dioptre.imaging.layers import Inputs
    from dioptre.recipes.apply import apply

    height, width = _SIZE
    across = np.linspace(0, 1, width, dtype=np.float32)
    plane = np.repeat(across[None], height, axis=0)
    picture = np.stack([plane, plane[:, ::-1], 1 - plane], axis=-1)
    options = {"focal_disparity": 0.8} if with_disparity else {}
    apply(name, options, Inputs(picture=picture, disparity=plane if with_disparity else None), progress=progress)
