"""MIKEY messages built payload by payload from RFC 3830 6 and RFC 6043 6."""

import struct

from analyzer.protocols.mikey.parser import parse

T, RAND, ID, KEMAC, SIGN, TICKET = 5, 11, 6, 1, 4, 17


def header(data_type: int, following: int, sessions: int = 1) -> bytes:
    """6.1, with a map of SRTP-ID."""
    return struct.pack("!BBBBIBB", 1, data_type, following, 0, 0xCAFE, sessions, 0) + bytes(9 * sessions)


def psk(cipher: int = 1, mac: int = 1) -> bytes:
    """Header, T, RAND, KEMAC: the initiator's message of the pre-shared key method (3.1)."""
    stamp = bytes((RAND, 0)) + bytes(8)
    rand = bytes((KEMAC, 16)) + bytes(16)
    kemac = struct.pack("!BBH", 0, cipher, 30) + bytes(30) + bytes((mac,)) + bytes(20 if mac == 1 else 0)
    return header(0, T) + stamp + rand + kemac


def test_pre_shared_key() -> None:
    found = parse(psk())
    assert found is not None
    assert (found.version, found.name, found.payloads) == (1, "pre-shared key", ("T", "RAND", "KEMAC"))
    assert (found.encryption, found.mac, found.complete) == ("AES-CM-128", "HMAC-SHA-1-160", True)


def test_null_encryption_is_named() -> None:
    """4.2.3: the NULL cipher and MAC have very restricted usage."""
    found = parse(psk(0, 0))
    assert found is not None
    assert (found.encryption, found.mac, found.complete) == ("NULL", "NULL", True)


def test_public_key_ends_with_a_signature() -> None:
    """3.2 and 6.5: SIGN has no next payload; its length is in 12 bits."""
    who = bytes((SIGN, 1)) + struct.pack("!H", 5) + b"sip:a"
    found = parse(header(2, ID) + who + struct.pack("!H", 0x1000 | 64) + bytes(64))
    assert found is not None
    assert (found.name, found.payloads, found.complete) == ("public key", ("ID", "SIGN"), True)


def test_a_ticket_is_named() -> None:
    """RFC 6043 6.1: 14 is TRANSFER_INIT; what follows a payload whose length is not known here is not read."""
    found = parse(header(14, TICKET) + bytes(40))
    assert found is not None
    assert (found.name, found.payloads, found.complete) == ("TRANSFER_INIT", ("TICKET",), False)


def test_what_is_cut_is_not_complete() -> None:
    whole = psk()
    assert parse(whole[:9]) is None
    for size in range(10, len(whole)):
        cut = parse(whole[:size])
        assert cut is not None
        assert not cut.complete
