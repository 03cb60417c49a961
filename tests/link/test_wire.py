"""Messages are validated down to the last field, and no input can cause anything other than a WireError.

Uses only unittest, so that a bare Python 3.10 can run it, too.
"""

from __future__ import annotations

import json
import random
import unittest

from dioptre_link import wire
from dioptre_link.errors import DioptreError
from dioptre_link.operation import Role
from dioptre_link.wire import PixelFormat, Pixels, WireError, decode, encode

PIXELS = {
    "file": "c1.raw",
    "width": 4,
    "height": 3,
    "dtype": "u8",
    "channels": 4,
    "order": "rgb",
    "encoding": "srgb",
}
SUBMIT = {
    "type": "submit",
    "job": 1,
    "operation": "portrait",
    "options": {"f_number": 2.0},
    "inputs": {"picture": PIXELS, "disparity": {"stored": "depth"}},
    "colour_format": {"dtype": "u8", "channels": 4, "order": "bgr", "encoding": "srgb"},
    "depth_dtype": "u16",
    "roles": ["result", "depth"],
    "keep": {"depth": "depth"},
    "preview_px": 512,
    "draft": True,
    "supersede": "preview",
    "opened_file": "/photos/a.heic",
    "depth_metres": {"range_per_m": [0.1, 0.5], "equivalent_mm": 28.0, "source": "EXIF"},
}
NETWORK = {
    "id": "realesrgan-x4plus",
    "title": "Restore photos",
    "kind": "super-resolution",
    "installed": False,
    "download_bytes": 43 << 20,
    "licence": "BSD-3-Clause",
    "licence_doubts": "",
}
VALID = {
    "client": [
        {"type": "hello", "protocol": 1, "token": "t", "client": "test"},
        {"type": "share", "nonce": "n", "answer_file": "answer", "answer": "a"},
        {"type": "store", "name": "photo", "input": "picture", "pixels": PIXELS},
        {"type": "forget", "name": "photo"},
        SUBMIT,
        {"type": "cancel", "job": 1},
        {"type": "expect", "operation": "portrait"},
        {"type": "networks"},
        {"type": "fetch", "job": 2, "network": "realesrgan-x4plus"},
        {
            "type": "export",
            "job": 3,
            "file": "/x/photo.jpg",
            "picture": PIXELS,
            "disparity": PIXELS,
            "depth_metres": SUBMIT["depth_metres"],
        },
        {"type": "shutdown", "when_idle": True},
        {"type": "ready", "setup": "0123", "operations": ["portrait"]},
        {
            "type": "follow",
            "job": 4,
            "steps": [{"operation": "portrait", "options": {}}],
            "inputs": {"picture": PIXELS},
            "range_per_m": [0.1, 0.5],
            "embedded_range_per_m": [0.1, 0.5],
            "embedded_kind": "GDepth",
            "focal_diagonals": 0.6,
            "focal_source": "EXIF",
            "all_layers": True,
        },
    ],
    "worker": [
        {
            "type": "hello",
            "protocol": 1,
            "version": "0.1",
            "pid": 7,
            "folder": "/x/y",
            "nonce_file": "nonce",
            "log": "/x/log",
        },
        {"type": "shared", "ok": True},
        {"type": "ready", "usable": True},
        {"type": "stored", "name": "photo"},
        {"type": "networks", "networks": [NETWORK]},
        {"type": "progress", "job": 1, "fraction": 0.5, "phase": "Depth"},
        {
            "type": "result",
            "job": 1,
            "layers": [{"name": "Depth", "role": "depth", "visible": True, "pixels": PIXELS}],
            "values": {},
            "messages": ["Done."],
            "models": {"a": "b"},
            "precision": "float32",
        },
        {"type": "cancelled", "job": 1, "reason": ""},
        {"type": "error", "job": 1, "protocol": None, "code": "x", "message": "m", "hint": "h"},
    ],
}


class Decoding(unittest.TestCase):
    def test_every_message_has_a_valid_example_here(self) -> None:
        for sender, messages in VALID.items():
            self.assertEqual({message["type"] for message in messages}, set(wire.MESSAGES[sender]))

    def test_valid_messages_are_understood(self) -> None:
        for sender, messages in VALID.items():
            for message in messages:
                decoded = decode(encode(message).rstrip(b"\n"), sender=sender)
                self.assertEqual(set(decoded), set(message))

    def test_each_missing_or_unknown_field_is_refused_or_optional(self) -> None:
        optional = {
            *("answer_file", "colour_format", "depth_dtype", "roles", "keep", "preview_px", "draft", "supersede"),
            *("hint", "protocol", "opened_file", "depth_metres", "precision", "range_per_m"),
            *("embedded_range_per_m", "embedded_kind", "focal_diagonals", "focal_source"),
        }
        for sender, messages in VALID.items():
            for message in messages:
                with self.assertRaises(WireError):
                    decode(encode({**message, "extra": 1}), sender=sender)
                for name in message:
                    line = encode({key: value for key, value in message.items() if key != name})
                    if name in optional and not (message["type"] == "hello" and name == "protocol"):
                        decode(line, sender=sender)
                    elif not (message["type"] == "error" and name == "job"):
                        with self.assertRaises(WireError, msg=f"{message['type']} without {name}"):
                            decode(line, sender=sender)

    def test_values_of_a_wrong_kind_are_refused(self) -> None:
        wrong = [
            {"job": True},
            {"job": 1.0},
            {"job": 0},
            {"job": 2**60},
            {"options": []},
            {"inputs": {"picture": "c1.raw"}},
            {"inputs": {"picture": {**PIXELS, "channels": 5}}},
            {"inputs": {"picture": {**PIXELS, "dtype": "f64"}}},
            {"inputs": {"picture": {**PIXELS, "width": 0}}},
            {"inputs": {"picture": {**PIXELS, "width": 1 << 30}}},
            {"inputs": {"picture": {**PIXELS, "width": 1 << 18, "height": 1 << 18, "dtype": "f32"}}},
            {"inputs": {"picture": {**PIXELS, "stride": 16}}},
            {"inputs": {"picture": {"stored": "../x"}}},
            {"roles": ["nose"]},
            {"keep": {"nose": "depth"}},
            {"preview_px": 1},
            {"draft": 1},
            {"supersede": "a b"},
            {"depth_metres": [0.1, 0.5]},
            {"depth_metres": {"range_per_m": [0.5, 0.1]}},
        ]
        for change in wrong:
            with self.subTest(change=change), self.assertRaises(WireError):
                decode(encode({**SUBMIT, **change}), sender="client")

    def test_names_that_lead_elsewhere_are_refused(self) -> None:
        for name in (
            "../c1.raw",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "..",
            ".",
            "",
            ".raw",
            "C:x",
            "a\n",
            "c1.raw\0",
            "é",
        ):
            with self.subTest(name=name), self.assertRaises(WireError):
                decode(encode({"type": "forget", "name": name}), sender="client")

    def test_what_is_no_json_object_is_refused(self) -> None:
        deep = b"[" * 100_000
        for line in (b"", b"\xff\xfe", b"null", b"[]", b"1", b'"hello"', b"{", deep, b'{"type":1}', b'{"type":[]}'):
            with self.subTest(line=line[:20]), self.assertRaises(WireError):
                decode(line, sender="client")
        for constant in ("NaN", "Infinity", "-Infinity", "1e999"):
            with self.assertRaises(WireError):
                line = f'{{"type":"progress","job":1,"fraction":{constant},"phase":""}}'
                decode(line.encode(), sender="worker")

    def test_length_is_bounded_both_ways(self) -> None:
        with self.assertRaises(WireError):
            decode(b" " * (wire.MAX_MESSAGE_BYTES + 1), sender="client")
        with self.assertRaises(WireError):
            encode({"type": "expect", "operation": "A" * wire.MAX_MESSAGE_BYTES})

    def test_types_come_out(self) -> None:
        decoded = decode(encode(SUBMIT), sender="client")
        self.assertIsInstance(decoded["inputs"]["picture"], Pixels)
        self.assertEqual(decoded["inputs"]["picture"].nbytes, 48)
        self.assertEqual(decoded["inputs"]["disparity"], "depth")
        self.assertEqual(decoded["keep"], {Role.DEPTH: "depth"})
        self.assertEqual(decoded["roles"], (Role.RESULT, Role.DEPTH))
        self.assertEqual(decoded["colour_format"], PixelFormat("u8", 4, "bgr", "srgb"))

    def test_hello_of_another_protocol_is_still_read(self) -> None:
        line = json.dumps({"type": "hello", "protocol": 99, "token": "t", "client": "c", "new": 1}).encode()
        self.assertEqual(wire.decode_hello(line), {"protocol": 99, "token": "t", "client": "c"})
        for other in (b"", b"[]", b"{}", b'{"type":"hello"}', b'{"type":"submit"}', b"[" * 100_000):
            self.assertIsNone(wire.decode_hello(other))

    def test_errors_cross_the_wire_intact(self) -> None:
        error = DioptreError("What.", hint="Why.", code="some_code")
        decoded = decode(encode({"type": "error", **error.to_dict()}), sender="worker")
        again = DioptreError.from_dict(decoded)
        self.assertEqual((again.code, again.message, again.hint), ("some_code", "What.", "Why."))


class Fuzz(unittest.TestCase):
    """Tests that decode 30,000 damaged messages, which are the same in every run."""

    def test_decode_returns_or_raises_wire_error(self) -> None:
        chance = random.Random(20)
        understood = 0
        for count in range(30_000):
            sender = chance.choice(("client", "worker"))
            line = damaged(encode(chance.choice(VALID[sender])), chance)
            try:
                decode(line, sender=sender)
                understood += 1
            except WireError:
                pass
            if count % 4 == 0:
                wire.decode_hello(line)
        # Some damage is harmless, so the fuzzing also reaches the code after the JSON parser.
        self.assertGreater(understood, 100)


def damaged(line: bytes, chance: random.Random) -> bytes:
    """Return `line` with bytes flipped, removed or repeated, or with a JSON value replaced."""
    data = bytearray(line)
    kind = chance.randrange(6)
    if kind == 0:
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 1:
        del data[chance.randrange(len(data)) :]
    elif kind == 2:
        at = chance.randrange(len(data))
        data[at:at] = data[: chance.randint(1, 40)]
    elif kind == 3:
        at = chance.randrange(len(data))
        data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 30)))
    else:
        message = json.loads(line)
        place = message
        while True:
            key = chance.choice(list(place))
            if isinstance(place[key], dict) and place[key] and chance.random() < 0.7:
                place = place[key]
                continue
            place[key] = chance.choice(
                [
                    None,
                    True,
                    -1,
                    0,
                    1,
                    2**70,
                    1e308,
                    "",
                    "x" * 2000,
                    "\ud800",
                    "\0",
                    "../..",
                    [],
                    {},
                    [[]],
                    {"a": {}},
                ]
            )
            break
        return json.dumps(message).encode()
    return bytes(data)
