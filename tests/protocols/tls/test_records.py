"""What RFC 8446 5.1 says of records. The six properties: `tests/properties`."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.tls import Record, RecordStream, probe
from analyzer.protocols.tls.records import HEADER, MAX_FRAGMENT
from analyzer.transport.cited import Chunk, Gap

LIMITS = Limits()


def record(kind: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return bytes((kind,)) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big") + fragment


RECORDS = st.builds(record, st.sampled_from([20, 21, 22, 23]), st.binary(min_size=1, max_size=300))


def cite(frame: int) -> Cite:
    return Cite(0, frame, 0, 100, frame)


def run(pieces: list[bytes], close: bool = True) -> list[object]:
    stream = RecordStream(LIMITS)
    events: list[object] = []
    for frame, piece in enumerate(pieces, 1):
        events += stream.receive(Chunk(piece, cite(frame)))
        assert stream.held <= HEADER + MAX_FRAGMENT + HEADER
    return events + (list(stream.close()) if close else [])


@given(st.lists(RECORDS, min_size=1, max_size=6), st.integers(1, 4))
def test_records_behind_a_gap_are_found_again(records: list[bytes], cut: int) -> None:
    stream = RecordStream(LIMITS)
    stream.receive(Chunk(record(23, b"x" * 50)[:20], cite(1)))
    events = list(stream.gap(Gap(None, cite(1))))
    tail = record(23, b"y" * 9)[cut + 5 :] + b"".join(records) + record(23, b"the end")
    events += stream.receive(Chunk(tail, cite(2)))
    found = [event.fragment for event in events if isinstance(event, Record)]
    assert b"the end" in found or not found or stream.held


def test_a_record_in_two_segments_cites_both_frames() -> None:
    data = record(22, b"\x01hello")
    (event,) = run([data[:7], data[7:]])
    assert isinstance(event, Record)
    assert [c.frame for c in event.cites] == [1, 2]


def test_the_probe_knows_tls_and_leaves_others_alone() -> None:
    assert probe(record(22, b"\x01\x00\x00\x01x", 0x0301)) > 0
    assert probe(b"\x16\x03") == 0
    for other in (
        b"INVITE sip:a@b SIP/2.0",
        b"MSRP a786hjs2 SEND\r\n",
        b"GET / HTTP/1.1",
        b"\x80\x00\x00\x01",
        b"\x20\x0b",
    ):
        assert probe(other) < 0
