"""`dioptre doctor`: its checks, and a bug report without private data."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dioptre.cli import findings
from dioptre.cli.report import harmless
from dioptre_link.errors import DioptreError
from dioptre_link.start import meeting_dir, rendezvous_file

Dioptre = Callable[..., tuple[int, str, str]]


def test_codes_and_fixes(dioptre: Dioptre) -> None:
    code, out, _ = dioptre("doctor", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, lines[-1]) == (0, {"type": "result", "errors": 0})
    findings = lines[:-1]
    assert {"data-folder", "weights", "devices", "worker", "job"} <= {f["code"] for f in findings}
    assert all(finding["fix"] for finding in findings if finding["level"] != "ok")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_secrets_that_others_can_read_are_found(private_home: Path) -> None:
    meeting_dir().mkdir(parents=True)
    rendezvous_file().write_text("{}", encoding="utf-8")
    rendezvous_file().chmod(0o600)
    (meeting_dir() / "exchange").mkdir(mode=0o700)
    assert list(findings.secrets()) == []
    rendezvous_file().chmod(0o640)
    (found,) = findings.secrets()
    assert (found.code, found.level) == ("worker-secret-open", "error")
    assert str(rendezvous_file()) in found.fix


@pytest.mark.parametrize(
    ("folder", "variable"), [("OneDrive - Studio/Dioptre", ""), ("Dropbox/d", ""), ("Meine Cloud/d", "OneDrive")]
)
def test_a_synchronised_folder(folder: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIOPTRE_DATA_DIR", raising=False)
    monkeypatch.setenv("DIOPTRE_HOME", str(tmp_path / folder))
    if variable:
        assert "synchronised-folder" not in {found.code for found in findings.folders()}
        monkeypatch.setenv(variable, str(tmp_path / "Meine Cloud"))
    assert "synchronised-folder" in {found.code for found in findings.folders()}


def test_a_job_that_fails_is_an_error_with_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    from dioptre.recipes import on_file

    def fail(*_: object, **__: object) -> None:
        raise DioptreError("The weights are gone.", hint="Get them again.")

    monkeypatch.setattr(on_file, "follow_on_file", fail)
    (found,) = findings.job()
    assert (found.code, found.level, found.fix) == ("job-failed", "error", "Get them again.")
    assert "The weights are gone." in found.message


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a library, in an environment of its own."""
    folder = tmp_path / "made-1.0.dist-info"
    folder.mkdir()
    path = tmp_path / "made" / "library.so"
    path.parent.mkdir()
    path.write_bytes(b"code" * 1000)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n", encoding="utf-8")
    record = "made/library.so,sha256=any,4000\nmade-1.0.dist-info/RECORD,,\n"
    (folder / "RECORD").write_text(record, encoding="utf-8")
    (tmp_path / "locked.txt").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(findings.sysconfig, "get_path", lambda name: str(tmp_path))
    return path


@pytest.mark.parametrize("damage", ["whole", "missing", "truncated"])
def test_damaged_packages_are_named_before_they_are_loaded(
    damage: str, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A truncated libvips ended the doctor with SIGBUS, and without NumPy's files it showed Python's errors."""
    loaded = []

    def load() -> Iterator[findings.Finding]:
        loaded.append(damage)
        yield findings.Finding("load", "ok", "loaded", "")

    monkeypatch.setattr(findings, "CHECKS", (findings.packages, load))
    monkeypatch.setattr(findings, "_LOADING", (load,))
    if damage == "missing":
        library.unlink()
    elif damage != "whole":
        library.write_bytes(b"code" * 999)
    wrong = [finding for finding in findings.examine() if finding.level == "error"]
    assert (len(wrong), len(loaded)) == ((0, 1) if damage == "whole" else (1, 0))
    assert all("virus scanner" in finding.fix for finding in wrong)
    assert all("made (made/library.so)" in finding.message and "--repair" in finding.fix for finding in wrong)


LOG = """2026-11-20 10:11:12,345 77 INFO begin /home/eva/My Photos/Eva at the sea.jpg
2026-11-20 10:11:13,345 77 ERROR unexpected
Traceback (most recent call last):
  File "/home/eva/data/environment/lib/python3.11/site-packages/dioptre/photo/decode/loading.py", line 53, in load
    decoded = decode(place, max_pixels=limit * 1e6)
  File "/home/eva/quiet project/plot.py", line 3, in <module>
    quiet = "quiet"
dioptre.photo.problems.DamagedPicture: /home/eva/My Photos/Eva at the sea.jpg is damaged.
ValueError: Eva
"""


def test_a_log_is_reduced_to_what_is_harmless() -> None:
    assert list(harmless(LOG.splitlines())) == [
        "2026-11-20 10:11:12 INFO",
        "2026-11-20 10:11:13 ERROR",
        "  dioptre/photo/decode/loading.py:53 load",
        "  <elsewhere>:3 <module>",
        "  ValueError",
    ]


def test_the_report_gives_no_names_away(private_home: Path, tmp_path: Path, dioptre: Dioptre) -> None:
    log = private_home / "log"
    log.mkdir()
    (log / "worker.log").write_text(LOG, encoding="utf-8")
    file = tmp_path / "report.zip"
    code, out, _ = dioptre("doctor", "--report", file)
    assert code == 0, out
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"findings.json", "machine.json", "packages.txt", "worker-log.txt"} <= parts.keys()
    everything = "".join(text for name, text in parts.items() if name != "packages.txt")
    for private in ("Eva", "eva", "quiet", str(Path.home()) + "/", str(private_home)):
        assert private not in everything
    assert "dioptre/photo/decode/loading.py:53" in parts["worker-log.txt"]
    code, out, err = dioptre("doctor", "--report", file)
    assert (code, out, "already exists" in err) == (1, "", True)
