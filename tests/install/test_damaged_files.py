"""Damaged files of an installation are done again or named, whatever is in their place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dioptre_link import paths
from installer import environment, extras, plugins, weights
from installer.console import Console, Failure
from installer.environment import Folders, Installer

NESTED = "[" * 100_000
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "nested": lambda path: path.write_text(NESTED, encoding="ascii"),
    "other": lambda path: path.write_text("5", encoding="ascii"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "folder": Path.mkdir,
}
if sys.platform != "win32":
    DAMAGES["fifo"] = os.mkfifo


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_counts_as_missing(tmp_path: Path, damage: str) -> None:
    where = Folders(checkout=tmp_path, data=tmp_path, cache=tmp_path, log=tmp_path, paths=paths)
    names = (paths.POINTER, environment.MARKER, extras.RECORD, plugins.RECORD, "card.json")
    for name in names:
        DAMAGES[damage](tmp_path / name)
    assert where.environment == tmp_path / "environment"
    assert environment.read_marker(tmp_path) == {}
    assert extras.chosen(tmp_path) == ()
    assert plugins.in_an_editor(where) is False
    assert weights.unaltered(tmp_path) is False
    with pytest.raises(Failure, match="not a model card"):
        list(weights._files(tmp_path))


def test_a_disk_without_symbolic_links_is_named(tmp_path: Path) -> None:
    """What venv says on exFAT; it once led to the hint to check the internet connection."""
    where = SimpleNamespace(log=tmp_path, log_file=tmp_path / "install.log", data=tmp_path, cache=tmp_path)
    installer = Installer(where, Console(), 0)  # type: ignore[arg-type]
    words = "The environment could not be created"
    said = f"Error: [Errno 1] Operation not permitted: 'lib' -> '{tmp_path.as_posix()}/lib64'"
    with pytest.raises(Failure, match=words) as failed:
        installer._run([sys.executable, "-c", f"import sys; sys.exit({said!r})"], what=words)
    assert "symbolic links" in failed.value.hint
    assert "DIOPTRE_HOME" in failed.value.hint
