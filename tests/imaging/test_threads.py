"""Work in several threads uses the caller's numerical precision, and stops after an error or a stop request."""

from __future__ import annotations

import threading
import time

import jax
import pytest

from dioptre.imaging.threads import on_all_cores


def test_every_item_is_worked_on_once_and_the_share_reaches_one() -> None:
    done: list[int] = []
    shares: list[float] = []
    on_all_cores(range(9), done.append, shares.append, threads=3)
    assert sorted(done) == list(range(9))
    assert shares == pytest.approx([(k + 1) / 9 for k in range(9)])


@pytest.mark.parametrize("precision", [None, "float32"])
def test_threads_are_as_precise_as_their_caller(precision: str | None) -> None:
    seen: list[tuple[int, object]] = []

    def look(item: int) -> None:
        seen.append((threading.get_ident(), jax.config.jax_default_matmul_precision))  # type: ignore[attr-defined]

    with jax.default_matmul_precision(precision):
        on_all_cores(range(4), look, lambda share: None)
    assert {found for _, found in seen} == {precision}
    assert threading.get_ident() not in {thread for thread, _ in seen}


def test_an_error_or_a_stop_leaves_the_rest_undone() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        time.sleep(0.2 if item else 0)

    def fail(item: int) -> None:
        raise ValueError(item)

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ValueError, match="0"):
        on_all_cores(range(50), fail, lambda share: None, threads=1)
    with pytest.raises(KeyboardInterrupt):
        on_all_cores(range(50), work, stop, threads=1)
    assert len(done) < 10
