"""Collect the materials of the rendered scenes from three Debian packages and the fetched photographs.

    apt-get download sweethome3d-furniture supertuxkart-data libllvm19
    python -m training.depth.assets ASSETS --packages FOLDER --photos DATA/photos

ASSETS/furniture contains models of Sweet Home 3D (CC BY 3.0 and CC0, see the package's copyright file);
ASSETS/surfaces, tileable textures of SuperTuxKart (mostly CC BY-SA, some CC0, CC BY, GPL; see its copyright file);
ASSETS/photos, a link to the photographs; ASSETS/llvm, the compiler that Mitsuba needs. The script
prints the value for DRJIT_LIBLLVM_PATH.
"""

import argparse
import hashlib
import re
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

_NO_SURFACE = re.compile(
    r"skybox|sky|_nm|norm|alpha|_n\.|screenshot|cutscene|flag|sign|light|water|sea|lava|gloss|spec|kart|preview|"
    r"minimap|_tip|banner|emit|deprecated"
)
_UNUSED = ("--exclude=*.spm", "--exclude=*.ogg", "--exclude=*.b3d", "--exclude=*.png")


def unpack(package: Path, target: Path) -> None:
    """Extract a Debian package, without SuperTuxKart's sounds and models."""
    target.mkdir(parents=True, exist_ok=True)
    read = ["dpkg-deb", "--fsys-tarfile", str(package)]
    write = ["tar", "-x", "-C", str(target), *_UNUSED]
    with subprocess.Popen(read, stdout=subprocess.PIPE) as archive:
        subprocess.run(write, stdin=archive.stdout, check=True)


def choose_surfaces(tree: Path, target: Path) -> int:
    """Copy the textures that look like walls or floors, and return how many there are.

    Skies, normal maps and cut-outs are excluded by name and by colour, duplicates by their digest.
    """
    target.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for path in sorted(tree.rglob("*.jpg")):
        inside = str(path.relative_to(tree)).lower().partition("data/")[2]
        if not re.match(r"(textures|tracks|library)/", inside) or _NO_SURFACE.search(inside):
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        image = Image.open(path).convert("RGB")
        if digest in seen or min(image.size) < 96 or max(image.size) / min(image.size) > 2.2:
            continue
        small = np.asarray(image.resize((64, 64)), np.float32)
        red, _, blue = mean = small.mean((0, 1))
        extreme = (small.mean(-1) < 12).mean() + (small.mean(-1) > 243).mean()
        if (blue > 190 and red < 160) or extreme > 0.35 or mean.mean() < 18:
            continue
        image.save(target / f"{len(seen):03d}.jpg", quality=92)
        seen.add(digest)
    return len(seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    unpacked = options.assets / "packages"
    for package in sorted(options.packages.glob("*.deb")):
        unpack(package, unpacked)
    links = {
        "furniture": unpacked / "usr/share/sweethome3d/furniture",
        "photos": options.photos,
        "llvm": unpacked / "usr/lib",
    }
    for name, target in links.items():
        link = options.assets / name
        if not link.exists():
            link.symlink_to(target.resolve())
    print(f"{choose_surfaces(unpacked, options.assets / 'surfaces')} surfaces")
    for library in sorted(unpacked.rglob("libLLVM.so.*")):
        print(f"export DRJIT_LIBLLVM_PATH={library.resolve()}")


if __name__ == "__main__":
    main()
