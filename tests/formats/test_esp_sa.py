"""The esp_sa table: lines as Wireshark writes them (its manual, section ESP), and what is wrong with others."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import parse_ip
from analyzer.core.secrets import Secret
from analyzer.formats.esp_sa import EspSaLine, EspSaProblem, looks_like, parse, parse_line
from tests.linear import assert_linear

NULL = (
    b'"IPv4","10.1.0.2","10.1.0.1","0x00001001","NULL","","HMAC-SHA-1-96 [RFC2404]",'
    b'"0x0123456789abcdef0123456789abcdef01234567"\n'
)


def _line(cipher: str, key: str, auth: str, auth_key: str, head: str = '"IPv4","*","*","*"') -> bytes:
    return f'{head},"{cipher}","{key}","{auth}","{auth_key}"'.encode()


def _read(line: bytes) -> EspSaLine:
    parsed = parse_line(line, 1)
    assert isinstance(parsed, EspSaLine), parsed
    return parsed


def _problem(line: bytes) -> str:
    parsed = parse_line(line, 7)
    assert isinstance(parsed, EspSaProblem)
    assert parsed.line == 7
    return parsed.message


def test_line() -> None:
    """All fields of a line."""
    assert _read(NULL) == EspSaLine(
        parse_ip("10.1.0.2"),
        parse_ip("10.1.0.1"),
        0x1001,
        "null",
        Secret(b""),
        "hmac-sha-1-96",
        Secret(bytes.fromhex("0123456789abcdef0123456789abcdef01234567")),
        1,
    )


@pytest.mark.parametrize(
    ("name", "key", "cipher", "auth"),
    [
        ("AES-CBC [RFC3602]", "00" * 16, "aes-cbc", "null"),
        ("AES-CBC [RFC3602]", "00" * 32, "aes-cbc", "null"),
        ("AES-CTR [RFC3686]", "00" * 20, "aes-ctr", "null"),
        ("TripleDES-CBC [RFC2451]", "00" * 24, "des-ede3-cbc", "null"),
        ("AES-GCM [RFC4106]", "00" * 36, "aes-gcm", "null"),
        ("AES-GCM with 8 octet ICV [RFC4106]", "00" * 20, "aes-gcm", "any-64"),
        ("AES-GCM with 12 octet ICV [RFC4106]", "00" * 20, "aes-gcm", "any-96"),
        ("AES-GCM with 16 octet ICV [RFC4106]", "00" * 20, "aes-gcm", "null"),
    ],
)
def test_ciphers(name: str, key: str, cipher: str, auth: str) -> None:
    """The encryption names of Wireshark's table; a short check value of AES-GCM is told by its length."""
    read = _read(_line(name, "0x" + key, "NULL", ""))
    assert (read.cipher, read.auth, len(read.cipher_key)) == (cipher, auth, len(key) // 2)


@pytest.mark.parametrize(
    ("name", "auth"),
    [
        ("HMAC-MD5-96 [RFC2403]", "hmac-md5-96"),
        ("HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]", "hmac-sha-256-96"),
        ("HMAC-SHA-256-128 [RFC4868]", "hmac-sha-256-128"),
        ("HMAC-SHA-384-192 [RFC4868]", "hmac-sha-384-192"),
        ("HMAC-SHA-512-256 [RFC4868]", "hmac-sha-512-256"),
        ("ANY 96 bit authentication [no checking]", "any-96"),
    ],
)
def test_auths(name: str, auth: str) -> None:
    """The authentication names of Wireshark's table."""
    assert _read(_line("NULL", "", name, "0x00")).auth == auth


def test_variants() -> None:
    """Any address, IPv6, decimal SPI, keys as text, escapes, the ninth field of later versions, bare fields."""
    read = _read(_line("AES-CBC [RFC3602]", "sixteen,,bytes\\x21\\\\", "NULL", ""))
    assert (read.src, read.dst, read.spi, read.cipher_key) == (None, None, None, Secret(b"sixteen,,bytes!\\"))
    six = _read(_line("NULL", "", "NULL", "", '"IPv6","2001:db8::1","*","4096"') + b',"32-bit"')
    assert (six.src, six.spi) == (parse_ip("2001:db8::1"), 4096)
    assert _read(b"IPv4, 10.0.0.1 , *, 0xFFFFFFFF, NULL, , NULL, ").spi == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'"IPv4","*"', "expected 8 fields, got 2"),
        (b'"IPv4","*', "a quoted field does not end"),
        (b'"IPX",,,,,,,', "expected IPv4 or IPv6, got IPX"),
        (_line("AES-CBC [RFC3602]", "0x0011", "NULL", ""), "aes-cbc: a key of 2 bytes, not 16 or 24 or 32"),
        (_line("AES-CTR [RFC3686]", "0x" + "00" * 16, "NULL", ""), "not 20 or 28 or 36 with 4 bytes of salt"),
        (_line("AES-CBC [RFC3602]", "0x123", "NULL", ""), "encryption key: an odd number"),
        (_line("AES-CBC [RFC3602]", "0xzz", "NULL", ""), "encryption key: not hexadecimal"),
        (_line("ROT13", "", "NULL", ""), "encryption ROT13 is unknown"),
        (_line("CAST5-CBC [RFC2144]", "0x00", "NULL", ""), "encryption CAST5-CBC [RFC2144] is not read"),
        (_line("NULL", "", "HMAC-SHA-1-96 [RFC2404]", ""), "hmac-sha-1-96: no authentication key"),
        (_line("AES-GCM", "0x" + "00" * 20, "HMAC-MD5-96", "0x00"), "hmac-md5-96 cannot go with it"),
        (_line("NULL", "", "NULL", "", '"IPv6","10.0.0.1","*","*"'), "no IPv6 address"),
        (_line("NULL", "", "NULL", "", '"IPv4","10.0.*","*","*"'), "a part of an address cannot be *"),
        (_line("NULL", "", "NULL", "", '"IPv4","*","*","0x123456789"'), "SPI 0x123456789: expected"),
        (_line("NULL", "", "NULL", "", '"IPv4","*","*","4294967296"'), "SPI 4294967296: expected"),
    ],
)
def test_problems(line: bytes, message: str) -> None:
    """What is wrong with a line is said with its number, and no key is."""
    assert message in _problem(line)


def test_parse_and_recognise() -> None:
    """Blank lines and comments are passed over; lines are counted from one."""
    table = b"# This file is automatically generated\n\n" + NULL + b"junk\n"
    lines = list(parse(table))
    assert [(type(line), line.line) for line in lines] == [(EspSaLine, 3), (EspSaProblem, 4)]
    assert looks_like(table)
    assert not looks_like(b"CLIENT_RANDOM 00 00\n")
    assert not looks_like(b"format: 1\nkeys: []\n")
    assert not looks_like(b"")


@given(st.binary(max_size=400) | st.text(alphabet='"\\,x0*IPv46NULaf#\n', max_size=200).map(str.encode))
def test_total(data: bytes) -> None:
    """Any bytes: lines or problems, each with a line that is there, and no exception."""
    looks_like(data)
    lines = list(parse(data))
    assert all(1 <= line.line <= data.count(b"\n") + 1 for line in lines)


def test_linear() -> None:
    assert_linear(lambda size: lambda data=b'"' + b"\\x41" * size + b'",' * size: list(parse(data)), 20_000)


@pytest.mark.tshark
def test_tshark_takes_our_names(shared: Path) -> None:
    """tshark opens the capture with the line that `parse` reads as the same association: NULL, HMAC-SHA-1-96."""
    entry = NULL.decode().strip()
    command = [
        "tshark", "-r", str(shared / "lab" / "esp-null.pcapng"), "-o", f"uat:esp_sa:{entry}", "-V",
        "-o", "esp.enable_authentication_check:TRUE", "-o", "esp.enable_encryption_decode:TRUE",
        "-Y", "esp.spi == 0x1001",
    ]  # fmt: skip
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "[correct]" in text
    assert not re.search(r"\[incorrect", text)
