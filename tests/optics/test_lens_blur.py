"""Properties that any lens blur must have, and agreement with the definition."""

import itertools

import jax
import numpy as np
import pytest

from dioptre.optics import grid
from dioptre.optics import lens_blur as fast
from dioptre.optics.aperture import Aperture
from dioptre.optics.compositing import for_encoded_blending, over
from dioptre.optics.defocus import Focus
from dioptre.optics.highlights import Highlights
from dioptre.optics.scene import Scene

from .reference import Sheet, flatten, render

SIZE = (128, 192)  # Multiples of the block size, so that mirrored pictures have mirrored cells.


def scene(image, disparity, radius, focal=0.0, **fields):
    """Build a scene in linear light; with focal 0, `disparity` times `radius` is the circle of confusion."""
    focus = Focus(focal_disparity=focal, max_radius_px=float(radius))
    return Scene(image=image, disparity=disparity, focus=focus, **{"encoded": False, **fields})


def random_scene(seed=0, size=SIZE):
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 1, (*size, 3)).astype(np.float32)
    disparity = np.full(size, 0.1, np.float32)
    for _ in range(4):
        y, x = rng.integers(0, size[0] - 40), rng.integers(0, size[1] - 60)
        disparity[y : y + 40, x : x + 60] = rng.uniform(0.2, 1)
    return image, disparity


def psnr(one, other):
    return 10 * np.log10(1 / np.mean(np.square(one.astype(np.float64) - other)))


def test_identity_without_blur():
    image, disparity = random_scene()
    assert np.array_equal(fast.blur(scene(image, disparity, 0.0)), image)


def test_in_focus_pixels_stay():
    image, disparity = random_scene()
    disparity[60:100, 80:140] = 1.0  # This is the nearest object, so nothing spreads over it.
    made = fast.blur(scene(image, disparity, 30.0, focal=1.0))
    assert np.abs(made - image)[64:96, 84:136].max() <= 1 / 255


@pytest.mark.parametrize("radius", [3.0, 25.0, 90.0])
def test_constants_stay(radius):
    _, disparity = random_scene()
    image = np.full((*SIZE, 3), 0.6, np.float32)
    assert np.abs(fast.blur(scene(image, disparity, radius, focal=0.4)) - 0.6).max() < 1e-4


@pytest.mark.parametrize(
    "turn",
    [lambda a: a[:, ::-1], lambda a: a[::-1], lambda a: np.swapaxes(a, 0, 1)],
    ids=["left", "up", "transposed"],
)
def test_mirror_commutes(turn):
    image, disparity = random_scene()
    # The borders are constant, because the cells there are not symmetric.
    image[:16], image[-16:], image[:, :16], image[:, -16:] = (0.5,) * 4

    def of(a):
        return np.ascontiguousarray(turn(a))

    straight = of(fast.blur(scene(image, disparity, 20.0, focal=0.3)))
    turned = fast.blur(scene(of(image), of(disparity), 20.0, focal=0.3))
    assert psnr(straight, turned) > 45


@pytest.mark.parametrize("radius", [2.0, 6.0, 12.0, 40.0, 100.0])
def test_a_point_becomes_a_disc_with_its_energy(radius):
    size = (512, 512)
    image = np.zeros((*size, 3), np.float32)
    image[256, 256] = 0.9
    made = fast.blur(scene(image, np.full(size, -1.0, np.float32), radius))[..., 1].astype(np.float64)
    assert made.sum() == pytest.approx(0.9, rel=0.01)
    y, x = np.mgrid[: size[0], : size[1]] - 256.0
    spread = np.sqrt((made * (x**2 + y**2)).sum() / made.sum() * 2)  # The mean square distance in a disc is r² / 2.
    assert spread == pytest.approx(radius, rel=0.03)
    inside = np.hypot(x, y) < 0.7 * radius - 1
    if inside.sum() > 20:
        assert made[inside].std() < 0.06 * made[inside].mean()


def test_blades_show_and_turn_round_in_front_of_the_focus():
    size = (256, 256)
    image = np.zeros((*size, 3), np.float32)
    image[126:130, 126:130] = 0.9  # The light is centred, and stays so when the picture is reduced.
    aperture = Aperture(blades=5)
    behind = fast.blur(scene(image, np.full(size, -1.0, np.float32), 30.0), aperture=aperture)[..., 0]
    before = fast.blur(scene(image, np.full(size, 1.0, np.float32), 30.0), aperture=aperture)[..., 0]
    assert np.abs(behind - before[::-1, ::-1]).max() < 0.02 * behind.max()
    assert np.abs(behind - before).max() > 0.3 * behind.max()


def test_cats_eye_narrows_discs_in_the_corner_only():
    size = (512, 512)
    image = np.zeros((*size, 3), np.float32)
    image[256, 256] = image[40, 40] = 0.9
    made = fast.blur(scene(image, np.full(size, -1.0, np.float32), 20.0), aperture=Aperture(cats_eye=0.8))[..., 0]
    lit = made > 0.3 * made[256, 256]
    assert lit[:100, :100].sum() < 0.8 * lit[200:312, 200:312].sum()


def test_nearer_covers_farther_whatever_the_order_of_pixels():
    """Test a sharp bar in front of a blurred wall, and a blurred bar in front of a sharp wall."""
    image = np.zeros((*SIZE, 3), np.float32)
    image[:, 90:102] = 1.0
    disparity = np.zeros(SIZE, np.float32)
    disparity[:, 90:102] = 1.0
    sharp_bar = fast.blur(scene(image, disparity, 20.0, focal=1.0))[64, :, 0]
    assert sharp_bar[91:101].min() > 0.99
    assert sharp_bar[:88].max() < 0.005
    soft_bar = fast.blur(scene(image, disparity, 20.0, focal=0.0))[64, :, 0]
    assert 0.2 < soft_bar[96] < 0.5  # The bar covers 12 of the disc's 40 columns.
    assert soft_bar[80] > 0.1


def test_agrees_with_the_definition_and_more_paths_agree_better():
    rng = np.random.default_rng(3)
    size = (96, 96)
    smooth = np.stack(
        [np.add.outer(np.sin(np.arange(96) / p), np.cos(np.arange(96) / q)) for p, q in ((5, 7), (9, 4), (6, 6))],
        -1,
    )
    sheets = [
        Sheet(colour=(0.3 + 0.1 * smooth).astype(np.float32), coverage=np.ones(size, np.float32), radius_px=-6.0),
    ]
    for radius in (0.0, 7.0):
        coverage = np.zeros(size, np.float32)
        y, x = rng.integers(10, 40, 2)
        coverage[y : y + 40, x : x + 40] = 1
        colour = np.broadcast_to(rng.uniform(0.1, 0.9, 3).astype(np.float32), (*size, 3))
        sheets.append(Sheet(colour=colour, coverage=coverage, radius_px=radius))
    exact = render(sheets, paths=1500)
    image, radius = flatten(sheets)
    made = fast.blur(scene(image, radius, 1.0))
    inner = (slice(12, -12), slice(12, -12))
    # The match is not exact, because only the reference knows the areas hidden by objects.
    assert psnr(made[inner], exact[inner]) > 33
    errors = [np.sqrt(np.mean(np.square(render(sheets, paths=n) - exact))) for n in (12, 48, 192)]
    # The error falls at least as 1 / sqrt(paths): a factor of 2 for each factor of 4.
    assert errors[1] < errors[0] / 1.8
    assert errors[2] < errors[1] / 1.8


def slope(size):
    """Return a floor that gets nearer towards the bottom, with an upright object on it."""
    image, disparity = random_scene(size=size)
    disparity[:] = np.linspace(0, 1, size[0], dtype=np.float32)[:, None]
    disparity[80:260, 150:290] = 0.7
    return image, disparity


@pytest.mark.parametrize("focal", [0.0, 1.0])
@pytest.mark.parametrize("between", [0.4, 0.5, 0.6], ids=["a step begins", "the middle", "a step ends"])
def test_a_hair_of_depth_makes_a_hair_of_difference(between, focal):
    """Editors pass rounded depth, so no decision about a pixel may change abruptly at a single value."""
    image, disparity = random_scene(size=(96, 128))
    disparity[:] = np.arange(128) >= 64

    def blurred(share):
        disparity[20:76, 63] = share
        return fast.blur(scene(image, disparity, 4.0, focal=focal))

    made = [blurred(between + 0.002 * number) for number in range(-4, 5)]
    assert max(np.abs(one - next_one).max() for one, next_one in itertools.pairwise(made)) < 0.03


@pytest.mark.parametrize("radius", [4.0, 8.0, 20.0])
def test_a_small_step_in_the_dark_lets_no_light_through_from_afar(radius):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    bright = x < 24
    disparity = np.where(bright, -1.0, np.where(y > 64 + 6 * np.sin(x / 9), -0.14, -0.265)).astype(np.float32)
    image = np.repeat(bright[..., None], 3, axis=2).astype(np.float32)
    made = fast.blur(scene(image, disparity, radius))
    assert made[:, 24 + 8 + int(1.4 * radius) :].max() < 1e-3
    assert made[:, :16].min() > 0.5  # The bright area keeps half of its light next to the dark area.


@pytest.mark.parametrize(("nearer", "radius"), [(1.15, 4.0), (1.15, 8.0), (1.03, 20.0), (1.15, 40.0)])
def test_steps_in_front_of_the_focus_let_no_light_through_from_afar(nearer, radius):
    y, x = np.mgrid[:160, :256]
    bright = x < 24
    disparity = np.where(bright, -1.0, np.where(y > 80 + 6 * np.sin(x / 9), nearer, 0.9)).astype(np.float32)
    image = np.repeat(bright[..., None], 3, axis=2).astype(np.float32)
    made = fast.blur(scene(image, disparity, radius))
    assert made[:, 24 + int(4.0 * radius) + 16 :].max() < 2e-3
    assert made[:, :8].min() > 0.5
    pieces = fast.blur_in_layers(scene(image, disparity, radius))
    assert pieces.foreground[:, 24 + int(4.0 * radius) + 16 :, 3].min() > 0.99


@pytest.mark.parametrize("hole_px", [1.0, 2.0, 3.0, 6.0])
def test_holes_in_front_of_the_focus_stay_open(hole_px):
    """Light from behind passes undiminished through a hole at least as wide as the discs in front of it."""
    y, x = np.mgrid[:128, :192]
    hole = np.hypot(y - 64, x - 96) <= hole_px
    disparity = np.where(hole, 0.0, 1.0).astype(np.float32)
    image = np.repeat(hole[..., None], 3, axis=2).astype(np.float32)
    made = fast.blur(scene(image, disparity, 1.0))
    assert made[64, 96].min() > 0.4


@pytest.mark.parametrize(("focal", "radius"), [(0.7, 60.0), (0.8, 60.0), (0.8, 120.0)])
def test_a_dark_floor_before_and_in_focus_lets_no_light_through_from_afar(focal, radius):
    rng = np.random.default_rng(0)
    size = (256, 256)
    y, x = np.mgrid[: size[0], : size[1]] / 256
    disparity = (y + 0.02 * np.sin(9 * x) + rng.normal(0, 0.004, size)).astype(np.float32)
    image = np.where((y < 0.3)[..., None], 1.0, 0.01 * rng.uniform(0, 1, (*size, 3))).astype(np.float32)
    focus = Focus(focal_disparity=focal, max_radius_px=radius, range=0.04)
    made = fast.blur(Scene(image=image, disparity=disparity, focus=focus, encoded=False))
    assert made[160:].max() < 0.011
    # Rounding errors in a disc's coverage used to be mistaken for openings, which let light through at random
    # places.
    disparity += rng.uniform(-1e-7, 1e-7, size).astype(np.float32)
    again = fast.blur(Scene(image=image, disparity=disparity, focus=focus, encoded=False))
    assert np.abs(again - made).max() < 1e-3


@pytest.mark.parametrize("made", [lambda size: random_scene(size=size), slope], ids=["steps", "slope"])
def test_result_does_not_depend_on_the_tiles(made, monkeypatch):
    image, disparity = made((300, 420))
    whole = fast.blur(scene(image, disparity, 30.0, focal=0.4))
    monkeypatch.setattr(grid, "TILE_PX", 256)
    monkeypatch.setattr(grid, "SMALLER_PX", ())
    tiled = fast.blur(scene(image, disparity, 30.0, focal=0.4))
    assert np.abs(whole - tiled).max() < 1e-5


def test_new_sizes_radii_and_focus_compile_nothing():
    image, disparity = random_scene()
    fast.blur(scene(image, disparity, 20.0, focal=0.3))
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "compile" in name else None
    )
    for size, radius, focal in (((90, 77), 33.0, 0.7), ((200, 310), 7.0, 0.1), ((128, 192), 150.0, 0.5)):
        other, depth = random_scene(seed=1, size=size)
        fast.blur(scene(other, depth, radius, focal=focal))
    assert [name for name in compiled if "backend_compile" in name] == []


def test_existing_blur_is_not_added_twice():
    image, disparity = random_scene()
    disparity[:] = -1.0
    existing = np.full(SIZE, 8.0, np.float32)
    made = fast.blur(scene(image, disparity, 10.0, existing_defocus_px=existing))
    assert np.allclose(made, fast.blur(scene(image, disparity, 6.0)), atol=2e-3)
    nothing_left = fast.blur(scene(image, disparity, 7.0, existing_defocus_px=existing))
    assert np.allclose(nothing_left, image, atol=1e-5)


def test_highlights_open_into_brighter_discs_and_sharp_ones_stay():
    image = np.full((*SIZE, 3), 0.1, np.float32)
    image[60:64, 60:64] = 1.0
    image[20:40, 120:140] = 0.97
    disparity = np.full(SIZE, -1.0, np.float32)
    disparity[10:50, 110:150] = 0.0
    plain = fast.blur(scene(image, disparity, 12.0, encoded=True))
    raised = fast.blur(scene(image, disparity, 12.0, encoded=True, highlights=Highlights(strength=0.8)))
    assert raised[62, 62].min() > plain[62, 62].max() + 0.3
    assert np.abs(raised - image)[22:38, 122:138].max() < 1 / 255


@pytest.mark.parametrize("linear", [True, False])
def test_pieces_make_the_picture_again(linear):
    image, disparity = random_scene()
    image[:, :, 1] = image[:, :, 0]
    pieces = fast.blur_in_layers(scene(image, disparity, 20.0, focal=0.45, encoded=True))
    layers = [pieces.subject, pieces.foreground]
    flat = over(pieces.background, layers, linear=True)
    if not linear:
        layers = for_encoded_blending(pieces.background, layers)
    eight_bit = [
        np.rint(np.clip(part, 0, 1) * 255).astype(np.float32) / 255 for part in (pieces.background, *layers)
    ]
    again = over(eight_bit[0], eight_bit[1:], linear=linear)
    assert np.abs(again - np.clip(flat, 0, 1)).max() <= 2 / 255
    whole = fast.blur(scene(image, disparity, 20.0, focal=0.45, encoded=True))
    assert psnr(flat, whole) > 30


def test_pieces_of_a_scene_in_front_of_the_focus_make_the_picture_again():
    """Slightly blurred surfaces belong to the subject; the foreground must not cover them."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    reeds = (x + y // 3) % 24 < 6
    disparity = np.where(reeds, 0.9, 0.25).astype(np.float32)
    image = np.where(reeds[..., None], [0.2, 0.7, 0.3], [0.5, 0.3, 0.2]).astype(np.float32)
    pieces = fast.blur_in_layers(scene(image, disparity, 8.0, encoded=True))
    flat = over(pieces.background, [pieces.subject, pieces.foreground], linear=True)
    assert psnr(flat, fast.blur(scene(image, disparity, 8.0, encoded=True))) > 45


def test_raised_highlights_leave_no_specks_along_a_white_edge():
    """A sharp white disc in front of a blurred dark ground: pixels on its edge are mixtures, not highlights."""
    size = (256, 256)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    distance = np.hypot(y - 128, x - 128)
    coverage = np.clip(60.5 - distance, 0, 1)[..., None]
    image = (0.97 * coverage + 0.1 * (1 - coverage)).repeat(3, -1).astype(np.float32)
    disparity = (distance < 60).astype(np.float32)

    def made(strength):
        highlights = Highlights(strength=strength, threshold=0.8)
        return fast.blur(scene(image, disparity, 20.0, focal=1.0, highlights=highlights))[..., 1]

    plain, raised = made(0.0), made(0.8)
    edge = np.abs(distance - 60) < 2
    assert np.abs(raised - plain)[edge].max() < 0.12
    assert np.abs(raised - plain)[distance < 57].max() < 2e-3
