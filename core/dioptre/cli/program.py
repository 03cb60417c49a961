"""How the reader starts this command line, for usage lines and hints.

Messages name commands as `dioptre COMMAND`. A reader who started it through install.py has no `dioptre` on the
PATH, and reads `python3 install.py COMMAND` instead.
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
    """What to type before a command's name."""
    if given := os.environ.get(VARIABLE):
        return given
    typed = Path(sys.argv[0])
    if typed.stem == _NAME and shutil.which(_NAME) is None:
        return shlex.quote(sys.argv[0])
    return _NAME


def for_reader(text: str) -> str:
    """`text` with the commands that it names as this reader types them."""
    return _COMMAND.sub(lambda _: program(), text)
