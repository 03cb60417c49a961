"""`dioptre cache`: showing its size, clearing it, and turning it off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dioptre.caching import choice
from dioptre.caching.caches import DiskCache
from dioptre.contract import NO_STEP_CACHE, StepResult


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path))
    monkeypatch.delenv(choice.VARIABLE, raising=False)


def keep_something() -> None:
    choice.step_cache().result("depth", {}, lambda: StepResult(facts={"depth": 1}))


def test_its_size_is_shown_and_it_is_cleared(dioptre) -> None:
    keep_something()
    code, out, _ = dioptre("cache", "--json")
    assert code == 0
    shown = json.loads(out)
    assert (shown["on"], shown["results"]) == (True, 1)
    assert shown["bytes"] > 0
    assert Path(shown["folder"]) == choice.folder()
    code, out, _ = dioptre("cache", "clear")
    assert code == 0
    assert out.startswith("Deleted 1 result, ")
    assert choice.usage().count == 0
    assert not choice.folder().exists()
    assert dioptre("cache", "clear")[0] == 0  # An empty cache is not an error.


def test_words_say_what_is_kept_and_where(dioptre) -> None:
    out = dioptre("cache")[1]
    assert str(choice.folder()) in out
    assert " of at most 2,147 MB." in out
    assert "The cache is on: the depth and the subject of each picture are kept." in out


def test_switched_off_nothing_is_kept(dioptre) -> None:
    keep_something()
    assert dioptre("cache", "off")[0] == 0
    assert choice.usage().count == 0
    keep_something()
    assert choice.usage().count == 0
    assert choice.step_cache() is NO_STEP_CACHE
    assert "The cache is off." in dioptre("cache")[1]
    assert dioptre("cache", "on")[0] == 0
    assert isinstance(choice.step_cache(), DiskCache)


@pytest.mark.parametrize("value", ["0", "off", " No "])
def test_the_environment_comes_first(dioptre, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(choice.VARIABLE, value)
    keep_something()
    assert choice.usage().count == 0
    assert choice.VARIABLE in dioptre("cache", "on")[1]


def test_what_cannot_be_deleted_is_an_error(dioptre, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_something()
    monkeypatch.setattr(choice.shutil, "rmtree", lambda *_, **__: None)
    code, _, err = dioptre("cache", "clear")
    assert code == 1
    assert "could not be deleted" in err
