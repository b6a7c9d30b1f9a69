"""Fragments: put together in any order, blind to batch edges, bounded, accounted; what lies is named."""

import itertools
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import FrameBatch
from analyzer.core.limits import Limits
from analyzer.net import layers
from analyzer.net.decode import Decoder
from tests.linear import assert_linear
from tests.net import oracle
from tests.net.test_decode import COLUMNS, SOURCES, batch, ip6, payload, udp6

BODY = bytes(range(100))
UDP = struct.pack(">HHHH", 5060, 5062, 8 + len(BODY), 0) + BODY
SMALL = Limits(fragments_per_packet=4, fragment_bytes=4_000, fragment_timeout_ns=20)


def ip4(protocol: int, rest: bytes, id_: int = 7, begin: int = 0, more: bool = False) -> bytes:
    """An IPv4 packet or fragment, 10.0.0.1 to 10.0.0.2."""
    word = begin // 8 | more << 13
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), id_, word, 64, protocol, 0)
    return head + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + rest


def share(begin: int, end: int, content: bytes = UDP, id_: int = 7) -> bytes:
    """An IPv4 fragment with a share of the content."""
    return ip4(17, content[begin:end], id_, begin, end < len(content))


def share6(begin: int, end: int, content: bytes = UDP, id_: int = 7) -> bytes:
    """An IPv6 fragment behind a hop-by-hop header."""
    word = begin | (end < len(content))
    return ip6(0, b"\x2c\0\x01\4\0\0\0\0" + struct.pack(">BBHI", 17, 0, word, id_) + content[begin:end])


def gtpu(inner: bytes) -> bytes:
    """G-PDU over UDP."""
    gtp = struct.pack(">BBHI", 0x30, 255, len(inner), 9) + inner
    return struct.pack(">HHHH", 2152, 2152, 8 + len(gtp), 0) + gtp


def timed(frames: FrameBatch, *ts_ns: int) -> FrameBatch:
    """The same frames at other times."""
    return replace(frames, ts_ns=np.array(ts_ns, np.int64))


def codes(d: Decoder) -> list[tuple[str, list[int]]]:
    """Anomalies as code and frames."""
    return [(a.kind.code, [c.frame for c in a.cites]) for a in d.take_anomalies()]


@pytest.mark.parametrize("cut", [share, share6])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_put_together_in_any_order(cut, order) -> None:  # RFC 791 3.2, RFC 8200 4.5
    pieces = [cut(0, 32), cut(32, 64), cut(64, 108)]
    d = Decoder(SOURCES, Limits())
    frames = batch([(2, pieces[i]) for i in order])
    p = d.decode(frames)
    d.finish()
    assert (payload(p, 0), int(p.sport[0]), int(p.frame[0]), int(p.missing[0])) == (BODY, 5060, 3, 0)
    assert int(p.layers[0]) & layers.FRAGMENTED
    assert [c.frame for c in p.extra_cites[0]] == [1, 2]
    assert len(p.buffer) > len(frames.buffer)
    assert (d.undecoded, d.take_anomalies()) == ({}, [])


def test_across_batches_and_among_others() -> None:
    d = Decoder(SOURCES, Limits())
    first = batch([(2, share(0, 32))])
    first.buffer = first.buffer.copy()
    assert len(d.decode(first)) == 0
    first.buffer[:] = 255  # buffers are reused
    p = d.decode(batch([(2, udp6(b"a")), (2, share(32, 108)), (2, udp6(b"b"))], 2))
    assert p.row.tolist() == [0, 1, 2]
    assert [payload(p, i) for i in range(3)] == [b"a", BODY, b"b"]
    assert {i: [c.frame for c in cites] for i, cites in p.extra_cites.items()} == {1: [1]}


def test_inside_a_tunnel_and_the_tunnel_itself_fragmented() -> None:
    inner = [share(0, 64), share(64, 108)]
    outer = gtpu(inner[0])
    frames = [ip4(17, outer[:48], 1, 0, True), ip4(17, outer[48:], 1, 48), ip4(17, gtpu(inner[1]), 2)]
    d = Decoder(SOURCES, Limits())
    p = d.decode(batch([(2, f) for f in frames]))
    d.finish()
    assert (payload(p, 0), int(p.layers[0])) == (BODY, layers.GTPU | layers.FRAGMENTED)
    assert [c.frame for c in p.extra_cites[0]] == [1, 2]
    assert (d.undecoded, d.take_anomalies()) == ({}, [])


def test_sightings_in_and_outside_a_tunnel_are_apart() -> None:
    inner = [share(0, 64), share(64, 108)]
    frames = [(2, f) for piece in inner for f in (ip4(17, gtpu(piece)), piece)]
    p = Decoder(SOURCES, Limits()).decode(batch(frames))
    assert p.frame.tolist() == [3, 4]
    assert [payload(p, i) for i in range(2)] == [BODY, BODY]


def test_a_dropped_packet_counts_each_of_its_frames() -> None:
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(2, ip4(1, UDP[:64], more=True)), (2, ip4(1, UDP[64:], begin=64))]))) == 0
    assert d.undecoded == {(0, "icmp"): 2}


@pytest.mark.parametrize("first", [True, False])
def test_overlap_keeps_the_first_bytes(first: bool) -> None:
    evil = UDP[:8] + bytes(100)
    pieces = [share(0, 64), share(32, 96, evil), share(96, 108)] if first else [
        share(32, 96, evil), share(0, 64), share(96, 108),
    ]  # fmt: skip
    d = Decoder(SOURCES, Limits())
    p = d.decode(batch([(2, f) for f in pieces]))
    want = UDP[:64] + bytes(32) + UDP[96:] if first else UDP[:32] + bytes(64) + UDP[96:]
    assert payload(p, 0) == want[8:]
    assert codes(d) == [("net.fragment_overlap", [1, 2])]


def test_exact_copies_are_no_overlap() -> None:
    frames = [(2, share(*at)) for at in ((0, 64), (0, 64), (64, 108), (64, 108))]
    d = Decoder(SOURCES, Limits())
    p = d.decode(batch(frames))
    assert p.frame.tolist() == [3]
    assert (d.undecoded, d.take_anomalies()) == ({(0, "fragment_duplicate"): 1}, [])


def test_an_id_used_again_is_another_packet() -> None:
    frames = batch([(2, share(*at)) for at in ((0, 64), (64, 108), (0, 64), (64, 108))])
    d = Decoder(SOURCES, Limits())
    assert d.decode(timed(frames, 1, 2, 2_000_000, 2_000_001)).frame.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("pieces", "frames"),
    [
        ((share(0, 64), ip4(17, b"abc", begin=64, more=True)), [2]),
        ((ip4(17, bytes(64), begin=65_504),), [1]),
        ((share(64, 108), ip4(17, bytes(8), begin=104, more=True)), [2]),
        ((share(64, 108), ip4(17, bytes(8), begin=56)), [2]),
        ((ip4(17, b"", begin=8),), [1]),
    ],
)
def test_impossible_fragments(pieces: tuple[bytes, ...], frames: list[int]) -> None:
    d = Decoder(SOURCES, Limits())
    d.decode(batch([(2, f) for f in pieces]))
    assert codes(d) == [("net.fragment_malformed", frames)]
    assert d.undecoded == {(0, "fragment_malformed"): 1}


def test_timeout_is_in_capture_time() -> None:
    frames = batch([(2, share(0, 64)), (2, share(64, 108))])
    d = Decoder(SOURCES, Limits(fragment_timeout_ns=20))
    assert len(d.decode(timed(frames, 0, 19))) == 1
    d = Decoder(SOURCES, Limits(fragment_timeout_ns=20))
    assert len(d.decode(timed(frames, 0, 20))) == 0
    assert codes(d) == [("net.fragment_incomplete", [1])]
    d.finish()
    assert codes(d) == [("net.fragment_incomplete", [2])]
    assert d.undecoded == {(0, "fragment_incomplete"): 2}


def test_bounds_are_announced() -> None:
    d = Decoder(SOURCES, SMALL)
    d.decode(batch([(2, share(8 * i, 8 * i + 8)) for i in range(1, 5)]))
    assert codes(d) == [("net.fragment_evicted", [1, 2, 3, 4])]
    d = Decoder(SOURCES, replace(SMALL, fragment_timeout_ns=1_000))
    d.decode(batch([(2, share(0, 64, id_=i)) for i in range(20)]))
    d.finish()
    assert {code for code, _ in codes(d)} == {"net.fragment_evicted", "net.fragment_incomplete"}
    assert d.undecoded == {(0, "fragment_incomplete"): 20}


def test_cut_by_the_snap_length() -> None:
    frames = batch([(2, share(0, 64)), (2, share(64, 108))], cut=4)
    p = Decoder(SOURCES, Limits()).decode(frames)
    assert (payload(p, 0), int(p.missing[0])) == (BODY[:52], 48)


def test_fragment_in_fragment_without_a_tunnel_is_refused() -> None:
    again = struct.pack(">BBHI", 17, 0, 1, 9) + UDP[:64]
    pieces = [
        ip6(44, struct.pack(">BBHI", 44, 0, 1, 8) + again[:40]),
        ip6(44, struct.pack(">BBHI", 44, 0, 40, 8) + again[40:]),
    ]
    d = Decoder(SOURCES, Limits())
    assert len(d.decode(batch([(2, f) for f in pieces]))) == 0
    assert d.undecoded == {(0, "too_deep"): 2}


@st.composite
def pieces(draw: st.DrawFn) -> tuple[int, bytes]:
    low = draw(st.integers(0, 13))
    high = draw(st.integers(low, 14))
    cut = draw(st.sampled_from([share, share6]))
    frame = cut(8 * low, min(8 * high, 108), draw(st.sampled_from([UDP, UDP, bytes(108)])), draw(st.integers(1, 3)))
    return 2, draw(st.sampled_from([frame, frame, ip4(17, gtpu(frame)), udp6(b"x"), frame[:-3]]))


@given(st.lists(pieces(), max_size=40), st.sampled_from([1, 7]), st.sampled_from([SMALL, Limits()]))
def test_blind_to_batch_edges_bounded_accounted(frames: list[tuple[int, bytes]], size: int, limits: Limits) -> None:
    whole, parts = Decoder(SOURCES, limits), Decoder(SOURCES, limits)
    p = whole.decode(batch(frames))
    rest = []
    for i in range(0, len(frames), size):
        rest.append(parts.decode(batch(frames[i : i + size], i + 1)))
        for level in parts._levels:
            assert level._held <= limits.fragment_bytes // 2
            assert level._held == sum(packet.cost for packet in level._open.values())
    whole.finish()
    parts.finish()
    assert len(p) + sum(map(len, p.extra_cites.values())) + sum(whole.undecoded.values()) == len(frames)
    assert whole.undecoded == parts.undecoded
    assert whole.take_anomalies() == parts.take_anomalies()
    for name in COLUMNS:
        assert getattr(p, name).tolist() == [v for q in rest for v in getattr(q, name).tolist()]
    assert list(p.extra_cites.values()) == [cites for q in rest for cites in q.extra_cites.values()]
    assert [payload(p, i) for i in range(len(p))] == [payload(q, i) for q in rest for i in range(len(q))]


@given(st.permutations(range(14)), st.integers(0, 1 << 30))
def test_every_split_and_order_gives_the_packet(order: list[int], seed: int) -> None:
    chooser = random.Random(seed)
    edges = sorted({0, 108, *(8 * chooser.randrange(14) for _ in range(chooser.randrange(8)))})
    spans = list(itertools.pairwise(edges))
    shuffled = [spans[i] for i in order if i < len(spans)]
    if len(spans) == 1:
        return
    p = Decoder(SOURCES, Limits()).decode(batch([(2, share(*span)) for span in shuffled]))
    assert [payload(p, i) for i in range(len(p))] == [BODY]


@pytest.mark.tshark
@pytest.mark.parametrize("name", ["lab/e2e-sdes.pcapng", "public/C164-ipsec_reg.pcapng"])
def test_agrees_with_tshark(shared: Path, name: str) -> None:
    """tshark mixes the fragments of a packet seen in and outside a tunnel; we keep the sightings apart."""
    ours, decoder = oracle.our_packets(shared / name)
    theirs = oracle.tshark_packets(shared / name)
    apart = {951, 952} if "C164" in name else set()
    assert ours.keys() - theirs.keys() == apart
    assert {n: packet for n, packet in ours.items() if n not in apart} == theirs
    assert decoder.undecoded.get((0, "fragment_incomplete"), 0) == 0


def test_linear_in_hostile_fragments() -> None:
    """Fragments of which none completes and all overlap."""

    def prepare(count: int) -> Callable[[], object]:
        frames = batch([(2, share(8 * (i % 12), 8 * (i % 12) + 16, id_=i // 100 % 60_000)) for i in range(count)])
        return partial(Decoder(SOURCES, Limits()).decode, frames)

    assert_linear(prepare, 2_000)
