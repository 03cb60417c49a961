"""A worker whose network for drawings is a small fake, published by a private server.

It runs inside an editor's sandbox, from which no other server can be reached. OUT/behaviour sets the server's
behaviour (see `package_index`).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from dioptre import runtime
from dioptre_link.paths import data_dir

NETWORK = "realesr-animevideov3"  # Id, in the options, of the network that the fake replaces.


def _fetched_folder() -> Path:
    """Return a folder for downloads outside the folder of bundled weights, which the sandbox mounts read-only."""
    return data_dir() / "fetched"


def main() -> None:
    runtime.prepare()  # This must precede the imports of JAX below.
    runtime.prepare = lambda: None
    from dioptre.checkpoints import locate
    from dioptre.models import adding, registry
    from dioptre.worker.__main__ import serve

    from ..models import package_index
    from ..models.pretended import ENTRY

    class Index(package_index.Index):
        """Package index whose behaviour is read from a file."""

        @property  # type: ignore[override]
        def behaviour(self) -> str:
            file = Path(os.environ["DIOPTRE_TEST_OUT"]) / "behaviour"
            return file.read_text(encoding="utf-8").strip() if file.exists() else "good"

        @behaviour.setter
        def behaviour(self, _: str) -> None:
            """Do nothing, because the file determines the behaviour."""

    registry.ENTRIES[NETWORK] = replace(ENTRY, id=NETWORK, checkpoints={NETWORK: ""})  # type: ignore[index]
    locate.added_folder = adding.added_folder = _fetched_folder
    locate.weights_folders = lambda: (data_dir() / "weights", _fetched_folder())
    package_index.Index = Index  # type: ignore[misc]
    os.environ |= {"PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0", "PIP_TIMEOUT": "30"}
    with package_index.running() as index:
        os.environ["PIP_INDEX_URL"] = index.url
        serve()


if __name__ == "__main__":
    main()
