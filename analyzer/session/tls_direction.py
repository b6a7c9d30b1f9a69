"""One direction of a TLS connection."""

from dataclasses import dataclass, field

from analyzer.core.secrets import Secret
from analyzer.crypto.tls_records import Opened, Reason, RecordOpener
from analyzer.protocols.tls.records import Record
from analyzer.session.tls_early import EarlyOpener

_WAITING_LIMIT = 65_536  # bytes of records of one direction kept until their secret is known
_RECORD_COST = 256  # bytes that a record takes beside its content


@dataclass(slots=True)
class TlsDirection:
    """What is known of one side: its keys, what of its handshake is not whole yet, and the records that wait."""

    opener: RecordOpener | None = None
    encrypted: bool = False  # records are protected from here on
    handshake: bytearray = field(default_factory=bytearray)
    secret: Secret | None = None  # TLS 1.3: the current application traffic secret
    application: bool = False  # TLS 1.3: past the handshake keys
    refused: int = 0
    opened: int = 0
    lost: bool = False
    early: EarlyOpener | None = None  # of 0-RTT data
    waiting: list[Record] = field(default_factory=list)  # for a secret that may still come
    waiting_bytes: int = 0

    def wait(self, record: Record) -> None:
        """Keeps a record for a secret that may still come."""
        if self.waiting_bytes <= _WAITING_LIMIT:
            self.waiting.append(record)
            self.waiting_bytes += len(record.fragment) + _RECORD_COST
            if self.waiting_bytes > _WAITING_LIMIT:
                self.waiting.clear()  # for good: records behind a gap are of no use

    def try_later_sequence(self, record: Record) -> Opened | Reason:
        """After a gap: the implicit sequence number moved on by as many records as were lost, within reason."""
        opener = self.opener
        if opener is None:
            return "bad_tag"
        start = opener.sequence
        for number in range(start + 1, start + 257):
            result = opener.open(record.content_type, record.version, record.fragment, number)
            if isinstance(result, Opened):
                opener.sequence = number + 1
                return result
        return "bad_tag"
