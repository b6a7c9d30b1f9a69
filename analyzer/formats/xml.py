"""XML bodies of SIP messages, read without entities, external references or a document type, within bounds.

Namespaces are dropped: elements are told by their local names, as the documents of RFC 4575 and RFC 4826 allow.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.core.anomalies import Anomaly, define
from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.core.numbers import decimal
from analyzer.core.severity import Severity
from analyzer.core.text import safe

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # imported with its reader where the first body is read

MALFORMED = define("xml.malformed", Severity.LOW, "An XML body is not well-formed", "XML 1.0 2.1")
FORBIDDEN = define("xml.forbidden", Severity.MEDIUM, "An XML body defines entities or a document type", "RFC 3470 4.12")
TOO_LONG = define("xml.too_long", Severity.MEDIUM, "An XML body is longer than is read", "")


@frozen
class Node:
    """An element. Names and text are the sender's: not fit to show without the safe-text filter."""

    element: "Element"

    @property
    def name(self) -> str:
        """Its local name."""
        return local(self.element.tag)

    @property
    def text(self) -> str:
        """What stands directly in it, without the blanks around."""
        return (self.element.text or "").strip()

    def attribute(self, name: str) -> str:
        """An attribute by its local name, "" where it is missing."""
        plain = self.element.get(name)
        if plain is not None:
            return plain.strip()
        return next((value.strip() for key, value in self.element.items() if local(key) == name), "")

    def all(self, name: str) -> Iterator["Node"]:
        """Its children of a name, in order."""
        return (Node(child) for child in self.element if local(child.tag) == name)

    def first(self, name: str) -> "Node | None":
        """The first child of a name."""
        return next(self.all(name), None)

    def value(self, *path: str) -> str:
        """The text at the end of a path of names, the first child at each step; "" where one is missing."""
        node: Node | None = self
        for name in path:
            node = node.first(name) if node else None
        return node.text if node else ""

    def boolean(self, *path: str) -> bool | None:
        """The xs:boolean at the end of a path."""
        return {"true": True, "1": True, "false": False, "0": False}.get(self.value(*path))

    def number(self, *path: str) -> int | None:
        """The xs:unsignedInt at the end of a path."""
        return decimal(self.value(*path))


def local(tag: object) -> str:
    """The local name of a tag; "" of a comment or an instruction."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def parse(data: bytes, cites: tuple[Cite, ...], limits: Limits) -> Node | Anomaly:
    """The root of a document, or what is wrong with it. Total."""
    if len(data) > limits.xml_bytes:
        return Anomaly(TOO_LONG, cites, f"{len(data)} bytes")
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return Node(fromstring(data.strip(), forbid_dtd=True))
    except DefusedXmlException as refused:
        return Anomaly(FORBIDDEN, cites, type(refused).__name__)
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that is not known
        return Anomaly(MALFORMED, cites, safe(str(error), 80))
