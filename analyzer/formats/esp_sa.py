"""Wireshark's table of ESP security associations (its file `esp_sa`, or `-o uat:esp_sa:`). Problems carry their line.

A line has eight to ten fields, in quotes: "IPv4" or "IPv6", source, destination, SPI, encryption, its key,
authentication, its key, and in later versions the length of sequence numbers, which is not needed. `*` is any. A key
may be any characters, and in a wrong place: messages repeat what is shorter than any key, or like an address.
"""

import io
import re
from collections.abc import Iterator

from analyzer.core.addresses import parse_ip
from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal, hexadecimal
from analyzer.core.secrets import Secret
from analyzer.core.text import safe
from analyzer.formats.yaml_reader import near

CIPHERS = {
    "null": "null",
    "aes-cbc": "aes-cbc",
    "aes-ctr": "aes-ctr",
    "tripledes-cbc": "des-ede3-cbc",
    "aes-gcm": "aes-gcm",
    "aes-gcm with 8 octet icv": "aes-gcm",
    "aes-gcm with 12 octet icv": "aes-gcm",
    "aes-gcm with 16 octet icv": "aes-gcm",
}
"""Wireshark's names without their reference, in small letters, and ours."""
AUTHS = {
    "null": "null",
    "hmac-md5-96": "hmac-md5-96",
    "hmac-sha-1-96": "hmac-sha-1-96",
    "hmac-sha-256-96": "hmac-sha-256-96",
    "hmac-sha-256-128": "hmac-sha-256-128",
    "hmac-sha-384-192": "hmac-sha-384-192",
    "hmac-sha-512-256": "hmac-sha-512-256",
    **{f"any {bits} bit authentication": f"any-{bits}" for bits in (64, 96, 128, 192, 256)},
}
_TAG_OF_CIPHER = {"aes-gcm with 8 octet icv": "any-64", "aes-gcm with 12 octet icv": "any-96"}
_NOT_READ = ("des-cbc", "cast5-cbc", "blowfish-cbc", "twofish-cbc", "chacha20 with poly1305", "mac-ripemd-160-96")
KEY_BYTES = {
    "null": (0,),
    "aes-cbc": (16, 24, 32),
    "aes-ctr": (20, 28, 36),
    "aes-gcm": (20, 28, 36),
    "aes-gmac": (20, 28, 36),
    "des-ede3-cbc": (24,),
}
"""Lengths of a cipher's key, the four bytes of salt of a counter mode included."""
_FIELDS = (8, 9, 10)
_VERSIONS = ("ipv4", "ipv6")
_ADDRESS = re.compile(r"[0-9*]{1,3}(\.[0-9*]{1,3}){1,4}|[0-9A-Fa-f*]{0,4}(:[0-9A-Fa-f*]{0,4}){2,8}")
_SHORTEST = 16  # characters of a key


@frozen
class EspSaLine:
    """One association. Addresses as in `core.addresses.Address.ip`; None: any."""

    src: int | None
    dst: int | None
    spi: int | None
    cipher: str
    cipher_key: Secret
    auth: str
    auth_key: Secret
    line: int


@frozen
class EspSaProblem:
    """A line that is not understood."""

    line: int
    message: str


class _FieldError(Exception):
    """Why a field is not understood; never leaves this module."""


def looks_like(data: bytes) -> bool:
    """Whether the first line with content is one of an `esp_sa` table."""
    for line in data[:65_536].splitlines():
        text = line.strip()
        if text and not text.startswith(b"#"):
            fields = _fields(text.decode("utf-8", "surrogateescape"))
            return fields is not None and len(fields) >= 6 and fields[0].lower() in _VERSIONS
    return False


def parse(data: bytes) -> Iterator[EspSaLine | EspSaProblem]:
    """Every line of a table."""
    for number, line in enumerate(io.BytesIO(data), 1):
        parsed = parse_line(line, number)
        if parsed is not None:
            yield parsed


def parse_line(line: bytes, number: int) -> EspSaLine | EspSaProblem | None:
    """One line; None for a blank or a comment."""
    text = line.decode("utf-8", "surrogateescape").strip().removeprefix("\ufeff")
    if not text or text.startswith("#"):
        return None
    fields = _fields(text)
    if fields is None:
        return EspSaProblem(number, "a quoted field does not end")
    if len(fields) not in _FIELDS:
        return EspSaProblem(number, f"expected 8 fields, got {len(fields)}")
    if fields[0].lower() not in _VERSIONS:
        return EspSaProblem(number, f"expected IPv4 or IPv6, got {_shown(fields[0])}")
    try:
        return _association(fields, number)
    except _FieldError as wrong:
        return EspSaProblem(number, str(wrong))


def _association(fields: list[str], number: int) -> EspSaLine:
    version, src, dst, spi, cipher_name, cipher_key, auth_name, auth_key = fields[:8]
    six = version.lower() == "ipv6"
    cipher = _algorithm(cipher_name, CIPHERS, "encryption")
    auth = _algorithm(auth_name, AUTHS, "authentication")
    if cipher == "aes-gcm" and auth == "null":
        auth = _TAG_OF_CIPHER.get(_plain(cipher_name), "null")
    if cipher == "aes-gcm" and auth.startswith("hmac-"):
        raise _FieldError(f"{cipher} has its own check value: {auth} cannot go with it")
    secret = _key(cipher_key, "encryption key")
    if len(secret) not in KEY_BYTES[cipher]:
        right = " or ".join(map(str, KEY_BYTES[cipher]))
        salted = " with 4 bytes of salt" if min(KEY_BYTES[cipher]) == 20 else ""
        raise _FieldError(f"{cipher}: a key of {len(secret)} bytes, not {right}{salted}")
    check = _key(auth_key, "authentication key")
    if auth.startswith("hmac-") and not check:
        raise _FieldError(f"{auth}: no authentication key")
    return EspSaLine(
        _address(src, six, "source"), _address(dst, six, "destination"), _spi(spi),
        cipher, Secret(secret), auth, Secret(check), number,
    )  # fmt: skip


def _shown(field: str) -> str:
    """A mistaken field as a message repeats it."""
    return safe(field) if len(field) < _SHORTEST else "(long)"


def _plain(name: str) -> str:
    return name.partition("[")[0].strip().lower()


def _algorithm(name: str, known: dict[str, str], what: str) -> str:
    plain = _plain(name)
    found = known.get(plain)
    if found is None and plain in _NOT_READ:
        raise _FieldError(f"{what} {safe(name, 40)} is not read")
    if found is None:
        raise _FieldError(f"{what} {_shown(name)} is unknown{near(plain, known)}" if name else f"{what} without a name")
    return found


def _address(text: str, six: bool, what: str) -> int | None:
    if text and not text.strip("*.:"):
        return None
    address = parse_ip(text)
    if address is None or six != (address >> 32 != 0xFFFF):
        detail = "a part of an address cannot be *" if "*" in text else f"no IPv{6 if six else 4} address"
        raise _FieldError(f"{what} {safe(text) if _ADDRESS.fullmatch(text) else _shown(text)}: {detail}")
    return address


def _spi(text: str) -> int | None:
    if text and not text.strip("*"):
        return None
    spi = hexadecimal(text[2:], 8) if text[:2].lower() == "0x" else decimal(text, 10)
    if spi is None or spi > 0xFFFFFFFF:
        raise _FieldError(f"SPI {_shown(text)}: expected 0x and up to eight hexadecimal digits")
    return spi


def _key(text: str, what: str) -> bytes:
    """Hexadecimal behind 0x; else, as Wireshark has it, the characters themselves."""
    if text[:2].lower() != "0x":
        return text.encode("utf-8", "surrogateescape")
    digits = text[2:].encode("utf-8", "surrogateescape")
    if digits.translate(None, b"0123456789abcdefABCDEF"):
        raise _FieldError(f"{what}: not hexadecimal")
    if len(digits) % 2:
        raise _FieldError(f"{what}: an odd number of hexadecimal digits")
    return bytes.fromhex(digits.decode("ascii"))


def _fields(text: str) -> list[str] | None:
    """The comma-separated fields; in quotes, a backslash takes the next character, or \\xNN a byte, as it is."""
    fields: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in " \t":
            at += 1
        if at < len(text) and text[at] == '"':
            value, at = _quoted(text, at + 1)
            if at < 0:
                return None
            end = text.find(",", at)
        else:
            end = text.find(",", at)
            value = text[at : end if end >= 0 else len(text)].strip()
        fields.append(value)
        if end < 0 or len(fields) > max(_FIELDS):
            return fields
        at = end + 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The value up to its closing quote, and the position behind that; -1 if there is none."""
    out: list[str] = []
    while at < len(text):
        char = text[at]
        if char == '"':
            return "".join(out), at + 1
        if char == "\\" and at + 1 < len(text):
            code = hexadecimal(text[at + 2 : at + 4], 2) if text[at + 1] == "x" else None
            out.append(text[at + 1] if code is None else chr(code))
            at += 2 if code is None else 4
            continue
        out.append(char)
        at += 1
    return "", -1
