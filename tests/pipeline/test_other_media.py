"""What else a conference carries: MSRP in WebSockets and data channels, BFCP in data channels, T.38, media on TCP;
RTCP kept; ZRTP, OSRTP and MIKEY named in the report."""

import base64
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.core.addresses import Address
from analyzer.core.cites import Cite
from analyzer.core.limits import SECOND_NS, Limits
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.data_channels import DataChannels
from analyzer.pipeline.datagram import Datagram
from analyzer.pipeline.engine import Engine
from analyzer.pipeline.ledger import Ledger
from analyzer.protocols.rtp.rtcp import SenderReport
from analyzer.report.codec import to_json
from analyzer.session.connections import Connection
from analyzer.session.keyring import Keyring
from analyzer.session.media.record import RtcpRecord
from analyzer.session.messaging import Messaging
from tests.golden.runs import rules, tree
from tests.pipeline.sdp import audio, invite_ok
from tests.pipeline.test_bound_sessions import call, said, sdp
from tests.pipeline.test_datagrams import HELLO_ACK, PEER, bind, stun
from tests.pipeline.test_datagrams import channel as channel_data
from tests.pipeline.test_datagrams import data as relayed_data
from tests.pipeline.test_dtls_13 import BFCP as DTLS_BFCP
from tests.pipeline.test_dtls_13 import CLIENT as DTLS_CLIENT
from tests.pipeline.test_dtls_13 import SERVER as DTLS_SERVER
from tests.pipeline.test_dtls_13 import keyring, secrets, shake
from tests.pipeline.test_messaging import QUERY, chunk
from tests.pipeline.test_websocket import CLIENT, REQUEST, RESPONSE, SERVER, frame
from tests.pipeline.wire import Wire, anomalies, at, flow, message, rows, rtp
from tests.protocols.mikey.test_parser import psk
from tests.protocols.rtp.test_framing import SR, framed
from tests.protocols.sctp.test_parser import data, opening, packet
from tests.protocols.udptl.test_parser import packet as udptl


def media(engine: Engine, medium: str) -> list[dict[str, object]]:
    """The hops of a medium, as the report has them."""
    return [row for row in rows(engine.closer.hops) if row["medium"] == medium]


def between(engine: Engine, a: Address, b: Address, protocol: int = 17) -> Connection:
    connection = engine.connections.find(flow(a, b, protocol))
    assert connection is not None
    return connection


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
    (session,), _ = engine.messaging.msrp_sessions.between(CLIENT, SERVER, 6, 2)
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
    (session,), _ = messaging.msrp_sessions.between(A, B, 17, 2)
    assert (session.transport, session.first.frame, session.last.frame) == ("dtls", 2, 3)
    assert ledger.entries() == []


def test_data_channels_in_dtls() -> None:
    """RFC 8261, RFC 8831: SCTP in DTLS, opened; channels have names (RFC 8832), MSRP and BFCP inside count."""
    wire = Wire()
    client, server = shake(wire)
    for sender, ends, payload in (
        (client, (DTLS_CLIENT, DTLS_SERVER), packet(data(1, opening(b"room", b"msrp"), ppid=50))),
        (client, (DTLS_CLIENT, DTLS_SERVER), packet(data(2, chunk(11, "hello", "1-5/5")))),
        (server, (DTLS_SERVER, DTLS_CLIENT), packet(data(1, b"\x20" + QUERY[1:], stream=2, ppid=53))),
    ):
        wire.udp(*ends, sender.record(23, payload))
    engine = wire.run(keyring=keyring(secrets(0x1301)))
    assert engine.messaging.msrp.requests == {"SEND": 1}
    assert engine.messaging.bfcp.primitives == {"FloorQuery": 1}
    (row,) = tree(to_json(assemble(engine, [])))["tls"]
    assert row["carries"] == "sctp"
    assert [(c["label"], c["protocol"]) for c in row["channels"]] == [("room", "msrp"), ("", "bfcp")]
    assert anomalies(engine) == {}


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


def test_t38_in_dtls(tmp_path: Path) -> None:
    """RFC 7345 4.1: UDP/TLS/UDPTL; opened with the secrets, known by its m-line, its certificate fingerprinted."""
    wire = Wire()
    digest = ":".join(f"{byte:02X}" for byte in hashlib.sha256(b"the server's certificate").digest())
    lines = ("UDP/TLS/UDPTL t38", f"a=fingerprint:SHA-256 {digest}")
    offer = (f"m=image {DTLS_CLIENT.port} {lines[0]}", lines[1], "a=setup:active")
    answer = (f"m=image {DTLS_SERVER.port} {lines[0]}", lines[1], "a=setup:passive")
    call(wire, sdp("10.0.0.1", *offer), sdp("10.0.0.2", *answer))
    client, server = shake(wire)
    wire.udp(DTLS_CLIENT, DTLS_SERVER, client.record(23, udptl(0, b"\x02")))
    wire.udp(DTLS_SERVER, DTLS_CLIENT, server.record(23, udptl(0, b"\x04")))
    engine = wire.run(keyring=keyring(secrets(0x1301)), rules=rules())
    (hop,) = media(engine, "image")
    assert (hop["observed"], hop["state"], hop["confidentiality"]) == ("dtls", "dtls_fp_ok", "yes")
    connection = between(engine, DTLS_CLIENT, DTLS_SERVER)
    assert (connection.protocol, connection.inner, connection.decrypted) == ("dtls", "udptl", True)
    assert said(engine, "T38-01") == {"pass": 1}
    assert anomalies(engine) == {}


def test_t38_in_dtls_that_stays_closed() -> None:
    wire = Wire()
    lines = ("m=image {} UDP/TLS/UDPTL t38", "a=fingerprint:SHA-256 AA")
    ends = ((DTLS_CLIENT, "10.0.0.1"), (DTLS_SERVER, "10.0.0.2"))
    call(wire, *(sdp(host, lines[0].format(end.port), lines[1]) for end, host in ends))
    client, _ = shake(wire)
    wire.udp(DTLS_CLIENT, DTLS_SERVER, client.record(23, udptl(0, b"\x02")))
    (hop,) = media(wire.run(), "image")
    assert (hop["state"], hop["confidentiality"]) == ("dtls_unverified", "yes")


def test_t38_in_clear_where_dtls_was_agreed() -> None:
    """Bytes decide (hops.md 6): what was agreed does not make them secret."""
    wire = Wire()
    lines = ("m=image 4000 UDP/TLS/UDPTL t38", "a=fingerprint:SHA-256 AA")
    call(wire, sdp("192.0.2.1", *lines), sdp("192.0.2.2", *lines))
    wire.udp(A, B, udptl(0, b"\x02"))
    engine = wire.run(rules=rules())
    (hop,) = media(engine, "image")
    assert (hop["observed"], hop["state"]) == ("udptl", "clear")
    assert said(engine, "T38-01") == {"fail": 1}


# -- media on TCP (RFC 4571, RFC 4145) -------------------------------------------------------------------------------


def on_tcp(wire: Wire, proto: str = "TCP/RTP/AVP", *more: str) -> tuple[Address, Address]:
    """A call whose audio the offerer sends over a connection that it opens; the ends of that connection."""
    active, passive = at("192.0.2.1", 50_000), at("192.0.2.2", 4000)
    offer = sdp("192.0.2.1", f"m=audio 9 {proto} 0", "a=setup:active", "a=connection:new", *more)
    call(wire, offer, sdp("192.0.2.2", f"m=audio 4000 {proto} 0", "a=setup:passive", "a=connection:new", *more))
    wire.connect(active, passive)
    return active, passive


def test_rtp_on_tcp() -> None:
    """Both ways on one connection, packets cut by segments, with RTCP among them."""
    wire = Wire()
    active, passive = on_tcp(wire)
    for number in range(1, 61):
        there, back = framed(rtp(number)), framed(rtp(number, ssrc=7))
        wire.tcp(active, passive, there[:50])
        wire.tcp(active, passive, there[50:])
        wire.tcp(passive, active, back if number % 20 else back + framed(SR))
    engine = wire.run()
    (hop,) = media(engine, "audio")
    assert (hop["transport"], hop["state"], hop["packets"]) == ("TCP/RTP/AVP", "clear", 120)
    streams = {
        (row["ssrc"], row["src"], row["dst"], row["packets"], row["lost"]) for row in rows(engine.closer.stream_rows)
    }
    assert streams == {
        ("0x5566aabb", str(active), str(passive), 60, 0),
        ("0x00000007", str(passive), str(active), 60, 0),
    }
    assert (hop["rtcp"], hop["rtcp_packets"]) == ("clear", 3)
    connection = between(engine, active, passive, 6)
    assert (connection.protocol, connection.packets) == ("rtp", 2 + 60 * 3)  # a bare ACK opens nothing
    assert anomalies(engine) == {}


def test_rtp_on_tcp_in_batches_of_one() -> None:
    """The batch edge does not show."""
    wire = Wire()
    active, passive = on_tcp(wire)
    for number in range(1, 31):
        wire.tcp(active, passive, framed(rtp(number)))
    whole, single = wire.run(), wire.run(rows=1)
    assert list(whole.closer.hops) == list(single.closer.hops)
    assert list(whole.closer.stream_rows) == list(single.closer.stream_rows)


def test_media_in_turn_on_tcp() -> None:
    """RFC 8656 3.1: between the client and its peer, as on UDP."""
    client, server, far = at("10.0.0.1", 5000), at("10.0.0.3", 3478), PEER
    wire = Wire()
    wire.connect(client, server)
    wire.tcp(client, server, bind())
    wire.tcp(server, client, stun(0x0109))
    for number in range(1, 31):
        relayed = channel_data(rtp(number, bytes(160 + number % 4)))
        relayed += bytes(-len(relayed) % 4)
        wire.tcp(client, server, relayed[:90])
        wire.tcp(client, server, relayed[90:])
        wire.tcp(server, client, relayed_data(rtp(number, ssrc=7)))
    engine = wire.run()
    streams = {(row["ssrc"], row["src"], row["dst"], row["packets"]) for row in rows(engine.closer.stream_rows)}
    assert streams == {("0x5566aabb", str(client), str(far), 30), ("0x00000007", str(far), str(client), 30)}
    connection = between(engine, client, server, 6)
    assert (connection.protocol, anomalies(engine)) == ("stun", {})
    assert list(engine.closer.stream_rows) == list(wire.run(rows=1).closer.stream_rows)


def test_rtp_on_tcp_behind_a_gap() -> None:
    """Where the next packet begins is not known: said once, and nothing is made up."""
    wire = Wire()
    active, passive = on_tcp(wire)
    for number in range(1, 61):
        frame_number = wire.tcp(active, passive, framed(rtp(number)))
        if number == 30:
            cut = frame_number
        wire.segment(passive, active)
    del wire.frames[cut - 1]
    engine = wire.run()
    assert anomalies(engine) == {"rtp.framing_lost": 1}
    (stream,) = rows(engine.closer.stream_rows)
    assert stream["packets"] == 29


@pytest.mark.parametrize("later", [True, False])
def test_rtp_on_tcp_whose_beginning_was_lost(later: bool) -> None:
    """What is held behind a hole comes out when the hole is given up: between two frames, or at the capture's end."""
    wire = Wire()
    active, passive = on_tcp(wire)
    first = wire.tcp(active, passive, framed(rtp(1)))
    for number in range(2, 31):
        wire.tcp(active, passive, framed(rtp(number)))
    del wire.frames[first - 1]
    if later:
        wire.now_ns += 40 * SECOND_NS
        wire.udp(at("192.0.2.7", 1), at("192.0.2.8", 1), b"later")
    for rows_at_once in (32_768, 1, 5, len(wire.frames) - 1):
        engine = wire.run(rows=rows_at_once)
        (stream,) = rows(engine.closer.stream_rows)
        assert stream["packets"] == 29


def test_bfcp_in_dtls_on_tcp() -> None:
    """TCP/DTLS/BFCP (RFC 8856 8): DTLS records behind their lengths; without secrets protected, with them read."""
    for ring in (Keyring(), keyring(secrets(0x1301))):
        inner = Wire()
        client, _ = shake(inner)
        handshakes = [frame[28:] for _, frame in inner.frames]  # IPv4 and UDP headers: 20 and 8 bytes
        wire = Wire()
        offer = sdp("10.0.0.1", "m=application 9 TCP/DTLS/BFCP *", "a=setup:active", "a=fingerprint:SHA-256 AA")
        line = f"m=application {DTLS_SERVER.port} TCP/DTLS/BFCP *"
        call(
            wire,
            offer,
            sdp("10.0.0.2", line, "a=setup:passive", "a=confid:1", "a=userid:3", "a=fingerprint:SHA-256 AA"),
        )
        wire.connect(DTLS_CLIENT, DTLS_SERVER)
        for payload in handshakes:
            from_client = (payload[0] == 22 and payload[13] == 1) or payload is handshakes[-1]
            ends = (DTLS_CLIENT, DTLS_SERVER) if from_client else (DTLS_SERVER, DTLS_CLIENT)
            wire.tcp(*ends, framed(payload))
        wire.tcp(DTLS_CLIENT, DTLS_SERVER, framed(client.record(23, DTLS_BFCP)))
        engine = wire.run(keyring=ring)
        (hop,) = media(engine, "bfcp")
        assert (hop["observed"], hop["confidentiality"]) == ("dtls", "yes")
        assert engine.messaging.bfcp.primitives == ({"Hello": 1} if ring.sources else {})
        connection = between(engine, DTLS_CLIENT, DTLS_SERVER, 6)
        assert connection.packets == 2 + len(handshakes) + 1  # a segment counts once, whatever is in it


# -- RTCP is kept -----------------------------------------------------------------------------------------------------


def test_what_rtcp_says_is_kept_for_correlation() -> None:
    """RFC 3550 6.4.1, 6.5, 6.6: the sender's clocks and counts, the last of each SSRC; CNAME; BYE."""
    wire = Wire()
    invite_ok(wire, at("192.0.2.1", 5060), at("192.0.2.2", 5060), A, B)
    for number in range(20):
        wire.udp(A, B, rtp(number))
    control = at("192.0.2.1", 4001), at("192.0.2.2", 4001)
    said_twice = [report(packets=10, octets=1_600), report(packets=20, octets=3_200)]
    for each in said_twice:
        wire.udp(*control, each + bytes.fromhex("81ca00035566aabb0105") + b"alice\0")
    wire.udp(*control, report(packets=20, octets=3_200) + bytes.fromhex("81cb00015566aabb"))
    kept: list[RtcpRecord] = []
    engine = wire.run(finish=False)
    engine.closer.watch = lambda closed: kept.extend(flow for _, fact in closed.hops for flow in fact.rtcp)
    engine.finish()
    (flow,) = kept
    assert (flow.src, flow.dst, flow.cname, flow.bye) == (*control, "alice", True)
    assert flow.reports == (SenderReport(0x5566AABB, 0xE000_0000_8000_0000, 160, 20, 3_200),)


def report(packets: int, octets: int) -> bytes:
    """RFC 3550 6.4.1: no report blocks, NTP and RTP timestamps, counts."""
    return bytes.fromhex("80c80006") + struct.pack(">IQIII", 0x5566AABB, 0xE000_0000_8000_0000, 160, packets, octets)


# -- keying that SDP or the wire names -------------------------------------------------------------------------------


def keyed_call(
    offer: str, answer: str, payload: Callable[[int], bytes], *spoken: bytes, proto: str = "RTP/AVP"
) -> dict[str, object]:
    """The media hop of a call with twenty packets of audio; `spoken` comes before."""
    wire = Wire()
    ends = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
    wire.udp(*ends, message("INVITE", "call", audio(A, proto, offer)))
    wire.udp(*ends[::-1], message("INVITE", "call", audio(B, proto, answer), status=200))
    for each in spoken:
        wire.udp(A, B, each)
    for number in range(20):
        wire.udp(A, B, rtp(number, payload(number)))
    (hop,) = media(wire.run(), "audio")
    return hop


KEY = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(bytes(range(30))).decode()}\r\n"


def silence(number: int) -> bytes:
    return b"\xd5" * 160


def opaque(number: int) -> bytes:
    """As a cipher makes them: no two alike."""
    return hashlib.shake_128(number.to_bytes(2, "big")).digest(70)


def test_zrtp_is_named() -> None:
    """RFC 6189 5: its Hello and what follows have the magic cookie; SDP says nothing."""
    hop = keyed_call("", "", opaque, HELLO_ACK)
    assert (hop["state"], hop["confidentiality"], hop["evidence"]) == ("zrtp", "unknown", "structural_only")


def test_osrtp_that_was_declined_is_named() -> None:
    """RFC 8643 3.1: keys on RTP/AVP; the answer has none and the media go in clear."""
    hop = keyed_call(KEY, "", silence)
    assert (hop["state"], hop["negotiated"]) == ("osrtp_clear", "RTP/AVP, keys declined")


def test_osrtp_that_was_taken_is_keyed_by_sdes() -> None:
    hop = keyed_call(KEY, KEY, silence)
    assert (hop["key_exchange"], hop["state"]) == ("sdes", "clear")  # agreed; bytes decide


def test_mikey_is_named_and_not_opened() -> None:
    """RFC 4567 3: a=key-mgmt in offer and answer."""
    line = f"a=key-mgmt:mikey {base64.b64encode(psk()).decode()}\r\n"
    wire_hop = keyed_call(line, line, opaque, proto="RTP/SAVP")
    assert (wire_hop["key_exchange"], wire_hop["state"]) == ("mikey", "unknown")
