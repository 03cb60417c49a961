"""The other dialogs fit a laptop's screen, and GIMP can be quit during a run. See inside/small_screen.sh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from .conftest import Gimp, check_names

pytestmark = pytest.mark.editor
SCREEN = (1366, 768)


@dataclass(frozen=True)
class Used:
    """The measurements. `sizes` has the width and height of each dialog."""

    checks: dict[str, str]
    sizes: dict[str, tuple[int, int]]
    after_quitting: tuple[int, ...]


@pytest.fixture(scope="module")
def used(make_gimp: Callable[[], Gimp]) -> Used:
    gimp = make_gimp()
    gimp.person("small_screen.sh", named="small-", sandbox=["--screen", "x".join(map(str, SCREEN))])
    lines = [line.split("|") for line in (gimp.out / "sizes").read_text(encoding="utf-8").splitlines()]
    left = (gimp.out / "after_quitting").read_text(encoding="ascii").split()
    return Used(
        checks=gimp.checks("small_screen.py", environment={"DIALOG": "look"}, worker=False),
        sizes={title: (int(width), int(height)) for title, width, height in lines},
        after_quitting=tuple(map(int, left)),
    )


@pytest.mark.parametrize("check", check_names("small_screen.py"))
def test_after_the_dialogs(used: Used, check: str) -> None:
    assert used.checks[check] == ""


def test_every_dialog_fits_with_all_its_options(used: Used) -> None:
    assert len(used.sizes) == 5
    assert {title: size for title, size in used.sizes.items() if size[0] > SCREEN[0] or size[1] > SCREEN[1]} == {}


def test_quitting_in_the_middle_leaves_nothing_but_the_worker(used: Used) -> None:
    """No process and no pixels of the plug-in remain; the worker stays for the next GIMP."""
    assert used.after_quitting == (0, 0, 1)
