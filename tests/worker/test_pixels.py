"""Every pixel format is preserved and interpreted correctly."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest

from dioptre.worker.pixels import read_picture, read_plane, write_layer
from dioptre_link.errors import DioptreError, UsageError
from dioptre_link.wire import DTYPES, ENCODINGS, ORDERS, PixelFormat, Pixels

NUMPY = {"u8": np.uint8, "u16": np.uint16, "f16": np.float16, "f32": np.float32}
SIZE = (5, 7)
FORMATS = [
    PixelFormat(dtype, channels, order, encoding)
    for dtype, channels, order, encoding in itertools.product(DTYPES, (1, 2, 3, 4), ORDERS, ENCODINGS)
]


class File(io.RawIOBase):
    """A file in memory that reads and writes only small chunks at a time, as a real file may do."""

    def __init__(self, content: bytes = b"") -> None:
        self._bytes = io.BytesIO(content)

    def readinto(self, view) -> int:
        return self._bytes.readinto(memoryview(view)[:100])

    def write(self, view) -> int:
        return self._bytes.write(memoryview(view)[:100])

    def getvalue(self) -> bytes:
        return self._bytes.getvalue()


def described(layout: PixelFormat, size: tuple[int, int] = SIZE) -> Pixels:
    return Pixels("a.raw", size[1], size[0], layout)


def raw(layout: PixelFormat, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random((*SIZE, layout.channels), np.float32)
    if layout.dtype in ("u8", "u16"):
        return np.round(values * np.iinfo(NUMPY[layout.dtype]).max).astype(NUMPY[layout.dtype])
    return values.astype(NUMPY[layout.dtype])


@pytest.mark.parametrize("layout", FORMATS, ids=str)
def test_round_trip(layout: PixelFormat) -> None:
    given = raw(layout)
    picture = read_picture(File(given.tobytes()), described(layout))
    assert picture.shape == (*SIZE, 4 if layout.channels in (2, 4) else 3)
    assert picture.dtype == np.float32
    file = File()
    write_layer(file, picture, layout)
    back = np.frombuffer(file.getvalue(), given.dtype).reshape(given.shape)
    if layout.dtype in ("u8", "u16"):
        # Formats that need the tone curve (linear, luminance) may be off by one code value, others by none.
        computed = layout.encoding == "linear" or layout.channels < 3
        assert np.abs(back.astype(int) - given).max() <= (1 if computed else 0)
    else:
        # Half floats have a precision of 11 bits; exp and log in float32 each add an error of 1e-6.
        tolerance = 1e-3 if layout.dtype == "f16" else 5e-6
        np.testing.assert_allclose(back.astype(np.float32), given.astype(np.float32), atol=tolerance)


def test_blue_first() -> None:
    codes = np.array([1, 2, 3, 4], np.uint16).reshape(1, 1, 4)
    picture = read_picture(File(codes.tobytes()), described(PixelFormat("u16", order="bgr"), (1, 1)))
    np.testing.assert_allclose(picture[0, 0] * 65535, [3, 2, 1, 4], atol=1e-3)


def test_linear_light_is_encoded_but_alpha_is_not() -> None:
    layout = PixelFormat("f32", encoding="linear")
    values = np.array([0.2140411, 1.0, 4.0, 0.25], np.float32).reshape(1, 1, 4)
    picture = read_picture(File(values.tobytes()), described(layout, (1, 1)))
    # IEC 61966-2-1: 0.5 encodes 0.2140411; 4 lies on the continued curve, 1.055 * 4**(1/2.4) - 0.055.
    np.testing.assert_allclose(picture[0, 0], [0.5, 1.0, 1.8247, 0.25], atol=1e-4)


def test_grey_output_is_the_luminance() -> None:
    picture = np.zeros((1, 3, 3), np.float32)
    picture[0, [0, 1, 2], [0, 1, 2]] = 1.0
    file = File()
    write_layer(file, picture, PixelFormat("f32", channels=1, encoding="linear"))
    np.testing.assert_allclose(np.frombuffer(file.getvalue(), np.float32), [0.2126, 0.7152, 0.0722], atol=1e-6)


def test_values_outside_the_range() -> None:
    picture = np.array([-0.5, 0.5, 7e4, 1.5], np.float32).reshape(1, 1, 4)
    for dtype, expected in (("u8", [0, 128, 255, 255]), ("f16", [-0.5, 0.5, 65504, 1.5]), ("f32", picture[0, 0])):
        file = File()
        write_layer(file, picture, PixelFormat(dtype))
        np.testing.assert_array_equal(np.frombuffer(file.getvalue(), NUMPY[dtype]), expected)


def test_an_opaque_layer_gets_alpha_where_asked() -> None:
    file = File()
    write_layer(file, np.full((2, 2, 3), 0.5, np.float32), PixelFormat("u8"))
    assert file.getvalue() == bytes([128, 128, 128, 255]) * 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_planes_are_never_encoded(dtype: str) -> None:
    layout = PixelFormat(dtype, channels=1, encoding="linear")
    given = raw(layout)
    plane = read_plane(File(given.tobytes()), described(layout))
    assert plane.shape == SIZE
    file = File()
    write_layer(file, plane, layout)
    assert file.getvalue() == given.tobytes()
    with pytest.raises(UsageError, match="one channel"):
        read_plane(File(b""), described(PixelFormat(dtype, channels=2)))


def test_a_file_that_became_shorter_is_told() -> None:
    with pytest.raises(DioptreError, match="truncated"):
        read_picture(File(b"abc"), described(PixelFormat("u8")))
    with pytest.raises(DioptreError, match="truncated"):
        read_picture(File(b"abc"), described(PixelFormat("f32")))
