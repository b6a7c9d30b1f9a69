"""Media inside ESP (hops.md section 6): what hides it on the wire, and what of it could be read there."""

import base64
import struct
from collections.abc import Callable
from random import Random

import pytest

from analyzer.core.secrets import Secret
from analyzer.pipeline.engine import Engine
from analyzer.session.key_entries import EspKey
from analyzer.session.keyring import Keyring
from tests.crypto.esp_writer import Writer
from tests.crypto.srtp.writer import Sender
from tests.golden.runs import rules
from tests.pipeline.sdp import audio
from tests.pipeline.test_bound_sessions import bfcp_call, call, hello, msrp_line, sdp, send
from tests.pipeline.wire import Wire, at, message, rows, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
MASTER = bytes(range(30))
IN_TUNNEL = 4  # IP in IP: the next header of tunnel mode
Pick = Callable[[bytes], bool]
CIPHERS = {"aes-cbc": bytes(16), "null": b""}


def whole(_: bytes) -> bool:
    return True


def media_only(frame: bytes) -> bool:
    """UDP of ports that carry media here; not SIP."""
    return struct.unpack(">H", frame[20:22])[0] in (4000, 5000)


def tunnelled(wire: Wire, pick: Pick, cipher: str, *, auth: bool = True) -> Engine:
    """The engine behind the same frames with some of them in ESP, with the key of it."""
    kind = "hmac-sha-1-96" if auth else "null"
    writer = Writer(0x1001, cipher, CIPHERS[cipher], kind, bytes(20))
    ring = Keyring()
    check = Secret(bytes(20) if auth else b"")
    ring.add_entry(EspKey("sa", 0x1001, None, None, cipher, kind, Secret(CIPHERS[cipher]), check), "keys.yaml: sa")
    frames = []
    for ts_ns, frame in wire.frames:
        if pick(frame):
            inner = writer.packet(frame, IN_TUNNEL)
            head = frame[:2] + struct.pack(">H", 20 + len(inner)) + frame[4:9] + bytes((50,)) + frame[10:20]
            frames.append((ts_ns, head + inner))
        else:
            frames.append((ts_ns, frame))
    return Wire(frames).run(keyring=ring, rules=rules())


def audio_call(protect: bool = False) -> Wire:
    wire = Wire()
    proto = "RTP/SAVP" if protect else "RTP/AVP"
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(MASTER).decode()}\r\n" if protect else ""
    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, proto, line)))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, proto, line), status=200))
    wire.udp(ALICE, BOB, message("ACK", "call"))
    by = Sender("cm", MASTER[:16], MASTER[16:], 10, 10, b"")
    for number in range(1, 41):
        packet = rtp(number)
        wire.udp(A, B, by.rtp(packet[:12], packet[12:], 0) if protect else packet)
    return wire


def hops(engine: Engine, medium: str = "audio") -> list[tuple[object, ...]]:
    names = ("state", "confidentiality", "integrity", "evidence", "key_exchange", "scope")
    return [tuple(row[name] for name in names) for row in rows(engine.closer.hops) if row["medium"] == medium]


def exposed(engine: Engine) -> list[str]:
    (found,) = rows(engine.closer.calls)
    return [each["what"] for medium in found["media"] for each in medium["exposed"]]  # type: ignore[attr-defined]  # JSON


def test_audio_inside_encrypting_esp_is_not_exposed() -> None:
    """The tool had to open it: who is on the wire cannot."""
    engine = tunnelled(audio_call(), whole, "aes-cbc")
    assert hops(engine) == [("esp_only", "yes", "yes", "keyed_verified", "ipsec", "hop_by_hop")]
    assert exposed(engine) == []
    (stream,) = rows(engine.closer.stream_rows)
    assert stream["protection"] == "esp_only"


def test_esp_without_encryption_protects_from_change_alone() -> None:
    """RFC 2410: NULL hides nothing; RFC 4303 2.8: the check value covers what is inside."""
    engine = tunnelled(audio_call(), whole, "null")
    assert hops(engine) == [("esp_null_auth", "no", "yes", "keyed_verified", "ipsec", "unknown")]
    assert exposed(engine) == ["content"]


def test_a_check_value_of_none_protects_from_nothing() -> None:
    """Encryption without integrity (RFC 4303 3.2.1 lets an association choose it)."""
    found = hops(tunnelled(audio_call(), whole, "aes-cbc", auth=False))
    assert [row[:3] for row in found] == [("esp_only", "yes", "no")]


@pytest.mark.parametrize("bare", [1, 20, 40])
def test_one_packet_outside_makes_the_hop_clear(bare: int) -> None:
    """The minimum over the packets; which one it is makes no difference."""
    seen = iter(range(1_000))
    engine = tunnelled(audio_call(), lambda frame: not media_only(frame) or next(seen) + 1 != bare, "aes-cbc")
    assert [row[:3] for row in hops(engine)] == [("clear", "no", "no")]
    assert exposed(engine) == ["content"]


def test_srtp_inside_esp_keeps_its_own_state() -> None:
    """And its SDES keys are not exposed where their SDP was in ESP that encrypts; they are where it does not."""
    assert hops(tunnelled(audio_call(protect=True), whole, "aes-cbc"))[0][:2] == ("srtp_sdes", "yes")
    assert exposed(tunnelled(audio_call(protect=True), whole, "aes-cbc")) == []
    assert exposed(tunnelled(audio_call(protect=True), whole, "null")) == ["key"]
    assert exposed(tunnelled(audio_call(protect=True), media_only, "aes-cbc")) == ["key"]


def test_rtp_in_clear_where_srtp_was_agreed_is_not_excused_by_esp() -> None:
    wire = audio_call(protect=True)
    signalling = wire.frames[:3]
    engine = tunnelled(Wire(signalling + audio_call().frames[3:]), whole, "aes-cbc")
    assert hops(engine)[0][:2] == ("esp_only", "yes")
    counts = engine.judge.tallies["SRTP-01"].counts
    assert {verdict.value for verdict, count in counts.items() if count} == {"fail"}


def test_packets_that_tell_nothing_are_hidden_all_the_same() -> None:
    """Compressed speech that may be SRTP: ESP around it decides."""
    wire = Wire(audio_call(protect=True).frames[:3])
    wire.now_ns = wire.frames[-1][0]
    for number in range(1, 41):
        wire.udp(A, B, rtp(number, Random(number).randbytes(33), kind=96))
    assert hops(tunnelled(wire, whole, "aes-cbc"))[0][:3] == ("esp_only", "yes", "yes")


def test_chat_inside_esp() -> None:
    one, two = "msrp://192.0.2.1:7654/aaaa;tcp", "msrp://192.0.2.2:2855/bbbb;tcp"
    wire = Wire()
    call(wire, sdp("192.0.2.1", *msrp_line(one, 7654)), sdp("192.0.2.2", *msrp_line(two)))
    send(wire, at("192.0.2.1", 50_000), at("192.0.2.2", 2855), one, two)
    for cipher, state in (("aes-cbc", ("esp_only", "yes", "yes")), ("null", ("esp_null_auth", "no", "yes"))):
        engine = tunnelled(wire, whole, cipher)
        assert [row[:3] for row in hops(engine, "message")] == [state]
        assert exposed(engine) == (["content"] if cipher == "null" else [])
    assert hops(tunnelled(wire, lambda _: False, "aes-cbc"), "message")[0][:3] == ("clear", "no", "no")


def test_floor_control_inside_esp() -> None:
    wire = Wire()
    bfcp_call(wire, "192.0.2.1", 1, "call1")
    hello(wire, at("192.0.2.1", 50_000), 1)
    assert [row[:3] for row in hops(tunnelled(wire, whole, "aes-cbc"), "bfcp")] == [("esp_only", "yes", "yes")]
    assert [row[:3] for row in hops(tunnelled(wire, whole, "null"), "bfcp")] == [("esp_null_auth", "no", "yes")]
