"""Fetch the training pictures from public repositories; none of them belongs to this project.

    python -m training.depth.fetch DATA [--mirror FOLDER]

DATA/nyu receives the labelled set of NYU Depth v2 (see `nyu.py`) and its official split. DATA/photos receives those
photographs of the codec corpus that are free to use (CLIC 2025: Unsplash licence; CID22: CC BY-SA 4.0; never Kodak,
which is a test set). --mirror is a folder with existing clones OWNER+NAME (bare or not), used instead of the
network.
"""

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import nyu

SEEN_IN_EVALUATION = frozenset(
    [
        "aed95e005df28e790519eefb6eb1e565.png",
        "e0d8e29cadfc99663c7d1a4a5afe20c454ec54d0d873776ec397c59405c74790.png",
        "ff32adfa29d4b5de26293352f53cc983d12d3ededd71fe65ca0ef0d887be65c4.png",
    ]
)
"""Photographs of CLIC 2025 by which the product is judged; they are not trained on."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Files to take from a repository at a commit.

    Attributes:
        repository: OWNER/NAME on GitHub.
        commit: Full hash.
        source: Path below which the files lie.
        endings: Endings of the files' names.
        target: Folder below DATA that receives the files.
    """

    repository: str
    commit: str
    source: str
    endings: tuple[str, ...]
    target: str


WANTED = (
    Wanted(
        repository="pippy360/redofcrn",
        commit="6874185b13a2066a12ca304f470e1c9bc9f9d53a",
        source="data/nyu_datasets/",
        endings=(".jpg", ".png"),
        target=f"nyu/{nyu.FRAMES}",
    ),
    Wanted(
        repository="markshih91/refinenet_pytorch",
        commit="109cc25300c5c545c7b732b2f4daa97b0755468b",
        source="data/nyu_depths/",
        endings=(".png",),
        target=f"nyu/{nyu.DEPTHS}",
    ),
    Wanted(
        repository="TUI-NICR/ESANet",
        commit="f72ea8a5ddb9dee6cea145d5309a27f521c4f376",
        source="src/datasets/nyuv2/splits.mat",
        endings=("splits.mat",),
        target="nyu",
    ),
    *(
        Wanted(
            repository="imazen/codec-corpus",
            commit="55decfe826d350815e3af3b5ac69b882fb2943d3",
            source=source,
            endings=(".png",),
            target="photos",
        )
        for source in ("CID22/CID22-512/", "clic2025/")
    ),
)


def fetch(wanted: Wanted, data: Path, *, clones: Path) -> int:
    """Write the files that the clone contains, and return their number; a partial clone may lack some."""
    git = ["git", "-c", "safe.directory=*", "-C", str(_clone(wanted.repository, clones))]
    tree = _run([*git, "ls-tree", "-r", wanted.commit, "--", wanted.source]).decode("utf-8")
    folder = data / wanted.target
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for line in tree.splitlines():
        about, _, path = line.partition("\t")
        if not path.endswith(wanted.endings) or Path(path).name in SEEN_IN_EVALUATION:
            continue
        target = folder / Path(path).name
        blob = subprocess.run([*git, "cat-file", "blob", about.split()[2]], capture_output=True, check=False)
        if blob.returncode == 0 and not target.exists():
            target.write_bytes(blob.stdout)
        written += blob.returncode == 0
    return written


def _clone(repository: str, clones: Path) -> Path:
    mirrored = sorted((clones / repository.replace("/", "+")).rglob("HEAD"), key=lambda path: len(path.parts))
    if mirrored:
        return mirrored[0].parent
    target = clones / repository.replace("/", "+")
    _run(["git", "clone", "--bare", f"https://github.com/{repository}.git", str(target)])
    return target


def _run(command: list[str]) -> bytes:
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--mirror", type=Path)
    options = parser.parse_args()
    for wanted in WANTED:
        count = fetch(wanted, options.data, clones=options.mirror or options.data / "clones")
        print(f"{count} files of {wanted.repository}: {wanted.source}")
    train, test = nyu.official_split(options.data / "nyu")
    print(
        f"{len(nyu.training_numbers(options.data / 'nyu'))} of {len(train)} frames to train on, {len(test)} to test"
    )


if __name__ == "__main__":
    main()
