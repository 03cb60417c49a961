"""PyTorch checkpoints are read by a restricted unpickler: supported and refused structures."""

from __future__ import annotations

import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dioptre.checkpoints.card import WeightsError
from dioptre.checkpoints.torch_file import Tensor, TorchFile, read_torch

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    key: str, shape: tuple[int, ...], strides: tuple[int, ...], *, values: int, offset: int = 0, kind: str = "Float"
) -> bytes:
    """Return a tensor as `torch.save` writes it."""
    storage = (
        b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu") + number(values)
    )
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + b"tQ" + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + hooks + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def checkpoint(path: Path, structure: bytes, storages: dict[str, bytes], *, compressed: bool = False) -> Path:
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + structure + b".")
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def model(weight: bytes) -> bytes:
    """Return a pickled dictionary with "model", an OrderedDict of one weight and an attribute, and "config"."""
    config = (
        b"}("
        + text("width")
        + b"K\x03"
        + text("layers")
        + b"](K\x01Ne"
        + text("remap")
        + text("exp")
        + text("ratio")
        + b"G"
        + struct.pack(">d", 0.5)
        + b"u"
    )
    named = b"ccollections\nOrderedDict\n)R(" + text("weight") + weight + b"u"
    state = b"}" + text("_metadata") + b"ccollections\nOrderedDict\n)Rsb"
    return b"}(" + text("model") + named + state + text("config") + config + b"u"


def arrays(file: TorchFile) -> dict[str, np.ndarray]:
    return dict(file.arrays(file.tree["model"]))


def test_tensors_and_configuration_come_back(tmp_path: Path) -> None:
    structure = model(tensor("0", (2, 3, 4), (12, 4, 1), values=24))
    file = read_torch(checkpoint(tmp_path / "model.pt", structure, {"0": WEIGHT.tobytes()}))
    assert file.tree["config"] == {"width": 3, "layers": [1, None], "remap": "exp", "ratio": 0.5}
    np.testing.assert_array_equal(arrays(file)["weight"], WEIGHT)


def test_a_transposed_part_of_a_shared_storage_is_read_by_its_strides(tmp_path: Path) -> None:
    structure = model(tensor("0", (3, 2), (1, 3), values=24, offset=6))
    file = read_torch(checkpoint(tmp_path / "model.pt", structure, {"0": WEIGHT.tobytes()}))
    np.testing.assert_array_equal(arrays(file)["weight"], WEIGHT.ravel()[6:12].reshape(2, 3).T)


@pytest.mark.parametrize(("kind", "dtype"), [("Half", "<f2"), ("Double", "<f8"), ("Long", "<i8"), ("Bool", "?")])
def test_other_types_are_read_and_floats_become_float32(tmp_path: Path, kind: str, dtype: str) -> None:
    values = np.array([0, 1, 1, 0]).astype(dtype)
    structure = model(tensor("7", (4,), (1,), values=4, kind=kind))
    found = arrays(read_torch(checkpoint(tmp_path / "model.pt", structure, {"7": values.tobytes()})))["weight"]
    np.testing.assert_array_equal(found, values)
    assert found.dtype == (np.float32 if dtype.startswith("<f") else np.dtype(dtype))


class Runs:
    """Object that runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "ran"
    structure = pickle.dumps({"model": Runs(f"touch {proof}")}, protocol)
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", structure)
    with pytest.raises(WeightsError, match="as a PyTorch checkpoint"):
        read_torch(tmp_path / "model.pt")
    assert not proof.exists()


@pytest.mark.parametrize(
    "structure",
    [
        b"cos\nsystem\n" + text("true") + b"\x85R",
        b"ctorch\nload\n" + text("x") + b"\x85R",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        b"ccollections\nOrderedDict\n" + text("x") + b"\x85R",
        model(tensor("../0", (1,), (1,), values=1)),
        model(tensor("0", (-1,), (1,), values=24)),
        model(tensor("0", (2, 3, 4), (12, 4, 2), values=24)),
        model(tensor("0", (5, 5), (0, 1), values=24)),  # A stride of 0 repeats values: 25 elements from 24 values.
        model(tensor("0", (24,), (1,), values=24, offset=1)),
        model(tensor("0", (1 << 30, 1 << 30), (0, 0), values=24)),
        model(tensor("0", (1,) * 9, (1,) * 9, values=24)),
        b"ccollections\nOrderedDict\n",
        b"(((",
        b"",
        b"N0",
        b"Nr\xff\xff\xff\x0f",  # an entry of the memo so far out that the list before it would need 2 GiB
        b"}" + b")" + b"\x85" * 200_000 + b"Ns",  # tuples nested so deep that hashing the key would end the process
        tensor("0", (24,), (1,), values=24) + b"}" + text("shape") + numbers((1 << 20,)) + b"sb",
        tensor("0", (24,), (1,), values=24) + b"N}" + text("shape") + numbers((1 << 20,)) + b"s\x86b",
        b"ctorch._utils\n_rebuild_tensor_v2\nN}" + text("__call__") + b"Ns\x86b",
        b"ccollections\nOrderedDict\nN}" + text("items") + b"Ns\x86b",
        b"}(K\x01K\x02\x86Nu",
    ],
)
def test_anything_else_is_refused_before_it_can_harm(tmp_path: Path, structure: bytes) -> None:
    with pytest.raises(WeightsError) as refused:
        read_torch(checkpoint(tmp_path / "model.pt", structure, {"0": WEIGHT.tobytes()}))
    assert refused.value.hint


@pytest.mark.parametrize(
    ("storage", "compressed"), [(WEIGHT.tobytes()[:-4], False), (WEIGHT.tobytes() * 2, False), (bytes(96), True)]
)
def test_storages_of_another_size_or_compressed_are_refused(
    tmp_path: Path, storage: bytes, compressed: bool
) -> None:
    structure = model(tensor("0", (2, 3, 4), (12, 4, 1), values=24))
    path = checkpoint(tmp_path / "model.pt", structure, {"0": storage}, compressed=compressed)
    with pytest.raises(WeightsError):
        arrays(read_torch(path))
    missing = read_torch(checkpoint(tmp_path / "other.pt", structure, {}))
    with pytest.raises(WeightsError):
        arrays(missing)


def test_a_structure_that_is_compressed_is_refused_before_it_grows(tmp_path: Path) -> None:
    """A file of 15 KB took 1.1 GB: its structure unpacked to 16 MB, which made as many empty lists."""
    path = checkpoint(tmp_path / "model.pt", b"(" + b"]" * (15 << 20) + b"l", {}, compressed=True)
    assert path.stat().st_size < 40_000
    tracemalloc.start()
    with pytest.raises(WeightsError, match="compressed"):
        read_torch(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_entries_of_any_method_and_any_damage_end_in_words(tmp_path: Path, method: int) -> None:
    whole = checkpoint(
        tmp_path / "a.pt", model(tensor("0", (2, 3, 4), (12, 4, 1), values=24)), {"0": WEIGHT.tobytes()}
    )
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "b.pt", "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_STORED if name.endswith("data.pkl") else method)
    content = (tmp_path / "b.pt").read_bytes()
    for at in range(0, len(content), 7):
        (tmp_path / "c.pt").write_bytes(content[:at] + bytes((content[at] ^ 0x5A,)) + content[at + 1 :])
        with pytest.raises(WeightsError):
            arrays(read_torch(tmp_path / "c.pt"))


def test_tensors_that_share_a_storage_cannot_fill_the_memory(tmp_path: Path) -> None:
    one = tensor("0", (2, 3, 4), (12, 4, 1), values=24)
    many = b"}" + text("model") + b"}(" + b"".join(text(f"w{number}") + one for number in range(2000)) + b"us"
    file = read_torch(checkpoint(tmp_path / "model.pt", many, {"0": WEIGHT.tobytes()}))
    assert len(arrays(file)) == 2000
    large = np.zeros(20_000, np.float32)
    one = tensor("0", large.shape, (1,), values=large.size)
    many = b"}" + text("model") + b"}(" + b"".join(text(f"w{number}") + one for number in range(2000)) + b"us"
    file = read_torch(checkpoint(tmp_path / "model.pt", many, {"0": large.tobytes()}))
    with pytest.raises(WeightsError, match="announces 40000000 values"):
        arrays(file)


@pytest.mark.parametrize("shape", [(0, 1 << 62), (1, 0, 1 << 31, 1 << 31, 1 << 31), (0,) * 8])
@pytest.mark.parametrize("stride", [0, 1, 1 << 39, 1 << 62, 1 << 100])
def test_strides_beyond_all_numbers_end_in_words(tmp_path: Path, shape: tuple[int, ...], stride: int) -> None:
    def long(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a" + bytes((17,)) + value.to_bytes(17, "little") for value in values) + b"t"

    plain = tensor("0", (2, 3, 4), (12, 4, 1), values=24)
    odd = plain.replace(numbers((2, 3, 4)), long(shape)).replace(numbers((12, 4, 1)), long((stride,) * len(shape)))
    path = checkpoint(tmp_path / "model.pt", model(odd), {"0": WEIGHT.tobytes()})
    try:
        found = arrays(read_torch(path))
    except WeightsError:
        return
    assert found["weight"].size == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip", b"\x80\x02}."])
def test_files_that_are_no_archives_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(WeightsError):
        read_torch(tmp_path / "model.pt")


@settings(max_examples=int(os.environ.get("DIOPTRE_FAULTS", "300")), deadline=None)
@given(st.data())
def test_mutated_structures_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = model(tensor("0", (2, 3, 4), (12, 4, 1), values=24))
    mutated = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        kind = data.draw(st.sampled_from(["change", "cut", "insert"]))
        if kind == "change":
            mutated[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del mutated[place : place + data.draw(st.integers(1, 8))]
        else:
            mutated[place:place] = data.draw(st.binary(min_size=1, max_size=8))
    path = tmp_path_factory.mktemp("mutated") / "model.pt"
    try:
        file = read_torch(checkpoint(path, bytes(mutated), {"0": WEIGHT.tobytes()}))
    except WeightsError:
        return
    tensors = dict(_tensors(file.tree))
    try:
        assert all(array.nbytes <= 8 * WEIGHT.nbytes for _, array in file.arrays(tensors))
    except WeightsError:
        return


def _tensors(tree: Any) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = []
    waiting, seen = [tree], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tensor):
            found.append((str(len(found)), one))
        elif isinstance(one, (dict, list, tuple)) and id(one) not in seen:
            seen.add(id(one))
            waiting.extend(one.values() if isinstance(one, dict) else one)
    return found
