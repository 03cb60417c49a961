"""What MkDocs calls while it builds the site: takes out what would be loaded from elsewhere."""

from __future__ import annotations

import re
from typing import Any

_FOREIGN_SCRIPT = re.compile(r'<script src="https?://[^"]*"></script>')


def on_post_page(output: str, **_: Any) -> str:
    """The theme's search would fetch a helper for pages opened from the disk; the pages work without."""
    return _FOREIGN_SCRIPT.sub("", output)


def on_post_template(output_content: str, **_: Any) -> str:
    """As for the pages; this is the one for what is not found."""
    return _FOREIGN_SCRIPT.sub("", output_content)
