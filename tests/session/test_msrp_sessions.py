"""MSRP sessions: responses and reports matched by RFC 4975 7."""

from analyzer.core.addresses import Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.msrp.message import MsrpMessage
from analyzer.protocols.msrp.stream import MsrpStream
from analyzer.session.carrier import Carrier
from analyzer.session.messaging import Messaging
from analyzer.session.msrp_sessions import MsrpSession
from analyzer.transport.cited import Chunk
from tests.pipeline.wire import at

A, B = at("192.0.2.1", 40_000), at("192.0.2.2", 2855)
ALICE, BOB = "msrp://a.example:7654/aaaa;tcp", "msrp://b.example:2855/bbbb;tcp"


class Talk:
    """Feeds whole messages; frame numbers count up from 1."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.messaging = Messaging(self.limits)
        self.codes: list[str] = []
        self.frame = 0

    def say(self, text: str, up: bool = True, second: float = 0) -> None:
        """One message of Alice, or to her; line ends are added."""
        self.frame += 1
        cite = Cite(0, self.frame, 0, 100, self.frame * 1000 + int(second * 1e9))
        src, dst = (A, B) if up else (B, A)
        for event in MsrpStream(self.limits).receive(Chunk(text.replace("\n", "\r\n").encode(), cite)):
            assert isinstance(event, MsrpMessage)
            found = self.messaging.take(event, Carrier(0, Endpoints(src, dst, 6), "tcp"))
            self.codes += [anomaly.kind.code for anomaly in found]

    def send(
        self, tid: str, extra: str = "", up: bool = True, method: str = "SEND", mid: str = "mid1", **options: float
    ) -> None:
        to, sender = (BOB, ALICE) if up else (ALICE, BOB)
        head = f"MSRP {tid} {method}\nTo-Path: {to}\nFrom-Path: {sender}\nMessage-ID: {mid}\n{extra}"
        body = "Byte-Range: 1-2/2\nContent-Type: text/plain\n\nhi\n" if method == "SEND" else ""
        self.say(f"{head}{body}-------{tid}$\n", up, **options)

    def answer(self, tid: str, status: str = "200 OK", up: bool = False, **options: float) -> None:
        to, sender = (BOB, ALICE) if up else (ALICE, BOB)
        self.say(f"MSRP {tid} {status}\nTo-Path: {to}\nFrom-Path: {sender}\n-------{tid}$\n", up, **options)

    @property
    def session(self) -> MsrpSession:
        (found,), _ = self.messaging.msrp_sessions.between(B, A, 6, 2)
        return found


def test_responses_are_matched_to_transactions() -> None:
    talk = Talk()
    talk.send("t1xx")
    talk.send("t2xx", mid="mid2")
    talk.answer("t2xx", "481 No such session")
    talk.answer("t1xx")
    assert talk.codes == []
    session = talk.session
    assert (session.requests, session.responses) == ({"SEND": 2}, {"200": 1, "481": 1})
    assert (session.refused, session.accepted, session.unanswered) == ({"SEND": 1}, True, 0)
    assert (session.messages, session.message_bytes, list(session.types)) == (2, 4, ["text/plain"])
    assert session.session_ids == ("aaaa", "bbbb")


def test_a_response_to_nothing_and_a_transaction_used_twice() -> None:
    talk = Talk()
    talk.answer("nope")
    talk.send("t1xx")
    talk.send("t1xx", mid="mid2")
    assert talk.codes == ["msrp.response_unasked", "msrp.transaction_reused"]


def test_what_is_not_answered_in_30_seconds_failed() -> None:
    """RFC 4975 7.1.4. A response on the wrong side is no response."""
    talk = Talk()
    talk.send("t1xx")
    talk.answer("t1xx", up=True)
    talk.send("t2xx", mid="mid2", second=31)
    assert talk.session.unanswered == 1
    assert talk.codes == ["msrp.response_unasked"]


def test_who_asked_for_silence_is_not_waited_for() -> None:
    """RFC 4975 7.2: Failure-Report no has no response, partial only a failure; a REPORT has none (7.1.2)."""
    talk = Talk()
    talk.send("t1xx", "Failure-Report: no\n")
    talk.send("t2xx", "Failure-Report: partial\n", mid="mid2")
    talk.answer("t2xx", "413 Stop")
    report = "Byte-Range: 1-2/2\nStatus: 000 413 Stop\n"
    talk.send("t3xx", report, up=False, method="REPORT", mid="mid2")
    talk.send("t4xx", mid="mid3", second=60)
    assert talk.codes == []
    assert talk.session.unanswered == 0


def test_reports_are_matched_to_messages() -> None:
    """RFC 4975 7.1.2: by Message-ID, in the other direction."""
    talk = Talk()
    talk.send("t1xx", "Success-Report: yes\n")
    talk.send("r1xx", "Byte-Range: 1-2/2\nStatus: 000 200 OK\n", up=False, method="REPORT")
    talk.send("r2xx", "Byte-Range: 1-2/2\nStatus: 000 413 Stop\n", up=False, method="REPORT")
    assert talk.codes == []
    session = talk.session
    assert (session.reports_wanted, session.success_reports, session.failure_reports) == (1, 1, 1)
    talk.send("r3xx", "Byte-Range: 1-2/2\nStatus: 000 200 OK\n", up=False, method="REPORT", mid="other")
    talk.send("r4xx", "Byte-Range: 1-2/2\nStatus: 000 200 OK\n", method="REPORT")
    assert talk.codes == ["msrp.report_unrequested"] * 2


def test_authentication_at_a_relay() -> None:
    """RFC 4976 5.1: AUTH is no session of two ends; the relay's Use-Path makes what follows relayed."""
    talk = Talk()
    relay = "msrps://relay.example:9000;tcp"
    talk.say(f"MSRP a1xx AUTH\nTo-Path: {relay}\nFrom-Path: {ALICE}\n-------a1xx$\n")
    talk.say(
        f"MSRP a1xx 200 OK\nTo-Path: {ALICE}\nFrom-Path: {relay}\nUse-Path: {relay}\nExpires: 900\n-------a1xx$\n",
        up=False,
    )
    assert (talk.session.uris, talk.session.relayed) == ((ALICE,), True)
    assert talk.codes == []


def test_speakers_are_those_of_the_envelope() -> None:
    """RFC 3862: From of message/cpim."""
    talk = Talk()
    body = "From: Carol <sip:carol@x>\nTo: <sip:room@x>\n\nContent-Type: text/plain\n\nhi"
    head = f"MSRP t1xx SEND\nTo-Path: {BOB}\nFrom-Path: {ALICE}\nMessage-ID: mid1\nContent-Type: message/cpim\n\n"
    talk.say(f"{head}{body}\n-------t1xx$\n")
    assert list(talk.session.speakers) == [("aaaa", "sip:carol@x")]  # by the session id that sent it
    assert list(talk.session.addressees) == ["sip:room@x"]
    assert list(talk.session.types) == ["message/cpim", "text/plain"]


def test_sessions_are_bounded() -> None:
    talk = Talk(Limits(messaging_sessions=2, msrp_transactions=4, traced_messages=3))
    talk.messaging.trace()
    for number in range(9):
        talk.send(f"t{number}xx", mid=f"mid{number}")
    assert talk.session.unanswered == 5
    assert (len(talk.session.trace.messages), talk.session.trace.dropped) == (3, 6)
    for tid in ("q0xx", "q1xx", "q2xx", "q3xx", "q4xx"):
        sender = ALICE.replace("aaaa", tid)
        talk.say(f"MSRP {tid} SEND\nTo-Path: {BOB}\nFrom-Path: {sender}\nMessage-ID: mid9\n-------{tid}$\n")
    assert talk.messaging.msrp_sessions.evicted == 4
    assert talk.messaging.msrp_sessions.with_id("aaaa") == ()
