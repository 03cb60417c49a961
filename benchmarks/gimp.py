"""Measure how long a GIMP user waits for Dioptre, from OK to the new layers, in a real GIMP in the tests' sandbox.

    python -m benchmarks.gimp --tree FOLDER [--sizes 2,12,24] [--cache FOLDER] [--json FILE]

FOLDER is an editor tree that tests/editors/tree has built. Jobs run one after the other without a dialog, on the
example photo scaled to each size. The plug-in starts the worker itself; --cache is the folder of compiled programs,
and with a new folder everything has to be compiled first. "wall" is the time from the call of the procedure until
it returns, when the layers exist; worker CPU seconds depend less on other work on the machine. Peaks are resident
set sizes, libraries included. Afterwards a script operates the portrait dialog on a virtual screen; with --sizes ""
only that part runs.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dioptre.editors import gimp_plugin
from tests.editors.host import CHECKOUT, HOME, ProductPython, Tree

LIMIT_S = 3600
GIMPRC = '(config-version "{version}")\n(show-welcome-dialog no)\n(check-updates no)\n(color-profile-policy keep)\n'
PHOTO = "examples/coffee.jpg"
PLAIN = {"DIOPTRE_ACCELERATOR": "none"}  # Environment of a default installation, which has no optional accelerator.
PREVIEWS = re.compile(r"INFO ((?:Draft|Preview) by .*: [\d.]+ s)$", re.MULTILINE)
LOGGED = re.compile(r"INFO ((?:Read|Made) .*: [\d.]+ s)$", re.MULTILINE)


def measure(folder: Path, *, sizes: str, cache: Path, out: Path) -> dict[str, Any]:
    """Install the plug-in into a new home, run all jobs and the dialog, and collect the results.

    Args:
        folder: The editor tree.
        sizes: Megapixels, separated by commas; empty to run only the dialog.
        cache: Folder for compiled programs.
        out: Folder for the home and the results.

    Returns:
        The GIMP version, the timed jobs, the logged pixel transfers, and the waiting times of the dialog and of the
        previews.

    Raises:
        SystemExit: GIMP did not finish; the message is the end of its output.
    """
    tree = Tree(folder, out / "home")
    version = tree.package_version("gimp")
    series = ".".join(version.split(".")[:2])
    config = tree.home / ".config/GIMP" / series
    config.mkdir(parents=True)
    (config / "gimprc").write_text(GIMPRC.format(version=version), encoding="utf-8")
    folders = {name: Path(HOME) / "dioptre" / name for name in ("data", "cache", "log")}
    gimp_plugin.install(CHECKOUT, gimp_plugin.Home(config, "benchmark"), folders)
    code = "exec(compile(open('/inside/inside_gimp.py').read(), 'inside_gimp.py', 'exec'), {'__name__': 'inside'})"
    binds: dict[Path | str, str] = {
        **ProductPython().binds(),
        CHECKOUT / "benchmarks": "/inside",
        CHECKOUT / "weights": f"{HOME}/dioptre/data/weights",
    }
    (out / "left").mkdir()
    done = tree.run(
        [
            *(f"gimp-console-{series}", "-i", "-d", "-f", "--batch-interpreter", "python-fu-eval"),
            *("-b", code, "--quit"),
        ],
        binds=binds,
        writable={out / "left": "/out", cache: f"{HOME}/dioptre/cache"},
        environment={
            "OUT": "/out",
            "SIZES": sizes,
            "PHOTO": str(CHECKOUT / PHOTO),
            "DIOPTRE_PYTHON": str(ProductPython().python),
            **PLAIN,
        },
        limit_s=LIMIT_S,
    )
    left = out / "left/gimp.json"
    if not left.exists():
        raise SystemExit(done.stdout[-4000:])
    log = tree.home / "dioptre/log/gimp.log"
    pixels = LOGGED.findall(log.read_text(encoding="utf-8"))
    log.unlink()
    waits = used(tree, series, binds, cache, out)
    return {
        "gimp": version,
        "rows": json.loads(left.read_text(encoding="utf-8")),
        "pixels": pixels,
        "dialog": waits,
        "previews": PREVIEWS.findall(log.read_text(encoding="utf-8")),
    }


def used(tree: Tree, series: str, binds: Mapping[Path | str, str], cache: Path, out: Path) -> list[str]:
    """Operate the portrait dialog and return its waiting times, one line each."""
    done = tree.run(
        ["bash", "/inside/inside_gimp_dialog.sh", f"gimp-{series}"],
        binds={**binds, CHECKOUT / "tests/plugin/gimp/inside": "/tests"},
        writable={out / "left": "/out", cache: f"{HOME}/dioptre/cache"},
        environment={"OUT": "/out", "DIOPTRE_PYTHON": str(ProductPython().python), **PLAIN},
        gui=True,
        limit_s=LIMIT_S,
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])
    return (out / "left/dialog.txt").read_text(encoding="utf-8").splitlines()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time Dioptre's jobs in a real GIMP.")
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--sizes", default="2,12,24")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dioptre-gimp-") as folder:
        out = Path(folder)
        cache = options.cache or out / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        found = measure(options.tree, sizes=options.sizes, cache=cache, out=out)
    print(f"GIMP {found['gimp']}")
    print("| job | MP | wall, s | worker CPU, s | GIMP's peak, MB | worker's peak, MB | load |")
    print("|---|---|---|---|---|---|---|")
    names = ("what", "megapixels", "wall_s", "worker_cpu_s", "gimp_peak_mb", "worker_peak_mb", "load")
    for row in found["rows"]:
        print("| " + " | ".join(str(row.get(name, "")) for name in names) + " |")
    print(*found["dialog"], *found["previews"], sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
