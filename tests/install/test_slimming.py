"""Packages still work without the files that the installer removes."""

from __future__ import annotations

import base64
import csv
import ctypes
import hashlib
import importlib
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from installer import slimming

SOURCE = """
static int helper_with_a_long_name(int value) { return value * 3; }
int tripled(int value) { return helper_with_a_long_name(value); }
"""


LEFT_OUT = ("scipy.libs/libscipy_openblas-6c.so", "scipy/.dylibs/libgfortran.5.dylib")
KEPT = ("scipy.libs/msvcp140.dll", "scipy/.dylibs/libgcc_s.1.1.dylib")


def scipy_of(folder: Path) -> Path:
    """Create a package that looks like SciPy, and return its RECORD."""
    record = package(
        folder,
        *(f"scipy/{part}__init__.py" for part in ("", "ndimage/", "stats/", "special/")),
        *("scipy/stats/_x/y.py", *LEFT_OUT, *KEPT),
    )
    info = folder / "scipy-1.2.dist-info"
    record.parent.rename(info)
    text = (info / "RECORD").read_text(encoding="utf-8").replace("some-1.0", "scipy-1.2")
    (info / "RECORD").write_text(text, encoding="utf-8")
    return info / "RECORD"


def digest(path: Path) -> str:
    content = hashlib.sha256(path.read_bytes()).digest()
    return f"sha256={base64.urlsafe_b64encode(content).rstrip(b'=').decode()}"


def package(folder: Path, *names: str) -> Path:
    """Create a package with these files, as pip installs it, and return its RECORD."""
    record = folder / "some-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    rows = [[name, digest(folder / name), str(len(name))] for name in names]
    with record.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([*rows, ["some-1.0.dist-info/RECORD", "", ""]])
    return record


def test_tests_and_files_for_compilers_go_and_nothing_else(tmp_path: Path) -> None:
    kept = ("some/__init__.py", "some/testing.py", "tests/own.py", "some/tests.py", "some/part/tests_of/x.py")
    kept += ("own_test.py", "cffi/parse.h", "some/x.pyi")
    tests = ("some/tests/__init__.py", "some/part/tests/data/x.bin", "some/part/x_test.py")
    compiled = ("some/__pycache__/testing.cpython-311.pyc", "some/x.pyx", "some/include/x.h")
    record = package(tmp_path, *kept, *tests, *compiled)
    (tmp_path / "other/tests").mkdir(parents=True)
    (tmp_path / "other/tests/theirs.py").write_text("", encoding="utf-8")  # No package's RECORD lists this file.
    slimming.slim(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        *kept,
        "other/tests/theirs.py",
        "some-1.0.dist-info/RECORD",
    }
    assert not (tmp_path / "some/tests").exists()
    assert not (tmp_path / "some/part/tests").exists()
    assert not (tmp_path / "some/__pycache__").exists()
    with record.open(encoding="utf-8", newline="") as file:
        listed = [row[0] for row in csv.reader(file)]
    assert listed == [*kept, "some-1.0.dist-info/RECORD"]


@pytest.mark.skipif(sys.platform != "linux", reason="ELF libraries")
def test_a_library_without_symbol_tables_loads_and_is_smaller(tmp_path: Path) -> None:
    if (compiler := shutil.which("gcc") or shutil.which("cc")) is None:
        pytest.skip("no C compiler here")
    source, library = tmp_path / "some.c", tmp_path / "some" / "lib.so.1"
    names = "\n".join(f"static int s{number}_{'x' * 200}(void) {{ return {number}; }}" for number in range(600))
    calls = "+".join(f"s{number}_{'x' * 200}()" for number in range(600))
    source.write_text(f"{SOURCE}{names}\nint all(void) {{ return {calls}; }}\n", encoding="utf-8")
    record = package(tmp_path, "some/lib.so.1")
    subprocess.run([compiler, "-shared", "-fPIC", "-O0", "-o", str(library), str(source)], check=True)
    before = library.stat().st_size
    slimming.slim(tmp_path)
    assert library.stat().st_size < before - 100_000
    with record.open(encoding="utf-8", newline="") as file:
        row = next(csv.reader(file))
    assert row == ["some/lib.so.1", digest(library), str(library.stat().st_size)]
    loaded = ctypes.CDLL(str(library))
    assert loaded.tripled(14) == 42
    assert loaded.all() == sum(range(600))
    size = library.stat().st_size
    slimming.slim(tmp_path)
    assert library.stat().st_size == size


def test_a_part_that_is_left_out_says_how_to_add_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = scipy_of(tmp_path)
    for _ in range(2):
        slimming.slim(tmp_path)
        assert not (tmp_path / "scipy/stats/_x").exists()
        assert not any((tmp_path / name).exists() for name in LEFT_OUT)
        with record.open(encoding="utf-8", newline="") as file:
            rows = {row[0]: row[1:] for row in csv.reader(file)}
        placeholder = tmp_path / "scipy/stats/__init__.py"
        assert rows["scipy/stats/__init__.py"] == [digest(placeholder), str(placeholder.stat().st_size)]
        assert set(rows) == {
            "scipy/__init__.py",
            "scipy/ndimage/__init__.py",
            "scipy/special/__init__.py",
            "scipy/stats/__init__.py",
            *KEPT,
            "scipy-1.2.dist-info/RECORD",
        }
    with pytest.raises(ImportError, match=r"pip install --force-reinstall --no-deps scipy==1\.2"):
        exec(placeholder.read_text(encoding="utf-8"))
    monkeypatch.syspath_prepend(tmp_path / "scipy")
    monkeypatch.delitem(sys.modules, "special", raising=False)
    special = importlib.import_module("special")  # SciPy's image functions import it, and do not use it.
    assert getattr(special, "__warningregistry__", None) is None
    with pytest.raises(ImportError, match=r"leaves out scipy\.special"):
        _ = special.expit
    assert slimming.lacking(tmp_path) == ["scipy"]


IMPORTS = """
import importlib, json, pkgutil, sys
import dioptre
for module in pkgutil.walk_packages(dioptre.__path__, "dioptre."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(json.dumps(sorted(name for name in sys.modules if name.startswith(("numpy.", "scipy.")))))
"""


def test_dioptre_imports_nothing_that_is_left_out() -> None:
    """The environment of an installation has no such modules, so that a test must import Dioptre without them."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    loaded = {name.split(".")[1] for name in modules if name.startswith("scipy.")}
    assert "ndimage" in loaded
    assert loaded & slimming._UNUSED["scipy"] == slimming._IMPORTED
    assert "numpy._core" in modules
    assert not modules & {".".join(parts) for parts in slimming._UNUSED_MODULES}


LOAD = """
import ctypes, pathlib, sys
import jax, numpy, scipy.ndimage
failed = []
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.so*")):
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        failed.append(str(error))
print(*failed, sep="\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ELF libraries")
def test_every_library_of_the_environment_loads() -> None:
    folder = sysconfig.get_path("platlib")
    done = subprocess.run([sys.executable, "-c", LOAD, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
