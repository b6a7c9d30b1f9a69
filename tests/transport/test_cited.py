"""The cited buffer against a list of (byte, frame)."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.transport.cited import CitedBuffer
from tests.linear import assert_linear


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


def test_consuming_is_linear():
    def prepare(size: int) -> Callable[[], object]:
        buffer = CitedBuffer()
        for frame in range(size):
            buffer.append(b"ab", cite(frame))
        return lambda: [buffer.consume(1) for _ in range(2 * size)]

    assert_linear(prepare, 60_000)
