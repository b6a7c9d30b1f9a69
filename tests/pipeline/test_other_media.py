"""What else a conference carries: MSRP in WebSockets and data channels, BFCP in data channels, T.38."""

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.pipeline.data_channels import DataChannels
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.ledger import Ledger
from analyzer.session.connections import Connection
from analyzer.session.messaging import Messaging
from tests.pipeline.test_bound_sessions import call, sdp
from tests.pipeline.test_messaging import QUERY, chunk
from tests.pipeline.test_websocket import CLIENT, REQUEST, RESPONSE, SERVER, frame
from tests.pipeline.wire import Wire, anomalies, at, flow, rows
from tests.protocols.sctp.test_parser import data, opening, packet
from tests.protocols.udptl.test_parser import packet as udptl

A, B = at("192.0.2.1", 4000), at("192.0.2.2", 4000)


def test_msrp_over_websocket() -> None:
    """RFC 7977 5.1, 5.2: subprotocol msrp, one message in each frame."""
    wire = Wire()
    wire.connect(CLIENT, SERVER)
    wire.tcp(CLIENT, SERVER, REQUEST.replace(b": sip\r\n", b": msrp\r\n"))
    wire.tcp(SERVER, CLIENT, RESPONSE.replace(b": sip\r\n", b": msrp\r\n"))
    wire.tcp(CLIENT, SERVER, frame(chunk(11, "hello", "1-5/5"), masked=True))
    engine = wire.run()
    assert engine.messaging.msrp.requests == {"SEND": 1}
    assert engine.messaging.msrp.reassembled == 1
    assert [(c.protocol, c.inner) for c in engine.connections.all()] == [("websocket", "msrp")]
    (session,) = engine.messaging.msrp_sessions.between(CLIENT, SERVER, 6)
    assert session.transport == "ws"
    assert anomalies(engine) == {}


def test_a_frame_that_ends_inside_a_message_is_named() -> None:
    wire = Wire()
    wire.connect(CLIENT, SERVER)
    wire.tcp(CLIENT, SERVER, REQUEST)
    wire.tcp(SERVER, CLIENT, RESPONSE)
    wire.tcp(CLIENT, SERVER, frame(chunk(11, "hello", "1-5/5")[:-9], masked=True))
    assert "msrp.incomplete" in anomalies(wire.run())


def test_msrp_and_bfcp_in_data_channels() -> None:
    """RFC 8873: the channel's subprotocol says so; a channel negotiated in SDP has no open message: its bytes tell."""
    messaging, ledger = Messaging(Limits()), Ledger(Limits())
    connection = Connection(1, A, B, 17, "dtls", "sctp")
    channels = DataChannels(Limits(), ledger, messaging)
    floor_query = b"\x20" + QUERY[1:]
    for number, payload in enumerate(
        (
            packet(data(1, opening(b"room", b"msrp"), ppid=50)),
            packet(data(2, chunk(11, "hello", "1-5/5")[:40], 2)),
            packet(data(3, chunk(11, "hello", "1-5/5")[40:], 1)),
            packet(data(4, floor_query, stream=2, ppid=53)),
        )
    ):
        cite = Cite(0, number + 1, 0, 100, number)
        channels.packet(Datagram(0, flow(A, B), payload, 0, -1, (cite,), 1, "dtls"), connection)
    assert connection.channels == {1: ("room", "msrp"), 2: ("", "bfcp")}
    assert messaging.msrp.requests == {"SEND": 1}
    assert messaging.bfcp.primitives == {"FloorQuery": 1}
    (session,) = messaging.msrp_sessions.between(A, B, 17)
    assert (session.transport, session.first.frame, session.last.frame) == ("dtls", 2, 3)
    assert ledger.entries() == []


def test_t38_is_known_by_its_m_line() -> None:
    """T.38 D.2.3: m=image port udptl t38. The same bytes elsewhere are nothing."""
    wire = Wire()
    lines = ("m=image 4000 udptl t38", "a=T38FaxVersion:0")
    call(wire, sdp("192.0.2.1", *lines), sdp("192.0.2.2", *lines))
    wire.udp(A, B, udptl(0, b"\x02"))
    wire.udp(B, A, udptl(0, b"\x04"))
    wire.udp(at("192.0.2.1", 4002), at("192.0.2.2", 4002), udptl(0, b"\x02"))
    engine = wire.run()
    (hop,) = [row for row in rows(engine.closer.hops) if row["medium"] == "image"]
    assert (hop["observed"], hop["state"], hop["confidentiality"], hop["packets"]) == ("udptl", "clear", "no", 2)
