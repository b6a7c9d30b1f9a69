"""What BFCP messages and streams can do wrong, by name."""

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity

LOW, MEDIUM, INFO = Severity.LOW, Severity.MEDIUM, Severity.INFO

VERSION = define("bfcp.version", MEDIUM, "Version is not the one of the transport", "RFC 8855 5.1")
FLAGS = define("bfcp.flags", LOW, "R or F is set on a reliable transport", "RFC 8855 5.1")
RESERVED = define("bfcp.reserved", LOW, "Reserved bits of the header are not zero", "RFC 8855 5.1")
PRIMITIVE = define("bfcp.primitive", MEDIUM, "Unknown primitive", "RFC 8855 5.1")
LENGTH = define("bfcp.length", MEDIUM, "Payload Length is not the length of the datagram", "RFC 8855 5.1")
SHORT = define("bfcp.short", MEDIUM, "Datagram is too short for a BFCP header", "RFC 8855 5.1")
ATTRIBUTE_LENGTH = define("bfcp.attribute_length", MEDIUM, "An attribute's length cannot be", "RFC 8855 5.2")
PADDING = define("bfcp.padding", LOW, "Padding of an attribute is missing or not zero", "RFC 8855 5.2")
MANDATORY = define("bfcp.unknown_mandatory", MEDIUM, "Unknown attribute that must be understood", "RFC 8855 5.2")
MISSING = define("bfcp.attribute_missing", MEDIUM, "An attribute that its primitive needs is missing", "RFC 8855 5.3")
NESTING = define("bfcp.nesting", MEDIUM, "Attributes are nested deeper than is read", "")
ATTRIBUTES = define("bfcp.attributes_limit", MEDIUM, "More attributes than are read", "")
GARBAGE = define("bfcp.garbage", LOW, "Bytes of a BFCP stream that are no message", "RFC 8855 5.1")
TOO_LONG = define("bfcp.message_too_long", MEDIUM, "Message is longer than is read", "")
GAP = define("bfcp.gap", INFO, "Bytes of a BFCP stream were not captured", "", "capture")
INCOMPLETE = define("bfcp.incomplete", INFO, "Stream ended inside a message", "RFC 8855 5.1")
FRAGMENT = define("bfcp.fragment", MEDIUM, "Fragments do not fit their message", "RFC 8855 5.1, 6.2.3")
FRAGMENTS_LOST = define("bfcp.fragments_lost", INFO, "Fragments of a message are missing", "RFC 8855 6.2.3", "capture")
