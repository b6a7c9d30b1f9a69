"""Roles, transactions and identifiers of BFCP, by RFC 8855 5.1, 6 and 8."""

import pytest

from analyzer.core.limits import Limits
from analyzer.protocols.bfcp import names
from analyzer.protocols.bfcp.message import Attribute
from analyzer.session.bfcp_sessions import BY_CLIENT, BY_SERVER, BfcpSession
from tests.pipeline.wire import at
from tests.session.bfcp_talk import SERVER, Talk, floor, information


def session(talk: Talk, client: int = 1) -> BfcpSession:
    (found,) = talk.messaging.bfcp_sessions.between(SERVER, at(f"192.0.2.{client}", 40_000 + client), talk.protocol)
    return found


def test_the_server_is_known_by_what_it_says() -> None:
    """Whoever opened the connection: the first primitive tells."""
    talk = Talk()
    talk.say(1, 8, floor(1), tid=0, up=False)
    assert (session(talk).server, session(talk).client) == (SERVER, at("192.0.2.1", 40_001))
    assert frozenset(names.PRIMITIVES) - {16, 17} == BY_CLIENT | BY_SERVER  # table 1: Goodbye is anyone's
    assert not BY_CLIENT & BY_SERVER


def test_primitives_of_the_other_role_and_transport() -> None:
    talk = Talk()
    talk.say(1, 11, tid=1)
    talk.say(1, 11, tid=2, up=False)
    talk.say(1, 4, information(1, "Granted", 1), tid=0)
    talk.say(1, 16, tid=3)
    assert talk.codes == ["bfcp.role", "bfcp.role", "bfcp.unreliable_only"]
    assert session(talk).faults == {"bfcp.role": 2, "bfcp.unreliable_only": 1}


@pytest.mark.parametrize(
    ("protocol", "primitive", "tid", "up", "code"),
    [
        (6, 11, 0, True, "bfcp.transaction_id"),  # 8.1: a client's is different from 0
        (6, 8, 9, False, "bfcp.transaction_id"),  # 8.2: the server's own is 0 on TCP
        (17, 8, 0, False, "bfcp.transaction_id"),  # 8.2: and is not 0 on UDP
        (6, 12, 9, False, "bfcp.response_unasked"),
        (17, 14, 9, True, "bfcp.response_unasked"),
    ],
)
def test_transactions(protocol: int, primitive: int, tid: int, up: bool, code: str) -> None:
    talk = Talk(protocol)
    talk.say(1, 11, tid=1)
    told = (Attribute(names.SUPPORTED_PRIMITIVES, True, b"\1"), Attribute(names.SUPPORTED_ATTRIBUTES, True, b"\2"))
    talk.say(1, primitive, *(told if primitive == 12 else (floor(1),)), tid=tid, up=up, responder=primitive == 14)
    assert talk.codes == [code]


def test_an_answer_copies_who_asked() -> None:
    """RFC 8855 8.2."""
    talk = Talk()
    talk.say(1, 7, floor(1), tid=7)
    talk.say(1, 8, floor(1), tid=7, up=False, user=2)
    assert talk.codes == ["bfcp.response_mismatch"]


def test_acknowledged_news_over_udp() -> None:
    """RFC 8855 8.3: the server's transaction is answered with the R flag; unanswered ones are counted."""
    talk = Talk(17)
    talk.say(1, 11, tid=1)
    talk.say(1, 4, information(1, "Granted", 1), tid=40, up=False)
    talk.say(1, 14, tid=40, responder=True)
    assert talk.codes == []
    talk.say(1, 14, tid=41)
    assert talk.codes == ["bfcp.response_unasked", "bfcp.responder_flag"]
    talk.say(1, 11, tid=3, second=60)
    assert session(talk).unanswered == 1  # the first Hello


def test_a_client_that_speaks_for_two_users() -> None:
    """RFC 8855 9.1: one authenticated connection, one user; answers to it bear the id it used."""
    talk = Talk()
    talk.say(1, 11, tid=1)
    talk.say(1, 11, tid=2, user=9)
    talk.say(1, 11, tid=3, conference=5)
    assert talk.codes == ["bfcp.user_changed", "bfcp.conference_changed"]
    assert (list(session(talk).users), list(session(talk).conferences)) == ([1, 9], [4711, 5])


def test_retransmissions_are_counted_apart() -> None:
    talk = Talk(17)
    talk.messaging.trace()
    for second in (0, 0.5, 1.5):
        talk.say(1, 11, tid=1, second=second)
    assert (session(talk).messages, session(talk).retransmissions) == (1, 2)
    assert [each.label for each in session(talk).trace.messages] == ["Hello", "Hello again", "Hello again"]


def test_user_uris_are_kept() -> None:
    talk = Talk()
    talk.say(1, 8, floor(1), information(7, "Granted", 1, by=2, uri="sip:bob@x"), tid=0, up=False)
    assert session(talk).uris == {2: "sip:bob@x"}


def test_sessions_are_bounded() -> None:
    talk = Talk(limits=Limits(messaging_sessions=3, bfcp_transactions=5, traced_messages=4))
    talk.messaging.trace()
    for client in range(1, 8):
        talk.say(client, 11, tid=1)
    assert talk.messaging.bfcp_sessions.evicted == 4
    for tid in range(2, 50):
        talk.say(7, 11, tid=tid)
    assert len(session(talk, 7).asked) == 5
    assert (len(session(talk, 7).trace.messages), session(talk, 7).trace.dropped) == (4, 45)
