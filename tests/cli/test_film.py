"""Films on the command line: their files, records and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre import photo
from dioptre.batch import here
from dioptre.contract import Film
from dioptre.photo.encode import save_film
from dioptre_link.errors import Cancelled

from .test_batch import InThisProcess

Dioptre = Callable[..., tuple[int, str, str]]
SHORT = ("--seconds", "0.5", "--fps", "10", "--size", "64")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    Image.fromarray(noise).resize((48, 32)).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def depth(tmp_path: Path) -> Path:
    values = np.zeros((32, 48), np.uint8)
    values[8:24, 12:36] = 255
    Image.fromarray(values).save(tmp_path / "depth.png")
    return tmp_path / "depth.png"


@pytest.mark.parametrize("name", ["o.webp", "o.gif"])
def test_an_animation_has_all_frames_at_their_times(
    name: str, picture: Path, depth: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    code, printed, err = dioptre(
        "film", picture, "-o", tmp_path / name, *SHORT, "--depth", depth, "--masks", "--move", "orbit"
    )
    assert code == 0, err
    masks = tmp_path / name.replace("o.", "o-invented.")
    assert str(masks) in printed
    for path in (tmp_path / name, masks):
        with Image.open(path) as image:
            assert (f".{image.format}".lower(), image.size) == (path.suffix, (48, 32))
            assert image.info.get("loop", 0) == 0
            times = []
            for frame in range(getattr(image, "n_frames", 1)):
                image.seek(frame)
                image.load()
                times.append(image.info["duration"])
            assert sum(times) == 500  # equal frames may be joined


def test_an_mp4_has_all_frames(picture: Path, depth: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    av = pytest.importorskip("av")
    code, _, err = dioptre("film", picture, "-o", tmp_path / "o.mp4", *SHORT, "--depth", depth)
    assert code == 0, err
    with av.open(str(tmp_path / "o.mp4")) as container:
        video = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert (video.codec_context.name, video.average_rate) == ("h264", 10)
    assert len(frames) == 5
    assert {frame.shape for frame in frames} == {(32, 48, 3)}
    with Image.open(picture) as image:
        assert np.abs(frames[0].astype(float) - np.asarray(image)).mean() < 25  # as noise loses its colour


def test_a_name_without_a_suffix_is_a_folder_of_frames(
    picture: Path, depth: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    out = tmp_path / "frames"
    code, _, err = dioptre("film", picture, "-o", out, *SHORT, "--depth", depth, "--masks")
    assert code == 0, err
    names = {f"frame-{number:04d}{end}.png" for number in range(1, 6) for end in ("", "-invented")}
    assert {path.name for path in out.iterdir()} == names
    code, _, err = dioptre("film", picture, "-o", out, *SHORT, "--depth", depth)
    assert (code, "exists" in err) == (1, True)
    shown = dioptre("inspect", out / "frame-0001.png")[1]
    assert "Invented:" in shown
    note = photo.inspect(out / "frame-0001.png")
    assert note is not None
    assert len(note.recipe["invented"]) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "{out}/o.jpg"), "the format is not supported"),
        (("-o", "{out}/o.gif", "--target", "90,10"), "outside the picture"),
        (("-o", "{out}/o.gif", "--fps", "500"), "out of range"),
        (("-o", "{out}/o.gif", "--depth", "{flat}"), "depth is the same everywhere"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    arguments: tuple[str, ...], message: str, picture: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    Image.new("L", (48, 32), 99).save(tmp_path / "flat.png")
    out = tmp_path / "out"
    out.mkdir()
    given = [each.format(out=out, flat=tmp_path / "flat.png") for each in arguments]
    code, _, err = dioptre("film", picture, *given)
    assert code != 0
    assert message in err
    assert not list(out.iterdir())


def test_without_pyav_an_mp4_is_refused_before_any_work(
    picture: Path, tmp_path: Path, dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dioptre.photo.encode.films.find_spec", lambda _: None)
    code, _, err = dioptre("film", picture, "-o", tmp_path / "o.mp4")
    assert code != 0
    assert "Support for writing MP4 is not installed" in err


def test_folders_of_results_have_the_film_its_masks_and_its_figures(
    picture: Path, depth: Path, tmp_path: Path, dioptre: Dioptre, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, out = tmp_path / "recipe.json", tmp_path / "out"
    options = {"seconds": 0.5, "fps": 10, "size": 64, "masks": True}
    listed = [{"operation": "depth"}, {"operation": "film", "options": options}]
    steps.write_text(json.dumps({"version": 2, "steps": listed}))
    code, _, err = dioptre("run", picture, "-o", out, "--recipe", steps, "--depth", depth)
    assert code == 0, err
    ends = (".webp", "-invented.webp", ".ora", "-sheet.jpg", ".json")
    assert {path.name for path in out.iterdir()} == {f"photo-film{end}" for end in ends}
    recipe = json.loads((out / "photo-film.json").read_text())
    assert len(recipe["invented"]) == 5
    assert "photo-film-invented.webp" in recipe["files"]
    monkeypatch.setattr(here, "LocalExecutor", InThisProcess)
    folder, many = tmp_path / "in", tmp_path / "many"
    folder.mkdir()
    picture.rename(folder / "photo.jpg")
    code, _, err = dioptre("batch", folder, "-o", many, "--recipe", steps)
    assert code == 0, err
    assert {path.name for path in many.glob("photo-film*.webp")} == {"photo-film.webp", "photo-film-invented.webp"}


@pytest.mark.parametrize("name", ["o.webp", "o.gif", "o.mp4", "frames"])
def test_frames_are_drawn_one_by_one_and_a_cancelled_film_leaves_nothing(name: str, tmp_path: Path) -> None:
    if name.endswith("mp4"):
        pytest.importorskip("av")
    asked: list[int] = []

    def frame(number: int) -> np.ndarray:
        asked.append(number)
        return np.full((16, 16, 3), number, np.uint8)

    film = Film(count=40, fps=10, shape=(16, 16), frame=frame, mask=lambda _: np.zeros((16, 16), bool))
    save_film(film, tmp_path / "whole" / name)
    assert asked == list(range(40))

    def stop(fraction: float, phase: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        save_film(film, tmp_path / "stopped" / name, progress=stop)
    assert not (tmp_path / "stopped").exists()
