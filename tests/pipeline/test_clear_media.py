"""Frames on their way into a capture in clear: any frames, in any batches, come out as many and in their order."""

import io
from functools import lru_cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.batch import FrameBatch
from analyzer.capture.reader import CaptureReader
from analyzer.capture.sources import SourceTable
from analyzer.core.limits import Limits
from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.suites import AES_CM_128_HMAC_SHA1_80
from analyzer.pipeline.clear_dtls import ClearDtls
from analyzer.pipeline.clear_media import ClearMedia
from analyzer.session.keyring import Keyring
from analyzer.session.media_keys import MediaKeys
from analyzer.session.stream_keys import StreamKeys
from analyzer.session.supplied_keys import SuppliedKeys
from tests.crypto.srtp.writer import Sender
from tests.pipeline.test_datagrams import bind, channel, send
from tests.pipeline.wire import Wire, at, rtp
from tests.protocols.rtp.test_framing import framed

A, B, TURN = at("192.0.2.1", 4000), at("192.0.2.2", 5000), at("192.0.2.3", 3478)
KEY = bytes(range(30))
Row = tuple[int, int, bytes]


@lru_cache(maxsize=1)
def wire() -> Wire:
    """SRTP whole, in fragments, in TURN messages, on TCP; SRTCP."""
    made, sender = Wire(), Sender("cm", KEY[:16], KEY[16:], 10, 10)

    def packet(number: int) -> bytes:
        plain = rtp(number)
        return sender.rtp(plain[:12], plain[12:], 0)

    made.udp(A, TURN, bind())
    made.connect(A, B)
    for number in range(0, 24, 4):
        made.udp(A, B, packet(number))
        made.fragmented(A, B, packet(number + 1))
        made.udp(A, TURN, channel(packet(number + 2)))
        made.udp(A, TURN, send(packet(number + 3)))
        made.udp(A, B, sender.rtcp(b"\x80\xc9\x00\x01" + rtp(0)[8:12], number))
        said = framed(packet(number + 24)) + framed(packet(number + 25))
        made.tcp(A, B, said[:99])
        made.tcp(A, B, said[99:])
    return made


def cleared(capture: Wire, rows: int, held: int) -> tuple[list[Row], ClearMedia]:
    """Time, bytes on the wire and bytes of every frame that comes out; buffers are overwritten when they were fed."""
    sources, limits = SourceTable(), Limits(clear_held_bytes=held)
    reader = CaptureReader(io.BytesIO(capture.pcap()), "test.pcap", 0, sources, limits, "")
    context = SrtpContext(AES_CM_128_HMAC_SHA1_80, Secret(KEY[:16]), Secret(KEY[16:]))
    dtls = ClearDtls(Keyring(), StreamKeys(MediaKeys(limits), SuppliedKeys(), limits), limits)
    media, found = ClearMedia(sources, lambda *_: [context], dtls, limits), []

    def take(batch: FrameBatch) -> None:
        for start, size, on_wire, ts_ns in zip(
            batch.start.tolist(), batch.captured.tolist(), batch.wire.tolist(), batch.ts_ns.tolist(), strict=True
        ):
            found.append((ts_ns, on_wire, batch.buffer[start : start + size].tobytes()))

    while (batch := reader.read_batch(rows)) is not None:
        batch.buffer = np.array(batch.buffer)
        for done in media.clear(batch):
            take(done)
        batch.buffer[:] = 0xAA
    for done in media.rest():
        take(done)
    return found, media


@given(st.integers(1, 80))
def test_batches_do_not_show(rows: int) -> None:
    """As long as what is kept back holds a packet's fragments."""
    whole, media = cleared(wire(), 1_000, 1 << 20)
    found, again = cleared(wire(), rows, 1 << 20)
    assert found == whole and media.counts == again.counts
    assert (media.counts.rtp, media.counts.rtcp, media.counts.kept) == (36, 6, 0)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 250), st.integers(0, 255)), max_size=12),
    st.sampled_from([1, 7, 1_000]),
    st.sampled_from([0, 2_000, 1 << 20]),
    st.sampled_from([60, 150, 262_144]),
)
def test_any_frames(changes: list[tuple[int, int, int]], rows: int, held: int, snap: int) -> None:
    """Nothing raises, no frame is lost or moved, and what was not opened is what it was."""
    capture = Wire(list(wire().frames), snap)
    for which, where, value in changes:
        ts_ns, frame = capture.frames[which % len(capture.frames)]
        if where < len(frame):
            capture.frames[which % len(capture.frames)] = ts_ns, frame[:where] + bytes((value,)) + frame[where + 1 :]
    found, media = cleared(capture, rows, held)
    assert [row[0] for row in found] == [ts_ns for ts_ns, _ in capture.frames]
    differ = sum(row[2] != frame[:snap] for row, (_, frame) in zip(found, capture.frames, strict=True))
    assert differ <= 5 * (media.counts.rtp + media.counts.rtcp), "a packet is in four fragments at most"
    assert all(row[1] >= len(row[2]) for row in found)
