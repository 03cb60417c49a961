"""The paths of installed files are short enough for Windows, where a full path has at most 259 characters."""

from __future__ import annotations

import sys
from pathlib import Path

# The rest of the path takes up to 81 characters: C:\Users\, a name of 20 characters, and
# \AppData\Local\Dioptre\data\environment-0123456789ab-2\.
LONGEST = 180


def test_no_installed_path_is_too_long_for_windows() -> None:
    environment = Path(sys.prefix)
    longest = max((str(path.relative_to(environment)) for path in environment.rglob("*")), key=len)
    assert len(longest) > 80, "this is no environment with Dioptre in it"
    assert len(longest) <= LONGEST, longest
