"""ESP under one key: every algorithm that `esp_writer` writes opens; one changed bit is refused; any bytes answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.secrets import Secret
from analyzer.crypto.esp import Opened, Opener, Reason, opener
from tests.crypto.esp_writer import HASHES, Writer

UDP = bytes.fromhex("13c413c400100000") + b"payload!"
KEY = bytes(range(1, 49))
PLAIN = [
    ("null", 0),
    ("aes-cbc", 16),
    ("aes-cbc", 24),
    ("aes-cbc", 32),
    ("des-ede3-cbc", 24),
    ("aes-ctr", 20),
    ("aes-ctr", 36),
]
OWN = [("aes-gcm", 20), ("aes-gcm", 28), ("aes-gcm", 36), ("aes-gmac", 20), ("aes-gmac", 36)]
SUITES = [(cipher, size, auth) for cipher, size in PLAIN for auth in HASHES] + [
    *((cipher, size, "null") for cipher, size in OWN), ("aes-gcm", 20, "any-64"), ("aes-gcm", 20, "any-96"),
]  # fmt: skip


def _pair(cipher: str, size: int, auth: str, **more: bytes) -> tuple[Writer, Opener]:
    auth_key = KEY[:20] if auth in HASHES else b""
    made = opener(cipher, Secret(KEY[:size]), auth, Secret(auth_key))
    assert isinstance(made, Opener), made
    return Writer(0x1001, cipher, KEY[:size], auth, auth_key, **more), made  # type: ignore[arg-type]  # bytes of `high`


@pytest.mark.parametrize(("cipher", "size", "auth"), SUITES)
def test_opened(cipher: str, size: int, auth: str) -> None:
    """Payload and next header come out, whatever the padding; each changed byte is refused by the check value."""
    writer, made = _pair(cipher, size, auth)
    for length in (0, 1, 2, 3, 15, 16, 200):
        packet = writer.packet(UDP[:1] * length, 17)
        assert made.open(packet) == Opened(17, UDP[:1] * length, True)
    for at in range(len(packet)):
        changed = bytearray(packet)
        changed[at] ^= 1
        assert made.open(bytes(changed)) is Reason.TAG_FAILED, at
    assert made.open(packet[:-1]) is not Opened


@pytest.mark.parametrize(("cipher", "size", "auth"), SUITES)
def test_extended_sequence_numbers(cipher: str, size: int, auth: str) -> None:
    """The upper half of an extended number is under the check value, and not in the packet (RFC 4303 2.2.1)."""
    high = (1).to_bytes(4, "big")
    writer, made = _pair(cipher, size, auth, high=high)
    packet = writer.packet(UDP, 17)
    assert made.open(packet) is Reason.TAG_FAILED
    assert made.open(packet, high) == Opened(17, UDP, True)


@pytest.mark.parametrize(("auth", "tag"), [("null", 0), ("any-96", 12), ("any-256", 32)])
def test_unchecked(auth: str, tag: int) -> None:
    """Without a check value that proves the key, padding that does not count up is another key's."""
    writer, made = _pair("aes-cbc", 16, auth)
    packet = writer.packet(UDP, 17) + bytes(tag)
    assert made.open(packet) == Opened(17, UDP, False)
    other = opener("aes-cbc", Secret(KEY[16:32]), auth, Secret(b""))
    assert isinstance(other, Opener)
    assert other.open(packet) is Reason.BAD_PADDING


@pytest.mark.parametrize(
    ("cipher", "size", "auth", "auth_size", "problem"),
    [
        ("rot13", 0, "null", 0, "the cipher rot13 is not one of"),
        ("aes-cbc", 15, "null", 0, "aes-cbc takes a key of 16 or 24 or 32 bytes, not 15"),
        ("aes-gcm", 16, "null", 0, "aes-gcm takes a key of 20 or 28 or 36 bytes, not 16"),
        ("aes-gcm", 20, "hmac-sha-1-96", 20, "aes-gcm has its own check value"),
        ("aes-gmac", 20, "any-96", 0, "aes-gmac has its own check value"),
        ("null", 0, "hmac-sha-1-96", 0, "hmac-sha-1-96 needs an authentication key"),
        ("null", 0, "crc", 0, "the authentication crc is not one of"),
    ],
)
def test_key_problems(cipher: str, size: int, auth: str, auth_size: int, problem: str) -> None:
    """A key that cannot be one is told by what is wrong with it."""
    made = opener(cipher, Secret(bytes(size)), auth, Secret(bytes(auth_size)))
    assert isinstance(made, str)
    assert problem in made


def test_gmac_as_authentication() -> None:
    """aes-gmac may be named as the authentication of NULL (TS 33.203 Annex H has it in `alg`)."""
    made = opener("null", Secret(b""), "aes-gmac", Secret(KEY[:20]))
    assert isinstance(made, Opener)
    assert made.open(Writer(1, "aes-gmac", KEY[:20]).packet(UDP, 17)) == Opened(17, UDP, True)


@given(packet=st.binary(max_size=120), suite=st.sampled_from(SUITES))
def test_total(packet: bytes, suite: tuple[str, int, str]) -> None:
    """Any bytes: a reason, and no exception."""
    assert isinstance(_pair(*suite)[1].open(packet), Reason)


@given(packet=st.binary(max_size=120), cipher=st.sampled_from(PLAIN))
def test_total_unchecked(packet: bytes, cipher: tuple[str, int]) -> None:
    """Any bytes where no check value stands in front: opened or a reason, and no more bytes than there were."""
    found = _pair(*cipher, "null")[1].open(packet)
    assert isinstance(found, Reason) or len(found.payload) <= len(packet)


def test_published_vector() -> None:
    """RFC 3602 4, case 5: an ESP packet in transport mode under AES-CBC, without a check value, ICMP inside."""
    key = bytes.fromhex("90d382b410eeba7ad938c46cec1a82bf")
    packet = bytes.fromhex(
        "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4"
        "898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6"
    )
    made = opener("aes-cbc", Secret(key), "null", Secret(b""))
    assert isinstance(made, Opener)
    found = made.open(packet)
    assert isinstance(found, Opened)
    assert (found.next_header, found.payload[:8].hex()) == (1, "08000ebda70a0000")
    assert found.payload[8:16].hex() == "8e9c083db95b0700"
