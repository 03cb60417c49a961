"""A real GIMP answers the installer's queries correctly."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ...editors.host import CHECKOUT
from .conftest import Gimp

pytestmark = pytest.mark.editor


def test_gimp_says_whether_the_plugin_is_there(make_gimp: Callable[[], Gimp]) -> None:
    gimp = make_gimp()
    if gimp.tree is None:
        pytest.skip("changes an installation: only in a sandbox of its own")
    done = gimp.tree.run(
        ["python3", "/inside/ask.py", str(CHECKOUT)], binds=gimp.binds(), writable=gimp.writable(), limit_s=600
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["version"].startswith(gimp.series)
    assert (said["installed"], said["not executable"], said["removed"]) == (True, False, False)
    assert "gimp-plugin-executable" in said["findings"]
