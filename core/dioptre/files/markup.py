"""XML and JSON out of files: parsed within a budget, with nothing kept from one file to the next.

Document types are refused as the parser meets them, whatever the encoding: without one there are no entities, and
without entities a small text stays small. Prefixes belong to their document; `xml.etree` would keep them for the
process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from .budget import Budget

_MAX_DEPTH = 100  # of nested elements; XMP has some ten, and writing them again recurses
_MAX_NAMESPACES = 256  # XMP of a much edited picture has some thirty


class BadMarkup(Exception):  # noqa: N818  (named as the state it reports)
    """The text is not XML or JSON that Dioptre takes, or more than the budget has left."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """An XML document. Tags and attributes are in ElementTree's form, `{namespace}name`.

    prefixes: what the document calls its namespaces, by their URI.
    """

    root: ElementTree.Element
    prefixes: dict[str, str] = field(default_factory=dict)


class _Target:
    """What the parser reports to: builds the tree and takes every node from the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._builder = ElementTree.TreeBuilder()
        self._depth = 0
        self.prefixes: dict[str, str] = {}

    def start_ns(self, prefix: str, uri: str) -> None:
        self.prefixes.setdefault(uri, prefix)
        if len(self.prefixes) > _MAX_NAMESPACES:
            raise BadMarkup("too many namespaces")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BadMarkup("nested too deeply")
        if not self._budget.take_nodes(1 + len(attributes)):
            raise BadMarkup("too many elements")
        self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag)

    def data(self, text: str) -> None:
        self._builder.data(text)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise BadMarkup("a document type")

    def close(self) -> ElementTree.Element:
        return self._builder.close()


def parse_xml(text: bytes, *, budget: Budget) -> Document:
    """Parse a document. Raises BadMarkup where it is damaged, has a document type, or exceeds the budget."""
    if not budget.take_metadata(len(text)):
        raise BadMarkup("too long")
    target = _Target(budget)
    parser = ElementTree.XMLParser(target=target)  # noqa: S314  (the target refuses document types)
    try:
        parser.feed(text)
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError, AssertionError, RecursionError) as error:
        # LookupError: an encoding that Python does not know; AssertionError: the builder's, for a document cut off
        raise BadMarkup(str(error)) from error
    return Document(root=root, prefixes=target.prefixes)


def xml_bytes(document: Document, *, prefixes: dict[str, str]) -> bytes:
    """Serialise a document, as UTF-8 without a declaration.

    prefixes: URI to prefix, before the document's own; a namespace that has none gets `ns0` and so on.
    """
    names = _Names({**document.prefixes, **prefixes})
    root = _renamed(document.root, names)
    for uri, prefix in names.used.items():
        root.set(f"xmlns:{prefix}", uri)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)


class _Names:
    """Qualified names with prefixes that are unique in one document."""

    def __init__(self, wanted: dict[str, str]) -> None:
        self._wanted = wanted
        self.used: dict[str, str] = {}
        self._taken = {"xml", "xmlns"}

    def __call__(self, name: str) -> str:
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].rpartition("}")
        if uri == "http://www.w3.org/XML/1998/namespace":
            return f"xml:{local}"
        if uri not in self.used:
            self.used[uri] = self._prefix(uri)
        return f"{self.used[uri]}:{local}"

    def _prefix(self, uri: str) -> str:
        prefix, number = self._wanted.get(uri, ""), 0
        while not prefix or prefix in self._taken:
            prefix, number = f"ns{number}", number + 1
        self._taken.add(prefix)
        return prefix


def _renamed(element: ElementTree.Element, names: _Names) -> ElementTree.Element:
    """A copy with prefixed names, which the serialiser writes as they are."""
    copy = ElementTree.Element(names(element.tag), {names(name): value for name, value in element.items()})
    copy.text, copy.tail = element.text, element.tail
    copy.extend(_renamed(child, names) for child in element)
    return copy


def json_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises BadMarkup where it is something else, damaged, or nested too deeply."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMarkup(str(error)) from error
    if not isinstance(value, dict):
        raise BadMarkup("not an object")
    return value
