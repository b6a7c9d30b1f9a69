"""0-RTT data of TLS 1.3 (RFC 8446 2.3): what a client sends before it has an answer."""

import hashlib
from collections.abc import Sequence

from analyzer.core.secrets import Secret
from analyzer.crypto import tls_keys
from analyzer.crypto.tls_records import Opened, Reason, RecordOpener
from analyzer.formats.tls_suites import suite


class EarlyOpener:
    """Opens by the early secret.

    The suite is that of the session that is continued (RFC 8446 4.2.10), which only the two ends know: it is the one
    of those offered under which a record verifies.
    """

    def __init__(self, secret: Secret, offered: Sequence[int]) -> None:
        suites = [found for found in map(suite, offered) if found is not None and not found.key_exchange]
        self._openers = [
            RecordOpener(each, 0x0304, tls_keys.traffic_keys(each, secret))
            for each in suites
            if hashlib.new(each.prf_hash).digest_size == len(secret)
        ]

    def open(self, content_type: int, version: int, fragment: bytes) -> Opened | Reason:
        """The plaintext of one record."""
        for opener in self._openers:
            result = opener.open(content_type, version, fragment)
            if isinstance(result, Opened):
                self._openers = [opener]
                return result
        return "bad_tag"
