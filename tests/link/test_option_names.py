"""Outside its package and its description, no code knows an operation or an option by a literal name.

Code that needs to know what an option means asks the operation, or takes the name from its description in the
catalogue, so that a renamed or a new option is one change in one place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from dioptre_link.catalogue import OPERATIONS

OPTIONS = {parameter.name for operation in OPERATIONS.values() for parameter in operation.parameters}
NAMES = OPTIONS | set(OPERATIONS)
OWN = ("core/dioptre/features/", "core/dioptre_link/catalogue/", "core/dioptre_link/migrations.py")
"""Where the names are defined: the features, their descriptions, and the migrations of earlier names."""

SHAPE = {"anamorphic", "blade_curvature", "blade_rotation", "blades", "cats_eye"}

ALLOWED: dict[str, tuple[set[str], str]] = {
    "core/dioptre/__init__.py": (set(OPERATIONS), "Python functions that have the names of operations"),
    "core/dioptre/cli/process.py": ({"depth_model"}, "a value of the result"),
    "core/dioptre/optics/aperture.py": ({"cats_eye"}, "a field of Aperture"),
    "core/dioptre/recipes/follow.py": ({"depth_source"}, "a value of the result"),
    "core/dioptre_link/editing/bokeh.py": (SHAPE, "draws the disc of these options for dialogs, with presets"),
    "core/dioptre_link/editing/depth_names.py": ({"equivalent_mm"}, "a field of DepthMetres"),
    "plugin/gimp/dioptre/dioptre_gimp/filming.py": (
        {"fps", "masks"},
        "writes the file of a film, which only films have",
    ),
    "plugin/krita/dioptre/filming.py": ({"fps", "masks"}, "writes films alone"),
    "core/dioptre_link/metres.py": ({"equivalent_mm"}, "a field of DepthMetres"),
}
"""Names that are allowed in a file, and why."""


def option_like(node: ast.expr) -> bool:
    """Whether an expression holds options by name."""
    return ast.unparse(node).removesuffix("()").rstrip(")").endswith(("options", "chosen"))


def names_in(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the constants that a node uses as names of options or of operations."""
    match node:
        case ast.Subscript(value=held, slice=ast.Constant() as name) if option_like(held):
            yield name
        case ast.Call(func=ast.Attribute(value=held, attr="get" | "pop"), args=[ast.Constant() as name, *_]) if (
            option_like(held)
        ):
            yield name
        case ast.Compare(left=ast.Constant() as name, comparators=[held]) if option_like(held):
            yield name
        case ast.Compare(left=ast.Attribute(attr="name" | "operation"), comparators=[ast.Constant() as name]):
            yield name
        case ast.Constant(value=str() as text) if "_" in text:
            yield node


def named(source: str) -> set[str]:
    """Return the names of options and operations that a module uses literally."""
    found = (name.value for node in ast.walk(ast.parse(source)) for name in names_in(node))
    return {name for name in found if isinstance(name, str) and name in NAMES}


def modules(checkout: Path) -> Iterator[tuple[str, Path]]:
    for folder in ("core", "plugin"):
        for path in sorted((checkout / folder).rglob("*.py")):
            name = path.relative_to(checkout).as_posix()
            if not name.startswith(OWN):
                yield name, path


def test_no_code_knows_an_option_by_its_literal_name(checkout: Path) -> None:
    unknown = {}
    for name, path in modules(checkout):
        extra = named(path.read_text(encoding="utf-8")) - ALLOWED.get(name, (set(), ""))[0]
        if extra:
            unknown[name] = sorted(extra)
    assert not unknown


def test_every_exception_is_needed(checkout: Path) -> None:
    sources = dict(modules(checkout))
    for name, (allowed, reason) in ALLOWED.items():
        assert reason
        assert named(sources[name].read_text(encoding="utf-8")) & allowed


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('step.options["scale"]', {"scale"}),
        ('options.get("grain", 0)', {"grain"}),
        ('"neutral" in options', {"neutral"}),
        ('parameter.name == "scale"', {"scale"}),
        ('step.operation == "portrait"', {"portrait"}),
        ('names = ("depth_model", "refine")', {"depth_model"}),
        ('message["result"]', set()),
    ],
)
def test_the_scan_finds_names(source: str, found: set[str]) -> None:
    assert named(source) == found
