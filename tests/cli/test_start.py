"""Help and usage errors appear at once, because the command line imports little before it knows what to do."""

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


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("depht",)])
def test_help_and_usage_errors_import_little(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=False
    )
    modules = set(json.loads(ended.stderr.splitlines()[-1]))
    assert "dioptre.cli.operations" in modules
    assert not modules & _LATE
