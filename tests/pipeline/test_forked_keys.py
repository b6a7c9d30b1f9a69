"""One offer that a proxy forks to two answerers: its key is one wherever it was captured (RFC 4568 7.3)."""

import pytest

from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.test_paths import EDGE, KEYS, UE, crypto, judged, rtp, srtp
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import PORT, sdp

BRANCHES = (("10.1.0.3", 5_002, KEYS[1]), ("10.1.0.4", 5_004, KEYS[2]))


def described(host: str, port: int, key: bytes) -> bytes:
    """G.711 under a key."""
    return sdp(host, port, proto="RTP/SAVP", lines=crypto(key))


def forked(cseq: int = 1) -> Wire:
    """INVITE to the proxy and on to both, 200 of both and back."""
    wire = Wire()
    caller, proxy, offer = at(UE, PORT), at(EDGE, PORT), described(UE, 4_000, KEYS[0])
    ask = request("INVITE", "sip:bob@ims.example", dialog("fork", cseq, "INVITE", via=[UE]), offer)
    wire.udp(caller, proxy, ask)
    for host, port, key in BRANCHES:
        onward = dialog("fork", cseq, "INVITE", via=[EDGE, UE])
        wire.udp(proxy, at(host, PORT), request("INVITE", f"sip:bob@{host}", onward, offer))
        for via, src, dst in (([EDGE, UE], at(host, PORT), proxy), ([UE], proxy, caller)):
            head = dialog("fork", cseq, "INVITE", via=via, called=f"<sip:bob@ims.example>;tag=t{port}")
            wire.udp(src, dst, response(200, head, described(host, port, key)))
    return wire


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        ("other", (0, 2, 0)),  # two streams under one key, SSRC and number
        ("same", (2, 0, 0)),
        ("none", (2, 0, 0)),
    ],
)
def test_what_two_branches_get_under_one_key(second: str, verdict: tuple[int, int, int]) -> None:
    wire = forked()
    one, other = srtp(KEYS[0]), srtp(KEYS[0])
    for number in range(60):
        wire.udp(at(UE, 4_000), at(*BRANCHES[0][:2]), one(rtp(number)))
        packet = rtp(number) if second == "same" else rtp(number)[:12] + bytes([number]) * 160
        if second != "none":
            wire.udp(at(UE, 4_000), at(*BRANCHES[1][:2]), other(packet))
    _, counts, _ = judged(wire)
    assert counts["SDES-14"] == verdict


def test_an_answerer_that_moves_is_no_fork() -> None:
    """A later INVITE of the dialog offers the key again (RFC 4568 5.1.4); its answer is from another address."""
    wire = forked()
    host, to = BRANCHES[0][0], "<sip:bob@ims.example>;tag=t5002"
    wire.frames = [wire.frames[at_frame] for at_frame in (0, 1, 2, 3)]  # of the first branch alone
    again = dialog("fork", 2, "INVITE", via=[UE], called=to)
    wire.udp(at(UE, PORT), at(EDGE, PORT), request("INVITE", f"sip:bob@{host}", again, described(UE, 4_000, KEYS[0])))
    wire.udp(at(EDGE, PORT), at(UE, PORT), response(200, again, described(host, 5_100, KEYS[3])))
    _, counts, _ = judged(wire)
    assert counts["SDES-14"] == (0, 0, 0)
