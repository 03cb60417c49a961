"""Parse XML and JSON from files within a budget, without keeping anything from one file to the next.

Document type declarations are refused when the parser meets them, in any encoding: without them there are no
entities, and without entities a small document cannot expand. Namespace prefixes belong to their document;
`xml.etree` would register them for the whole process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from dioptre_link import strict_json

from ..budget import Budget

_MAX_DEPTH = 100  # maximum depth of nested elements, because serialising is recursive; XMP has about ten
_MAX_NAMESPACES = 256  # maximum number of namespaces; a heavily edited picture's XMP has about thirty


class BadMarkup(Exception):  # noqa: N818  (named as the state it reports)
    """The text is not valid XML or JSON, is of an unsupported kind, or exceeds the budget."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """An XML document. Tags and attributes use ElementTree's notation, `{namespace}name`.

    Attributes:
        root: the root element.
        prefixes: the document's prefixes by namespace URI.
    """

    root: ElementTree.Element
    prefixes: dict[str, str] = field(default_factory=dict)


class _Target:
    """Target of the XML parser that builds the tree and deducts every node from the budget."""

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
    """Parse a document; raise BadMarkup if it is damaged, declares a document type, or exceeds the budget."""
    if not budget.take_metadata(len(text)):
        raise BadMarkup("too long")
    target = _Target(budget)
    parser = ElementTree.XMLParser(target=target)  # noqa: S314  (the target refuses document types)
    try:
        parser.feed(text)
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError, AssertionError, RecursionError) as error:
        # LookupError: Python does not know the encoding; AssertionError: the builder found a truncated document.
        raise BadMarkup(str(error)) from error
    return Document(root=root, prefixes=target.prefixes)


def xml_bytes(document: Document, *, prefixes: dict[str, str]) -> bytes:
    """Serialise a document as UTF-8 without an XML declaration.

    Args:
        document: the document.
        prefixes: prefixes by namespace URI, which take precedence over the document's own; namespaces without any
            get `ns0`, `ns1` and so on.
    """
    names = _Names({**document.prefixes, **prefixes})
    root = _renamed(document.root, names)
    for uri, prefix in names.used.items():
        root.set(f"xmlns:{prefix}", uri)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)


class _Names:
    """Qualified names whose prefixes are unique in a document."""

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
    """Copy an element with prefixed names, which the serialiser writes unchanged."""
    copy = ElementTree.Element(names(element.tag), {names(name): value for name, value in element.items()})
    copy.text, copy.tail = element.text, element.tail
    copy.extend(_renamed(child, names) for child in element)
    return copy


def json_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object; raise BadMarkup if the text is damaged, nested too deeply, or not an object."""
    try:
        value = strict_json.parsed(text)
    except ValueError as error:
        raise BadMarkup(str(error)) from error
    if not isinstance(value, dict):
        raise BadMarkup("not an object")
    return value
