"""What a WebSocket stream can do wrong, by name."""

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity

INFO, LOW, MEDIUM = Severity.INFO, Severity.LOW, Severity.MEDIUM

GARBAGE = define("websocket.garbage", LOW, "Bytes that are no WebSocket frame", "RFC 6455 5.2")
TOO_LONG = define("websocket.message_too_long", MEDIUM, "A WebSocket message is longer than is held", "RFC 6455 10.4")
UNMASKED = define("websocket.unmasked", MEDIUM, "A client sends a frame without mask", "RFC 6455 5.1")
MASKED = define("websocket.masked", LOW, "A server sends a masked frame", "RFC 6455 5.1")
LENGTH_FORM = define("websocket.length_form", LOW, "A frame length is not in its shortest form", "RFC 6455 5.2")
RESERVED = define("websocket.reserved_bit", LOW, "A reserved bit is set without an extension", "RFC 6455 5.2")
CONTROL = define("websocket.control_frame", MEDIUM, "A control frame is fragmented or too long", "RFC 6455 5.5")
ORPHAN = define("websocket.orphan", LOW, "A continuation without the start of its message", "RFC 6455 5.4")
INTERLEAVED = define("websocket.interleaved", MEDIUM, "A message starts inside another one", "RFC 6455 5.4")
INFLATED_LIMIT = define("websocket.inflated_limit", MEDIUM, "A message inflates to more than is kept", "RFC 7692 8")
UNDECODABLE = define("websocket.undecodable", LOW, "A compressed message cannot be inflated", "RFC 7692 7.2.2")
GAP = define("websocket.gap", INFO, "Bytes of a WebSocket stream were not captured", "", "capture")
INCOMPLETE = define("websocket.incomplete", INFO, "Stream ended inside a message", "RFC 6455 7.1")
