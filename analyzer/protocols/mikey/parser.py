"""One MIKEY message as far as its names go (RFC 3830 6, RFC 6043 6): kinds and algorithms, no key. Total."""

from analyzer.core.cursor import Cursor
from analyzer.core.frozen import frozen

DATA_TYPES = {
    0: "pre-shared key", 1: "pre-shared key verification", 2: "public key", 3: "public key verification",
    4: "Diffie-Hellman init", 5: "Diffie-Hellman response", 6: "error", 7: "DHHMAC init", 8: "DHHMAC response",
    9: "RSA-R init", 10: "RSA-R response", 11: "REQUEST_INIT_PSK", 12: "REQUEST_INIT_PK", 13: "REQUEST_RESP",
    14: "TRANSFER_INIT", 15: "TRANSFER_RESP", 16: "RESOLVE_INIT_PSK", 17: "RESOLVE_INIT_PK", 18: "RESOLVE_RESP",
}  # fmt: skip
PAYLOADS = {
    1: "KEMAC", 2: "PKE", 3: "DH", 4: "SIGN", 5: "T", 6: "ID", 7: "CERT", 8: "CHASH", 9: "V", 10: "SP", 11: "RAND",
    12: "ERR", 13: "TR", 14: "IDR", 15: "RANDR", 16: "TP", 17: "TICKET", 20: "Key data", 21: "General Ext.",
}  # fmt: skip
ENCRYPTION = {0: "NULL", 1: "AES-CM-128", 2: "AES-KW-128"}
MAC = {0: ("NULL", 0), 1: ("HMAC-SHA-1-160", 20)}
PRE_SHARED = 0

_HASHES = {0: 20, 1: 16}
_TIMESTAMPS = {0: 8, 1: 8, 2: 4}
_DH = {0: 192, 1: 96, 2: 128}
_SRTP_ID, _SRTP_ID_BYTES = 0, 9
_KEMAC, _PKE, _SIGN = 1, 2, 4
_MOST = 32


@frozen
class Mikey:
    """A message. `encryption` and `mac` are those of its KEMAC, "" where there is none.

    `complete` is false where its payloads do not read to the end: a length lies, or a payload is not known here.
    """

    version: int
    data_type: int
    payloads: tuple[str, ...]
    encryption: str
    mac: str
    complete: bool

    @property
    def name(self) -> str:
        """What kind of message it is, "" where the kind is not known."""
        return DATA_TYPES.get(self.data_type, "")


def parse(data: bytes) -> Mikey | None:
    """The message in the decoded text of a=key-mgmt:mikey; None where there is no common header."""
    cursor = Cursor(data)
    version, data_type, following, _ = cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8()
    cursor.take(4)
    sessions, map_type = cursor.u8(), cursor.u8()
    if version is None or data_type is None or following is None or sessions is None or map_type is None:
        return None
    names: list[str] = []
    encryption = mac = ""
    readable = map_type == _SRTP_ID and cursor.take(_SRTP_ID_BYTES * sessions) is not None
    while readable and following and len(names) < _MOST:
        kind = following
        names.append(PAYLOADS.get(kind, f"payload-{kind}"))
        if kind == _SIGN:  # always the last: it has no next payload
            head = cursor.u16()
            readable = head is not None and cursor.take(head & 0xFFF) is not None
            following = 0
            break
        following = cursor.u8() or 0
        if kind == _KEMAC:
            cipher, size = cursor.u8(), cursor.u16()
            cursor.take(size or 0)
            code = cursor.u8()
            mac, length = MAC.get(code if code is not None else -1, (f"mac-{code}", 0))
            encryption = ENCRYPTION.get(cipher if cipher is not None else -1, f"encryption-{cipher}")
            cursor.take(length)
            readable = not cursor.failed and code in MAC
        else:
            readable = _pass(kind, cursor) and not cursor.failed
    return Mikey(version, data_type, tuple(names), encryption, mac, readable and not following and not cursor.failed)


def _pass(kind: int, cursor: Cursor) -> bool:
    """Steps over a payload behind its next-payload octet; whether its length is known."""
    if kind == _PKE:
        head = cursor.u16()
        cursor.take((head or 0) & 0x3FFF)
        return head is not None
    first = cursor.u8()
    size: int | None
    match kind:
        case 3:  # DH: group, value, KV
            size = _DH.get(first if first is not None else -1)
            if size is not None:
                cursor.take(size)
                return (cursor.u8() or 0) & 15 == 0
        case 5:
            size = _TIMESTAMPS.get(first if first is not None else -1)
        case 8:
            size = _HASHES.get(first if first is not None else -1)
        case 9:
            size = MAC[first][1] if first in MAC else None
        case 10:
            cursor.take(1)
            size = cursor.u16()
        case 6 | 7 | 21:
            size = cursor.u16()
        case 11:
            size = first
        case 12:
            size = 2
        case 14:  # IDR: role, type, length
            cursor.take(1)
            size = cursor.u16()
        case 15:  # RANDR: role, length
            size = cursor.u8()
        case 13:  # TR: role, type, value
            second = cursor.u8()
            size = _TIMESTAMPS.get(second if second is not None else -1)
        case _:
            size = None
    return size is not None and cursor.take(size) is not None
