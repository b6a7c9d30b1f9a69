"""A medium that is agreed in clear first and with keys later: what was sent before the keys broke no agreement."""

from dataclasses import replace

import pytest

from tests.pipeline.test_paths import EDGE, KEYS, UE, crypto, judged, plain, rtp, srtp
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import PORT, Leg, say, sdp, setup


def described(host: str, port: int, key: bytes | None) -> bytes:
    """G.711 with a key, or without one."""
    return sdp(host, port, proto="RTP/AVP" if key is None else "RTP/SAVP", lines=() if key is None else crypto(key))


def again(wire: Wire, leg: Leg, cseq: int) -> None:
    """A re-INVITE inside the dialog, and its answer (RFC 3261 14)."""
    ask = say(leg, "INVITE", cseq=cseq).replace(b"conf@ims.example>\r\n", b"conf@ims.example>;tag=tnear\r\n")
    wire.udp(at(leg.src, PORT), at(leg.dst, PORT), ask)
    wire.udp(at(leg.dst, PORT), at(leg.src, PORT), say(leg, "INVITE", 200, cseq))


@pytest.mark.parametrize(
    ("keyed_first", "clear_after", "verdict"),
    [
        (False, False, (0, 0, 1)),  # clear while clear was agreed
        (True, True, (0, 1, 0)),  # keys from the beginning, and clear all the same
        (True, False, (1, 0, 0)),
    ],
)
def test_clear_before_the_keys_breaks_no_agreement(
    keyed_first: bool, clear_after: bool, verdict: tuple[int, int, int]
) -> None:
    """RFC 3711 protects what keys were agreed for; SRTP-01 is about that, the state of the hop about every packet."""
    ue, edge = at(UE, 4_000), at(EDGE, 5_000)
    first = KEYS[:2] if keyed_first else (None, None)
    leg = Leg(UE, EDGE, "near", offer=described(UE, 4_000, first[0]), answer=described(EDGE, 5_000, first[1]))
    keyed = replace(leg, offer=described(UE, 4_000, KEYS[0]), answer=described(EDGE, 5_000, KEYS[1]))
    there, back = srtp(KEYS[0]), srtp(KEYS[1])
    wire = Wire()
    setup(wire, [leg])
    for number in range(60):
        wire.udp(ue, edge, (there if keyed_first else plain)(rtp(number)))
        wire.udp(edge, ue, (back if keyed_first else plain)(rtp(number + 5_000)))
    again(wire, keyed, 5)
    for number in range(60, 120):
        wire.udp(ue, edge, (plain if clear_after else there)(rtp(number)))
        wire.udp(edge, ue, back(rtp(number + 5_000)))
    hops, counts, _ = judged(wire)
    assert counts["SRTP-01"] == verdict
    assert [hop["state"] for hop in hops] == ["srtp_sdes" if verdict == (1, 0, 0) else "clear"]
