"""Handshake messages from fragments in any order, repeated, overlapping (RFC 6347 4.2.3)."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.formats.tls_handshake import split_messages
from analyzer.protocols.dtls.handshake import HandshakeAssembler, HandshakeMessage
from analyzer.protocols.dtls.records import DtlsRecord
from tests.linear import assert_linear

CITE = Cite(0, 1, 0, 100, 7)
LIMITS = Limits()


def fragment(body: bytes, first: int, last: int, seq: int = 0, kind: int = 1) -> bytes:
    """RFC 6347 4.2.2: type, length, message_seq, fragment_offset, fragment_length."""
    sizes = len(body).to_bytes(3, "big") + seq.to_bytes(2, "big") + first.to_bytes(3, "big")
    return bytes([kind]) + sizes + (last - first).to_bytes(3, "big") + body[first:last]


def record(data: bytes) -> DtlsRecord:
    return DtlsRecord(22, 0xFEFD, 0, 0, data, (CITE,), len(data) + 13)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.builds(fragment, st.binary(max_size=9), st.integers(0, 4), st.integers(4, 9), st.integers(0, 3)),
        )
    )
)
def test_total_bounded_and_cited(parts: list[bytes]) -> None:
    limits = Limits(message_bytes=30, fragments_per_packet=2)
    assembler = HandshakeAssembler(limits)
    for part in parts:
        assert all(event.cites for event in assembler.receive(record(part)))
        assert assembler.held <= limits.message_bytes
    assert all(event.cites for event in assembler.close())
    assert assembler.held == 0


@given(st.binary(min_size=1, max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))), st.randoms())
def test_any_cutting_gives_the_message_once(body: bytes, cuts: list[tuple[int, int]], random: object) -> None:
    size = len(body)
    pieces = [(min(a, b, size), min(max(a, b), size)) for a, b in cuts] + [(0, size // 2), (size // 2, size)]
    random.shuffle(pieces)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assembler = HandshakeAssembler(LIMITS)
    events = [event for a, b in pieces for event in assembler.receive(record(fragment(body, a, b)))]
    assert events == [HandshakeMessage(1, 0, body, (CITE,))]
    assert isinstance(events[0], HandshakeMessage)
    assert split_messages(events[0].raw) == ([(1, body, events[0].raw)], len(body) + 4)
    assert assembler.close() == []


def test_linear() -> None:
    def prepare(count: int) -> Callable[[], object]:
        body, assembler = bytes(count), HandshakeAssembler(LIMITS)
        records = [record(fragment(body, at, at + 1)) for at in range(count - 1)]
        return lambda: [assembler.receive(each) for each in records]

    assert_linear(prepare, 2_000)


def codes(*parts: bytes) -> list[str]:
    assembler = HandshakeAssembler(Limits(message_bytes=1000))
    events = [event for part in parts for event in assembler.receive(record(part))] + assembler.close()
    return [event.kind.code for event in events if isinstance(event, Anomaly)]


def test_what_is_wrong_is_named() -> None:
    assert codes(fragment(b"abcd", 0, 3), fragment(b"xbcd", 0, 4)) == ["dtls.fragment_conflict"]
    assert codes(fragment(b"abcd", 0, 4), fragment(b"abcde", 0, 5)) == ["dtls.fragment_conflict"]
    assert codes(fragment(b"abcd", 0, 2)) == ["dtls.handshake_cut"]
    assert codes(fragment(bytes(2000), 0, 2)) == ["dtls.handshake_limit"]
    assert codes(b"\x01\0\0\x01\0\0\0\0\0\0\0\x02ab", b"\x01") == ["dtls.bad_fragment"] * 2


def test_empty_messages_and_several_in_a_record() -> None:
    """ServerHelloDone has no body (RFC 5246 7.4.5)."""
    events = HandshakeAssembler(LIMITS).receive(record(fragment(b"ab", 0, 2, 0, 2) + fragment(b"", 0, 0, 1, 14)))
    assert [event.raw for event in events if isinstance(event, HandshakeMessage)] == [b"\2\0\0\2ab", b"\x0e\0\0\0"]


def test_repeated_fragments_do_not_add_cites() -> None:
    """A sender that repeats one fragment for ever adds nothing to what is held."""
    assembler = HandshakeAssembler(LIMITS)
    for frame in range(1, 50):
        cites = (CITE._replace(frame=frame),)
        assembler.receive(DtlsRecord(22, 0xFEFD, 0, 0, fragment(b"abcd", 0, 2), cites, 27))
    (unfinished,) = assembler.close()
    assert unfinished.cites == (CITE,)
