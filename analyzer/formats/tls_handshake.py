"""TLS and DTLS handshake messages (RFC 5246 7.4, RFC 8446 4, RFC 6347 4.2, RFC 5764 4.1). Total.

A message body is parsed to a value, or to None where it is not well-formed; the caller names that.
"""

from dataclasses import field

from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.text import decode, safe

HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, HELLO_VERIFY_REQUEST = 0, 1, 2, 3
NEW_SESSION_TICKET, END_OF_EARLY_DATA = 4, 5
ENCRYPTED_EXTENSIONS, NEW_CONNECTION_ID, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST = 8, 10, 11, 12, 13
SERVER_HELLO_DONE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE = 14, 15, 16, 20, 24

EXT_SNI, EXT_ALPN, EXT_USE_SRTP, EXT_ETM, EXT_EMS = 0, 16, 14, 22, 23
EXT_SUPPORTED_VERSIONS, EXT_EARLY_DATA, EXT_PSK, EXT_SESSION_TICKET, EXT_CID = 43, 42, 41, 35, 54
EXT_RENEGOTIATION_INFO = 0xFF01
_CHAIN = 64  # certificates of a message that are kept

HELLO_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

VERSIONS = {
    0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
    0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2", 0xFEFC: "DTLS 1.3",
}  # fmt: skip


@frozen
class Hello:
    """A ClientHello or a ServerHello. `suites` has one entry in a ServerHello."""

    client: bool
    version: int
    random: bytes
    session_id: bytes
    suites: tuple[int, ...]
    extensions: dict[int, bytes] = field(default_factory=dict)
    cookie: bytes = b""
    compression: int = 0

    @property
    def server_name(self) -> str:
        """The host in SNI (RFC 6066 3), safe text."""
        cursor = Cursor(self.extensions.get(EXT_SNI, b""))
        cursor.u16()
        if cursor.u8() != 0:
            return ""
        return safe(cursor.vector(2) or b"")

    @property
    def alpn(self) -> tuple[str, ...]:
        """Application protocols offered, or the one chosen (RFC 7301)."""
        names = []
        cursor = Cursor(Cursor(self.extensions.get(EXT_ALPN, b"")).vector(2) or b"")
        while cursor.left and (name := cursor.vector(1)) is not None:
            names.append(safe(decode(name)))
        return tuple(names)

    @property
    def negotiated_version(self) -> int:
        """The version a ServerHello selects: supported_versions where present (RFC 8446 4.2.1)."""
        selected = self.extensions.get(EXT_SUPPORTED_VERSIONS, b"")
        return int.from_bytes(selected, "big") if not self.client and len(selected) == 2 else self.version

    @property
    def renegotiation_secure(self) -> bool:
        """Of a ServerHello: it binds renegotiations to the connection (RFC 5746 3.6), or its version knows none."""
        return EXT_RENEGOTIATION_INFO in self.extensions or self.negotiated_version in (0x0304, 0xFEFC)

    @property
    def srtp_profiles(self) -> tuple[int, ...]:
        """SRTP protection profiles (RFC 5764 4.1.1)."""
        listed = Cursor(self.extensions.get(EXT_USE_SRTP, b"")).vector(2) or b""
        return tuple(int.from_bytes(listed[i : i + 2], "big") for i in range(0, len(listed) - 1, 2))

    @property
    def srtp_mki(self) -> bytes:
        """srtp_mki of the use_srtp extension."""
        cursor = Cursor(self.extensions.get(EXT_USE_SRTP, b""))
        cursor.vector(2)
        return cursor.vector(1) or b""

    @property
    def connection_id(self) -> bytes | None:
        """What the sender wants to receive as connection ID (RFC 9146 3): b"" for none, None where it uses none."""
        return Cursor(self.extensions.get(EXT_CID, b"")).vector(1)

    @property
    def retry_request(self) -> bool:
        """A HelloRetryRequest in the shape of a ServerHello (RFC 8446 4.1.3)."""
        return not self.client and self.random == HELLO_RETRY_RANDOM


def _extensions(cursor: Cursor) -> dict[int, bytes] | None:
    if not cursor.left:
        return {}
    inner = Cursor(cursor.vector(2) or b"")
    if cursor.failed:
        return None
    found: dict[int, bytes] = {}
    while inner.left:
        kind, body = inner.u16(), inner.vector(2)
        if kind is None or body is None:
            return None
        found.setdefault(kind, body)
    return found


def parse_extensions(body: bytes) -> dict[int, bytes] | None:
    """The body of an EncryptedExtensions message (RFC 8446 4.3.1)."""
    return _extensions(Cursor(body))


def parse_new_connection_id(body: bytes) -> tuple[bytes, ...] | None:
    """The connection IDs of a NewConnectionId message (RFC 9147 9)."""
    cursor = Cursor(body)
    listed, usage = Cursor(cursor.vector(2) or b""), cursor.u8()
    found: list[bytes] = []
    while listed.left and (cid := listed.vector(1)) is not None:
        found.append(cid)
    return None if usage is None or listed.left else tuple(found)


def parse_client_hello(body: bytes, *, datagram: bool = False) -> Hello | None:
    """A ClientHello body; with `datagram`, DTLS's cookie is expected."""
    cursor = Cursor(body)
    version, random, session_id = cursor.u16(), cursor.take(32), cursor.vector(1)
    cookie = cursor.vector(1) if datagram else b""
    listed, compressions = cursor.vector(2), cursor.vector(1)
    if version is None or random is None or session_id is None or listed is None or compressions is None:
        return None
    suites = tuple(int.from_bytes(listed[i : i + 2], "big") for i in range(0, len(listed) - 1, 2))
    extensions = _extensions(cursor)
    if extensions is None:
        return None
    return Hello(True, version, random, session_id, suites, extensions, cookie or b"")


def parse_server_hello(body: bytes) -> Hello | None:
    """A ServerHello body."""
    cursor = Cursor(body)
    version, random, session_id, code = cursor.u16(), cursor.take(32), cursor.vector(1), cursor.u16()
    compression = cursor.u8()
    if version is None or random is None or session_id is None or code is None or compression is None:
        return None
    extensions = _extensions(cursor)
    if extensions is None:
        return None
    return Hello(False, version, random, session_id, (code,), extensions, compression=compression)


def parse_certificates(body: bytes, *, tls13: bool) -> tuple[bytes, ...] | None:
    """The DER certificates of a Certificate message, leaf first, `_CHAIN` of them at most; None if malformed."""
    cursor = Cursor(body)
    if tls13:
        cursor.vector(1)
    inner = Cursor(cursor.vector(3) or b"")
    if cursor.failed:
        return None
    found: list[bytes] = []
    while inner.left:
        der = inner.vector(3)
        if tls13:
            inner.vector(2)
        if der is None or inner.failed:
            return None
        if len(found) < _CHAIN:
            found.append(der)
    return tuple(found)


def has_message(buffer: bytes | bytearray) -> bool:
    """Whether a whole handshake message is at the front of a TLS handshake byte stream."""
    return len(buffer) >= 4 and len(buffer) >= 4 + int.from_bytes(buffer[1:4], "big")


def split_messages(buffer: bytes) -> tuple[list[tuple[int, bytes, bytes]], int]:
    """Whole handshake messages at the front of a TLS handshake byte stream.

    Returns (type, body, raw message) each, and how many bytes they took.
    """
    found: list[tuple[int, bytes, bytes]] = []
    cursor = Cursor(buffer)
    taken = 0
    while cursor.left >= 4:
        kind, body = cursor.u8(), cursor.vector(3)
        if kind is None or body is None:
            break
        found.append((kind, body, buffer[taken : cursor.pos]))
        taken = cursor.pos
    return found, taken
