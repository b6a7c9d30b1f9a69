"""TLS records on a byte stream (RFC 5246 6.2.1, RFC 8446 5.1)."""

from analyzer.protocols.tls.records import Record, RecordStream, probe

__all__ = ["Record", "RecordStream", "probe"]
