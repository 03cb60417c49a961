"""A plug-in's part in the scenario: starts the worker, estimates a depth, and reports the socket in use."""

from __future__ import annotations

import sys

from dioptre_link.client import Worker
from dioptre_link.start import Rendezvous
from dioptre_link.wire import PixelFormat

WIDTH, HEIGHT = 320, 240


def main() -> None:
    worker = Worker("scenario")
    with worker.new_buffer(WIDTH, HEIGHT, PixelFormat("u8", channels=4)) as picture:
        for first, rows in picture.bands():
            row = b"".join(bytes((x % 256, (x * 3) % 256, 40, 255)) for x in range(WIDTH))
            picture.write_rows(first, row * rows)
        job = worker.submit("depth", {}, {"picture": picture})
        result = job.wait()
    rendezvous = Rendezvous.read()
    assert rendezvous is not None
    sizes = []
    for layer in result.layers:
        with layer.buffer as pixels:
            sizes.append((pixels.pixels.width, pixels.pixels.height))
    transport = f"unix {rendezvous.unix_socket}" if rendezvous.unix_socket else f"tcp port {rendezvous.port}"
    sys.stdout.write(f"layers {sizes}; {transport}; pid {rendezvous.pid}\n")
    worker.close()


if __name__ == "__main__":
    main()
