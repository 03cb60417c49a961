"""Settings of JAX for a user's other programs neither break nor change Dioptre's results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

import dioptre
from dioptre import photo, runtime

_FOREIGN = {
    "JAX_ENABLE_X64": "1",
    "JAX_DISABLE_JIT": "1",
    "JAX_DEBUG_NANS": "1",
    "JAX_PLATFORMS": "cuda",
    "JAX_PLATFORM_NAME": "gpu",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUM_CPU_DEVICES": "3",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "never",
    "JAX_CHECK_TRACER_LEAKS": "perhaps",
    "XLA_FLAGS": "--xla_no_such_flag=1",
}


def _photo() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:64].astype(np.float32)
    return np.stack([0.2 + x / 100, 0.3 + y / 120, np.full_like(x, 0.4)], 2)


def _python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_command_line_leaves_them_out(tmp_path: Path) -> None:
    photo.save(_photo(), tmp_path / "in.png")
    results = []
    for variables in ({}, _FOREIGN):
        out = tmp_path / f"{len(variables)}.png"
        done = _python(
            "-m", "dioptre", "white-balance", str(tmp_path / "in.png"), "-o", str(out), "--json", **variables
        )
        assert done.returncode == 0, done.stderr
        results.append(photo.load(out).pixels)
    np.testing.assert_array_equal(*results)


def test_preparing_keeps_the_choice_of_the_processor_and_of_the_cache() -> None:
    script = (
        "import os; from dioptre import runtime; names = runtime.foreign_settings(); runtime.prepare(); import jax;"
        "print(*names, jax.config.jax_platforms, jax.config.jax_compilation_cache_dir)"
    )
    kept = {"JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": "here", "JAX_ENABLE_X64": "1"}
    assert _python("-c", script, **kept).stdout.split() == ["JAX_ENABLE_X64", "cpu", "here"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_compiled_programs_are_those_of_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    script = (
        "from dioptre import runtime; runtime.prepare();"
        "import jax; print(jax.config.jax_enable_compilation_cache);"
        "from dioptre.imaging.encoding import srgb_to_linear; print(srgb_to_linear(1.0))"
    )
    compiled = tmp_path / "cache" / "compiled"
    variables = {"DIOPTRE_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        assert _python("-c", script, **variables).stdout.split() == ["False", "1.0"]
        assert compiled.stat().st_mode & 0o777 == 0o700
        (file,) = compiled.iterdir()
        file.unlink()
    (tmp_path / "cache").chmod(0o777)
    assert _python("-c", script, **variables).stdout.split() == ["False", "1.0"]
    assert not [*compiled.iterdir()]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce it")
def test_a_low_limit_of_addresses_is_said_before_jax_hangs(tmp_path: Path) -> None:
    photo.save(_photo(), tmp_path / "in.png")
    command = f"ulimit -S -v {800 << 10}; exec '{sys.executable}' -m dioptre white-balance in.png -o o.png"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "may use 0.8 GB of address space" in done.stderr
    assert "ulimit -v unlimited" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_free_memory_is_within_the_limit_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    used = psutil.Process().memory_info().vms
    monkeypatch.setattr(runtime, "_address_limit", lambda: used + (256 << 20))
    assert 0 <= runtime.free_bytes() <= 256 << 20


def test_python_functions_ignore_the_configuration_of_other_code() -> None:
    """The configuration of the process stays, and the result is the same."""
    import jax

    expected = dioptre.white_balance(_photo()).image
    changed = {
        "jax_enable_x64": True,
        "jax_disable_jit": True,
        "jax_debug_nans": True,
        "jax_default_matmul_precision": "bfloat16",
        "jax_numpy_rank_promotion": "raise",
        "jax_numpy_dtype_promotion": "strict",
    }
    before = {name: getattr(jax.config, name) for name in changed}
    try:
        for name, value in changed.items():
            jax.config.update(name, value)
        result = dioptre.white_balance(_photo()).image
        assert jax.numpy.arange(3.0).dtype == np.float64
    finally:
        for name, value in before.items():
            jax.config.update(name, getattr(value, "value", value))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, expected)


def test_a_platform_that_is_missing_is_named() -> None:
    script = "import dioptre, numpy; dioptre.white_balance(numpy.full((8, 8, 3), .5, 'f'))"
    done = _python("-c", script, JAX_PLATFORMS="no_such_platform")
    assert "DioptreError" in done.stderr
    assert "JAX_PLATFORMS" in done.stderr
    assert "no_such_platform" in done.stderr


@pytest.mark.parametrize("name", ["white_balance", "estimate_depth", "Depth", "load"])
def test_names_are_looked_up_once(name: str) -> None:
    assert getattr(dioptre, name) is getattr(dioptre, name)
    assert getattr(dioptre, name).__doc__
