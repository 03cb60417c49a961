"""Writes a module-definition file for python3.dll that forwards every export to python311.dll.

python forwarders.py python311.dll > python3.def
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_PE_OFFSET, _EXPORT_TABLE, _SECTION_SIZE = 0x3C, 112, 40  # Offsets and sizes in the PE32+ format.


def exports(content: bytes) -> list[str]:
    """Return the names of a 64-bit DLL's exports."""

    def number(offset: int) -> int:
        return int(struct.unpack_from("<I", content, offset)[0])

    header = number(_PE_OFFSET)
    sections, optional_size = struct.unpack_from("<6xH12xH", content, header)
    first = header + 24 + optional_size
    table = [
        struct.unpack_from("<8x4I", content, first + index * _SECTION_SIZE) for index in range(sections)
    ]  # Virtual size, address, raw size, raw offset.

    def offset(address: int) -> int:
        return next(
            address - start + raw
            for size, start, raw_size, raw in table
            if start <= address < start + max(size, raw_size)
        )

    directory = offset(number(header + 24 + _EXPORT_TABLE))
    names = offset(number(directory + 32))
    starts = [offset(number(names + 4 * index)) for index in range(number(directory + 24))]
    return [content[start : content.index(b"\0", start)].decode() for start in starts]


if __name__ == "__main__":
    library = Path(sys.argv[1])
    lines = [f"  {name} = {library.stem}.{name}" for name in exports(library.read_bytes())]
    sys.stdout.write("\n".join(["LIBRARY python3.dll", "EXPORTS", *lines, ""]))
