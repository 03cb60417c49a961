"""Take screenshots of GIMP's dialogs and Krita's docker, and record the animated picture, in real editors.

    python -m tests.editors.screenshots gimp --tree FOLDER --out FOLDER [--screen 1280x900] [--theme light]
    python -m tests.editors.screenshots krita --tree FOLDER --out FOLDER --screen 1920x1080 …
    python -m tests.editors.screenshots film --tree FOLDER --out FOLDER --publish

The tree is one that tests/editors/tree has built. Scripts inside the editor act like a user on a virtual
screen. PNG files of the whole screen are left in --out. With --publish, the pictures of the documentation are
cut out of them and written to docs/images.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dioptre.editors import gimp_plugin, krita_plugin
from tests.editors.host import CHECKOUT, HOME, ProductPython, Tree

LIMIT_S = 1800
IMAGES = CHECKOUT / "docs/images"
QUALITY = 82
TITLE_PX = 20  # Height of a window's title bar.
KRITA_PLACE_PX = 406  # Height of the docker's upper part, which shows the preview, at 1920 × 1080.
FILM_SIZE, FILM_QUALITY = (960, 675), 70
GIMPRC = """(config-version "{version}")
(show-welcome-dialog no)
(check-updates no)
(color-profile-policy keep)
(theme-color-scheme {theme})
"""
KRITARC = """AutoSaveInterval=0
[python]
enable_dioptre_check=true
[theme]
Theme={theme}
"""
KRITA_THEMES = {"dark": "Krita dark", "light": "Krita bright"}
_START = (  # Converts the photo to $OUT/start.xcf, which the scripts in the sandbox open.
    "import os; from gi.repository import Gimp, Gio; alone = Gimp.RunMode.NONINTERACTIVE; "
    "image = Gimp.file_load(alone, Gio.File.new_for_path(os.environ['PHOTO'])); "
    "image.get_layers()[0].set_name('Photo'); "
    "Gimp.file_save(alone, image, Gio.File.new_for_path('/out/start.xcf'), None)"
)


def gimp(options: argparse.Namespace, out: Path, home: Path, script: str) -> None:
    """Install the plug-in into a new home, and run a script of tests/plugin/gimp/inside in a GIMP with a screen.

    Args:
        options: The command line's options.
        out: Folder that receives the screenshots.
        home: Folder of the new home.
        script: The script's name.

    Raises:
        SystemExit: GIMP or the script failed; the message is the end of the output.
    """
    tree = Tree(options.tree, home)
    version = tree.package_version("gimp")
    series = ".".join(version.split(".")[:2])
    config = home / ".config/GIMP" / series
    config.mkdir(parents=True)
    (config / "gimprc").write_text(GIMPRC.format(version=version, theme=options.theme), encoding="utf-8")
    gimp_plugin.install(CHECKOUT, gimp_plugin.Home(config, "screenshots"), _folders())
    for command, gui in (
        (
            [
                *(f"gimp-console-{series}", "-i", "-d", "-f", "--batch-interpreter", "python-fu-eval"),
                *("-b", _START, "--quit"),
            ],
            False,
        ),
        (["bash", f"/tests/{script}", f"gimp-{series}"], True),
    ):
        _run(tree, options, out, command, gui=gui)


def krita(options: argparse.Namespace, out: Path, home: Path) -> None:
    """Install the plug-in into a new home, and run inside/screenshots.py of its tests in a Krita with a screen.

    Args:
        options: The command line's options.
        out: Folder that receives the screenshots.
        home: Folder of the new home.

    Raises:
        SystemExit: Krita failed; the message is the end of its output.
    """
    tree = Tree(options.tree, home)
    resources = home / ".local/share/krita"
    place = krita_plugin.Home(resources, home / ".config/kritarc", "screenshots")
    place.settings.parent.mkdir(parents=True)
    place.settings.write_text(KRITARC.format(theme=KRITA_THEMES[options.theme]), encoding="utf-8")
    krita_plugin.install(CHECKOUT, place, _folders())
    inside = CHECKOUT / "tests/plugin/krita/inside"
    shutil.copytree(inside / "dioptre_check", resources / "pykrita/dioptre_check")
    shutil.copy(inside / "dioptre_check.desktop", resources / "pykrita")
    start = 'cp -r --update=none /usr/share/editors/home/. "$HOME" && exec krita --nosplash'
    _run(tree, options, out, ["sh", "-c", start], gui=True)
    left = json.loads((out / "screenshots.json").read_text(encoding="utf-8"))
    if failed := [error for error in left.values() if error]:
        raise SystemExit("\n".join(failed))


def _folders() -> dict[str, Path]:
    return {name: Path(HOME) / "dioptre" / name for name in ("data", "cache", "log")}


def _run(tree: Tree, options: argparse.Namespace, out: Path, command: Sequence[str], *, gui: bool) -> None:
    done = tree.run(
        command,
        binds={
            **ProductPython().binds(),
            CHECKOUT / "tests/plugin/gimp/inside": "/tests",
            CHECKOUT / "tests/plugin/krita/inside": "/krita",
            CHECKOUT / "examples": "/examples",
            CHECKOUT / "weights": f"{HOME}/dioptre/data/weights",
        },
        writable={out: "/out", options.cache: f"{HOME}/dioptre/cache"},
        environment={
            "OUT": "/out",
            "PHOTO": "/examples/astronaut.jpg",
            "CHECKS": "/krita/screenshots.py",
            "DIOPTRE_PYTHON": str(ProductPython().python),
        },
        gui=gui,
        limit_s=LIMIT_S,
        options=("--screen", options.screen),
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the documentation's screenshots in real editors.")
    parser.add_argument("what", choices=("gimp", "krita", "film"))
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--screen", default="1280x900")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dioptre-screenshots-") as folder:
        options.cache = (options.cache or Path(folder) / "cache").resolve()
        options.cache.mkdir(parents=True, exist_ok=True)
        home = Path(folder) / "home"
        if options.what == "krita":
            krita(options, out, home)
        else:
            gimp(options, out, home, "screenshots.sh" if options.what == "gimp" else "film.sh")
    if options.publish:
        publish(options.what, out)


def publish(what: str, out: Path) -> None:
    """Cut the documentation's pictures out of the screenshots in `out`, and write them to docs/images."""
    if what == "film":
        _film(out)
    elif what == "gimp":
        _cut(out, "menu", "gimp-menu", (0, 0, 980, 830))
        for name, published in (("clicked", "gimp-dialog"), ("focus", "gimp-focus-range")):
            left, top, width, height = _place(out, name)
            # xdotool counts the height of the title bar twice.
            _cut(out, name, published, (left - 1, top - 2 * TITLE_PX, left + width + 1, top + height - TITLE_PX))
        _cut(out, "layers", "gimp-layers")
        _cut(out, "edit_depth", "edit-depth", (190, 44, 1280, 900))
    else:
        _cut(out, "menu", "krita-menu", (0, 0, 930, 680))
        left, top, width, height = _place(out, "automatic")
        _side_by_side(out, ["automatic", "focus"], "krita-focus", height)
        with Image.open(out / "result.png") as whole:
            beside = (left + width, top, whole.width, top + height)  # The canvas and the layers.
        _cut(out, "result", "krita-result", beside)
        _cut(out, "on_canvas", "krita-on-canvas", (left, *beside[1:]))
        names = [f"place_{view}" for view in ("place", "before", "after")]
        _side_by_side(out, names, "krita-place", KRITA_PLACE_PX)


def _place(out: Path, name: str) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the dialog or docker in a screenshot."""
    lines = (out / "places").read_text(encoding="utf-8").splitlines()
    left, top, width, height = next(line.split()[1:] for line in reversed(lines) if line.split()[0] == name)
    return int(left), int(top), int(width), int(height)


def _cut(out: Path, name: str, published: str, box: tuple[int, int, int, int] | None = None) -> None:
    with Image.open(out / f"{name}.png") as whole:
        part = whole.convert("RGB").crop(box)
    part.save(IMAGES / f"{published}.jpg", quality=QUALITY, subsampling=0, optimize=True)


def _side_by_side(out: Path, names: Sequence[str], published: str, height: int) -> None:
    """Write the upper parts of the docker from several screenshots next to each other."""
    parts = []
    for name in names:
        left, top, width, _ = _place(out, name)
        with Image.open(out / f"{name}.png") as whole:
            parts.append(whole.convert("RGB").crop((left, top, left + width, top + height)))
    row = Image.new("RGB", (sum(part.width for part in parts), height))
    for number, part in enumerate(parts):
        row.paste(part, (number * part.width, 0))
    row.save(IMAGES / f"{published}.jpg", quality=QUALITY, subsampling=0, optimize=True)


def _film(out: Path) -> None:
    """Write the recorded frames as an animated WebP; consecutive equal frames become one."""
    durations = [int(line) for line in (out / "frames").read_text(encoding="utf-8").split()]
    frames: list[Image.Image] = []
    shown_ms: list[int] = []
    for number, duration in enumerate(durations, start=1):
        with Image.open(out / f"frame-{number:04}.png") as whole:
            frame = whole.convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS)
        if frames and frame.tobytes() == frames[-1].tobytes():
            shown_ms[-1] += duration
        else:
            frames.append(frame)
            shown_ms.append(duration)
    frames[0].save(
        IMAGES / "gimp-film.webp",
        save_all=True,
        append_images=frames[1:],
        duration=shown_ms,
        loop=0,
        quality=FILM_QUALITY,
        method=4,
        minimize_size=True,
    )


if __name__ == "__main__":
    main()
