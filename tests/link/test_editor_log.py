"""The plug-ins' log file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dioptre_link.editor_log import EditorLog
from dioptre_link.errors import RefusedError


def test_lines_go_to_the_editors_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIOPTRE_LOG_DIR", str(tmp_path / "log"))
    log = EditorLog("test_editor")
    log.set_up()
    log.logger.info("A job: %.2f s", 1.5)
    for handler in log.logger.handlers:
        handler.close()
    assert log.place == tmp_path / "log/test_editor.log"
    assert log.place.read_text(encoding="utf-8").endswith("INFO A job: 1.50 s\n")


def test_a_folder_that_cannot_be_made_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIOPTRE_LOG_DIR", str(tmp_path / "file/log"))
    log = EditorLog("test_nowhere")
    log.set_up()
    log.logger.warning("lost")
    assert log.logger.handlers == []


def test_an_unexpected_error_gets_words_and_is_logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIOPTRE_LOG_DIR", str(tmp_path))
    log = EditorLog("test_unexpected")
    log.set_up()
    refused = RefusedError("The layer is locked.", hint="Unlock it.")
    assert log.told(refused) is refused
    assert refused.shown == "The layer is locked. Unlock it."
    told = log.told(ZeroDivisionError("oh"))
    assert "ZeroDivisionError: oh" in told.shown
    assert str(log.place) in told.shown
    assert log.place.read_text(encoding="utf-8").count("ERROR") == 1
