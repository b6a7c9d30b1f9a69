"""Which bytes of a header extension are encrypted: the example of RFC 6904 3.1, and the two-byte form of RFC 8285."""

from analyzer.crypto.srtp.packets import extension_mask, header_length

FIXED = b"\x90" + bytes(11)


def _masked(extension: bytes, ids: set[int]) -> str:
    packet = FIXED + extension
    mask = bytearray(len(packet))
    for start, end in extension_mask(packet, len(packet), frozenset(ids)):
        mask[start:end] = b"\xff" * (end - start)
    return mask[16:].hex()


def test_the_example_of_rfc_6904():
    """Figures 1 and 2: identifiers 1, 3 and 4 are encrypted, 2 is not, the last byte is padding."""
    body = bytes((0x17,)) + bytes(8) + bytes((0x22, 1, 1, 1, 0x30, 1, 0x46)) + bytes(7) + b"\0"
    assert _masked(b"\xbe\xde\x00\x06" + body, {1, 3, 4}) == "00" + "ff" * 8 + "00" * 5 + "ff00" + "ff" * 7 + "00"


def test_the_two_byte_form():
    """RFC 8285 4.3: identifier and length have a byte each, 0 is padding, appbits are of no matter."""
    body = bytes((1, 2, 9, 9, 0, 16, 0, 17, 3, 9, 9, 9))
    assert _masked(b"\x10\x05\x00\x03" + body, {1, 17}) == "0000ffff" + "0000000000" + "ffffff"
    assert _masked(b"\x11\x05\x00\x03" + body, {1, 17}) == "00" * 12


def test_identifier_15_ends_the_one_byte_form_and_a_length_past_the_end_is_cut():
    """RFC 8285 4.2: processing stops at identifier 15."""
    assert _masked(b"\xbe\xde\x00\x02" + bytes((0xF0, 9, 0x10, 9, 0, 0, 0, 0)), {1, 15}) == "00" * 8
    assert _masked(b"\xbe\xde\x00\x01" + bytes((0x1F, 9, 9, 9)), {1}) == "00ffffff"


def test_header_length_counts_csrcs_and_extension():
    """RFC 3550 5.1 and 5.3.1."""
    assert header_length(b"\x80" + bytes(20), 21) == 12
    assert header_length(b"\x82" + bytes(30), 31) == 20
    packet = b"\x91" + bytes(15) + b"\xab\xcd\x00\x02" + bytes(8)
    assert header_length(packet, 28) == 28
    assert header_length(packet, 27) is None
    assert header_length(packet[:18], 18) is None
