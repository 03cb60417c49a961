"""The lock files are complete, have hashes, and name no specific package source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

NAMES = ("build", "runtime", "distributed", "test", "lint", "uv")


def pinned(checkout: Path, name: str) -> dict[str, list[str]]:
    """Return each package's pinned versions (several if systems or Pythons differ), and check every line's form."""
    found: dict[str, list[str]] = {}
    text = (checkout / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *hashes = block.split("\\\n")
        requirement = Requirement(first.strip())
        (version,) = (specifier.version for specifier in requirement.specifier if specifier.operator == "==")
        assert hashes, f"{requirement.name} has no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}\s*", line) for line in hashes), requirement.name
        found.setdefault(canonicalize_name(requirement.name), []).append(version)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_a_pinned_package_with_hashes_and_no_address(checkout: Path, name: str) -> None:
    assert len(pinned(checkout, name)) >= (1 if name == "uv" else 3)


@pytest.mark.parametrize(
    ("extras", "name"),
    [
        ((), "runtime"),
        (("heic", "jpegxl", "raw"), "runtime"),
        (("distributed",), "distributed"),
        (("test",), "test"),
        (("lint",), "lint"),
    ],
)
def test_the_lock_holds_what_the_distribution_asks_for(checkout: Path, extras: tuple[str, ...], name: str) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    versions = pinned(checkout, name)
    for line in wanted:
        requirement = Requirement(line)
        assert canonicalize_name(requirement.name) in versions, f"run locks/update: {line} is not in {name}.txt"
        for version in versions[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(Version(version)), f"run locks/update: {line}"


def test_the_locks_agree_with_each_other(checkout: Path) -> None:
    together: dict[str, list[str]] = {}
    for name in NAMES:
        for package, versions in pinned(checkout, name).items():
            assert together.setdefault(package, versions) == versions, f"{package} differs in {name}.txt"
