"""Usage lines and hints show the command as the user started it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dioptre.cli import reporting

Dioptre = Callable[..., tuple[int, str, str]]
INSTALL = "python3 install.py"


@pytest.fixture
def through_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reporting.VARIABLE, INSTALL)


def test_usage_and_help_name_install_py(through_install: None, dioptre: Dioptre) -> None:
    assert dioptre("--help")[1].startswith(f"Usage: {INSTALL} [OPTIONS]")
    help_of_run = " ".join(dioptre("run", "--help")[1].split())
    assert help_of_run.startswith(f"Usage: {INSTALL} run [OPTIONS] IN...")
    assert f"see '{INSTALL} presets'" in help_of_run
    _, _, err = dioptre("run")
    assert err.splitlines()[-1] == f"Hint: See '{INSTALL} run --help'."
    _, _, err = dioptre("lens-blurr")
    assert f"'{INSTALL} --help'" in err


def test_on_the_path_it_is_dioptre(monkeypatch: pytest.MonkeyPatch, dioptre: Dioptre) -> None:
    monkeypatch.delenv(reporting.VARIABLE, raising=False)
    assert dioptre("run", "--help")[1].startswith("Usage: dioptre run [OPTIONS]")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("'dioptre doctor' may find the cause.", f"'{INSTALL} doctor' may find the cause."),
        ("Run: dioptre worker --stop", f"Run: {INSTALL} worker --stop"),
        ("or `dioptre models add` for your own.", f"or `{INSTALL} models add` for your own."),
        ("photos/dioptre out/a.jpg", "photos/dioptre out/a.jpg"),
        ("Something went wrong inside Dioptre 0.1.", "Something went wrong inside Dioptre 0.1."),
    ],
)
def test_hints_name_what_the_reader_has(through_install: None, text: str, read: str) -> None:
    assert reporting.for_reader(text) == read
