"""Films on the command line: their files, records and refusals."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dioptre import photo
from dioptre.batch import here
from dioptre.contract import Film
from dioptre.photo import problems
from dioptre.photo.colour_profile import is_srgb
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
        "film", picture, "-o", tmp_path / name, *SHORT, "--depth", depth, "--masks", "--move", "dolly-zoom"
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
    code, _, err = dioptre("film", picture, "-o", out, *SHORT, "--depth", depth, "--masks")
    assert (code, "exists" in err) == (1, True)
    with Image.open(out / "frame-0002.png") as frame:
        assert is_srgb(frame.info["icc_profile"])
    shown = dioptre("inspect", out / "frame-0001.png")[1]
    assert "Invented:" in shown
    note = photo.inspect(out / "frame-0001.png")
    assert note is not None
    assert len(note.recipe["invented"]) == 5


@pytest.mark.parametrize("more", [(), ("--masks",)])
def test_the_frames_of_two_films_are_never_mixed(
    more: tuple[str, ...], picture: Path, depth: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    out, given = tmp_path / "frames", ("film", picture, "--depth", depth, "--fps", "10", "--size", "64")
    code, _, err = dioptre(*given, "-o", out, "--seconds", "0.6", *more)
    assert code == 0, err
    (out / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, _, err = dioptre(*given, "-o", out, "--seconds", "0.5", "--force")
    assert code != 0
    assert "frames of another film, such as frame-000" in err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    code, _, err = dioptre(*given, "-o", out, "--seconds", "0.6", *more, "--move", "orbit", "--force")
    assert code == 0, err
    after = {path.name: path.read_bytes() for path in out.iterdir()}
    assert after.keys() == before.keys()
    assert after != before


@pytest.mark.parametrize("count", [30, 32, 61])
def test_no_frame_of_a_gif_is_shorter_than_viewers_show(count: int, tmp_path: Path) -> None:
    def frame(number: int) -> np.ndarray:
        pixels = np.zeros((16, 64, 3), np.uint8)
        pixels[:, number] = 255
        return pixels

    film = Film(
        count=count, fps=60, shape=(16, 64), frame=frame, mask=lambda number: frame(number)[..., 0] > 0, masks=True
    )
    said: list[str] = []
    for path in save_film(film, tmp_path / "o.gif", on_message=said.append):
        times, places = [], []
        with Image.open(path) as image:
            for number in range(image.n_frames):
                image.seek(number)
                times.append(image.info["duration"])
                places.append(int(np.asarray(image.convert("L"))[8].argmax()))
        assert min(times) >= 20
        assert sum(times) == pytest.approx(1000 * count / 60, abs=10)
        assert (places[0], places[-1]) == (0, count - 1)
        assert set(np.diff(places)) <= {1, 2}
    assert [str(each) for each in said] == [
        "A GIF shows at most 50 frames per second, so the film has fewer frames."
    ]
    (path, _) = save_film(film, tmp_path / "o.webp", on_message=said.append)
    with Image.open(path) as image:
        assert (image.n_frames, len(said)) == (count, 1)


PATCHES = np.array([(255, 0, 0), (0, 200, 0), (0, 0, 255), (90, 90, 90), (255, 255, 255), (200, 180, 40)], np.uint8)
SIZES = [(96, 64), (1296, 720)]  # players guess untagged colours by the number of lines


@pytest.mark.parametrize("size", SIZES)
def test_an_mp4_states_the_colours_of_its_codes(size: tuple[int, int], tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pixels = np.repeat(PATCHES, size[0] // len(PATCHES), 0)[None].repeat(size[1], 0)
    film = Film(count=2, fps=10, shape=size[::-1], frame=lambda _: pixels, mask=lambda _: pixels[..., 0] > 0)
    save_film(film, tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as container:
        video = container.streams.video[0]
        stated = video.color_range, video.colorspace, video.color_primaries, video.color_trc
        assert [int(each) for each in stated] == [1, 1, 1, 1]  # limited range and BT.709, in the codes of H.273
        frame = next(container.decode(video=0))
    luma, blue, red = (np.asarray(plane, np.float32).reshape(plane.height, -1) for plane in frame.planes)
    for number, expected in enumerate(PATCHES):
        x, y = round((number + 0.5) * size[0] / len(PATCHES)) // 2, size[1] // 4
        light = (luma[2 * y, 2 * x] - 16) / 219
        r, b = 1.5748 * (red[y, x] - 128) / 224, 1.8556 * (blue[y, x] - 128) / 224
        seen = np.array([light + r, light - (0.2126 * r + 0.0722 * b) / 0.7152, light + b]) * 255
        np.testing.assert_allclose(seen.clip(0, 255), expected, atol=3)


@pytest.mark.parametrize("name", ["o.webp", "o.gif", "o.mp4", "frames"])
def test_a_full_disk_is_said_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    if name.endswith("mp4"):
        pytest.importorskip("av")
    rng = np.random.default_rng(0)
    film = Film(
        count=9,
        fps=10,
        shape=(128, 128),
        frame=lambda _: rng.integers(0, 256, (128, 128, 3), np.uint8),
        mask=lambda _: np.zeros((128, 128), bool),
    )
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # files stop growing there, as on a full disk
    try:
        with pytest.raises(problems.UnwritableFile, match="The disk is full"):
            save_film(film, tmp_path / "out" / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not (tmp_path / "out").exists()


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
