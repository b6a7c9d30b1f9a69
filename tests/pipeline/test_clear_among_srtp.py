"""The state of a hop is the minimum over its packets (hops.md section 6): what one packet in clear does to it, and
what a packet does not whose tag fails for another reason."""

import base64
import math
from collections.abc import Callable
from random import Random

import pytest

from tests.crypto.srtp.writer import Sender
from tests.golden.runs import rules
from tests.pipeline.sdp import audio
from tests.pipeline.wire import Wire, at, message, rows, rtp

ALICE, BOB, A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060), at("192.0.2.1", 4000), at("192.0.2.2", 5000)
FIRST, OTHER = bytes(range(30)), bytes(range(100, 130))
COUNT = 200
PCMU, G729 = 0, 18  # RFC 3551 6
Say = Callable[[int], bytes]
Put = Callable[[Wire, int], bytes | None]


def crypto(material: bytes) -> str:
    return f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(material).decode()}\r\n"


def silence(_: int) -> bytes:
    return b"\xff" * 160


def tone(number: int) -> bytes:
    return bytes(0x80 | int(20 + 15 * math.sin((number * 160 + at_byte) / 5)) for at_byte in range(160))


def frames_of_g729(number: int) -> bytes:
    """Two frames of 10 bytes that look like ciphertext, as those of a codec that compresses well do."""
    return Random(number).randbytes(20)


def protect(packet: bytes, material: bytes = FIRST) -> bytes:
    return Sender("cm", material[:16], material[16:], 10, 10, b"").rtp(packet[:12], packet[12:], 0)


def call(put: Put, say: Say = tone, kind: int = PCMU, snap: int = 262_144) -> Wire:
    """SRTP from A to B; `put` gives the packet of some numbers, None where the stream's own is sent."""
    wire = Wire(snap=snap)
    wire.udp(ALICE, BOB, message("INVITE", "call", audio(A, "RTP/SAVP", crypto(FIRST))))
    wire.udp(BOB, ALICE, message("INVITE", "call", audio(B, "RTP/SAVP", crypto(OTHER)), status=200))
    wire.udp(ALICE, BOB, message("ACK", "call"))
    for number in range(1, COUNT + 1):
        given = put(wire, number)
        wire.udp(A, B, protect(rtp(number, say(number), kind=kind)) if given is None else given)
    return wire


def judged(wire: Wire, batch: int = 32_768) -> tuple[object, ...]:
    found = next(row for row in rows(wire.run(rows=batch).closer.hops) if row["medium"] == "audio")
    return found["state"], found["confidentiality"], found["evidence"]


def clear(of: Callable[[int], bool], say: Say, kind: int = PCMU) -> Put:
    """Plain RTP in place of some packets."""
    return lambda _, number: rtp(number, say(number), kind=kind) if of(number) else None


def beside(of: Callable[[int], bool], number: Callable[[int], int], ssrc: int = 0x5566AABB) -> Put:
    """Plain RTP beside the packets."""

    def put(wire: Wire, at_number: int) -> None:
        if of(at_number):
            wire.udp(A, B, rtp(number(at_number), tone(at_number), ssrc))

    return put


IN_CLEAR = {
    "one": clear(lambda n: n == 120, tone),
    "one of silence": clear(lambda n: n == 120, silence),
    "the last": clear(lambda n: n == COUNT, tone),
    "the second half": clear(lambda n: n > COUNT // 2, silence),
    "every tenth": clear(lambda n: n % 10 == 0, tone),
    "one more": beside(lambda n: n == 120, lambda n: n + 1_000),
    "one more with a number that another has": beside(lambda n: n == 120, lambda n: n - 1),
    "forty more with numbers that others have": beside(lambda n: 100 <= n < 140, lambda n: n - 1),
    "one more of another source": beside(lambda n: n == 120, lambda n: n, 0xDEAD),
}


@pytest.mark.parametrize("put", IN_CLEAR.values(), ids=IN_CLEAR)
def test_one_packet_in_clear_makes_a_hop_clear(put: Put) -> None:
    wire = call(put)
    assert judged(wire) == ("clear", "no", "structural_only")
    assert judged(wire, batch=1) == judged(wire), "the batch edge does not show"


def changed(_: Wire, number: int) -> bytes | None:
    packet = protect(rtp(number, tone(number)))
    return packet[:40] + bytes((packet[40] ^ 1,)) + packet[41:] if number == 120 else None


def under(material: bytes, of: Callable[[int], bool]) -> Put:
    return lambda _, number: protect(rtp(number, tone(number)), material) if of(number) else None


def rolled_over(_: Wire, number: int) -> bytes | None:
    by = Sender("cm", FIRST[:16], FIRST[16:], 10, 10, b"")
    return by.rtp(rtp(number)[:12], tone(number), 9) if number == 120 else None


NOT_CLEAR: dict[str, tuple[Put, str, str]] = {
    "nothing": (lambda *_: None, "srtp_sdes", "keyed_verified"),
    "changed on the way": (changed, "srtp_sdes", "keyed_verified"),
    "under another key": (under(OTHER, lambda n: n == 120), "srtp_sdes", "keyed_verified"),
    "half under another key": (under(OTHER, lambda n: n > 100), "srtp_sdes", "negotiated_and_structural"),
    "at another roll-over counter": (rolled_over, "srtp_sdes", "keyed_verified"),
}  # fmt: skip


@pytest.mark.parametrize(("put", "state", "evidence"), NOT_CLEAR.values(), ids=NOT_CLEAR)
def test_a_tag_that_fails_is_not_a_packet_in_clear(put: Put, state: str, evidence: str) -> None:
    assert judged(call(put)) == (state, "yes", evidence)


def test_a_packet_that_the_capture_cut_is_not_in_clear() -> None:
    """The snap length spares everything but one packet, of 160 ms."""
    wire = call(lambda _, n: protect(rtp(n, tone(n) * 8)) if n == 120 else None, snap=1_000)
    assert judged(wire) == ("srtp_sdes", "yes", "keyed_verified")


def test_bytes_that_may_be_anything_leave_it_open() -> None:
    """Random bytes as long as a frame without a tag: forged, or clear; a verdict needs to know."""
    wire = call(lambda _, n: rtp(n, Random(n).randbytes(160)) if n == 120 else None)
    assert judged(wire) == ("unknown", "unknown", "negotiated_only")


def test_a_run_without_tags_is_in_clear_where_bytes_tell_nothing() -> None:
    """G.729 looks like ciphertext. Ten packets of the stream's own numbers, each shorter by the tag, are no accident;
    one may be; and ten beside the numbers of others may be forged."""
    run = clear(lambda n: 100 <= n < 110, frames_of_g729, G729)
    assert judged(call(run, frames_of_g729, G729)) == ("clear", "no", "structural_only")
    one = clear(lambda n: n == 100, frames_of_g729, G729)
    assert judged(call(one, frames_of_g729, G729))[0] == "unknown"

    def forged(wire: Wire, number: int) -> None:
        if 100 <= number < 110:
            wire.udp(A, B, rtp(number - 1, frames_of_g729(number), kind=G729))

    assert judged(call(forged, frames_of_g729, G729))[0] == "unknown"


def test_the_packet_in_clear_is_cited() -> None:
    """SRTP-01 points at it: frame 3 of the signalling, 119 packets before it."""
    engine = call(clear(lambda n: n == 120, tone)).run(rules=rules())
    (found,) = [finding for finding in engine.judge.findings if finding.rule.id == "SRTP-01"]
    assert 3 + 120 in {cite.frame for cite in found.evidence}


def test_the_packet_in_clear_of_another_source_is_cited() -> None:
    """It follows 119 packets: the stream that goes on is not what is wrong."""
    engine = call(beside(lambda n: n == 120, lambda n: n, 0xDEAD)).run(rules=rules())
    (found,) = [finding for finding in engine.judge.findings if finding.rule.id == "SRTP-01"]
    assert 3 + 120 in {cite.frame for cite in found.evidence}


def test_a_direction_under_another_key_proves_nothing_of_the_hop() -> None:
    """B's packets verify under the key of its answer, A's under none that was agreed: ciphertext, but whose?"""
    wire = call(lambda _, number: protect(rtp(number, tone(number)), bytes(range(50, 80))))
    for number in range(1, COUNT + 1):
        wire.udp(B, A, protect(rtp(number, tone(number), ssrc=0x1234), OTHER))
    engine = wire.run(rules=rules())
    hop = next(row for row in rows(engine.closer.hops) if row["medium"] == "audio")
    assert (hop["state"], hop["confidentiality"], hop["integrity"]) == ("srtp_sdes", "yes", "unknown")
    said = {v.value: n for v, n in engine.judge.tallies["SRTP-01"].counts.items() if n}
    assert said.get("open") == 1 and "pass" not in said
