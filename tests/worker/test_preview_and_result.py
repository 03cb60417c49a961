"""A preview shows what the result looks like, for every operation of the editors, selected or translucent or not.

The result is composed as the editors do it, with a mask of the selection over the picture in a group that takes the
layer's own mask and opacity, and then reduced.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dioptre.recipes.follow import follow_described
from dioptre.worker import pixels
from dioptre.worker.exchange import Folder
from dioptre.worker.execution import execute
from dioptre.worker.request import Kept, Request
from dioptre_link.catalogue import IN_EDITORS
from dioptre_link.chain import described
from dioptre_link.editing.events import Image as Shown
from dioptre_link.editing.request import Request as Asked
from dioptre_link.editing.request import detail_rect, preview_of
from dioptre_link.operation import Input, Role
from dioptre_link.presets import presets

SIZE = (320, 400)
PREVIEW_PX = 200
# A blur of a reduced picture differs from a reduced blur where discs overlap edges.
MEAN, WORST = 0.012, 0.25  # Largest mean difference, and largest difference of all but 1 % of the values.
SHOWN = (Role.RESULT, Role.SELECTION, Role.DEPTH)  # The layers that a preview shows, by precedence.
FOCUS = (165.0, 90.0)
CHOICES: Mapping[str, list[dict[str, Any]]] = {
    "portrait": [{}, {"focus": FOCUS, "subject": ((330.0, 250.0),)}],
    "lens_blur": [{"focus": FOCUS}],
    "select_subject": [{}, {"subject": (FOCUS, (330.0, 250.0))}],
    "select_depth": [{"depth_point": FOCUS}],
}
CASES = [
    (name, options, selected)
    for name in IN_EDITORS
    for options in CHOICES.get(name, [{}])
    for selected in (False, True)
    if not IN_EDITORS[name].enlarges and (selected or Input.SELECTION not in IN_EDITORS[name].inputs)
    if not (selected and IN_EDITORS[name].framed_by)  # a film shows the whole photo
    if not (selected and IN_EDITORS[name].places)  # a placed layer has a mask of its own
]


@pytest.fixture(scope="module")
def photo(request: pytest.FixtureRequest, checkout: Path) -> np.ndarray:
    """Part of an example photo, float32 (H, W, 3)."""
    with Image.open(checkout / "examples/astronaut.jpg") as whole:
        part = whole.convert("RGB").crop((20, 0, 20 + SIZE[1], SIZE[0]))
    return np.asarray(part, np.float32) / 255


@pytest.fixture(scope="module")
def near(photo: np.ndarray) -> np.ndarray:
    """Depth of the photo, nearest at the bottom."""
    return np.repeat(np.linspace(0.1, 0.9, SIZE[0], dtype=np.float32)[:, None], SIZE[1], axis=1)


@pytest.fixture(scope="module")
def selection() -> np.ndarray:
    """A soft-edged selection of the photo's right part."""
    across = np.clip((np.arange(SIZE[1], dtype=np.float32) - 180) / 40, 0, 1)
    return np.repeat(across[None], SIZE[0], axis=0)


def run(operation: str, options: Mapping[str, Any], inputs: Mapping[Input, Kept], folder: Path, **how: Any):
    """Return the role and the pixels of the layer that a preview shows."""
    roles = layers_of(operation, options, inputs, folder, **how)
    return next((role, roles[role]) for role in SHOWN if role in roles)


def layers_of(
    operation: str, options: Mapping[str, Any], inputs: Mapping[Input, Kept], folder: Path, **how: Any
) -> dict[Role, np.ndarray]:
    """Return the pixels of the result's layers by role."""
    opened = Folder(folder)
    try:
        request = Request(
            operation=operation,
            options=described(operation, options).check(options),
            inputs=inputs,
            folder=opened,
            **how,
        )
        result = execute(
            request, lambda *given: follow_described(*given[:3], progress=given[3]), lambda fraction, phase: None
        )
    finally:
        opened.close()
    return {layer.role: layer.pixels for layer in result.layers}


def expect_alike(shown: np.ndarray, composed: np.ndarray) -> None:
    reduce = pixels.reduced_plane if composed.ndim == 2 else pixels.reduced_picture
    wanted = reduce(np.ascontiguousarray(composed, np.float32), shown.shape[:2])
    apart = np.abs(opaque(shown) - opaque(wanted))
    assert apart.mean() < MEAN, apart.mean()
    assert np.quantile(apart, 0.99) < WORST, np.quantile(apart, 0.99)


def opaque(image: np.ndarray) -> np.ndarray:
    """Return premultiplied RGB; a plane stays as it is."""
    return image if image.ndim == 2 or image.shape[-1] == 3 else image[..., :3] * image[..., 3:]


def masked(every: Mapping[Input, Kept], after: np.ndarray) -> np.ndarray:
    """Return the premultiplied result, limited by the selection, over the premultiplied picture."""
    inside = every[Input.SELECTION].values[..., None]
    return opaque(every[Input.PICTURE].values) * (1 - inside) + opaque(after) * inside


def coverage(height: int, width: int) -> np.ndarray:
    """A layer's opacity of 0.8 times its soft-edged mask, float32 (height, width)."""
    y, x = (np.arange(side, dtype=np.float32) / side for side in (height, width))
    return np.float32(0.8) * np.clip(4 * (1.1 - x[None] - 0.5 * y[:, None]), 0, 1)


def seen(shown: np.ndarray) -> np.ndarray:
    """Return a preview's picture as a dialog shows it, with the layer's mask and opacity of another size."""
    rgba = np.concatenate(
        [shown[..., :3], shown[..., 3:] if shown.shape[-1] == 4 else np.ones_like(shown[..., :1])], -1
    )
    data = [(np.clip(values, 0, 1) * 255).round().astype(np.uint8) for values in (rgba, coverage(75, 90))]
    image, mask = (
        Shown(width=v.shape[1], height=v.shape[0], channels=v[0, 0].size, data=v.tobytes()) for v in data
    )
    faded = np.frombuffer(image.faded(mask).data, np.uint8)
    return faded.reshape(rgba.shape).astype(np.float32) / 255


def expect_alike_in_its_layer(shown: np.ndarray, composed: np.ndarray) -> None:
    expect_alike(shown, composed)
    expect_alike(seen(shown), opaque(composed) * coverage(*composed.shape[:2])[..., None])


def expect_limited(name: str, options: Mapping[str, Any], every: Mapping[Input, Kept], folder: Path) -> None:
    """Expect a preview that is limited to the selection to equal the masked result."""
    inputs = {kind: every[kind] for kind in (Input.PICTURE, Input.SELECTION)}
    _, after = run(name, options, {Input.PICTURE: every[Input.PICTURE]}, folder)
    _, shown = run(name, options, inputs, folder, preview_px=PREVIEW_PX)
    expect_alike_in_its_layer(shown, masked(every, after))


@pytest.fixture(scope="module")
def every(photo: np.ndarray, near: np.ndarray, selection: np.ndarray) -> Mapping[Input, Kept]:
    """All inputs; the picture keeps the networks' outputs, as in the worker."""
    layer = np.zeros((*SIZE, 4), np.float32)
    layer[60:240, 40:360] = (0.9, 0.1, 0.1, 1.0)
    given = {Input.PICTURE: photo, Input.DISPARITY: near, Input.SELECTION: selection, Input.LAYER: layer}
    return {kind: Kept(values) for kind, values in given.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_preview_equals_the_reduced_result(
    case: tuple[str, Mapping[str, Any], bool], every: Mapping[Input, Kept], tmp_path: Path
) -> None:
    name, options, selected = case
    own = {kind: every[kind] for kind in IN_EDITORS[name].inputs}
    role, after = run(name, options, own, tmp_path)
    inputs = {**own, Input.SELECTION: every[Input.SELECTION]} if selected else own
    _, shown = run(name, options, inputs, tmp_path, preview_px=PREVIEW_PX)
    limited = Input.SELECTION in inputs and Input.SELECTION not in own and role is Role.RESULT
    same = expect_alike_in_its_layer if role is Role.RESULT else expect_alike
    same(shown, masked(every, after) if limited else after)


def test_a_preview_within_a_range_of_depth_equals_the_masked_result(
    every: Mapping[Input, Kept], tmp_path: Path
) -> None:
    own = {kind: every[kind] for kind in (Input.PICTURE, Input.DISPARITY, Input.SELECTION)}
    options = {"density": 0.8, "range_farthest": 0.2, "range_nearest": 0.8}
    result = layers_of("haze", options, own, tmp_path)
    after, mask = result[Role.RESULT], result[Role.MASK]
    assert 0.01 < mask.mean() < 0.99
    assert mask[every[Input.SELECTION].values == 0].max() == 0
    _, shown = run("haze", options, own, tmp_path, preview_px=PREVIEW_PX)
    inside = mask[..., None]
    expect_alike(shown, opaque(every[Input.PICTURE].values) * (1 - inside) + opaque(after) * inside)


@pytest.mark.parametrize("place", [(0.5, 0.5), (1.0, 0.0)])
@pytest.mark.parametrize("name", [name for name, operation in IN_EDITORS.items() if operation.enlarges])
def test_a_preview_of_an_enlargement_equals_that_part_of_the_result(
    name: str, place: tuple[float, float], every: Mapping[Input, Kept], tmp_path: Path
) -> None:
    operation, options = IN_EDITORS[name], IN_EDITORS[name].check({})
    picture = every[Input.PICTURE].values
    asked = Asked(
        operation=operation, options=options, inputs={}, size=SIZE[::-1], longest_px=PREVIEW_PX, place=place
    )
    left, top, width, height = detail_rect(asked)
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    _, shown = run(name, options, {Input.PICTURE: Kept(part)}, tmp_path)
    _, after = run(name, options, {Input.PICTURE: Kept(picture)}, tmp_path)
    scale = round(operation.scale(options))
    expect_alike(shown, after[scale * top :, scale * left :][: scale * height, : scale * width])


@pytest.mark.parametrize("name", presets())
def test_a_preview_of_a_recipe_equals_the_reduced_result(
    name: str, every: Mapping[Input, Kept], tmp_path: Path
) -> None:
    seen = preview_of(presets()[name])
    if not seen.shown:
        pytest.skip("the preview shows an enlarged part")
    expect_limited(seen.operation.name, seen.options, every, tmp_path)


@pytest.mark.parametrize("name", ["portrait", "white_balance"])
def test_a_translucent_picture_stays_translucent_in_a_limited_preview(
    name: str, every: Mapping[Input, Kept], tmp_path: Path
) -> None:
    alpha = np.clip(np.arange(SIZE[0], dtype=np.float32) / 200, 0, 1)[:, None, None]
    picture = np.concatenate([every[Input.PICTURE].values, np.broadcast_to(alpha, (*SIZE, 1))], axis=-1)
    expect_limited(name, {}, {**every, Input.PICTURE: Kept(picture)}, tmp_path)
