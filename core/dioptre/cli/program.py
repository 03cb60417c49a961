"""The name of this command line for usage lines and hints, depending on how the user started it.

Messages name commands as `dioptre COMMAND`. Users who started it through install.py have no `dioptre` on the PATH;
for them, commands are shown as `python3 install.py COMMAND`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

VARIABLE = "DIOPTRE_PROGRAM"  # set by install.py
_NAME = "dioptre"
_COMMAND = re.compile(rf"(?<=['`]){_NAME}(?= [a-z])|(?<=: ){_NAME}(?= [a-z])")


def program() -> str:
    """Return the text to type before the name of a command."""
    if given := os.environ.get(VARIABLE):
        return given
    typed = Path(sys.argv[0])
    if typed.stem == _NAME and shutil.which(_NAME) is None:
        return shlex.quote(sys.argv[0])
    return _NAME


def for_reader(text: str) -> str:
    """Rewrite the commands in a text as this user must type them."""
    return _COMMAND.sub(lambda _: program(), text)
