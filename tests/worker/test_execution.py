"""How a request is executed, up to the layers of its result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dioptre.contract import FieldOfView, Inputs, Layer, Result
from dioptre.features.depth import snapped_strokes
from dioptre.recipes import memory
from dioptre.recipes.memory import OutOfMemoryError
from dioptre.worker import execution, pixels
from dioptre.worker.exchange import Folder
from dioptre.worker.execution import BadResultError, execute, load, write
from dioptre.worker.request import Kept, Request
from dioptre_link.errors import Cancelled, UsageError
from dioptre_link.metres import DepthMetres
from dioptre_link.operation import Input, Role
from dioptre_link.records import BEST_NETWORK
from dioptre_link.wire import PixelFormat, Pixels

SIZE = (24, 32)


def quiet(fraction: float, phase: str) -> None:
    """Progress callback that does nothing."""


def picture(size: tuple[int, int] = SIZE, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((*size, channels), np.float32)


def result(pixels: np.ndarray, role: Role = Role.RESULT) -> Result:
    return Result(layers=(Layer(name="Layer", role=role, pixels=pixels),))


def echo(name, options, inputs, progress) -> Result:
    return result(inputs.picture)


@pytest.fixture
def folder(tmp_path: Path):
    folder = Folder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def request_for(folder: Folder):
    def make(operation: str = "depth", **fields) -> Request:
        inputs = {Input.PICTURE: Kept(picture()), **fields.pop("inputs", {})}
        options = fields.pop("options", {})
        return Request(operation=operation, options=options, inputs=inputs, folder=folder, **fields)

    return make


def test_a_selection_limits_a_preview_and_not_a_result(request_for) -> None:
    """The editor masks the layer of the result itself."""
    selection = np.repeat(np.arange(SIZE[1])[None] >= SIZE[1] / 2, SIZE[0], axis=0).astype(np.float32)
    inputs = {Input.SELECTION: Kept(selection)}

    def inverted(name, options, inputs, progress) -> Result:
        return result(1 - inputs.picture)

    (whole,) = execute(request_for("white_balance", inputs=inputs), inverted, quiet).layers
    (shown,) = execute(request_for("white_balance", inputs=inputs, preview_px=SIZE[1]), inverted, quiet).layers
    half = SIZE[1] // 2
    np.testing.assert_array_equal(whole.pixels, 1 - picture())
    np.testing.assert_allclose(shown.pixels[:, half:, :3], 1 - picture()[:, half:], atol=1e-6)
    np.testing.assert_allclose(shown.pixels[:, :half, :3], picture()[:, :half], atol=1e-6)


def test_inputs_must_have_the_pictures_size(request_for) -> None:
    wrong = {Input.DISPARITY: Kept(np.ones((2, 2), np.float32))}
    with pytest.raises(UsageError, match="2 x 2 pixels, the picture 32 x 24"):
        execute(request_for(inputs=wrong), echo, quiet)


CHAINED = [
    {"operation": "portrait", "options": {}},
    {"operation": "super_resolution", "options": {"scale": 2.0}},
]


@pytest.mark.parametrize(("steps", "fits"), [(CHAINED, True), (CHAINED[:1], False), ([CHAINED[0]] * 2, False)])
def test_steps_that_enlarge_take_the_depth_that_they_made(request_for, steps, fits: bool) -> None:
    seen = []

    def look(name, options, inputs, progress) -> Result:
        seen.append(inputs.disparity.shape)
        return result(inputs.picture)

    large = {Input.DISPARITY: Kept(np.ones((2 * SIZE[0], 2 * SIZE[1]), np.float32))}
    request = request_for("recipe", inputs=large, options={"title": "", "steps": steps})
    if fits:
        execute(request, look, quiet)
        assert seen == [SIZE]
    else:
        with pytest.raises(UsageError, match="64 x 48 pixels"):
            execute(request, look, quiet)


def test_the_opened_files_depth_is_looked_for_in_any_step(request_for, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(execution, "embedded_depth", lambda path, picture, *, check: looked.append(path))
    for source in ("estimate", "auto"):
        steps = [CHAINED[1], {"operation": "depth", "options": {"depth_source": source}}]
        options = {"title": "", "steps": steps}
        execute(request_for("recipe", options=options, opened_file=f"{source}.jpg"), echo, quiet)
    assert looked == ["auto.jpg"]


@pytest.mark.parametrize(("model", "named"), [("best", "dioptre-depth-small"), ("dioptre-depth-small", None)])
def test_the_values_name_the_network_that_best_stands_for(request_for, model: str, named: str | None) -> None:
    steps = [CHAINED[1], {"operation": "depth", "options": {"depth_model": model}}]
    request = request_for("recipe", options={"title": "", "steps": steps})
    values = execution.values_of(request, result(picture()))
    assert values.get(BEST_NETWORK) == named


def test_exact_values_count_where_a_depth_layer_was_not_painted_on(request_for, folder: Folder) -> None:
    shown = np.round(picture()[..., 0] * 255).astype(np.uint8)
    exact = picture()[..., 1]
    now = shown.copy()
    now[3, 4] ^= 1
    planes = {"now.raw": now, "disparity_shown.raw": shown, "disparity_exact.raw": exact}
    given = {}
    for name, plane in planes.items():
        with folder.create(name, plane.nbytes) as file:
            file.write(plane.tobytes())
        given[name[:-4]] = Pixels(name, SIZE[1], SIZE[0], PixelFormat("u8" if plane.itemsize == 1 else "f32", 1))
    seen = []
    inputs = {Input.DISPARITY: given.pop("now")}

    def look(name, options, inputs, progress) -> Result:
        seen.append(inputs.disparity)
        return result(inputs.picture)

    execute(request_for(inputs=inputs, unpainted=given), look, quiet)
    expected = exact.copy()
    expected[3, 4] = now[3, 4] / np.float32(255)
    np.testing.assert_array_equal(seen[0], expected)
    with pytest.raises(UsageError, match="must both be given"):
        execute(request_for(inputs=inputs, unpainted={"disparity_shown": given["disparity_shown"]}), look, quiet)


def test_strokes_on_a_depth_layer_end_at_edges_of_the_picture(request_for, folder: Folder) -> None:
    before, now = np.full(SIZE, 0.25, np.float32), np.full(SIZE, 0.25, np.float32)
    now[2:9, 2:9] = 0.75
    given = {}
    for name, plane in {"now": now, "disparity_before": before}.items():
        with folder.create(f"{name}.raw", plane.nbytes) as file:
            file.write(plane.tobytes())
        given[name] = Pixels(f"{name}.raw", SIZE[1], SIZE[0], PixelFormat("f32", 1))
    seen = []

    def look(name, options, inputs, progress) -> Result:
        seen.append((inputs.picture, inputs.disparity))
        return result(inputs.picture)

    execute(request_for(inputs={Input.DISPARITY: given.pop("now")}, unpainted=given), look, quiet)
    ((photo, disparity),) = seen
    np.testing.assert_array_equal(disparity, snapped_strokes(photo, now, before))


@pytest.mark.parametrize("from_file", [None, FieldOfView.of_equivalent(50, source="EXIF")])
def test_a_depth_layer_brings_its_metres(request_for, monkeypatch, from_file: FieldOfView | None) -> None:
    given: list[Inputs] = []

    def look(name, options, inputs, progress) -> Result:
        given.append(inputs)
        return result(inputs.picture)

    monkeypatch.setattr(execution, "_field_of_view", lambda *_: from_file)
    metres = DepthMetres(range_per_m=(0.1, 0.5), equivalent_mm=28.0, source="MoGe-2 ViT-S")
    depth = {Input.DISPARITY: Kept(np.zeros(SIZE, np.float32))}
    execute(request_for("lens_blur", inputs=depth, depth_metres=metres), look, quiet)
    execute(request_for("lens_blur", depth_metres=metres), look, quiet)
    assert [inputs.range_per_m for inputs in given] == [(0.1, 0.5), None]
    view = given[0].field_of_view
    assert view is not None
    assert view.equivalent_mm == pytest.approx(28 if from_file is None else 50)


def test_a_preview_is_reduced_and_so_are_points_and_lengths(request_for) -> None:
    seen = []

    def look(name, options, inputs, progress) -> Result:
        seen.append((options, inputs))
        return result(inputs.picture)

    options = {"focus": (16.0, 12.0), "max_radius": 10.0, "f_number": 2.8, "focal_disparity": None}
    inputs = {
        Input.DISPARITY: Kept(np.full(SIZE, 0.5, np.float32)),
        Input.SELECTION: Kept(np.ones(SIZE, np.float32)),
    }
    execute(request_for("lens_blur", options=options, inputs=inputs, preview_px=16), look, quiet)
    ((options, inputs),) = seen
    assert options == {"focus": (8.0, 6.0), "max_radius": 5.0, "f_number": 2.8, "focal_disparity": None}
    assert inputs.picture.shape == (12, 16, 3)
    assert inputs.disparity.shape == (12, 16)
    np.testing.assert_allclose(inputs.disparity, 0.5, atol=1e-6)


def test_reduction_averages_light_not_codes() -> None:
    halves = np.zeros((2, 2, 3), np.float32)
    halves[:, 0] = 1.0
    # Half of white's linear light is 0.7354 when encoded (IEC 61966-2-1).
    np.testing.assert_allclose(pixels.reduced_picture(halves, (1, 1)), 0.7354, atol=1e-3)


def test_reduction_does_not_mix_in_what_is_transparent() -> None:
    rgba = np.zeros((2, 2, 4), np.float32)
    rgba[:, 0] = (0.5, 0.5, 0.5, 1.0)
    rgba[:, 1] = (1.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(pixels.reduced_picture(rgba, (1, 1))[0, 0], [0.5, 0.5, 0.5, 0.5], atol=1e-3)


def test_operations_on_the_same_kept_pixels_find_what_the_last_one_left(request_for) -> None:
    found = []

    def leave(name, options, inputs, progress) -> Result:
        found.append(dict(inputs.kept))
        inputs.kept["left"] = len(found)
        return result(inputs.picture)

    kept = Kept(picture())
    for given in (kept, kept, Kept(picture())):
        execute(request_for(inputs={Input.PICTURE: given}), leave, quiet)
    assert found == [{}, {"left": 1}, {}]


def test_a_film_is_not_that_of_a_depth_whose_place_in_memory_is_used_again(request_for) -> None:
    photo = Kept(picture())

    def key_of(depth: Kept) -> object:
        return execution._film_key(request_for("film", inputs={Input.PICTURE: photo, Input.DISPARITY: depth}))

    depth = Kept(np.ones(SIZE, np.float32))
    key, address = key_of(depth), id(depth)
    assert key_of(depth) == key
    del depth
    others = [Kept(np.ones(SIZE, np.float32))]
    while id(others[-1]) != address and len(others) < 100:
        others.append(Kept(np.ones(SIZE, np.float32)))
    assert key_of(others[-1]) != key


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda given: np.full_like(given, np.nan), "NaN or infinite"),
        (lambda given: np.where(given > 0.9, np.float32(np.inf), given), "NaN or infinite"),
        (lambda given: np.zeros_like(given), "black"),
        (lambda given: given[:0], "empty"),
    ],
)
def test_bad_results_are_tried_again_and_then_refused(request_for, bad, words: str) -> None:
    runs = []

    def always(name, options, inputs, progress) -> Result:
        runs.append(name)
        return result(bad(inputs.picture))

    def once(name, options, inputs, progress) -> Result:
        runs.append(name)
        return result(bad(inputs.picture) if len(runs) == 1 else inputs.picture)

    with pytest.raises(BadResultError, match=words):
        execute(request_for(), always, quiet)
    assert len(runs) == 2
    runs.clear()
    np.testing.assert_array_equal(execute(request_for(), once, quiet).layers[0].pixels, picture())


def test_black_is_right_for_black_and_for_depth(request_for) -> None:
    black = np.zeros((*SIZE, 3), np.float32)
    returned = execute(request_for(inputs={Input.PICTURE: Kept(black)}), echo, quiet)
    np.testing.assert_array_equal(returned.layers[0].pixels, black)
    flat = np.zeros(SIZE, np.float32)
    returned = execute(request_for(), lambda *_: result(flat, Role.DEPTH), quiet)
    np.testing.assert_array_equal(returned.layers[0].pixels, flat)


def test_not_finite_inputs_are_repaired_and_told(folder: Folder) -> None:
    values = np.array([np.nan, 0.5, np.inf, 0.75], np.float32).reshape(1, 1, 4)
    with folder.create("a.raw", values.nbytes) as file:
        file.write(values.tobytes())
    kept = load(folder, Input.PICTURE, Pixels("a.raw", 1, 1, PixelFormat()))
    np.testing.assert_array_equal(kept.values[0, 0], [0, 0.5, 65504, 0.75])
    request = Request(operation="depth", options={}, inputs={Input.PICTURE: kept}, folder=folder)
    assert "NaN or infinite" in execute(request, echo, quiet).messages[-1]


def test_a_layer_to_place_keeps_its_alpha_channel(folder: Folder) -> None:
    with folder.create("a.raw", 4) as file:
        file.write(bytes((9, 9, 9, 255)))
    given = Pixels("a.raw", 1, 1, PixelFormat("u8"))
    assert load(folder, Input.PICTURE, given).values.shape == (1, 1, 3)
    assert load(folder, Input.LAYER, given).values.shape == (1, 1, 4)


def test_layers_are_written_as_asked(request_for, folder: Folder) -> None:
    layers = (
        Layer(name="Result", role=Role.RESULT, pixels=picture(channels=4)),
        Layer(name="Subject", role=Role.SUBJECT, pixels=picture()),
        Layer(name="Depth", role=Role.DEPTH, pixels=picture()[..., 0], visible=False),
        Layer(name="Mask", role=Role.MASK, pixels=picture()[..., 0]),
    )
    wanted = frozenset({Role.RESULT, Role.DEPTH, Role.MASK})
    request = request_for(colour_format=PixelFormat("u8"), depth_dtype="u16", roles=wanted)
    written = write(request, Result(layers=layers), "w1", quiet)
    assert [(each.name, each.visible) for each in written] == [("Result", True), ("Depth", False), ("Mask", True)]
    assert [each.pixels.nbytes for each in written] == [24 * 32 * 4, 24 * 32 * 2, 24 * 32]
    for each in written:
        assert (folder.path / each.pixels.file).stat().st_size == each.pixels.nbytes


def test_writing_that_is_cancelled_leaves_no_file(request_for, folder: Folder) -> None:
    def cancel_at_second(fraction: float, phase: str) -> None:
        if (folder.path / "w1-0.raw").exists():
            raise Cancelled

    two = Result(layers=tuple(Layer(name=str(i), role=Role.RESULT, pixels=picture()) for i in range(2)))
    with pytest.raises(Cancelled):
        write(request_for(), two, "w1", cancel_at_second)
    assert list(folder.path.iterdir()) == []


def test_too_little_memory_is_refused_in_words(request_for, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.free_bytes() > 0
    monkeypatch.setattr(memory, "free_bytes", lambda: memory.RESERVE_BYTES + 1000)
    with pytest.raises(OutOfMemoryError, match=r"32 x 24 pixels.*needs about"):
        execute(request_for(), echo, quiet)


def test_pictures_handed_over_at_once_share_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: memory.RESERVE_BYTES + 150_000)
    with memory.reserved((100, 100), bytes_per_pixel=10):
        with pytest.raises(OutOfMemoryError), memory.reserved((100, 100), bytes_per_pixel=10):
            pytest.fail("both were let in")
        with memory.reserved((50, 50), bytes_per_pixel=10):
            pass
    with memory.reserved((100, 100), bytes_per_pixel=10):
        pass
