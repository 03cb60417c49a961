"""Coverage-guided fuzzing, with a small loop of our own, or with atheris for long runs.

    python -m tests.faults.guided "OpenRaster" -max_total_time=600

This command runs one target in libFuzzer (Linux, needs `pip install atheris`) and writes failing inputs to crash-*.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from .trials import mutated

_PARSERS = (("dioptre", "photo"), ("dioptre", "checkpoints"), ("dioptre", "caching"), ("dioptre", "batch"))
_FOLLOWED = (*(str(Path(*parts)) for parts in _PARSERS), "dioptre_link", "zipfile", "ElementTree")


class Coverage:
    """Pairs of consecutively executed lines in the parsers."""

    def __init__(self) -> None:
        self.pairs: set[tuple[int, int, int]] = set()
        self._last: dict[int, int] = {}

    def of(self, action: Callable[[], object]) -> int:
        """Run the action and return the number of new pairs."""
        before = len(self.pairs)
        outer = sys.gettrace()
        sys.settrace(self._entered)
        try:
            action()
        finally:
            sys.settrace(outer)
            self._last.clear()
        return len(self.pairs) - before

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        return self._line if any(part in name for part in _FOLLOWED) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        code = id(frame.f_code)
        self.pairs.add((code, self._last.get(code, 0), frame.f_lineno))
        self._last[code] = frame.f_lineno
        return self._line


def fuzz(
    work: Callable[[bytes], object], seeds: tuple[bytes, ...], words: tuple[bytes, ...], *, rng: Random, times: int
) -> int:
    """Try the seeds and then `times` mutated inputs; return the number of inputs that reached new code."""
    coverage = Coverage()
    kept = list(seeds)
    for seed in seeds:
        coverage.of(lambda seed=seed: work(seed))
    for _ in range(times):
        place = len(kept) - 1 - int(rng.random() ** 2 * len(kept))
        data = changed(kept[place], kept, words, rng)
        try:
            new = coverage.of(lambda data=data: work(data))
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; the input: {data!r}") from error
        if new:
            kept.append(data)
    return len(kept) - len(seeds)


def changed(data: bytes, others: list[bytes], words: tuple[bytes, ...], rng: Random) -> bytes:
    """Return `data` with damage, with a word inserted, or with the end of another input appended."""
    at = rng.randrange(len(data) + 1)
    match rng.randrange(4):
        case 0 if words:
            word = rng.choice(words)
            return data[:at] + word + data[at + rng.choice((0, len(word))) :]
        case 1:
            other = rng.choice(others)
            return data[:at] + other[rng.randrange(len(other) + 1) :]
        case _:
            return mutated(data, rng)


def main() -> None:
    """Run one target in atheris."""
    import atheris

    with atheris.instrument_imports(include=["dioptre", "dioptre_link", "zipfile", "xml.etree"]):
        from . import targets

    target = targets.TARGETS[sys.argv.pop(1)]
    with TemporaryDirectory() as scratch:
        folder, seeds = Path(scratch), Path(scratch) / "seeds"
        seeds.mkdir()
        for number, seed in enumerate(target.seeds()):
            (seeds / str(number)).write_bytes(seed)
        (folder / "words").write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
        options = [f"-dict={folder / 'words'}", "-max_len=8000", "-timeout=5", "-rss_limit_mb=2500"]
        atheris.Setup([*sys.argv, *options, str(seeds)], lambda data: targets.run(target, data, folder))
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
