"""UDPTL by ITU-T T.38 9.1 and Annex A: packets built by its PER encoding, octet by octet."""

from analyzer.protocols.udptl.parser import INDICATORS, parse


def per(data: bytes) -> bytes:
    """An open type: its length, then its octets."""
    size = len(data)
    return (bytes((size,)) if size < 128 else bytes((0x80 | size >> 8, size & 255))) + data


def packet(number: int, primary: bytes, *again: bytes) -> bytes:
    """With redundancy: the packets before it, again."""
    return number.to_bytes(2, "big") + per(primary) + b"\0" + bytes((len(again),)) + b"".join(map(per, again))


def test_indicators_and_data() -> None:
    for number, name in enumerate(INDICATORS):
        found = parse(packet(number, bytes((number << 1,))))
        assert found is not None
        assert (found.sequence, found.kind, found.data, found.redundant) == (number, name, False, 0)
    hdlc = parse(packet(7, b"\xc0\x01\x20\x00\x03\xff\x13\x80", b"\x06", b"\x06"))
    assert hdlc is not None
    assert (hdlc.kind, hdlc.data, hdlc.redundant, hdlc.fec) == ("v21", True, 2, False)
    long = parse(packet(8, b"\xc6" + b"x" * 300))
    assert long is not None
    assert long.kind == "v29-7200"


def test_forward_error_correction() -> None:
    found = parse(b"\0\1" + per(b"\x06") + b"\x80" + per(b"\3") + b"\1" + per(b"\x06\x07"))
    assert found is not None
    assert (found.fec, found.redundant) == (True, 0)


def test_what_does_not_fill_its_datagram_is_none() -> None:
    good = packet(7, b"\x06", b"\x04")
    assert parse(good + b"\0") is None
    for size in range(len(good)):
        assert parse(good[:size]) is None
    assert parse(packet(7, b"\x06\0")) is None  # an indicator is one octet
    assert parse(packet(7, b"\xd8")) is None  # a modulation that T.38 does not have
    assert parse(good[:4] + b"\1" + good[5:]) is None
