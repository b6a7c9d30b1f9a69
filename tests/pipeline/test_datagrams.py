"""STUN, TURN and ZRTP on UDP: recognised, unwrapped, and never where the bytes only look alike."""

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.addresses import Address
from analyzer.core.limits import Limits
from analyzer.pipeline.engine import Engine
from tests.golden.runs import rules
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, anomalies, at, call_of, flow, message, rows, rtp

CLIENT, SERVER, PEER = at("10.0.0.1", 4000), at("10.0.0.2", 3478), at("192.0.2.1", 32_853)
A, B = at("10.0.0.1", 5060), at("192.0.2.1", 5060)
COOKIE = 0x2112A442
BINDING = struct.pack(">HHI", 1, 0, COOKIE) + b"abcdefghijkl"


def attribute(kind: int, value: bytes) -> bytes:
    """RFC 8489 14."""
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun(kind: int, *attributes: bytes) -> bytes:
    """RFC 8489 5."""
    body = b"".join(attributes)
    return struct.pack(">HHI", kind, len(body), COOKIE) + b"abcdefghijkl" + body


def peer(address: Address) -> bytes:
    """XOR-PEER-ADDRESS of an IPv4 peer (RFC 8656 18.3, RFC 8489 14.2)."""
    return attribute(0x12, struct.pack(">BBHI", 0, 1, address.port ^ 0x2112, address.ip & 0xFFFFFFFF ^ COOKIE))


def send(payload: bytes, to: Address = PEER) -> bytes:
    return stun(0x0016, peer(to), attribute(0x13, payload))


def data(payload: bytes, of: Address = PEER) -> bytes:
    return stun(0x0017, peer(of), attribute(0x13, payload))


def channel(payload: bytes, number: int = 0x4001) -> bytes:
    """RFC 8656 12.4."""
    return struct.pack(">HH", number, len(payload)) + payload


def bind(number: int = 0x4001) -> bytes:
    return stun(0x0009, attribute(0x0C, struct.pack(">HH", number, 0)), peer(PEER))


def protocol(engine: Engine, a: Address, b: Address) -> str | None:
    connection = engine.connections.find(flow(a, b))
    return None if connection is None else connection.protocol


def streams(engine: Engine) -> list[tuple[object, object, object]]:
    return [(row["src"], row["dst"], row["packets"]) for row in rows(engine.closer.stream_rows)]


def test_a_binding_is_stun_and_sip_on_the_same_flow_is_sip() -> None:
    """RFC 5626 3.5.2: STUN keep-alives on a SIP flow, whichever comes first."""
    wire = Wire()
    wire.udp(CLIENT, SERVER, BINDING)
    wire.udp(A, B, BINDING)
    wire.udp(A, B, message("OPTIONS", "one"))
    wire.udp(A, B, BINDING)
    engine = wire.run()
    assert (protocol(engine, CLIENT, SERVER), protocol(engine, A, B)) == ("stun", "sip")
    assert anomalies(engine) == {}


def test_what_is_wrong_in_stun_is_said() -> None:
    wire = Wire()
    wire.udp(CLIENT, SERVER, BINDING + b"more")
    assert anomalies(wire.run()) == {"stun.trailing": 1}


def test_sip_in_indications_travels_between_client_and_peer() -> None:
    """RFC 8656 11."""
    wire = Wire()
    first = wire.udp(CLIENT, SERVER, send(message("OPTIONS", "turned")))
    wire.udp(SERVER, CLIENT, data(message("OPTIONS", "turned", status=200)))
    engine = wire.run(finish=False)
    call = call_of(engine, "turned")
    assert call is not None
    request, response = next(iter(call.legs.values())).messages
    assert (request.carrier.endpoints, request.carrier.transport) == (flow(CLIENT, PEER), "udp")
    assert response.carrier.endpoints == flow(PEER, CLIENT)
    assert [cite.frame for cite in request.cites] == [first]


def test_media_on_a_channel_is_a_stream_between_client_and_peer() -> None:
    wire = Wire()
    wire.udp(CLIENT, SERVER, bind())
    frames = [wire.udp(CLIENT, SERVER, channel(rtp(number))) for number in range(10)]
    for number in range(8):
        wire.udp(SERVER, CLIENT, channel(rtp(number, ssrc=7)))
    engine = wire.run()
    assert streams(engine) == [("10.0.0.1:4000", "192.0.2.1:32853", 10), ("192.0.2.1:32853", "10.0.0.1:4000", 8)]
    (sighting,) = rows(engine.closer.stream_rows)[0]["sightings"]  # type: ignore[misc]  # read back from JSON
    assert (sighting["first"], sighting["last"]) == (frames[0], frames[-1])


def test_media_hops_find_what_was_relayed() -> None:
    wire = Wire()
    invite_ok(wire, A, B, CLIENT, PEER)
    for number in range(10):
        wire.udp(CLIENT, SERVER, send(rtp(number)))
        wire.udp(SERVER, CLIENT, data(rtp(number, ssrc=7)))
    engine = wire.run()
    (hop,) = [hop for hop in rows(engine.closer.hops) if hop["plane"] == "media"]
    assert (hop["packets"], hop["state"]) == (20, "clear")


def test_a_snap_length_that_cuts_channel_data_is_no_fault_of_the_wire() -> None:
    wire = Wire(snap=28 + 44)  # the whole ChannelBind, and 28 bytes of each RTP payload
    wire.udp(CLIENT, SERVER, bind())
    for number in range(10):
        wire.udp(CLIENT, SERVER, channel(rtp(number)))
    wire.udp(CLIENT, SERVER, send(rtp(10)))
    engine = wire.run(finish=False)
    assert anomalies(engine) == {"capture.frame_cut": sum(len(frame) > wire.snap for _, frame in wire.frames)}
    engine.finish()
    assert streams(engine) == [("10.0.0.1:4000", "192.0.2.1:32853", 10)]


def _mixed() -> Wire:
    """Two direct and two relayed streams that start one after the other."""
    wire = Wire()
    invite_ok(wire, A, B, CLIENT, PEER)
    wire.udp(CLIENT, SERVER, bind())
    other = at("10.0.0.9", 6000)
    for number in range(20):
        wire.udp(other, PEER, rtp(number, ssrc=1))
        wire.udp(CLIENT, SERVER, channel(rtp(number, ssrc=2)))
        if number > 5:
            wire.udp(PEER, other, rtp(number, ssrc=3))
            wire.udp(SERVER, CLIENT, channel(rtp(number * 2, ssrc=4)))
            wire.udp(CLIENT, PEER, rtp(number, ssrc=2))
    return wire


@pytest.mark.parametrize("limits", [Limits(), Limits(streams=2), Limits(flows=1)])
def test_the_batch_edge_does_not_show(limits: Limits) -> None:
    seen = set()
    for size in (1, 2, 7, 32_768):
        engine = _mixed().run(rows=size, limits=limits)
        closer = engine.closer
        seen.add((tuple(closer.calls), tuple(closer.hops), tuple(closer.stream_rows), str(anomalies(engine))))
    assert len(seen) == 1


def test_relays_inside_relays_are_unwrapped_to_the_bound() -> None:
    wire = Wire()
    payload = message("OPTIONS", "deep")
    for _ in range(3):
        payload = send(payload)
    wire.udp(CLIENT, SERVER, payload)
    assert wire.run(limits=Limits(decode_depth=3)).signalling.counts.messages == 1
    engine = wire.run(limits=Limits(decode_depth=2))
    assert engine.signalling.counts.messages == 0
    assert anomalies(engine) == {"turn.nesting_limit": 1}


def test_more_channels_than_are_remembered_are_announced() -> None:
    wire = Wire()
    for number in range(3):
        wire.udp(CLIENT, SERVER, bind(0x4000 + number))
    assert anomalies(wire.run(limits=Limits(turn_channels=1))) == {"turn.channels_limit": 1}


def test_channel_data_counts_only_where_stun_was_seen() -> None:
    """Nothing but a length marks it, and the short header of QUIC starts with the same byte (RFC 9000 17.3)."""
    wire = Wire()
    wire.udp(CLIENT, SERVER, channel(rtp(1)))
    engine = wire.run()
    assert engine.connections.all() == []
    assert streams(engine) == []


@pytest.mark.parametrize("payload", [b"", b"\0", b"\x10", b"\x16\xfe", b"\x40\x00", b"\x80", b"\xff" * 30, b"\r\n\r\n"])
def test_short_and_foreign_datagrams_leave_nothing(payload: bytes) -> None:
    wire = Wire()
    wire.udp(CLIENT, SERVER, payload)
    engine = wire.run()
    assert engine.connections.all() == []
    assert anomalies(engine) == {}


def test_empty_lines_before_a_request_are_passed_over() -> None:
    """RFC 3261 7.5."""
    wire = Wire()
    wire.udp(A, B, b"\r\n\r\n" + message("OPTIONS", "late"))
    assert wire.run().signalling.counts.messages == 1


def test_a_message_in_fragments_cites_every_one() -> None:
    wire = Wire()
    frames = wire.fragmented(A, B, message("OPTIONS", "pieces"))
    assert len(frames) > 3
    call = call_of(wire.run(finish=False), "pieces")
    assert call is not None
    (record,) = next(iter(call.legs.values())).messages
    assert [cite.frame for cite in record.cites] == frames


@pytest.mark.parametrize(
    ("bytes_", "size", "verdict"), [(1_301, 1_480, "pass"), (1_400, 720, "fail"), (1_300, 720, "pass")]
)
def test_a_request_over_1300_bytes_in_fragments_is_found(bytes_: int, size: int, verdict: str) -> None:
    """RFC 3261 18.1.1 sets the 1,300 bytes."""
    wire, text = Wire(), message("OPTIONS", "large")
    wire.fragmented(A, B, text.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * (bytes_ - len(text) - 5) + b"\r\n\r\n"), size)
    counts = wire.run(rules=rules()).judge.tallies["SIG-25"].counts
    assert {name.value: count for name, count in counts.items() if count} == {verdict: 1}


WIRE = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda first, rest: bytes([first]) + rest, st.integers(0, 191), st.binary(max_size=60)),
    st.builds(send, st.binary(max_size=40)),
    st.builds(lambda inner: send(data(inner)), st.binary(max_size=40)),
    st.builds(channel, st.binary(max_size=40)),
    st.builds(lambda kind, body: stun(kind, body), st.integers(0, 0x3FFF), st.binary(max_size=40)),
    st.builds(lambda body: b"\x16\xfe\xfd" + bytes(8) + len(body).to_bytes(2, "big") + body, st.binary(max_size=40)),
    st.sampled_from([bind(), channel(rtp(1)), send(rtp(2)), send(message("OPTIONS", "x")), message("BYE", "x")]),
)


@given(st.lists(st.tuples(WIRE, st.booleans(), st.integers(0, 80)), max_size=12), st.integers(1, 12))
def test_total_for_any_datagrams_however_batched(sent: list[tuple[bytes, bool, int]], size: int) -> None:
    wire = Wire()
    for payload, back, cut in sent:
        wire.udp(*((SERVER, CLIENT) if back else (CLIENT, SERVER)), payload[: len(payload) - cut % (len(payload) + 1)])
    whole, parts = wire.run(), wire.run(rows=size)
    assert anomalies(whole) == anomalies(parts)
    assert list(whole.closer.stream_rows) == list(parts.closer.stream_rows)
    assert [(c.protocol, c.packets) for c in whole.connections.all()] == [
        (c.protocol, c.packets) for c in parts.connections.all()
    ]


# -- ZRTP ------------------------------------------------------------------------------------------------------------

HELLO_ACK = b"\x10\0\0\1ZRTP\x55\x66\xaa\xbb" + b"\x50\x5a\0\3HelloACK" + bytes(4)  # RFC 6189 5, 5.3


def _hop(wire: Wire) -> dict[str, object]:
    found: list[dict[str, object]] = []
    engine = wire.run(finish=False)
    engine.closer.watch = lambda closed: found.extend(
        {"zrtp": fact.entity.zrtp, "state": fact.entity.state, "secret": fact.entity.confidentiality}
        for _, fact in closed.hops
        if hasattr(fact.entity, "zrtp")
    )
    engine.finish()
    (hop,) = found
    return hop


def _call(*, spoken: Address | None, payload: bytes = b"") -> Wire:
    """Without a payload, one of bytes that tell nothing, another one for each packet."""
    wire = Wire()
    invite_ok(wire, A, B, CLIENT, PEER)
    if spoken is not None:
        wire.udp(spoken, PEER, HELLO_ACK)
    for number in range(20):
        wire.udp(CLIENT, PEER, rtp(number, payload or Random(number).randbytes(70)))
    return wire


def test_zrtp_marks_the_media_hop_and_leaves_its_secrecy_open() -> None:
    """The payload is neither clear by its bytes nor by its length: short, and as long as a frame with a tag."""
    hop = _hop(_call(spoken=CLIENT))
    assert (hop["zrtp"], hop["state"]) == (True, "zrtp")
    assert hop["secret"] not in ("yes", "no")


def test_zrtp_does_not_make_clear_bytes_secret() -> None:
    hop = _hop(_call(spoken=CLIENT, payload=b"\xd5" * 160))
    assert hop == {"zrtp": True, "state": "clear", "secret": "no"}


@pytest.mark.parametrize("spoken", [None, SERVER])
def test_zrtp_elsewhere_marks_nothing(spoken: Address | None) -> None:
    assert _hop(_call(spoken=spoken, payload=b"\xd5" * 160))["zrtp"] is False


def test_zrtp_flows_are_bounded() -> None:
    wire = Wire()
    for port in range(3):
        wire.udp(at("10.0.0.1", 4000 + port), PEER, HELLO_ACK)
    engine = wire.run(limits=Limits(streams=2))
    assert anomalies(engine) == {"zrtp.flows_limit": 1}
    assert [engine.streams.zrtp.between(PEER, at("10.0.0.1", 4000 + port)) for port in range(3)] == [False, True, True]
