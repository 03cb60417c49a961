"""Blurs documents of every colour model and depth by their depth, and writes inputs and outputs.

ZOO=make: creates the documents, runs the plug-in, and writes pixels as Krita stores them. If the worker accepts a
space directly, the core's own result is compared with the plug-in's, one code value at a time. Other spaces are
passed as floats that Krita converts.

ZOO=store: converts the core's results for those other spaces with Krita's engine.
"""

import os

from dioptre.dioptre_link.catalogue import operation
from krita import Krita
from rig import (
    BLUR,
    HEIGHT,
    LINEAR,
    OUT,
    SRGB,
    WIDTH,
    add_depth,
    child,
    close,
    disparity,
    expect,
    finish,
    leave,
    new_document,
    packed,
    pixels,
    sample,
    settle,
)

from dioptre import document as spaces
from dioptre import jobs

GREY, GREY_LINEAR = "Gray-D50-elle-V2-srgbtrc.icc", "Gray-D50-elle-V2-g10.icc"
RECT = spaces.Rect(0, 0, WIDTH, HEIGHT)
CASES = [
    *(("RGBA", depth, profile) for depth in ("U8", "U16") for profile in (SRGB, LINEAR)),
    *(("RGBA", depth, profile) for depth in ("F16", "F32") for profile in (LINEAR, SRGB)),
    *(("GRAYA", depth, profile) for depth in ("U8", "U16", "F32") for profile in (GREY, GREY_LINEAR)),
    ("RGBA", "U8", "ClayRGB-elle-V2-g22.icc"),
    ("RGBA", "F32", "Rec2020-elle-V4-g10.icc"),
    ("CMYKA", "U8", "Chemical proof"),
    ("CMYKA", "U16", "Chemical proof"),
    ("LABA", "U16", "Lab identity built-in"),
    ("LABA", "F32", "Lab identity built-in"),
    ("XYZA", "F32", "XYZ identity built-in"),
]


def name_of(case, alpha):
    return "-".join((*case, "alpha" if alpha else "opaque")).lower().replace(" ", "-").replace(".icc", "")


def converted(data, source, target):
    with spaces.ScratchDocuments() as scratch:
        return scratch.converted(data, WIDTH, source, target)


def check_zoo():
    cases = []
    for number, case in enumerate(CASES):
        alpha = number % 2 == 1
        space, name = spaces.Space(*case), name_of(case, alpha)
        direct = spaces.wire_format(space)
        if os.environ["ZOO"] == "store":
            if direct is None:
                core = (OUT / f"{name}.core").read_bytes()
                (OUT / f"{name}.stored").write_bytes(converted(core, spaces.EXCHANGE, space))
            continue
        document = yield from new_document(model=case[0], depth=case[1], profile=case[2])
        given = spaces.Space(*case) if direct is not None else spaces.EXCHANGE
        values = packed(sample(alpha=alpha), given.model, given.depth)
        with spaces.ScratchDocuments() as scratch:
            node = scratch.layer("Photo", given)
            spaces.write(node, RECT, values)
            spaces.convert(node, space)
            document.rootNode().addChildNode(node, None)
        yield from settle(document)
        expect(f"{name}: space", spaces.Space.of(node), space)
        yield from add_depth(document)
        before = pixels(node)
        group = yield from finish(jobs.job_manager().start(operation("lens_blur"), BLUR, document, node))
        result = child(group, "Result")
        expect(f"{name}: result's space", spaces.Space.of(result), space)
        expect(f"{name}: source", pixels(node), before)
        into = converted(before, space, given)
        (OUT / f"{name}.picture").write_bytes(into)
        (OUT / f"{name}.result").write_bytes(pixels(result))
        wire = spaces.wire_format(given)
        cases.append(
            {
                "name": name,
                "depth": case[1],
                "model": case[0],
                "direct": direct is not None,
                "dtype": wire.dtype,
                "channels": wire.channels,
                "order": wire.order,
                "encoding": wire.encoding,
            }
        )
        yield from close(document)
    if os.environ["ZOO"] == "make":
        (OUT / "disparity").write_bytes(disparity())
        leave("cases", {"width": WIDTH, "height": HEIGHT, "options": BLUR, "cases": cases})
    expect("documents left", len(Krita.instance().documents()), 0)
