"""Write the bundled head's values to a file, to continue their training.

python -m training.subject.bundled HEAD.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dioptre import runtime

runtime.prepare()

from flax import nnx

from dioptre.models.loading import load_model
from training.values import save_network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    loaded = load_model("dioptre-subject")
    save_network(nnx.state(nnx.merge(loaded.graph, loaded.state).head), parser.parse_args().out)


if __name__ == "__main__":
    main()
