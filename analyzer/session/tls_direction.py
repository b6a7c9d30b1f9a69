"""One direction of a TLS connection."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.core.secrets import Secret
from analyzer.crypto import tls_keys
from analyzer.crypto.tls_records import Opened, Reason, RecordOpener
from analyzer.formats.tls_suites import CipherSuite
from analyzer.protocols.tls.records import Record
from analyzer.session.tls_early import EarlyOpener

_WAITING_LIMIT = 65_536  # bytes of records of one direction kept until their secret is known
_RECORD_COST = 256  # bytes that a record takes beside its content
_GAP_RECORDS = 256  # records that a gap may have held
_SEARCHES = 64  # records in a row, behind a gap, whose number is searched


@dataclass(slots=True)
class TlsDirection:
    """What is known of one side: its keys, what of its handshake is not whole yet, and the records that wait."""

    opener: RecordOpener | None = None
    random: bytes = b""  # the client's, of the handshake that the opener is of
    encrypted: bool = False  # records are protected from here on
    handshake: bytearray = field(default_factory=bytearray)
    secret: Secret | None = None  # TLS 1.3: the current application traffic secret
    application: bool = False  # TLS 1.3: past the handshake keys
    refused: int = 0
    opened: int = 0
    lost: bool = False
    searched: int = 0  # records in a row for which nothing was found
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

    def lose(self) -> None:
        """Bytes are missing: implicit sequence numbers no longer count, and no message goes on behind them."""
        self.lost, self.searched = True, 0
        self.handshake.clear()
        if self.opener is not None:
            self.opener.lose()

    def protect(self, opener: RecordOpener | None, random: bytes, secret: Secret | None = None) -> None:
        """New keys (None: not known), and `secret` where they are those of application data in TLS 1.3.

        No handshake message is in records under two keys (RFC 8446 5.1): what is not whole never will be.
        """
        self.opener, self.random, self.searched = opener, random, 0
        self.secret, self.application = secret, self.application or secret is not None
        self.handshake.clear()

    def open_otherwise(self, record: Record, suite: CipherSuite, first: Secret | None) -> Opened | Reason:
        """A record that is not the next one under the present key: behind a gap its number is a later one, within
        reason, or a KeyUpdate was lost. `first` is the first application secret of TLS 1.3, None up to TLS 1.2; it
        is in use where the handshake's end is lost, or where 0-RTT data was refused.
        """
        if self.searched >= _SEARCHES:
            return "bad_tag"
        records = _GAP_RECORDS if self.lost else 0
        result: Opened | Reason = "bad_tag"
        if self.opener is not None:
            result = _search(self.opener, record, range(self.opener.sequence + 1, self.opener.sequence + 1 + records))
        if not isinstance(result, Opened) and first is not None:
            result = self._open_under_later_keys(record, suite, first, range(records + 1))
        self.searched = 0 if isinstance(result, Opened) else self.searched + self.lost
        return result

    def _open_under_later_keys(
        self, record: Record, suite: CipherSuite, first: Secret, numbers: Iterable[int]
    ) -> Opened | Reason:
        secret = first
        if self.application:
            if self.secret is None or not self.lost:
                return "bad_tag"
            secret = tls_keys.next_traffic_secret(suite, self.secret)
        later = RecordOpener(suite, 0x0304, tls_keys.traffic_keys(suite, secret))
        result = _search(later, record, numbers)
        if isinstance(result, Opened):
            self.protect(later, self.random, secret)
        return result


def _search(opener: RecordOpener, record: Record, numbers: Iterable[int]) -> Opened | Reason:
    for number in numbers:
        result = opener.open(record.content_type, record.version, record.fragment, number)
        if isinstance(result, Opened):
            opener.sequence = number + 1
            return result
    return "bad_tag"
