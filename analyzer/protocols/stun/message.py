"""STUN messages and TURN channel data as values."""

from analyzer.core.addresses import Address
from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen
from analyzer.core.text import decode, safe

COOKIE = 0x2112A442
HEADER = 20
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3
BINDING, ALLOCATE, REFRESH, SEND, DATA_METHOD, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9

METHODS = {
    1: "Binding", 2: "SharedSecret", 3: "Allocate", 4: "Refresh", 6: "Send", 7: "Data", 8: "CreatePermission",
    9: "ChannelBind", 10: "Connect", 11: "ConnectionBind", 12: "ConnectionAttempt",
}  # fmt: skip
CLASSES = ("request", "indication", "success response", "error response")

MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE = 0x0001, 0x0006, 0x0008, 0x0009
CHANNEL_NUMBER, XOR_PEER_ADDRESS, DATA, REALM = 0x000C, 0x0012, 0x0013, 0x0014
XOR_RELAYED_ADDRESS, MESSAGE_INTEGRITY_SHA256, XOR_MAPPED_ADDRESS = 0x0016, 0x001C, 0x0020
PRIORITY, USE_CANDIDATE, SOFTWARE, FINGERPRINT = 0x0024, 0x0025, 0x8022, 0x8028
ICE_CONTROLLED, ICE_CONTROLLING = 0x8029, 0x802A

# The registry of RFC 8489 18.3, RFC 8656 18 and RFC 8445 16.1; a few of RFC 3489, RFC 5780 and RFC 6062.
ATTRIBUTES = {
    0x0001: "MAPPED-ADDRESS", 0x0002: "RESPONSE-ADDRESS", 0x0003: "CHANGE-REQUEST", 0x0004: "SOURCE-ADDRESS",
    0x0005: "CHANGED-ADDRESS", 0x0006: "USERNAME", 0x0007: "PASSWORD", 0x0008: "MESSAGE-INTEGRITY",
    0x0009: "ERROR-CODE", 0x000A: "UNKNOWN-ATTRIBUTES", 0x000B: "REFLECTED-FROM", 0x000C: "CHANNEL-NUMBER",
    0x000D: "LIFETIME", 0x0012: "XOR-PEER-ADDRESS", 0x0013: "DATA", 0x0014: "REALM", 0x0015: "NONCE",
    0x0016: "XOR-RELAYED-ADDRESS", 0x0017: "REQUESTED-ADDRESS-FAMILY", 0x0018: "EVEN-PORT",
    0x0019: "REQUESTED-TRANSPORT", 0x001A: "DONT-FRAGMENT", 0x001C: "MESSAGE-INTEGRITY-SHA256",
    0x001D: "PASSWORD-ALGORITHM", 0x001E: "USERHASH", 0x0020: "XOR-MAPPED-ADDRESS", 0x0022: "RESERVATION-TOKEN",
    0x0024: "PRIORITY", 0x0025: "USE-CANDIDATE", 0x0026: "PADDING", 0x0027: "RESPONSE-PORT",
    0x002A: "CONNECTION-ID", 0x8000: "ADDITIONAL-ADDRESS-FAMILY", 0x8001: "ADDRESS-ERROR-CODE",
    0x8002: "PASSWORD-ALGORITHMS", 0x8003: "ALTERNATE-DOMAIN", 0x8004: "ICMP", 0x8022: "SOFTWARE",
    0x8023: "ALTERNATE-SERVER", 0x8027: "CACHE-TIMEOUT", 0x8028: "FINGERPRINT", 0x8029: "ICE-CONTROLLED",
    0x802A: "ICE-CONTROLLING", 0x802B: "RESPONSE-ORIGIN", 0x802C: "OTHER-ADDRESS",
}  # fmt: skip


@frozen
class Attribute:
    """One attribute in wire order (RFC 8489 14): `value` without its padding."""

    kind: int
    value: bytes

    @property
    def name(self) -> str:
        """The registered name, or the number in hexadecimal."""
        return ATTRIBUTES.get(self.kind, f"0x{self.kind:04x}")


@frozen
class StunMessage:
    """One STUN message (RFC 8489 5) with what is wrong in it.

    `transaction` is 12 bytes, or for a message without magic cookie (RFC 3489, `classic`) 16 bytes.
    Of a repeated attribute only the first counts (RFC 8489 14).
    """

    method: int
    message_class: int
    transaction: bytes
    attributes: tuple[Attribute, ...]
    raw: bytes
    cites: tuple[Cite, ...]
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def classic(self) -> bool:
        """Whether the magic cookie is absent."""
        return len(self.transaction) == 16

    @property
    def name(self) -> str:
        """Method and class in words: "Binding success response"."""
        return f"{METHODS.get(self.method, f'method 0x{self.method:03x}')} {CLASSES[self.message_class]}"

    def value(self, kind: int) -> bytes | None:
        """The first attribute of this type."""
        return next((a.value for a in self.attributes if a.kind == kind), None)

    def _number(self, kind: int, size: int) -> int | None:
        value = self.value(kind)
        return int.from_bytes(value, "big") if value is not None and len(value) == size else None

    @property
    def mapped(self) -> Address | None:
        """The reflexive address a response shows (RFC 8489 14.1, 14.2)."""
        found = self._address(self.value(XOR_MAPPED_ADDRESS))
        return found or read_address(self.value(MAPPED_ADDRESS))

    @property
    def relayed(self) -> Address | None:
        """The relayed transport address of an allocation (RFC 8656 18.5)."""
        return self._address(self.value(XOR_RELAYED_ADDRESS))

    @property
    def peers(self) -> tuple[Address, ...]:
        """Every XOR-PEER-ADDRESS (RFC 8656 18.3); CreatePermission may carry several."""
        found = (self._address(a.value) for a in self.attributes if a.kind == XOR_PEER_ADDRESS)
        return tuple(address for address in found if address)

    def _address(self, value: bytes | None) -> Address | None:
        mask = self.raw[4:HEADER]
        return None if self.classic else read_address(value, mask)

    @property
    def username(self) -> str:
        """USERNAME: in ICE "remote fragment:own fragment" (RFC 8445 7.2.2). Safe text."""
        return safe(decode(self.value(USERNAME) or b""), 513)

    @property
    def software(self) -> str:
        """SOFTWARE, safe text."""
        return safe(decode(self.value(SOFTWARE) or b""))

    @property
    def realm(self) -> str:
        """REALM, safe text."""
        return safe(decode(self.value(REALM) or b""))

    @property
    def error(self) -> tuple[int, str] | None:
        """ERROR-CODE as number and safe reason (RFC 8489 14.8)."""
        value = self.value(ERROR_CODE)
        if value is None or len(value) < 4:
            return None
        return (value[2] & 7) * 100 + value[3], safe(decode(value[4:]))

    @property
    def data(self) -> bytes | None:
        """DATA: the relayed payload (RFC 8656 18.4)."""
        return self.value(DATA)

    @property
    def channel(self) -> int | None:
        """CHANNEL-NUMBER (RFC 8656 18.1)."""
        number = self._number(CHANNEL_NUMBER, 4)
        return None if number is None else number >> 16

    @property
    def priority(self) -> int | None:
        """The ICE candidate priority (RFC 8445 16.1)."""
        return self._number(PRIORITY, 4)

    @property
    def nominates(self) -> bool:
        """USE-CANDIDATE is present."""
        return self.value(USE_CANDIDATE) is not None

    @property
    def controlling(self) -> bool | None:
        """The sender's ICE role, None where it names none."""
        if self.value(ICE_CONTROLLING) is not None:
            return True
        return False if self.value(ICE_CONTROLLED) is not None else None

    @property
    def protected(self) -> bool:
        """A MESSAGE-INTEGRITY of either kind is present; it is not verified here."""
        return self.value(MESSAGE_INTEGRITY) is not None or self.value(MESSAGE_INTEGRITY_SHA256) is not None


@frozen
class ChannelData:
    """Payload relayed over a bound channel (RFC 8656 12.4). `raw` includes header and padding."""

    channel: int
    data: bytes
    raw: bytes
    cites: tuple[Cite, ...]


def read_address(value: bytes | None, mask: bytes = bytes(16)) -> Address | None:
    """A MAPPED-ADDRESS value, or with the cookie and transaction as `mask` its XOR form; None if malformed."""
    cursor = Cursor(value or b"")
    cursor.u8()
    family, port = cursor.u8(), cursor.u16()
    size = {1: 4, 2: 16}.get(family or 0)
    host = None if size is None else cursor.take(size)
    if size is None or port is None or host is None or cursor.left:
        return None
    port ^= int.from_bytes(mask[:2], "big")
    ip = int.from_bytes(host, "big") ^ int.from_bytes(mask[:size], "big")
    return Address(ip | 0xFFFF << 32 if size == 4 else ip, port)
