"""The cited buffer against a list of (byte, frame)."""

import time

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.transport.cited import CitedBuffer


def cite(frame: int) -> Cite:
    return Cite(0, frame, 0, 0, 0)


@given(st.lists(st.binary(max_size=9) | st.integers(0, 12), max_size=60), st.integers(0, 30), st.integers(0, 30))
def test_buffer_is_a_list_of_bytes_with_frames(steps, first, last):
    buffer, model = CitedBuffer(), []
    for frame, step in enumerate(steps):
        if isinstance(step, bytes):
            buffer.append(step, cite(frame))
            model += [(byte, frame) for byte in step]
        else:
            buffer.consume(step)
            model = model[step:]
        assert bytes(buffer.data) == bytes(byte for byte, _ in model)
        frames = [frame for _, frame in model]
        for low, high in ((0, len(model)), (min(first, len(model)), min(last, len(model)))):
            assert [each.frame for each in buffer.cites(low, high)] == list(dict.fromkeys(frames[low:high]))


def _seconds(size: int) -> float:
    buffer = CitedBuffer()
    for frame in range(size):
        buffer.append(b"ab", cite(frame))
    start = time.process_time()
    for _ in range(2 * size):
        buffer.consume(1)
    return time.process_time() - start


def test_consuming_is_linear():
    small, large = (min(_seconds(size) for _ in range(3)) for size in (10_000, 40_000))
    assert large < 4 * 2 * small
