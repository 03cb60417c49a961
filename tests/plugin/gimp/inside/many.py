"""Runs JOBS jobs in a row, each in a new image, and records the resources left after each. Runs inside GIMP."""

import os
import time
from pathlib import Path

from rig import Gimp, files_left, leave, new_depth, new_image, succeed

JOBS = int(os.environ["JOBS"])
EXCHANGE = Path.home() / "dioptre/data/worker/exchange"


def commands():
    """Return the command of every running process, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
    return found


def resident_bytes(process):
    """Return the process's anonymous memory in bytes, without files and shared memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def settle(seconds=180.0):
    """Wait until the worker has warmed up, which is when it stops using processor time."""
    worker = next(number for number, command in commands().items() if "dioptre.worker" in command)

    def ticks():
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    end, before = time.monotonic() + seconds, -100
    while (now := ticks()) - before > 5 and time.monotonic() < end:
        before = now
        time.sleep(2)


def state():
    running = commands()
    gimp = next(number for number, command in running.items() if "gimp-console" in Path(command[0]).name)
    worker = next(number for number, command in running.items() if "dioptre.worker" in command)
    return {
        "gimp_bytes": resident_bytes(gimp),
        "worker_bytes": resident_bytes(worker),
        "worker": worker,
        "gimp_files": len(list(Path(f"/proc/{gimp}/fd").iterdir())),
        "worker_files": len(list(Path(f"/proc/{worker}/fd").iterdir())),
        "plugins": sum(
            "plug-ins/dioptre/dioptre.py" in word for command in running.values() for word in command[:2]
        ),
        "exchange": files_left(EXCHANGE),
        "images": len(Gimp.get_images()),
    }


states = []
for number in range(JOBS):
    image, layer = new_image(480, 320)
    if number % 10 == 4:
        succeed("dioptre-portrait", image, [layer])
    else:
        new_depth(image, layer)
        succeed("dioptre-lens-blur", image, [layer], focal_disparity=0.9, max_radius=8.0)
    image.delete()
    if number == 4:  # Both kinds of jobs have run by then.
        settle()
    states.append(state())
leave("many", states)
