"""What RFC 3261 18.3 and RFC 5626 4.4.1 say of framing. The six properties: `tests/properties`."""

from collections.abc import Sequence

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import Event
from analyzer.protocols.sip.stream import SipStream
from analyzer.transport.cited import Chunk, Gap
from analyzer.transport.parser import Skipped
from tests.protocols.events import codes

CITE = Cite(0, 1, 0, 100, 7)
SMALL = Limits(header_bytes=300, message_bytes=400)
HEAD = (
    b"Via: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)
OPTIONS = b"OPTIONS sip:c@d SIP/2.0\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi"
NO_LENGTH = b"OPTIONS sip:c@d SIP/2.0\r\n" + HEAD + b"\r\n"
ONLY_TYPE = b"OPTIONS sip:c@d SIP/2.0\r\n" + HEAD + b"c: text/plain\r\n\r\nbody\r\n"
PIECES = [
        OPTIONS, NO_LENGTH, ONLY_TYPE, OPTIONS[:60], OPTIONS[40:], b"\r\n\r\n", b"\n", b"\r", b"\n\n", b"l: 70\r\n\r\n",
        b"l: 900\n\n", b"l: x\r\n\r\n", b"x" * 170, b"SIP/2.0 200 OK\r\n",
        b"junkBYE sip:a SIP/2.0\r\n", b"c:d\r\n", b"\0",
    ]  # fmt: skip


def run(pieces: Sequence[bytes], limits: Limits, close: bool = True) -> list[Event]:
    stream, events = SipStream(limits), []
    for piece in pieces:
        events += stream.receive(Chunk(piece, CITE))
        assert stream.held <= limits.message_bytes + 2
        assert accounted(events) + stream.held <= sum(map(len, pieces))
    return events + (stream.close() if close else [])


def accounted(events: Sequence[Event]) -> int:
    return sum(
        len(event.raw) if isinstance(event, Message) else event.size if isinstance(event, Skipped) else 0
        for event in events
    )


def messages(events: Sequence[Event]) -> list[Message]:
    return [event for event in events if isinstance(event, Message)]


def test_messages_are_framed_by_content_length_and_cited() -> None:
    data = OPTIONS + b"\r\n\r\n" + OPTIONS.replace(b"hi", b"ho") + NO_LENGTH
    stream = SipStream(Limits())
    events = [
        event
        for number in range(0, len(data), 50)
        for event in stream.receive(Chunk(data[number : number + 50], Cite(0, number // 50 + 1, 0, 50, number)))
    ]
    first, second, third = messages(events)
    assert (first.body, second.body, third.body) == (b"hi", b"ho", b"")
    assert [cite.frame for cite in first.cites] == list(range(1, -(-len(OPTIONS) // 50) + 1))
    assert first.anomalies == second.anomalies == ()
    assert [anomaly.kind.code for anomaly in third.anomalies] == ["sip.content_length_missing"]
    assert [event.size for event in events if isinstance(event, Skipped)] == [4]


def test_a_body_without_length_reaches_to_the_next_start_line() -> None:
    """RFC 3261 20.14 demands Content-Length on a stream; Content-Type shows that there is a body."""
    first, second = messages(run([ONLY_TYPE + OPTIONS], Limits()))
    assert (first.body, first.complete, second.body) == (b"body\r\n", True, b"hi")


def test_lengths_that_contradict_each_other_frame_nothing() -> None:
    """RFC 4475 3.3.9: as if there were none, so that neither reader's length hides the message behind."""
    torn = ONLY_TYPE.replace(b"c: text/plain", b"l: 2\r\nc: text/plain\r\nl: 900")
    first, second = messages(run([torn + OPTIONS], Limits()))
    assert (first.body, second.body) == (b"body\r\n", b"hi")
    assert [a.kind.code for a in first.anomalies] == ["sip.header_repeated", "sip.content_length_invalid"]


def test_bare_line_feeds_frame_too() -> None:
    (message,) = messages(run([OPTIONS.replace(b"\r\n", b"\n")], Limits(), close=False))
    assert (message.body, message.call_id) == (b"hi", "x")
    assert [anomaly.kind.code for anomaly in message.anomalies] == ["sip.bare_lf"]


def test_garbage_is_one_anomaly_and_the_next_message_is_found() -> None:
    events = run([b"one\r\ntwo\r\nthree" + OPTIONS], Limits())
    assert codes(events) == ["sip.garbage"]
    assert (len(messages(events)), accounted(events)) == (1, 15 + len(OPTIONS))


def test_a_gap_in_a_body_of_known_length_keeps_step() -> None:
    """INVITE sip: inside the body must not start a message: the length says where the body ends."""
    body = b"BYE sip:a@b SIP/2.0\r\n" * 4
    data = OPTIONS.replace(b"Length: 2", b"Length: %d" % len(body)).replace(b"hi", body)
    lost = len(data) - 60
    stream = SipStream(Limits())
    events = stream.receive(Chunk(data[:lost], CITE)) + stream.gap(Gap(20, CITE))
    events += stream.receive(Chunk(data[lost + 20 :] + OPTIONS, CITE))
    assert [(message.method, message.complete) for message in messages(events)] == [
        ("OPTIONS", False),
        ("OPTIONS", True),
    ]
    assert codes(events) == ["sip.gap"]


def test_behind_a_gap_in_a_header_the_search_is_silent() -> None:
    stream = SipStream(Limits())
    events = stream.receive(Chunk(OPTIONS[:70], CITE)) + stream.gap(Gap(None, CITE))
    events += stream.receive(Chunk(b"rest of a header\r\n\r\n" + OPTIONS, CITE))
    assert [message.complete for message in messages(events)] == [False, True]
    assert codes(events) == ["sip.gap"]


def test_the_end_of_the_stream_gives_an_incomplete_message() -> None:
    events = run([OPTIONS[:-1]], Limits())
    (message,) = messages(events)
    assert (message.complete, message.body, codes(events)) == (False, b"h", ["sip.incomplete"])


def test_a_message_beyond_the_limit_is_cut_and_named() -> None:
    data = OPTIONS.replace(b"Length: 2", b"Length: 5000").replace(b"hi", b"x" * 5000)
    first, second = messages(run([data, OPTIONS], SMALL))
    assert (first.complete, len(first.raw), second.complete) == (False, SMALL.message_bytes, True)
    assert "sip.message_too_long" in [anomaly.kind.code for anomaly in first.anomalies]
