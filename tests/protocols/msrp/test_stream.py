"""What RFC 4975 says of framing, and round trips. The six properties: `tests/properties`."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import Event, MsrpStream
from analyzer.transport.cited import Chunk, Gap
from tests.protocols.events import codes, cuts, merged
from tests.protocols.msrp.writer import chunk, response, write

CITE = Cite(0, 1, 0, 100, 7)
SMALL = Limits(message_bytes=2048, header_bytes=200, headers=4)
SEND, OK = chunk(), response()
PIECES = [
        SEND, OK, SEND[:70], SEND[40:], b"\r\n", b"\n", b"MSRP ", b"MSRP a786hjs2 SEND\r\n", b"To-Path: ", b"\r\n\r\n",
        b"\r\n-------a786hjs2$\r\n", b"\r\n-------a786hjs2", b"-------", b"x" * 900, b"MSRP abcd 200 " + b"y" * 400,
        b"MSRP a!b x y\r\n", SEND.replace(b"\r\n", b"\n"), b"Content-Type: a/b\r\n", b"\0", b"MSRP abcd MSRP abcd 200",
    ]  # fmt: skip


def run(pieces: Sequence[bytes], limits: Limits, close: bool = True) -> list[Event]:
    stream, events = MsrpStream(limits), []
    for piece in pieces:
        events += stream.receive(Chunk(piece, CITE))
        assert stream.held <= limits.message_bytes
        assert accounted(events) + stream.held <= sum(map(len, pieces))
    return events + (list(stream.close()) if close else [])


def accounted(events: Sequence[Event]) -> int:
    return sum(event.size for event in events if not isinstance(event, Anomaly))


def messages(events: Sequence[Event]) -> list[MsrpMessage]:
    return [event for event in events if isinstance(event, MsrpMessage)]


def notes(message: MsrpMessage) -> list[str]:
    return [anomaly.kind.code for anomaly in message.anomalies]


def only(data: bytes, limits: Limits | None = None) -> MsrpMessage:
    (message,) = messages(run([data], limits or Limits()))
    return message


ALPHANUM = "abcXYZ019"
IDENTS = st.builds("".join, st.tuples(st.sampled_from(ALPHANUM), st.text(ALPHANUM + ".-+%=", min_size=3, max_size=31)))
URIS = st.sampled_from(["msrp://a.example/s1;tcp", "msrps://[2001:db8::1]:2855/Ab;tcp", "msrp://u@h:1/x;tcp;y=z"])
PATHS = st.lists(URIS, min_size=1, max_size=3).map(tuple)


@st.composite
def requests(draw: st.DrawFn) -> MsrpMessage:
    """A well-formed request, as its fields."""
    tid, method = draw(IDENTS), draw(st.sampled_from(["SEND", "REPORT", "AUTH", "NICKNAME", "FUTURE"]))
    body = draw(st.binary(max_size=80)).replace(tid.encode(), b"")
    typed = bool(body) or draw(st.booleans())
    kind = draw(st.sampled_from(["text/plain", "message/cpim", "a/b;c=d"])) if typed else ""
    start, total = draw(st.integers(1, 10**9)), None
    end = start + len(body) - 1 if draw(st.booleans()) else None
    total = (end or start) + draw(st.integers(0, 9)) if draw(st.booleans()) else None
    reach = (start, end, total)
    fields = {"Message-ID": draw(IDENTS), "Byte-Range": f"{start}-{end or '*'}/{'*' if total is None else total}"}
    if end == 0:
        fields["Byte-Range"] = f"{start}-0/{'*' if total is None else total}"
    to_path, from_path = draw(PATHS), draw(PATHS)
    success, failure = draw(st.sampled_from(["", "yes", "no"])), draw(st.sampled_from(["", "yes", "no", "partial"]))
    named = {"To-Path": " ".join(to_path), "From-Path": " ".join(from_path)} | fields
    named |= {"Success-Report": success, "Failure-Report": failure, "Content-Type": kind}
    message = MsrpMessage(
        tid, method, None, "", to_path, from_path, fields["Message-ID"], reach, success, failure, "", kind, (), None,
        tuple((name, value) for name, value in named.items() if value), body, draw(st.sampled_from("$+#")), 0, (CITE,),
        True, (),
    )  # fmt: skip
    object.__setattr__(message, "size", len(write(message)))
    return message


@given(st.lists(requests(), min_size=1, max_size=4))
def test_what_is_written_is_read_back(written: list[MsrpMessage]) -> None:
    assert run([b"".join(map(write, written))], Limits()) == written


def test_the_exchange_of_the_rfc() -> None:
    """RFC 4975 5.1: a SEND and its response."""
    send, ok = messages(run([chunk(body=b"Hey Bob, are you there?") + OK], Limits()))
    assert (send.transaction_id, send.method, send.status) == ("a786hjs2", "SEND", None)
    assert (send.byte_range, send.body, send.continuation) == ((1, 23, 23), b"Hey Bob, are you there?", "$")
    assert send.to_path == ("msrp://biloxi.example.com:12763/kjhd37s2s20w2a;tcp",)
    assert (ok.method, ok.status, ok.comment, ok.body, ok.continuation) == (None, 200, "OK", b"", "$")
    assert send.anomalies == ok.anomalies == ()


def test_the_end_lines_of_other_transactions_do_not_end_a_body() -> None:
    """RFC 4975 7.1: only the end-line with the request's own identifier ends it."""
    body = b"quote:\r\n-------other1234$\r\n" + OK.replace(b"a786hjs2", b"zzzz9999") + b"bye"
    message = only(chunk(body=body))
    assert (message.body, notes(message)) == (body, [])


def test_its_own_identifier_in_a_body_is_named() -> None:
    """RFC 4975 7.1: the identifier's end-line must not occur in the body; here two readers may differ."""
    message = only(chunk(body=b"a\r\n-------a786hjs2!\r\nb\n-------a786hjs2$\nc"))
    assert message.body.endswith(b"c")
    assert notes(message) == ["msrp.id_in_body"]


def test_bodies_may_be_empty_or_absent() -> None:
    empty, absent = only(chunk(body=b"")), only(chunk(body=None))
    assert (empty.body, empty.content_type, notes(empty)) == (b"", "text/plain", [])
    assert (absent.body, absent.content_type, notes(absent)) == (b"", "", [])
    short = only(chunk(body=b"").replace(b"\r\n\r\n\r\n", b"\r\n\r\n"))
    assert (short.body, short.complete) == (b"", True)


def test_relay_methods_and_headers() -> None:
    """RFC 4976 4: AUTH, Use-Path and Expires."""
    data = chunk(method="AUTH", body=None).replace(b"Byte-Range: 1-0/0", b"Expires: 600\r\nUse-Path: msrps://r/1;tcp")
    message = only(data)
    assert (message.method, message.expires, message.use_path) == ("AUTH", 600, ("msrps://r/1;tcp",))


def test_a_report_keeps_its_status() -> None:
    """RFC 4975 7.1.2: namespace 000, then the code."""
    message = only(chunk(method="REPORT", body=None).replace(b"Byte-Range", b"Status: 000 200 OK\r\nByte-Range"))
    assert (message.report_status, notes(message)) == ("000 200 OK", [])


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"MSRP a786hjs2 SEND", b"MSRP a786hjs2 Send", "msrp.start_line"),
        (b"To-Path: ", b"To-Path:", "msrp.header_syntax"),
        (b"Message-ID: 87652491\r\n", b"", "msrp.message_id"),
        (b"Byte-Range: 1-7/7", b"Byte-Range: 0-7/7", "msrp.byte_range"),
        (b"Byte-Range: 1-7/7", b"Byte-Range: 1-8/8", "msrp.range_size"),
        (b"Byte-Range: 1-7/7", b"Byte-Range: 1-7/5", "msrp.byte_range"),
        (b"Message-ID: 87652491", b"Message-ID: 87652491\r\nMessage-ID: 87652491", "msrp.header_repeated"),
        (b"Message-ID", b"Success-Report: maybe\r\nMessage-ID", "msrp.report_value"),
        (b"Content-Type: text/plain\r\n", b"", "msrp.body_without_type"),
        (b"To-Path: ", b"X: y\r\nTo-Path: ", "msrp.paths"),
        (b"\r\n", b"\n", "msrp.bare_lf"),
        (b"a786hjs2", b"a7!", "msrp.transaction_id"),
    ],
)
def test_what_the_grammar_forbids_is_named_and_read(old: bytes, new: bytes, code: str) -> None:
    message = only(SEND.replace(old, new))
    assert (notes(message), message.body, message.complete) == ([code], b"Hey Bob", True)


def test_a_response_ends_with_a_dollar() -> None:
    """RFC 4975 7.2."""
    assert notes(only(OK.replace(b"$", b"+"))) == ["msrp.response_form"]


def test_garbage_is_one_anomaly_and_the_next_message_is_found() -> None:
    events = run([b"one\r\ntwo\r\nMSRP x\r\nthree" + SEND + OK], Limits())
    assert codes(events) == ["msrp.garbage"]
    assert [message.transaction_id for message in messages(events)] == ["a786hjs2", "a786hjs2"]


def test_behind_a_gap_the_next_start_line_is_found() -> None:
    stream = MsrpStream(Limits())
    events = [*stream.receive(Chunk(SEND[:-30], CITE)), *stream.gap(Gap(10, CITE))]
    events += stream.receive(Chunk(SEND[-20:] + chunk(tid="next0001"), CITE))
    first, second = messages(events)
    assert (first.complete, first.continuation, notes(first)) == (False, None, ["msrp.gap"])
    assert (second.complete, second.transaction_id) == (True, "next0001")
    assert codes(events) == ["msrp.gap"]


def test_the_end_of_the_stream_gives_an_incomplete_message() -> None:
    message = only(SEND[:-1])
    assert (message.complete, notes(message)) == (False, ["msrp.incomplete"])


def test_a_long_body_is_cut_and_its_rest_passed_over() -> None:
    events = run([chunk(body=b"b" * 9000), OK], SMALL)
    first, second = messages(events)
    assert (first.complete, notes(first)[0], set(first.body)) == (False, "msrp.message_too_long", {0x62})
    assert second.status == 200
    assert accounted(events) == len(chunk(body=b"b" * 9000)) + len(OK)


def test_every_frame_of_a_message_is_cited() -> None:
    data, stream, events = SEND + OK, MsrpStream(Limits()), []
    for at in range(0, len(data), 50):
        events += stream.receive(Chunk(data[at : at + 50], Cite(0, at // 50 + 1, 0, 50, at)))
    first, second = messages(events)
    last = -(-len(SEND) // 50)
    assert [cite.frame for cite in first.cites] == list(range(1, last + 1))
    assert second.cites[0].frame in (last, last + 1)


@given(
    st.integers(1700, 2100), st.lists(st.integers(0, 4000), max_size=6), st.sampled_from(["$", "!", "$\r\n", "$\r!"])
)
def test_an_end_line_at_the_bound_is_found(size: int, at: list[int], tail: str) -> None:
    """Wherever the bound cuts a message, its end-line and the next message are found, in any segments."""
    data = chunk(body=b"b" * size + b"\r\n-------a786hjs2" + tail.encode() + b"c" * 300) + OK
    whole = merged(run([data], SMALL))
    assert merged(run(cuts(data, at), SMALL)) == whole
    assert accounted(whole) == len(data)
    assert tail == "$\r\n" or messages(whole)[-1].status == 200
