"""Little is imported before it is needed: for help and usage errors almost nothing, for pictures no Flax."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import json, sys
from dioptre.cli import main
sys.argv = ["dioptre", *sys.argv[1:]]
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
_LATE = {
    *("jax", "numpy", "scipy", "flax", "PIL"),
    *("ctypes", "email", "importlib.metadata", "logging.handlers", "secrets", "socket", "subprocess", "zipfile"),
    *("dioptre.cli.findings", "dioptre.editors", "dioptre_link.client", "dioptre_link.start"),
}


@pytest.mark.parametrize("arguments", [("run", "--help"), ("depht",)])
def test_help_and_usage_errors_import_little(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    modules = set(json.loads(ended.stderr.splitlines()[-1]))
    assert "dioptre.cli.operations" in modules
    assert not modules & _LATE


def test_the_import_of_a_portrait_leaves_out_flax() -> None:
    """Flax takes half a second, and only networks without a stored program need it."""
    program = "import sys, dioptre.caching.caches, dioptre.features.blur.portrait_blur, dioptre.recipes.on_file"
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}; print('jax' in sys.modules, 'flax' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("depht", 2)])
def test_the_end_of_the_process_keeps_its_exit_code_and_handlers(argument: str, code: int) -> None:
    program = (
        "import atexit, sys\n"
        "from dioptre.__main__ import main\n"
        "atexit.register(print, 'cleaned up', flush=True)\n"
        "sys.argv = ['dioptre', sys.argv[1]]\n"
        "main()\n"
        "print('not reached')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ended.stdout.splitlines()[-1] == "cleaned up"
