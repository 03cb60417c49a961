"""The training pairs of the illuminant estimator: data sets stay separate, and the casts match their labels."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dioptre.features.white_balance import illuminant as light
from dioptre.features.white_balance.illuminant import sure_share
from dioptre.models.white_balance.config import WhiteBalanceConfig
from dioptre.models.white_balance.module import WhiteBalanceEstimator
from training.lists import listed
from training.white_balance import raw_files, samples, sensors
from training.white_balance.belief import SHARES, fit_share, remains, share
from training.white_balance.loss import weighed
from training.white_balance.raw_files import RawFiles
from training.white_balance.rendering import pairs, random_rendering
from training.white_balance.samples import FINE_SIDE, SIDE, STYLES_APART, Material, _setting, part
from training.white_balance.sensors import CAMERAS_APART, Sensors, near_identity
from training.white_balance.values import between, go_on_from

N = 192


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Material in `data.py`'s format: noise for pictures, mild settings, two plain cameras and a held-out one."""
    path = tmp_path_factory.mktemp("material")
    rng = np.random.default_rng(0)
    identity = np.concatenate([np.eye(3), np.zeros((6, 3))])
    settings = np.stack([identity * (1 + 0.02 * k * np.array([1, 0, -1])) for k in range(1, 11)])
    mappings = np.tile(settings.astype(np.float32), (N, 1, 1, 1))
    pictures = rng.integers(20, 200, (N, 96, 96, 3), dtype=np.uint8)
    pictures[:, 0, 0] = np.arange(N)[:, None]  # The first pixel's value is the picture's number.
    pictures = pictures.repeat(3, axis=1).repeat(3, axis=2)
    np.savez(path / "photos.npz", thumbnails=pictures, mappings=mappings, names=[str(k) for k in range(N)])
    raws = rng.random((N, SIDE, SIDE, 3)).astype(np.float16)
    names = ["First", "Second", CAMERAS_APART[0]]
    lights = np.stack([np.geomspace(0.4, 2.5, 12), np.ones(12), np.geomspace(2, 0.5, 12)], axis=-1)
    every = np.tile(lights.astype(np.float32), (3, 1, 1))
    matrices = np.tile(np.eye(3, dtype=np.float32), (3, 2, 1, 1))
    taken = (lights[rng.integers(12, size=N)] * [1.05, 1, 0.97]).astype(np.float32)
    np.savez(
        path / "raw_Some.npz",
        thumbnails=raws,
        linear=raws,
        mappings=mappings,
        full=np.ones(N, np.float32),
        lights=taken,
        camera=np.array(names[0]),
    )
    np.savez(path / "cameras.npz", names=names, matrices=matrices, black_bodies=every, lights=every)
    return path


def test_the_parts_share_nothing_and_leave_nothing_out() -> None:
    parts = [part(1000, which) for which in ("training", "validation", "test")]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    assert len(parts[0]) == pytest.approx(750, abs=20)


def test_neighbours_are_kept_apart_together() -> None:
    runs = np.split(part(960, "test"), 10)
    assert all(np.ptp(run) == 11 for run in runs)


def test_cameras_are_kept_apart(folder: Path) -> None:
    assert len(Material(folder).sensors.matrices) == 2
    assert len(Material(folder, "validation").sensors.matrices) == 1


def test_pictures_are_kept_apart(folder: Path) -> None:
    kept = {int(index) for index in Material(folder, "validation").photos.pictures[:, 0, 0, 0]}
    seen = {int(index) for index in Material(folder).photos.pictures[:, 0, 0, 0]}
    assert kept
    assert not kept & seen


def test_more_photographs_are_for_training_alone(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = {which: len(Material(tmp_path, which).photos.pictures) for which in ("training", "validation")}
    pictures, mappings = np.full((3, 288, 288, 3), 255, np.uint8), np.zeros((3, 10, 9, 3), np.float32)
    np.savez(tmp_path / "photos_more.npz", thumbnails=pictures, mappings=mappings, names=["a", "b", "c"])
    photos = {which: Material(tmp_path, which).photos for which in before}
    assert len(photos["training"].pictures) == 2 * before["training"] + 3
    assert len(photos["validation"].pictures) == before["validation"]
    assert (photos["training"].pictures == 255).all(axis=(1, 2, 3)).sum() == 3
    assert len(photos["training"].mappings) == len(photos["training"].pictures)


def test_photographs_without_a_free_licence_are_not_trained_on(folder: Path, tmp_path: Path) -> None:
    kept = sorted(listed(samples.LISTS / "not_trained_on.txt"))[0]
    with np.load(folder / "photos.npz") as photos:
        pictures, mappings = photos["thumbnails"], photos["mappings"]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    names = [kept] * len(pictures)
    np.savez(tmp_path / "photos.npz", thumbnails=pictures, mappings=mappings, names=names)
    assert len(Material(tmp_path, "training").photos.pictures) == 0
    assert len(Material(tmp_path, "validation").photos.pictures) == len(part(len(pictures), "validation"))


def test_what_is_trained_on_is_in_no_other_list() -> None:
    trained, others = (
        listed(samples.LISTS / "more.txt"),
        listed(samples.LISTS / "left_out.txt") | listed(samples.LISTS / "not_trained_on.txt"),
    )
    assert not {name.split("/")[-1] for name in trained} & {name.split("/")[-1] for name in others}


def test_an_unknown_sensor_sees_grey_as_grey() -> None:
    rng = np.random.default_rng(10)
    for _ in range(8):
        np.testing.assert_allclose(np.ones(3) @ near_identity(rng, 0.2), 1)


def test_fine_pictures_are_the_same_with_more_detail(folder: Path) -> None:
    coarse, fine = Material(folder, "validation"), Material(folder, "validation", side=FINE_SIDE)
    np.testing.assert_array_equal(fine.photos.pictures[:, ::3, ::3], coarse.photos.pictures)
    batch = fine.batch(np.random.default_rng(11), 4)
    assert {batch[name].shape for name in ("seen", "wrong", "right")} == {(4, FINE_SIDE, FINE_SIDE, 3)}


def test_a_sensor_sees_grey_in_the_colour_of_its_light(folder: Path) -> None:
    rng = np.random.default_rng(12)
    known = Sensors(folder, "training")
    known.matrices = np.stack([near_identity(rng, 0.2) for _ in range(4)]).reshape(2, 2, 3, 3)
    for _ in range(8):
        sensor, light = known.native(rng, None)
        np.testing.assert_allclose(np.ones(3) @ sensor, 1, rtol=1e-6)
        np.testing.assert_allclose(light, np.diag(np.diag(light)))
        assert light[1, 1] == 1


def test_unknown_sensors_see_a_light_in_colours_of_their_own(folder: Path) -> None:
    known, rng = Sensors(folder, "training"), np.random.default_rng(14)
    known.black_bodies, known.lights = np.ones_like(known.black_bodies), np.ones_like(known.lights)
    seen = np.stack([known.light(rng, known.camera(rng)) for _ in range(400)])
    shown = np.stack([np.diag(known.native(rng, None)[1]) for _ in range(400)])
    variance = np.log(seen).var(axis=0)[::2] + sensors.SHIFT**2
    np.testing.assert_allclose(np.log(shown).var(axis=0)[::2], variance, rtol=0.25)


def test_every_maker_is_drawn_as_often(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "EVERY_MAKER", 1.0)
    known, rng = Sensors(folder, "training"), np.random.default_rng(17)
    known.makers = [np.array([0]), np.array([1])]
    known.matrices = np.tile(known.matrices[:1], (30, 1, 1, 1))  # Nearly all cameras belong to no maker.
    mostly = [int(np.argmax(known.camera(rng))) for _ in range(100)]
    assert set(mostly) == {0, 1}
    assert 30 < mostly.count(0) < 70


def test_a_raw_just_shown_keeps_the_light_it_was_taken_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "OWN_LIGHTS", 1.0)
    monkeypatch.setattr(sensors, "UNKNOWN_SENSORS", 0.0)
    monkeypatch.setattr(sensors, "SHIFT", 0.0)
    material, rng = Material(folder), np.random.default_rng(16)
    with np.load(folder / "raw_Some.npz") as raw:
        taken = raw["lights"][part(N, "training")]
    own = [material._own_light(k) for k in range(len(taken))]
    shown = np.stack([np.diag(material.sensors.native(rng, light)[1]) for light in own])
    np.testing.assert_allclose(shown, taken, rtol=1e-5)
    *_, index = material._pictures(rng, 64, 0.5)
    assert {-1} < set(index.tolist()) <= {-1, *range(len(taken))}


@pytest.fixture
def as_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OFF_BLACK", "SHIFTED"):
        monkeypatch.setattr(raw_files, name, 0.0)


@pytest.mark.usefixtures("as_taken")
def test_a_raw_file_under_its_light_is_what_the_sensor_saw() -> None:
    light = np.array([[0.5, 1, 0.25]], np.float32)
    raw = np.full((1, 8, 8, 3), [0.4, 0.8, 0.3])
    picture, full, sensor, white = RawFiles([raw], [light]).draw(np.random.default_rng(18), 8)
    seen = picture @ sensor @ white / full
    np.testing.assert_allclose(seen, raw[0], rtol=2e-3)  # The raws are stored with 16 bits.


@pytest.mark.usefixtures("as_taken")
def test_raw_files_are_drawn_in_every_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files, "EVERY_LIGHT", 1.0)
    lights = np.tile(np.array([[0.5, 1, 0.5]], np.float32), (500, 1))
    lights[:6] = [1, 1, 0.25]
    files, rng = RawFiles([np.full((500, 4, 4, 3), 0.5)], [lights]), np.random.default_rng(19)
    warm = [files.draw(rng, 4)[3][0, 0] == 1 for _ in range(100)]
    assert 30 < sum(warm) < 70


def test_black_that_is_off_shows_in_the_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files, "OFF_BLACK", 1.0)
    files = RawFiles([np.full((3, 4, 4, 3), 1e-4)], [np.ones((3, 3), np.float32)])
    rng = np.random.default_rng(20)
    found = np.stack([files.draw(rng, 4)[0].mean(axis=(0, 1)) for _ in range(40)])
    assert found.min() >= 0
    assert np.ptp(found, axis=1).max() > 1e-3


def test_what_is_too_bright_keeps_the_lights_colour_in_a_raw_just_shown() -> None:
    bright = np.full((2, SIDE, SIDE, 3), 1.0, np.float32) / [0.5, 1, 0.25]  # The sensor is saturated everywhere.
    bright[:, : SIDE // 2] = 1.2
    light = np.tile(np.diag([0.5, 1, 0.25]).astype(np.float32), (2, 1, 1))
    plain = np.tile(np.concatenate([np.eye(3), np.zeros((6, 3))]).astype(np.float32), (2, 1, 1))
    rendering = random_rendering(np.random.default_rng(21), np.ones(2, bool), 0, np.ones(2, bool))
    rendering["tone"][0], rendering["tone"][4] = 1, 1  # Exposure 1, and a sensor that saturates.
    no_noise = {"noise": np.zeros(0, np.float32), "grain": np.zeros((2, 0, SIDE, SIDE, 3), np.float32)}
    made = pairs(bright, np.ones(2, np.float32), light, plain, rendering, **no_noise, shown=np.array([True, False]))
    wrong, right = (np.asarray(made[name]) for name in ("wrong", "right"))
    np.testing.assert_allclose(right, 1, atol=1e-5)
    linear = np.where(wrong <= 0.04045, wrong / 12.92, ((wrong + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(linear[0, 0, 0], [0.6, 1, 0.3], atol=1e-3)
    np.testing.assert_allclose(linear[0, -1, 0], 1, atol=1e-3)  # Saturated in all channels, so it is white.
    np.testing.assert_allclose(linear[1], 1, atol=1e-3)  # In a camera's own picture, such light is always white.


def test_as_much_of_a_cast_is_taken_out_as_balanced_photographs_allow() -> None:
    n = 400
    belief = 1 / (1 + np.exp(-np.random.default_rng(22).normal(0, 2, n)))
    photographs = {"belief": belief, "length": np.full(n, 0.3), "left": np.tile(8 * SHARES, (n, 1))}
    sure = fit_share(photographs, 2.0)
    assert remains(photographs, share(photographs, sure)).mean() == pytest.approx(2.0, abs=0.02)
    assert share(photographs, sure)[np.argmax(belief)] > share(photographs, sure)[np.argmin(belief)]


def test_the_share_is_fitted_as_the_product_takes_it_out() -> None:
    rng = np.random.default_rng(23)
    chroma, belief = rng.normal(0, 0.3, (50, 2)).astype(np.float32), rng.random(50)
    of = {"belief": belief, "length": np.linalg.norm(chroma, axis=1)}
    taken = [sure_share(cast, belief=float(b)) for cast, b in zip(chroma, belief, strict=True)]
    assert 0 < np.mean(taken) < 1
    np.testing.assert_allclose(share(of, np.array(light._SURE)), taken, atol=1e-6)


def test_pictures_can_all_be_raws_just_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_asked(self: Sensors, rng: np.random.Generator) -> np.ndarray:
        raise AssertionError("another camera's rendering")

    monkeypatch.setattr(Sensors, "wrongly_set", not_asked)
    made = Material(folder).batch(np.random.default_rng(15), 32, kinds=(0, 0, 1, 0), native=1.0)
    assert made["known"].all()
    assert made["cast"].all()
    with pytest.raises(AssertionError, match="another camera"):
        Material(folder).batch(np.random.default_rng(15), 32, kinds=(0, 0, 1, 0), native=0.0)


def test_large_differences_count_more() -> None:
    error = jnp.array([0.0, 1.0, 10.0])
    np.testing.assert_allclose(weighed(error), [0, 1.1, 20], rtol=1e-6)


def test_every_rendering_keeps_the_order_of_greys() -> None:
    n = 64
    greys = np.linspace(0, 1.2, SIDE, dtype=np.float32)[None, :, None, None].repeat(n, axis=0).repeat(3, axis=3)
    identity = np.tile(np.eye(3, dtype=np.float32), (n, 1, 1))
    plain = np.concatenate([identity, np.zeros((n, 6, 3), np.float32)], axis=1)
    rendering = random_rendering(np.random.default_rng(13), np.ones(n, bool), 0, np.zeros(n, bool))
    no_noise = {"noise": np.zeros(0, np.float32), "grain": np.zeros((2, 0, SIDE, 1, 3), np.float32)}
    made = pairs(greys, np.ones(n, np.float32), identity, plain, rendering, **no_noise, shown=np.zeros(n, bool))
    right = np.asarray(made["right"])
    assert (np.diff(right, axis=1) >= -1e-6).all()
    assert (right[:, -1] - right[:, 0] > 0.05).all()


def test_styles_are_kept_apart_and_made_of_the_others() -> None:
    known = tuple(s for s in range(10) if s not in STYLES_APART)
    mappings = np.arange(10.0)[:, None, None] * np.ones((10, 9, 3))
    mappings[list(STYLES_APART)] = np.nan
    settings = [
        np.stack([_setting(np.random.default_rng(seed), mappings, known, unknown) for seed in range(200)])
        for unknown in (0.0, 1.0)
    ]
    assert all(np.isfinite(drawn).all() for drawn in settings)
    # In these mappings, the two styles of a pair differ by 1.
    differences = np.abs(settings[1] - settings[0]).max(axis=(1, 2))
    assert 0 < np.median(differences) < differences.max() < 10


def test_half_of_the_cameras_lie_between_two(folder: Path) -> None:
    material, rng = Material(folder), np.random.default_rng(9)
    shares = np.stack([material.sensors.camera(rng) for _ in range(64)])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    between = (shares.max(axis=1) < 1).sum()
    # Half of the draws mix two cameras; as there are only two, half of these mix a camera with itself.
    assert 5 < between < 32


def test_without_a_cast_nothing_is_wrong(folder: Path) -> None:
    batch = Material(folder).batch(np.random.default_rng(1), 8, kinds=(1.0, 0.0, 0.0, 0.0), noisy=0.0)
    np.testing.assert_allclose(batch["wrong"], batch["right"], atol=1e-5)
    np.testing.assert_allclose(batch["seen"], batch["right"], atol=0.6 / 255)
    np.testing.assert_allclose(batch["chroma"], 0, atol=1e-5)
    assert np.asarray(batch["known"]).all()


def test_the_light_of_a_pure_change_is_the_colour_of_grey(folder: Path) -> None:
    material = Material(folder)
    material.photos.pictures[:] = 100
    rng = np.random.default_rng(2)
    batch = material.batch(rng, 16, kinds=(0.0, 0.0, 0.0, 1.0), photos=1.0, noisy=0.0)
    wrong, right, chroma = (np.asarray(batch[name]) for name in ("wrong", "right", "chroma"))
    inside = (wrong.max(axis=(1, 2, 3)) < 0.99) & (wrong.min(axis=(1, 2, 3)) > 0.02)
    warmer = wrong[:, 5, 5, 0] - wrong[:, 5, 5, 2] - (right[:, 5, 5, 0] - right[:, 5, 5, 2])
    assert inside.sum() > 4
    np.testing.assert_array_equal(np.sign(warmer[inside]), np.sign((chroma[:, 0] - chroma[:, 1])[inside]))


def test_an_emulated_light_is_not_known(folder: Path) -> None:
    batch = Material(folder).batch(np.random.default_rng(3), 8, kinds=(0.0, 1.0, 0.0, 0.0), noisy=0.0)
    assert not np.asarray(batch["known"]).any()
    assert (np.abs(np.asarray(batch["wrong"]) - np.asarray(batch["right"])).max(axis=(1, 2, 3)) > 1e-3).all()


def test_noise_is_seen_and_not_scored(folder: Path) -> None:
    batch = Material(folder).batch(np.random.default_rng(4), 64, kinds=(1.0, 0.0, 0.0, 0.0), noisy=1.0)
    difference = np.abs(np.asarray(batch["seen"]) - np.asarray(batch["wrong"])).mean(axis=(1, 2, 3))
    assert (difference > 1 / 255).sum() >= 32
    np.testing.assert_allclose(batch["wrong"], batch["right"], atol=1e-5)


def test_pictures_with_a_cast_are_told_apart(folder: Path) -> None:
    rng = np.random.default_rng(5)
    batch = Material(folder).batch(rng, 32, kinds=(0.5, 0.0, 0.5, 0.0), noisy=0.0)
    changed = np.abs(np.asarray(batch["wrong"]) - np.asarray(batch["right"])).max(axis=(1, 2, 3)) > 1e-3
    assert 0 < changed.sum() < 32
    np.testing.assert_array_equal(changed, np.asarray(batch["cast"]) == 1)


def test_noise_comes_before_the_balance(folder: Path) -> None:
    material = Material(folder)
    material.photos.pictures[:] = 6  # Nearly black, where the sensor's noise is clipped on one side.
    kinds = {"kinds": (0.0, 0.0, 0.0, 1.0), "photos": 1.0}
    clean, grainy = (material.batch(np.random.default_rng(6), 16, noisy=share, **kinds) for share in (0.0, 1.0))
    assert np.isfinite(np.asarray(grainy["seen"])).all()
    lifted = np.asarray(grainy["seen"]).mean(axis=(1, 2)) - np.asarray(grainy["wrong"]).mean(axis=(1, 2))
    assert np.median(lifted) > 0
    assert clean["seen"].shape == grainy["seen"].shape


def test_a_wider_network_goes_on_from_a_narrower_one() -> None:
    narrow, wide = (WhiteBalanceConfig(hidden_width=h, reading_width=r) for h, r in ((6, 5), (9, 7)))
    first, second = (WhiteBalanceEstimator(c, rngs=nnx.Rngs(s)) for s, c in enumerate((narrow, wide)))
    flat = nnx.to_flat_state(nnx.state(first))
    go_on_from(second, {".".join(map(str, path)): np.asarray(value.get_value()) for path, value in flat})
    seen = np.random.default_rng(7).random((3, first.hidden.kernel.shape[0]), np.float32)
    for one, other in zip(first.reading(jnp.asarray(seen)), second.reading(jnp.asarray(seen)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_values_lie_between_those_of_two_runs() -> None:
    first, second = ({"a": np.full((2, 3), k, np.float32), "b": np.array([k, -k], np.float32)} for k in (1.0, 3.0))
    found = between(first, second, share=0.25)
    np.testing.assert_allclose(found["a"], 1.5)
    np.testing.assert_allclose(found["b"], [1.5, -1.5])
    with pytest.raises(KeyError):
        between(first, {"a": second["a"]}, share=0.5)
