"""The plug-ins reach the editors' API and toolkits through few files, which have the same names in both."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MOST_FILES = 5
FOLDERS = {"gi": "plugin/gimp/dioptre/dioptre_gimp", "krita": "plugin/krita/dioptre"}
# What only one editor has: GIMP's procedures and dialogs, and Krita's docker, scripts and undo history.
ONE_EDITORS = {
    "gi": {"arguments", "dialog", "drawing", "recipe_dialog", "tiles"},
    "krita": {"docker", "lists", "scripting", "session", "tint", "undo_sync"},
}

CLASSES = {"Gimp", "Gegl"}
# GIMP's procedures and their settings are an API of their own, which `plugin` and `arguments` handle.
ALLOWED = (
    "Gimp.RunMode.",
    "Gimp.PDB",
    "Gimp.Procedure",
    "Gimp.ImageProcedure.",
    "Gimp.Choice.",
    "Gimp.FileChooser",
)


def sources(checkout: Path, api: str) -> list[Path]:
    return sorted((checkout / FOLDERS[api]).glob("*.py"))


def imported(source: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("api", FOLDERS)
def test_few_files_import_the_editors_api(checkout: Path, api: str) -> None:
    users = [source.name for source in sources(checkout, api) if api in imported(source)]
    assert "document.py" in users
    assert len(users) <= MOST_FILES, users


@pytest.mark.parametrize("api", FOLDERS)
def test_other_files_use_the_editors_classes_as_types_only(checkout: Path, api: str) -> None:
    """A file that gets the editor's classes from `document` may name them as types, not call them."""
    used = []
    for source in sources(checkout, api):
        if api in imported(source):
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                whole, owner = ast.unparse(node), node.value.value
                if isinstance(owner, ast.Name) and owner.id in CLASSES and not whole.startswith(ALLOWED):
                    used.append(f"{source.name}: {whole}")
            elif isinstance(node, ast.Name) and node.id == "Krita":
                used.append(f"{source.name}: {node.id}")
    assert used == []


def test_one_file_imports_qt(checkout: Path) -> None:
    users = [source.name for source in sources(checkout, "krita") if {"PyQt5", "PyQt6"} & imported(source)]
    assert users == ["toolkit.py"]


def test_both_plugins_have_the_same_files(checkout: Path) -> None:
    gimp, krita = ({source.stem for source in sources(checkout, api)} - ONE_EDITORS[api] for api in FOLDERS)
    assert gimp == krita


@pytest.mark.parametrize("api", FOLDERS)
def test_no_import_circles(checkout: Path, api: str) -> None:
    """An import circle is found only when an editor opens the first dialog, because type checkers accept it."""
    files = {source.stem: source for source in sources(checkout, api)}
    left = {name: imported_beside(source) & set(files) for name, source in files.items()}
    while ready := [name for name, needed in left.items() if not needed & set(left)]:
        for name in ready:
            del left[name]
    assert left == {}


def imported_beside(source: Path) -> set[str]:
    """Return the modules of the same folder that a file imports when it is loaded."""
    names: set[str] = set()
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return names
