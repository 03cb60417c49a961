"""The link needs only Python 3.10 and its standard library."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracked import tracked

MINIMUM = (3, 10)
PROGRAMS = ("test_wire", "test_start", "test_sandbox", "test_bad_worker", "test_client", "test_client_lifetime")
TIMEOUT_S = 300


def sources(checkout: Path) -> list[Path]:
    found = list(tracked("core/dioptre_link/**/*.py"))
    assert len(found) >= 7
    return found


def test_imports_only_the_standard_library_and_itself(checkout: Path) -> None:
    for source in sources(checkout):
        tree = ast.parse(source.read_text(encoding="utf-8"), feature_version=MINIMUM)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                assert name.partition(".")[0] in sys.stdlib_module_names, f"{source.name} imports {name}"


def test_a_bare_python_imports_every_module(checkout: Path) -> None:
    paths = [source.relative_to(checkout / "core").with_suffix("") for source in sources(checkout)]
    modules = [".".join(path.parts) for path in paths if path.name != "__init__"]
    loaded = f"import {', '.join(modules)}, sys; print(*sorted(sys.modules))"
    bare = [sys.executable, "-S", "-W", "error", "-c", loaded]
    environment = {"PYTHONPATH": str(checkout / "core")}
    done = subprocess.run(bare, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"numpy", "jax", "dioptre"} & packages


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_links_tests_pass_on_a_bare_minimum_python(program: str, checkout: Path) -> None:
    python = minimum_python()
    if python is None:
        pytest.skip(f"no Python {MINIMUM[0]}.{MINIMUM[1]} on this machine")
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout / "core"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DIOPTRE_TEST_PYTHON": sys.executable,
    }
    command = [python, "-S", "-W", "error", "-m", "unittest", f"tests.link.{program}"]
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "OK" in done.stderr


def minimum_python() -> str | None:
    """Return a working Python of the minimum version, on PATH or from pyenv, or None."""
    name = f"python{MINIMUM[0]}.{MINIMUM[1]}"
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(name), *map(str, versions.glob(f"{MINIMUM[0]}.{MINIMUM[1]}*/bin/{name}"))]
    for candidate in filter(None, candidates):
        ask = [candidate, "-c", "import sys; print(sys.version_info[:2])"]
        try:
            done = subprocess.run(ask, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except OSError:
            continue
        if done.stdout.strip() == str(MINIMUM):
            return candidate
    return None
