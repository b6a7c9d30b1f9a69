"""Records of a DTLS datagram: total, accounted, cited, bounded, linear; versions and the 1.3 header."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.protocols.dtls.records import DtlsRecord, parse_datagram, probe
from tests.linear import assert_linear

CITES = (Cite(0, 1, 0, 100, 7),)


def record(kind: int, body: bytes, version: int = 0xFEFD, epoch: int = 0, sequence: int = 0) -> bytes:
    """RFC 6347 4.1: type, version, epoch, 48-bit sequence number, length."""
    head = bytes([kind]) + version.to_bytes(2, "big") + epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big")
    return head + len(body).to_bytes(2, "big") + body


WIRE = st.lists(
    st.one_of(st.binary(max_size=20), st.builds(record, st.integers(18, 28), st.binary(max_size=20))), max_size=5
).map(b"".join)


@given(WIRE)
def test_total_accounted_bounded_and_cited(data: bytes) -> None:
    events = parse_datagram(data, CITES)
    read = sum(event.size for event in events if isinstance(event, DtlsRecord))
    assert read == len(data) or (read < len(data) and isinstance(events[-1], Anomaly))
    assert sum(isinstance(event, Anomaly) for event in events) <= 1
    assert all(event.cites == CITES for event in events)
    assert isinstance(probe(data), int)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_records_are_the_same_together_or_apart(bodies: list[bytes]) -> None:
    raws = [record(22, body, sequence=index) for index, body in enumerate(bodies)]
    apart = [event for raw in raws for event in parse_datagram(raw, CITES)]
    assert parse_datagram(b"".join(raws), CITES) == apart


def test_linear() -> None:
    assert_linear(lambda count: partial(parse_datagram, record(22, b"") * count, CITES), 2_000)


def test_fields_of_every_version() -> None:
    for version in (0xFEFF, 0xFEFD, 0xFEFC):
        raw = record(23, b"abc", version, 1, 0x010203040506)
        (event,) = parse_datagram(raw, CITES)
        assert event == DtlsRecord(23, version, 1, 0x010203040506, b"abc", CITES, 16)
        assert probe(raw) == 90
    assert probe(record(22, b"abc")[:-1]) == 60
    assert probe(b"\x80\x00" + bytes(20)) == -1


def test_the_unified_header() -> None:
    """RFC 9147 4: 0x2F is S (16-bit sequence), L (length) and epoch 3; 0x22 is 8 bits, no length, epoch 2."""
    raw = b"\x2f\x01\x02\x00\x10" + bytes(16) + b"\x22\x07" + bytes(17)
    first, second = parse_datagram(raw, CITES)
    assert isinstance(first, DtlsRecord)
    assert isinstance(second, DtlsRecord)
    assert (first.unified, first.epoch, first.sequence, len(first.fragment)) == (True, 3, 0x0102, 16)
    assert (second.epoch, second.sequence, len(second.fragment), probe(raw)) == (2, 7, 17, 5)


def test_a_connection_id_is_kept_with_the_fragment() -> None:
    """RFC 9146 4: type 25, the connection ID between sequence number and length."""
    raw = record(25, b"", 0xFEFD, 1, 5)[:-2] + b"cid" + b"\x00\x04abcd"
    (event,) = parse_datagram(raw, CITES)
    assert event == DtlsRecord(25, 0xFEFD, 1, 5, b"cid\x00\x04abcd", CITES, len(raw))
