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
MAX_FORWARDS = define("sip.max_forwards", MEDIUM, "Max-Forwards is not a number up to 255", "RFC 3261 20.22")
URI = define("sip.uri_syntax", MEDIUM, "URI with a broken host, port or escape", "RFC 3261 19.1.1, 25.1")
URI_HEADERS = define("sip.request_uri_headers", MEDIUM, "Headers hidden in the Request-URI", "RFC 3261 19.1.1")
IPV6_COLONS = define("sip.ipv6_extra_colon", LOW, "IPv6 reference with three colons", "RFC 5118 4.10")
ADDRESS = define("sip.address_syntax", MEDIUM, "An address header does not follow the grammar", "RFC 3261 20.10, 25.1")
VIA = define("sip.via_syntax", MEDIUM, "Via does not follow the grammar", "RFC 3261 20.42, 25.1")
RECEIVED = define("sip.received_brackets", LOW, "Address of a received parameter in brackets", "RFC 5118 4.5")
BRANCH = define("sip.branch_empty", MEDIUM, "Branch is the magic cookie and nothing else", "RFC 3261 8.1.1.7")
DATE = define("sip.date_syntax", LOW, "Date is not an RFC 1123 date in GMT", "RFC 3261 20.17")
NUMBER = define("sip.number_range", LOW, "A number is unreadable or out of its range", "RFC 3261 20.19, 20.33, 20.43")
CONTROL = define("sip.control_character", MEDIUM, "Control character in a start line or header", "RFC 3261 25.1")
UTF8 = define("sip.utf8_invalid", LOW, "Header text is not UTF-8", "RFC 3261 7, 25.1")
BOUNDARY = define("sip.multipart_boundary", MEDIUM, "Multipart body without a usable boundary", "RFC 2046 5.1.1")
PARTS_LIMIT = define("sip.body_parts_limit", MEDIUM, "More body parts, or deeper, than are read", "")
LENGTH_MISSING = define("sip.content_length_missing", LOW, "No Content-Length on a stream", "RFC 3261 20.14")
LENGTH_INVALID = define(
    "sip.content_length_invalid", MEDIUM, "Content-Length is no number, or two", "RFC 3261 20.14, RFC 4475 3.3.9"
)
LENGTH_SHORT = define("sip.body_truncated", MEDIUM, "Body is shorter than Content-Length", "RFC 3261 18.3")
LENGTH_EXTRA = define("sip.body_trailing", LOW, "Bytes after the body that Content-Length ends", "RFC 3261 18.3")
GARBAGE = define("sip.garbage", LOW, "Bytes that are no SIP message", "RFC 3261 7")
TOO_LONG = define("sip.message_too_long", MEDIUM, "Message is longer than is read", "")
GAP = define("sip.gap", INFO, "Bytes of a SIP stream were not captured", "", "capture")
CUT = define("sip.cut", INFO, "The end of a SIP message was not captured (snap length)", "", "capture")
INCOMPLETE = define("sip.incomplete", INFO, "Stream ended inside a message", "RFC 3261 18.3")
