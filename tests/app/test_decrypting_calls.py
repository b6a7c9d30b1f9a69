"""Calls one behind the other over the same addresses: each is written in clear under keys of its own."""

import base64
import random
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from analyzer.app.decrypting import Decrypted, decrypt
from analyzer.app.settings import Silent
from tests.app.test_decrypting import frames
from tests.crypto.srtp.streams import EXTENSION
from tests.crypto.srtp.writer import Sender
from tests.pipeline.sdp import invite_ok
from tests.pipeline.wire import Wire, at, message, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
PROFILE = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
COUNT, CALLS = 10, 40


def key(number: int) -> bytes:
    return random.Random(number).randbytes(30)


def crypto(number: int) -> str:
    return f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key(number)).decode()}\r\n"


def written(folder: Path, wire: Wire) -> tuple[Decrypted, list[bytes]]:
    """Counts, and the media as written."""
    source, out = folder / "in.pcap", folder / "out.pcapng"
    source.write_bytes(wire.pcap())
    done = decrypt([str(source)], [], out, Silent())
    payloads = [row[3][28:] for row in frames(out)[0]]  # type: ignore[index]  # bytes
    return done, [payload for payload in payloads if payload[0] >> 6 == 2]


def end(wire: Wire, number: int, pause_s: int) -> None:
    wire.udp(ALICE, BOB, message("BYE", f"call-{number}", cseq=2))
    wire.udp(BOB, ALICE, message("BYE", f"call-{number}", cseq=2, status=200))
    wire.now_ns += pause_s * 10**9


@pytest.mark.parametrize(("pause_s", "same_ssrc"), [(0, True), (0, False), (5, True), (100, False)])
def test_many_calls_between_two_sockets(pause_s: int, same_ssrc: bool, tmp_path: Path) -> None:
    """More of them than keys are tried for a stream, both ways, with RTCP; all in one batch, and in many."""
    wire, plain = Wire(), []
    for number in range(CALLS):
        invite_ok(wire, ALICE, BOB, A, B, f"call-{number}", proto="RTP/SAVP", lines="a=rtcp-mux\r\n" + crypto(number))
        sessions = {end_: Session(Policy(key(number), Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILE)) for end_ in "ab"}
        ssrc = 7 if same_ssrc else 10 * number
        for index in range(COUNT):
            for name, src, dst, own in (("a", A, B, ssrc), ("b", B, A, ssrc + 1)):
                plain.append(rtp(index, bytes((number,)) * 100, own))
                wire.udp(src, dst, sessions[name].protect(plain[-1]))
        report = b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big")
        plain.append(report)
        wire.udp(A, B, sessions["a"].protect_rtcp(report))
        end(wire, number, pause_s)
    done, media = written(tmp_path, wire)
    assert (done.media.rtp, done.media.rtcp, done.media.closed) == (CALLS * 2 * COUNT, CALLS, 0)
    assert media == plain


def test_extensions_are_those_of_the_call(tmp_path: Path) -> None:
    """RFC 6904 4: what one call encrypts under an identifier the next one sends in clear."""
    wire, plain = Wire(), []
    encrypted = "".join(f"a=extmap:{n} urn:ietf:params:rtp-hdrext:encrypt urn:example:{n}\r\n" for n in (1, 3, 4))
    clear = "".join(f"a=extmap:{n} urn:example:{n}\r\n" for n in (1, 3, 4))
    for number in range(6):
        ids = (1, 3, 4) if number % 2 else ()
        lines = crypto(number) + (encrypted if ids else clear)
        invite_ok(wire, ALICE, BOB, A, B, f"call-{number}", proto="RTP/SAVP", lines=lines)
        sender = Sender("cm", key(number)[:16], key(number)[16:], 10, 10, encrypted_ids=ids)
        for index in range(COUNT):
            packet = rtp(index, ssrc=number)
            head, body = b"\x90" + packet[1:12] + EXTENSION, packet[12:]
            plain.append(head + body)
            wire.udp(A, B, sender.rtp(head, body, 0))
        end(wire, number, 100)
    done, media = written(tmp_path, wire)
    assert done.media.rtp == 6 * COUNT
    assert media == plain
