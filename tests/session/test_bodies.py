"""What messages carry besides SDP reaches the session layer: rosters, recipients, sipfrags, referrals."""

from tests.formats.test_conference_info import BASIC, RICH
from tests.formats.test_resource_list import LIST
from tests.pipeline.wire import Wire, anomalies, at, message

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)


def carrying(method: str, ident: str, kind: str, body: bytes, *headers: bytes) -> bytes:
    head = message(method, ident).split(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-")]
    return b"\r\n".join(
        [*lines, *headers, f"Content-Type: {kind}".encode(), b"Content-Length: %d" % len(body), b"", body]
    )


def test_a_roster_is_put_together() -> None:
    """RFC 4575 4.6: two NOTIFYs of one subscription, the ones between them lost."""
    wire = Wire()
    for number, body in enumerate((BASIC, RICH)):
        notify = carrying("NOTIFY", "sub", "application/conference-info+xml", body)
        wire.udp(A, B, notify.replace(b"1 NOTIFY", b"%d NOTIFY" % (number + 1)))
    engine = wire.run(finish=False)
    (call,) = engine.signalling.calls.all()
    assert call.roster is not None
    assert (call.roster.version, len(call.roster.users), call.roster.user_count) == (5, 2, 32)
    assert [m.bodies.roster.version for m in call.notified if m.bodies.roster] == [1, 5]
    assert anomalies(engine) == {"conference_info.version_gap": 1}


def test_a_bomb_is_an_anomaly_of_its_message() -> None:
    wire = Wire()
    wire.udp(A, B, carrying("NOTIFY", "sub", "application/conference-info+xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"))
    engine = wire.run()
    (entry,) = engine.ledger.entries()
    assert (entry.kind.code, [cite.frame for cite in entry.cites]) == ("xml.forbidden", [1])


def test_a_refer_and_its_notify() -> None:
    wire = Wire()
    refer = carrying("REFER", "ref", "application/resource-lists+xml", LIST, b"Refer-To: <cid:1@x>", b"b: <sip:me@x>")
    wire.udp(A, B, refer)
    wire.udp(B, A, carrying("NOTIFY", "ref", "message/sipfrag;version=2.0", b"SIP/2.0 200 OK\r\n"))
    (call,) = wire.run(finish=False).signalling.calls.all()
    (leg,) = call.legs.values()
    asked, told = leg.messages
    assert asked.refer_to is not None
    assert asked.refer_to.list
    assert asked.referred_by == "sip:me@x"
    assert asked.bodies.recipients is not None
    assert len(asked.bodies.recipients.recipients) == 3
    assert told.bodies.sipfrag is not None
    assert told.bodies.sipfrag.status == 200
