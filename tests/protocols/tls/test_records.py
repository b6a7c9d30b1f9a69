"""The six properties of TLS record framing, and what RFC 8446 5.1 says of records."""

from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.tls import Record, RecordStream, probe
from analyzer.protocols.tls.records import HEADER, MAX_FRAGMENT
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.parser import Skipped
from tests.linear import assert_linear

LIMITS = Limits()


def record(kind: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return bytes((kind,)) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big") + fragment


RECORDS = st.builds(record, st.sampled_from([20, 21, 22, 23]), st.binary(min_size=1, max_size=300))
PIECES = st.one_of(RECORDS, st.binary(max_size=20), st.just(b"\x16\x03\x01"), st.just(b"\x17\x03\x03\xff\xff"))
STREAMS = st.lists(PIECES, max_size=8).map(b"".join)


def cite(frame: int) -> Cite:
    return Cite(0, frame, 0, 100, frame)


def run(pieces: list[bytes], close: bool = True) -> list[object]:
    stream = RecordStream(LIMITS)
    events: list[object] = []
    for frame, piece in enumerate(pieces, 1):
        events += stream.receive(Chunk(piece, cite(frame)))
        assert stream.held <= HEADER + MAX_FRAGMENT + HEADER
    return events + (list(stream.close()) if close else [])


def size(events: list[object]) -> int:
    records = sum(HEADER + len(event.fragment) for event in events if isinstance(event, Record))
    return records + sum(event.size for event in events if isinstance(event, Skipped))


def contents(events: list[object]) -> list[tuple[int, bytes]]:
    return [(event.content_type, event.fragment) for event in events if isinstance(event, Record)]


@given(STREAMS)
def test_total_and_accounted(data: bytes) -> None:
    assert size(run([data])) == len(data)


@given(STREAMS, st.lists(st.integers(0, 3_000), max_size=12))
def test_segmentation_blind(data: bytes, at: list[int]) -> None:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in at}), len(data)]
    pieces = [data[first:last] for first, last in pairwise(edges)]
    assert contents(run(pieces)) == contents(run([bytes((byte,)) for byte in data]))


@given(STREAMS)
def test_every_event_is_cited(data: bytes) -> None:
    for event in run([data]):
        assert isinstance(event, Record | Skipped | Anomaly)
        assert event.cites == (cite(1),)


def test_linear() -> None:
    assert_linear(lambda count: partial(run, [b"\x17\x03\x03" * count]), 60_000)


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
