"""What MSRP messages and streams can do wrong, by name."""

from analyzer.core.anomalies import define
from analyzer.core.severity import Severity

LOW, MEDIUM, INFO = Severity.LOW, Severity.MEDIUM, Severity.INFO

START_LINE = define("msrp.start_line", MEDIUM, "Start line is neither a method nor a status", "RFC 4975 9")
TRANSACTION_ID = define("msrp.transaction_id", LOW, "Transaction identifier outside the grammar", "RFC 4975 9")
BARE_LF = define("msrp.bare_lf", MEDIUM, "Lines end with LF instead of CRLF", "RFC 4975 9")
HEADER_SYNTAX = define("msrp.header_syntax", MEDIUM, "Header line without a name, colon and space", "RFC 4975 9")
HEADERS_LIMIT = define("msrp.headers_limit", MEDIUM, "More or longer headers than are read", "")
PATHS = define("msrp.paths", MEDIUM, "To-Path and From-Path are not the first two headers", "RFC 4975 7.1")
REPEATED = define("msrp.header_repeated", MEDIUM, "A header that may stand once stands more often", "RFC 4975 9")
MESSAGE_ID = define("msrp.message_id", MEDIUM, "A SEND or REPORT without a valid Message-ID", "RFC 4975 7.1")
BYTE_RANGE = define("msrp.byte_range", MEDIUM, "Byte-Range is not start-end/total", "RFC 4975 7.1.1")
RANGE_SIZE = define("msrp.range_size", MEDIUM, "Body is not as long as its Byte-Range says", "RFC 4975 7.1.1")
REPORT_VALUE = define("msrp.report_value", LOW, "Success-Report or Failure-Report has an unknown value", "RFC 4975 9")
NO_TYPE = define("msrp.body_without_type", MEDIUM, "A body without Content-Type", "RFC 4975 7.1")
RESPONSE = define("msrp.response_form", MEDIUM, "A response with a body or a flag other than $", "RFC 4975 7.2")
ID_IN_BODY = define("msrp.id_in_body", MEDIUM, "A message contains its own end-line's text", "RFC 4975 7.1")
GARBAGE = define("msrp.garbage", LOW, "Bytes of an MSRP stream that are no message", "RFC 4975 9")
TOO_LONG = define("msrp.message_too_long", INFO, "A chunk is longer than is kept: its rest is passed over", "")
GAP = define("msrp.gap", INFO, "Bytes of an MSRP stream were not captured", "", "capture")
INCOMPLETE = define("msrp.incomplete", INFO, "Stream ended inside a message", "RFC 4975 5.1")

ABORTED = define("msrp.aborted", INFO, "The sender gave a message up", "RFC 4975 7.1")
HOLES = define("msrp.holes", INFO, "Parts of a message are missing", "RFC 4975 7.3.1", "capture")
OVERLAP = define("msrp.range_repeated", LOW, "Bytes of a message were sent twice", "RFC 4975 7.3.1")
CONFLICT = define("msrp.range_conflict", MEDIUM, "Bytes of a message were sent twice and differ", "RFC 4975 7.3.1")
TOTAL = define("msrp.total_mismatch", MEDIUM, "A message ends elsewhere than its total says", "RFC 4975 7.1.1")
PENDING_LIMIT = define("msrp.assembly_limit", MEDIUM, "A message was given unfinished: too much is pending", "")
