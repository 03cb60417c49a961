"""What differs between systems for the reader of a message: the language, and how the installer is started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import lru_cache

INSTALL = "python3 install.py"  # as messages name it
_PLAIN = str.maketrans({"▸": ">", "…": "...", "×": "x", "\u2013": "-", "“": '"', "”": '"', "„": '"'})
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # gettext's, in its order
_DEFAULTS_TIMEOUT_S = 5


def for_this_system(text: str) -> str:
    """`text` with the installer's command as it is typed here: Windows has no python3, but its launcher."""
    return text.replace(INSTALL, "py install.py") if sys.platform == "win32" else text


def writable(text: str, encoding: str) -> str:
    """`text` with plain characters in place of those that a terminal's code page lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...] | None:
    """The user's languages, the favourite first, where the system keeps them apart from the environment.

    None where gettext shall read the environment, which always comes first.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return None
    if sys.platform == "win32":
        return _of_windows()
    if sys.platform == "darwin":
        return _of_macos()
    return None


def _of_windows() -> tuple[str, ...] | None:
    import ctypes
    import locale

    code = ctypes.windll.kernel32.GetUserDefaultUILanguage()  # type: ignore[attr-defined, unused-ignore]
    name = locale.windows_locale.get(code)
    return (name,) if name else None


def _of_macos() -> tuple[str, ...] | None:
    """`AppleLanguages`, which the Finder's programs go by; they have no LANG."""
    try:
        listed = subprocess.run(
            ["/usr/bin/defaults", "read", "-g", "AppleLanguages"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEFAULTS_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_apple_languages(listed) or None


def parse_apple_languages(listed: str) -> tuple[str, ...]:
    """The languages in what `defaults` prints: `(\\n    "de-DE",\\n    "en-DE"\\n)`, as gettext writes them."""
    return tuple(name.replace("-", "_") for name in re.findall(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*", listed))
