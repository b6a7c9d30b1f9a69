"""The usual path gives the columns of the full decoder, on frames it takes and on frames it must leave."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.limits import Limits
from analyzer.net import usual
from analyzer.net.decode import Decoder
from tests.net.test_decode import COLUMNS, SOURCES, batch, ethernet, mutated, tcp4, udp4, udp6

KINDS = np.array([12 if s.link_type == 1 else 14 if s.link_type == 113 else -1 for s in SOURCES], np.int64)
PLAIN = (1, ethernet(0x0800, udp4(b"hello")))
TAGGED = (1, ethernet(0x8100, b"\0\5\x08\0" + udp4(b"hello")))
TCP = (1, ethernet(0x0800, tcp4(b"hello")))
SIX = (1, ethernet(0x86DD, udp6(b"hello")))
SLL = (4, bytes(14) + b"\x08\0" + udp4(b"hello"))


@given(
    st.lists(mutated() | st.sampled_from([PLAIN, TAGGED, TCP, SIX, SLL]), max_size=30), st.sampled_from([0, 0, 2, 9])
)
def test_equals_the_full_decoder(frames: list[tuple[int, bytes]], cut: int) -> None:
    fast, full = Decoder(SOURCES, Limits()), Decoder(SOURCES, Limits())
    ours = fast.decode(batch(frames, cut=cut))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usual, "_gather", None)  # it would raise if it were used
        patch.setattr(usual, "decode", lambda b, kinds, of=usual.decode: of(b, np.full_like(kinds, -1)))
        theirs = full.decode(batch(frames, cut=cut))
    for name in ("row", "payload_start", *COLUMNS):
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine.dtype == other.dtype
        assert mine.tolist() == other.tolist(), name
    assert (fast.undecoded, fast.take_anomalies()) == (full.undecoded, full.take_anomalies())


@pytest.mark.parametrize("frame", [PLAIN, TAGGED, TCP, SIX, SLL])
def test_takes_the_usual_row_also_at_the_end_of_the_buffer(frame: tuple[int, bytes]) -> None:
    _, done = usual.decode(batch([PLAIN, frame]), KINDS)
    assert done.tolist() == [True, True]
    for cut in (1, 5):  # the snap length took payload
        of, done = usual.decode(batch([PLAIN, frame], cut=cut), KINDS)
        assert done.tolist() == [True, True]
        assert of["missing"].tolist() == [cut, cut]
    assert not usual.decode(batch([frame], cut=10), KINDS)[1].any()  # into the fixed header


@pytest.mark.parametrize("port", [2152, 4500, 4789, 6081])
def test_leaves_tunnel_ports(port: int) -> None:
    for at in (34, 36):
        frame = bytearray(PLAIN[1])
        frame[at : at + 2] = port.to_bytes(2, "big")
        assert not usual.decode(batch([(1, bytes(frame))]), KINDS)[1].any()


def test_chunks_do_not_show() -> None:
    frames = batch([PLAIN, TAGGED, SIX] * 12_000)
    assert len(frames) > usual._CHUNK
    of, done = usual.decode(frames, KINDS)
    assert done.all()
    assert (of["payload_start"] + 5 == frames.start + frames.captured).all()
    assert of["layers"].tolist() == [0, 1, 0] * 12_000
