"""The training pairs of the illuminant estimator: data sets stay separate, and the casts match their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dioptre.features.white_balance import illuminant as light
from dioptre.features.white_balance.illuminant import sure_share
from training.lists import listed
from training.white_balance import raw_files, samples
from training.white_balance.belief import SHARES, fit_share, remains, share
from training.white_balance.raw_files import RawFiles
from training.white_balance.samples import SIDE, Material, part
from training.white_balance.sensors import CAMERAS_APART, Sensors, near_identity

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


def test_cameras_are_kept_apart(folder: Path) -> None:
    assert len(Material(folder).sensors.matrices) == 2
    assert len(Material(folder, "validation").sensors.matrices) == 1


def test_pictures_are_kept_apart(folder: Path) -> None:
    kept = {int(index) for index in Material(folder, "validation").photos.pictures[:, 0, 0, 0]}
    seen = {int(index) for index in Material(folder).photos.pictures[:, 0, 0, 0]}
    assert kept
    assert not kept & seen


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


def test_a_sensor_sees_grey_in_the_colour_of_its_light(folder: Path) -> None:
    rng = np.random.default_rng(12)
    known = Sensors(folder, "training")
    known.matrices = np.stack([near_identity(rng, 0.2) for _ in range(4)]).reshape(2, 2, 3, 3)
    for _ in range(8):
        sensor, light = known.native(rng, None)
        np.testing.assert_allclose(np.ones(3) @ sensor, 1, rtol=1e-6)
        np.testing.assert_allclose(light, np.diag(np.diag(light)))
        assert light[1, 1] == 1


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
