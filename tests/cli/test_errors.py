"""Wrong use, unexpected errors and logs of commands: messages and exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dioptre.contract import Inputs
from dioptre.features import blur
from dioptre_link.catalogue.portrait import PortraitOptions
from dioptre_link.errors import DioptreError

Dioptre = Callable[..., tuple[int, str, str]]
Calls = list[tuple[str, Mapping[str, Any], Inputs]]


def test_json_errors_carry_code_message_and_hint(tmp_path: Path, dioptre: Dioptre, private_home: Path) -> None:
    code, out, err = dioptre("run", tmp_path / "none.jpg", "-o", tmp_path, "--json")
    error = json.loads(out.splitlines()[-1])
    assert (code, err) == (1, "")
    assert error["type"] == "error"
    assert error["code"] == "missing-file"
    assert "none.jpg" in error["message"]
    assert error["hint"]
    assert error["log"] == str(private_home / "log" / "dioptre.log")
    code, out, _ = dioptre("run", "--json", "--nonsense")
    assert (code, json.loads(out)["code"]) == (2, "usage")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["rnu"], "'rnu'", "--help"),
        (["depth", "a.jpg"], "'--output'", "depth --help"),
        (["run", "a.jpg", "-o", "x", "--f-numbr", "2"], "'--f-number'", "run --help"),
        (["super-resolution", "a.ora", "-o", "b.ora"], "a.ora has layers", "GIMP or Krita"),
        (["run", "a.jpg", "-o", "x", "--f-number", "99"], "out of range", "0.7 to 32"),
        (["run", "a.jpg", "-o", "x", "--f-number", "nan"], "not a number", "0.7 to 32"),
        (["run", "a.jpg", "-o", "x", "--focus", "left"], "--focus: 'left' is not a point", "X,Y"),
        (["run", "a.jpg", "-o", "x", "--set", "f_numer=2"], "'f_numer'", "'f_number'"),
        (["run", "a.jpg", "-o", "x", "--set", "f_number"], "the form key=value", "f_number=2"),
        (
            ["run", "a.jpg", "b.jpg", "-o", "x", "--depth", "d.png"],
            "--depth can be used only with a single picture",
            "",
        ),
        (["run", "a.jpg", "b/a.png", "-o", "x"], "would produce the same files", ""),
        (["super-resolution", "a.jpg", "-o", "x.png", "--model", "big"], "not one of the choices", "default, "),
        (["models", "add", __file__, "--id", "modnet"], "'modnet'", "depth-anything-v2-small"),
    ],
)
def test_wrong_use_is_two_short_lines_and_code_2(
    *,
    arguments: list[str],
    message: str,
    hint: str,
    dioptre: Dioptre,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = dioptre(*arguments)
    first, second = err.splitlines()
    assert (code, out) == (2, "")
    assert first.startswith("Error: ")
    assert message in first
    assert second.startswith("Hint: ")
    assert hint in second
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "-o", "out", "--focus", "9999,3"),
        ("portrait", "-o", "out", "--focus", "3,-1"),
        ("lens-blur", "-o", "out.jpg", "--focus", "48.5,3"),  # The point is refused before the depth is estimated.
        ("white-balance", "-o", "out.jpg", "--neutral", "9999,3"),
    ],
)
def test_a_point_outside_the_picture_is_refused_before_anything_runs(
    *,
    arguments: tuple[str, ...],
    pipelines: Calls,
    photo: Path,
    tmp_path: Path,
    dioptre: Dioptre,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = dioptre(arguments[0], photo, *arguments[1:])
    assert code == 2
    assert "is outside the picture." in err
    assert "Use x from 0 to 47 and y from 0 to 31." in err
    assert pipelines == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "photo.jpg"]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            DioptreError("The lens fell off.", hint="Screw it on."),
            1,
            ["The lens fell off.", "Screw it on.", "Log: "],
        ),
        (RuntimeError("boom\nmore"), 1, ["RuntimeError: boom)", "report this", "Log: "]),
        (MemoryError(), 1, ["not enough memory", "Close other programs"]),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"), 1, ["not enough memory"]),
        (OSError(28, "No space left on device", "x.tif"), 1, ["x.tif: the disk is full", "Free some disk space"]),
        (KeyboardInterrupt(), 130, ["Cancelled."]),
    ],
)
def test_whatever_happens_is_said_in_words_and_logged(
    *,
    error: BaseException,
    code: int,
    said: list[str],
    photo: Path,
    tmp_path: Path,
    dioptre: Dioptre,
    pipelines: Calls,
    private_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setitem(blur.OPERATIONS, PortraitOptions, fail)
    found, out, err = dioptre("run", photo, "-o", tmp_path / "out")
    assert (found, out) == (code, "")
    for part in said:
        assert part in err
    assert len(err.splitlines()) <= 3
    assert not (tmp_path / "out").exists()
    if code == 1:
        log = (private_home / "log" / "dioptre.log").read_text(encoding="utf-8")
        assert "Traceback" in log
        assert "begin" in log


def test_verbose_says_more_but_no_traceback(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    _, _, err = dioptre("depth", photo, "-o", tmp_path / "d.png", "--verbose")
    assert f"begin {photo}" in err
    (tmp_path / "bad.png").write_bytes(b"bad")
    code, _, err = dioptre("depth", tmp_path / "bad.png", "-o", tmp_path / "e.png", "--verbose")
    assert code == 1
    assert "failed: " in err


def test_a_log_that_cannot_be_written_is_no_failure(
    pipelines: Calls, photo: Path, tmp_path: Path, dioptre: Dioptre, private_home: Path
) -> None:
    shutil.rmtree(private_home)
    private_home.write_text("a file where a folder should be", encoding="utf-8")
    assert dioptre("depth", photo, "-o", tmp_path / "d.png")[0] == 0
    code, _, err = dioptre("depth", tmp_path / "none.jpg", "-o", tmp_path / "e.png")
    assert code == 1
    assert "Log: " not in err


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"{}", b"x" * (1 << 20) + b"x"])
def test_a_bad_recipe_is_said_in_words(
    content: bytes | None, photo: Path, tmp_path: Path, dioptre: Dioptre
) -> None:
    recipe = tmp_path / "bad.json"
    if content is not None:
        recipe.write_bytes(content)
    code, _, err = dioptre("run", photo, "-o", tmp_path / "out", "--recipe", recipe)
    assert code == 1
    assert "bad.json" in err.splitlines()[0]
    assert not (tmp_path / "out").exists()
