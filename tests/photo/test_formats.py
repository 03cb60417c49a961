"""A file format is stated in one place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dioptre
from dioptre.photo import Format, save
from dioptre.photo.formats import FORMATS, recognise
from dioptre.photo.problems import UnwritableFile
from tests.faults.corpus import pictures

PPM = """
import re
from dataclasses import replace
import numpy as np
from ..picture import Format, Source
from .decoded import Decoded
from .entry import FileFormat

def _read(opened):
    _, size, _, values = opened.file.read().split(b"\\n", 3)
    width, height = map(int, size.split())
    codes = np.frombuffer(values, np.uint8).reshape(height, width, 3)
    return Decoded(codes=codes, source=Source(format=Format.PPM, size=(height, width)))

def _write(codes, extras):
    return b"P6\\n%d %d\\n255\\n" % codes.shape[1::-1] + codes.tobytes()

FORMAT = FileFormat(
    starts=re.compile(b"P6").match, suffixes=(".ppm",), read=_read, write=_write, depths=(8,), holds_alpha=False,
    holds_grey=lambda bits, alpha: False, largest_side=100,
)
"""
USE = """
import sys
from pathlib import Path
import numpy as np
from dioptre import photo
from dioptre.batch.plan import is_picture
from dioptre.photo.outputs import suffix_for
path = Path(sys.argv[1])
photo.save(np.full((5, 7, 3), 0.25, np.float32), path)
picture = photo.load(path)
assert (picture.source.format, picture.shape) == (photo.Format.PPM, (5, 7, 3)), picture
assert abs(picture.pixels - 0.25).max() < 1 / 255  # codes are dithered
assert is_picture(path.with_name("missing.ppm")) and suffix_for(path) == ".ppm"
try:
    photo.save(np.zeros((5, 101, 3), np.float32), path, force=True)
except photo.problems.UnwritableFile as error:
    assert "PPM files hold at most 100" in error.message
else:
    raise AssertionError
"""


def test_a_format_is_added_by_its_name_and_a_module(tmp_path: Path) -> None:
    """The steps in docs/dev/extending.md, followed in a copy."""
    core = Path(dioptre.__file__).parent.parent
    copy = shutil.copytree(core, tmp_path / "core", ignore=shutil.ignore_patterns("__pycache__", "weights"))
    picture = copy / "dioptre" / "photo" / "picture.py"
    text = picture.read_text(encoding="utf-8")
    picture.write_text(text.replace('    GIF = "GIF"\n', '    GIF = "GIF"\n    PPM = "PPM"\n'), encoding="utf-8")
    (copy / "dioptre" / "photo" / "formats" / "ppm.py").write_text(PPM, encoding="utf-8")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(copy)!r})\n{USE}", tmp_path / "a.ppm"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_files_are_recognised_as_one_format() -> None:
    found = set()
    for name, data in pictures().items():
        kinds = [kind for kind, form in FORMATS.items() if form.starts(data[:4096])]
        assert kinds == [recognise(data[:4096])], name
        assert Path(name).suffix in FORMATS[kinds[0]].suffixes or name.endswith(".dng"), name
        found.update(kinds)
    assert found >= set(Format) - {Format.RAW, Format.HEIC, Format.JPEGXL}


def test_no_suffix_stands_for_two_formats() -> None:
    suffixes = [s for form in FORMATS.values() for s in form.suffixes + form.read_suffixes + form.several]
    assert len(suffixes) == len(set(suffixes))


def test_the_hint_names_every_format_that_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(UnwritableFile) as caught:
        save(np.zeros((4, 4, 3), np.float32), tmp_path / "a.bmp")
    assert all(form.suffixes[0] in caught.value.hint for form in FORMATS.values() if form.write)
