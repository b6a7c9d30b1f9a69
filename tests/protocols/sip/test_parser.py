"""What RFC 3261 says of a plain message in a datagram. The six properties: `tests/properties`."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import header_end, parse_datagram
from analyzer.transport.parser import Skipped
from tests.properties.harness import leaves

CITES = (Cite(0, 1, 0, 100, 7),)
LIMITS = Limits()
# Written from the grammar of RFC 3261: compact names (7.3.3), folding (7.3.1), blanks around the colon (7.3.1).
INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\nv: SIP / 2.0 / UDP  192.0.2.1:5062;branch=z9hG4bK1;rport\r\n"
    b'f : "A, \\"B\\"" <sip:alice@example.com;x=y>;tag=a1\r\nt: <sip:bob@example.com>\r\ni: abc\r\n'
    b"CSeq: 1\r\n INVITE\r\nc: text/plain; charset=utf-8\r\nl: 2\r\n\r\nhi"
)


def test_a_compact_folded_invite_is_read() -> None:
    (message,) = parse_datagram(INVITE, CITES, LIMITS)
    assert isinstance(message, Message)
    assert (message.method, message.status, message.call_id, message.cseq) == ("INVITE", None, "abc", 1)
    assert (message.from_tag, message.to_tag, message.content_type) == ("a1", "", "text/plain")
    assert message.from_uri == "sip:alice@example.com;x=y"
    via = message.vias[0]
    assert (via.transport, via.host, via.port, via.branch, via.rport) == ("UDP", "192.0.2.1", 5062, "z9hG4bK1", "")
    assert (message.body, message.anomalies, message.complete) == (b"hi", (), True)


def test_a_header_is_found_by_its_name_once_and_repeated() -> None:
    """RFC 3261 7.3.1: rows of one name are one header, in their order."""
    (message,) = parse_datagram(INVITE.replace(b"t: <", b"v: SIP/2.0/UDP b;branch=z9hG4bK2\r\nt: <"), CITES, LIMITS)
    assert isinstance(message, Message)
    assert [via.branch for via in message.vias] == ["z9hG4bK1", "z9hG4bK2"]
    assert (message.branch, message.passed_branch) == ("z9hG4bK1", "z9hG4bK2")
    assert (message.first("call-id"), message.all("call-id")) == ("abc", ("abc",))
    assert (message.first("route"), message.all("route")) == (None, ())
    (alone,) = parse_datagram(INVITE, CITES, LIMITS)
    assert isinstance(alone, Message)
    assert alone.passed_branch == ""


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a"]), max_size=12), st.integers(0, 8), st.integers(0, 24))
def test_the_header_ends_with_the_first_empty_line(pieces: list[bytes], start: int, stop: int) -> None:
    """RFC 3261 7: CRLF CRLF; of lines that end with a bare LF, the same without the CR."""
    data = b"".join(pieces)
    ends = [(data.find(mark, start, stop), len(mark)) for mark in (b"\n\r\n", b"\n\n")]
    first = min((end for end in ends if end[0] >= 0), default=None)
    assert header_end(data, start, stop) == (None if first is None else (first[0] + 1, sum(first)))


def test_keep_alives_are_skipped() -> None:
    """RFC 5626 3.5.1 and 4.4.1."""
    assert parse_datagram(b"\r\n\r\n", CITES, LIMITS) == [Skipped(4, CITES)]


def test_a_lying_content_length_is_named() -> None:
    """RFC 3261 18.3."""
    (short,) = parse_datagram(INVITE.replace(b"l: 2", b"l: 3"), CITES, LIMITS)
    (extra,) = parse_datagram(INVITE + b"!", CITES, LIMITS)
    assert isinstance(short, Message)
    assert isinstance(extra, Message)
    assert ([a.kind.code for a in short.anomalies], short.complete) == (["sip.body_truncated"], False)
    assert ([a.kind.code for a in extra.anomalies], extra.body) == (["sip.body_trailing"], b"hi")


def test_every_torture_message_is_kept(shared: Path) -> None:
    """RFC 4475 and RFC 5118: each is at least one message, none is thrown away."""
    files = [path for name in ("rfc4475", "rfc5118") for path in (shared / "vectors" / name).iterdir()]
    lost = []
    for path in files:
        messages = [event for event in parse_datagram(path.read_bytes(), CITES, LIMITS) if isinstance(event, Message)]
        for message in messages:
            assert list(leaves(message))  # every typed value
        if not messages:
            lost.append(path.name)
    assert (len(files), lost) == (61, [])
