"""Counts the trials of the fault tests, and provides each trial's random numbers."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

SEED = int(os.environ.get("DIOPTRE_FAULTS_SEED", "0"))
WANTED = int(os.environ.get("DIOPTRE_FAULTS", "600"))
ONLY = os.environ.get("DIOPTRE_FAULTS_ONLY")
# Number of trials by fault, place and outcome; printed at the end of the run.
TRIED: Counter[tuple[str, str, str]] = Counter()


def count(fault: str, where: str, outcome: str, times: int = 1) -> None:
    """Count trials that ended well, by fault, by its place or time, and by outcome."""
    TRIED[fault, where, outcome] += times


def trials(name: str, *, share: float, least: int = 2) -> Iterator[tuple[int, random.Random]]:
    """Yield the number and random generator of each trial of test `name`, which gets a fraction `share` of all."""
    numbers = range(max(least, round(WANTED * share))) if ONLY is None else (int(ONLY),)
    for number in numbers:
        yield number, random.Random(f"{SEED} {name} {number}")


@contextmanager
def told(number: int, what: object) -> Iterator[None]:
    """Name the trial in any exception raised in the `with` block."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"seed {SEED}, trial {number}, {what}: {type(error).__name__}: {error}") from error


def with_other_fields(data: bytes, rng: random.Random) -> bytes:
    """Return a little-endian TIFF with other values in a field or two of its first directory."""
    result = bytearray(data)
    at = struct.unpack_from("<I", data, 4)[0]
    for _ in range(rng.choice((1, 1, 2))):
        place = at + 2 + 12 * rng.randrange(struct.unpack_from("<H", data, at)[0])
        value = struct.unpack_from("<H", data, place + 8)[0]
        small = rng.choice((*range(9), 16, 32, 64, value ^ 1, abs(value - 16), value + 16, 32773, 34925))
        match rng.randrange(4):
            case 0:
                struct.pack_into("<I", result, place + 4, rng.choice((0, 1, 2, 3, 4, 6, 100)))
            case 1:
                struct.pack_into("<I", result, place + 8, rng.randrange(1 << 31))
            case _:
                struct.pack_into("<H", result, place + 8, small & 0xFFFF)
    return bytes(result)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to four kinds of damage."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(content)) if content else 0
        some = rng.choice((1, 2, 4, 8, 64, 512))
        match rng.randrange(8):
            case 0:
                del content[at:]
            case 1 if content:
                content[at] ^= 1 << rng.randrange(8)
            case 2:
                content[at : at + some] = rng.randbytes(len(content[at : at + some]))
            case 3:
                content[at:at] = rng.randbytes(some)
            case 4:
                del content[at : at + some]
            case 5:  # Extreme values for lengths, counts and offsets.
                extreme = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"))
                content[at : at + 4] = extreme
            case 6:
                other = rng.randrange(len(content)) if content else 0
                content[at : at + some] = content[other : other + some]
            case _:
                content = content[:at] + content[at : at + some] * rng.choice((2, 50)) + content[at + some :]
    return bytes(content)
