"""What a SIP message or stream can do wrong, by name."""

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity

LOW, MEDIUM, INFO = Severity.LOW, Severity.MEDIUM, Severity.INFO

START_LINE = define("sip.start_line", MEDIUM, "Start line does not follow the grammar", "RFC 3261 7.1, 7.2")
VERSION = define("sip.version", MEDIUM, "SIP version other than 2.0", "RFC 3261 7.1")
STATUS = define("sip.status_code", MEDIUM, "Status code outside 100-699", "RFC 3261 7.2")
BARE_LF = define("sip.bare_lf", LOW, "Lines end with LF instead of CRLF", "RFC 3261 7")
BARE_CR = define("sip.bare_cr", MEDIUM, "A CR without LF inside the header", "RFC 3261 7")
NO_BLANK_LINE = define("sip.no_blank_line", MEDIUM, "No empty line ends the header", "RFC 3261 7")
HEADER_SYNTAX = define("sip.header_syntax", MEDIUM, "Header line without a name and colon", "RFC 3261 7.3.1")
HEADERS_LIMIT = define("sip.headers_limit", MEDIUM, "More headers than are read", "")
MISSING = define("sip.header_missing", MEDIUM, "A mandatory header is missing", "RFC 3261 8.1.1")
REPEATED = define("sip.header_repeated", MEDIUM, "A header that may stand once stands more often", "RFC 3261 7.3.1")
CSEQ = define("sip.cseq_invalid", MEDIUM, "CSeq is not a number below 2**31 and a method", "RFC 3261 8.1.1.5")
CSEQ_METHOD = define("sip.cseq_method", MEDIUM, "CSeq names another method than the request", "RFC 3261 8.1.1.5")
QUOTES = define("sip.quote_unbalanced", MEDIUM, "Quoted string without its closing quote", "RFC 3261 25.1")
LENGTH_MISSING = define("sip.content_length_missing", LOW, "No Content-Length on a stream", "RFC 3261 20.14")
LENGTH_INVALID = define("sip.content_length_invalid", MEDIUM, "Content-Length is not a number", "RFC 3261 20.14")
LENGTH_SHORT = define("sip.body_truncated", MEDIUM, "Body is shorter than Content-Length", "RFC 3261 18.3")
LENGTH_EXTRA = define("sip.body_trailing", LOW, "Bytes after the body that Content-Length ends", "RFC 3261 18.3")
GARBAGE = define("sip.garbage", LOW, "Bytes that are no SIP message", "RFC 3261 7")
TOO_LONG = define("sip.message_too_long", MEDIUM, "Message is longer than is read", "")
GAP = define("sip.gap", INFO, "Bytes of a SIP stream were not captured", "", "capture")
INCOMPLETE = define("sip.incomplete", INFO, "Stream ended inside a message", "RFC 3261 18.3")
