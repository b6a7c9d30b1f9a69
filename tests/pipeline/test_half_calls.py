"""Calls of which one description was captured: between whom their media run, the packets tell."""

from analyzer.session.topology import load
from tests.pipeline.sip_text import dialog, request, response
from tests.pipeline.test_paths import rtp
from tests.pipeline.wire import Wire, at, rows
from tests.session.dialogs import PORT, sdp

CALLER, ONE, TWO, CALLED = "192.0.2.1", "192.0.2.8", "192.0.2.9", "192.0.2.2"
PLAIN, _ = load(b"format: 1\nzones: {all: {trust: inside, nets: [192.0.2.0/24]}}\n", "plain")


def media(wire: Wire) -> list[tuple[object, ...]]:
    """From, to and packets of each media hop."""
    hops = rows(wire.run(topology=PLAIN).closer.hops)
    return [(hop["from"], hop["to"], hop["packets"]) for hop in hops if hop["plane"] == "media"]


def answered(wire: Wire) -> None:
    """A 200 with SDP over two proxies."""
    said = sdp(CALLED, 5_000)
    vias = [TWO, ONE, CALLER]
    for at_hop, (src, dst) in enumerate(((CALLED, TWO), (TWO, ONE), (ONE, CALLER))):
        head = dialog("half", 1, "INVITE", via=vias[at_hop:], called="<sip:bob@ims.example>;tag=b")
        wire.udp(at(src, PORT), at(dst, PORT), response(200, head, said))


def test_an_answer_on_three_hops_is_one_medium_between_its_ends() -> None:
    """The INVITE was before the capture: no proxy is an end of media that it never saw."""
    wire = Wire()
    answered(wire)
    for number in range(30):
        wire.udp(at(CALLED, 5_000), at(CALLER, 4_000), rtp(number))
        wire.udp(at(CALLER, 4_000), at(CALLED, 5_000), rtp(number + 9_000))
    assert media(wire) == [(f"{CALLED}:5000", CALLER, 60)]


def test_an_offer_whose_answer_was_lost_on_one_hop() -> None:
    """The other hop has it: one medium, whose packets count once."""
    wire = Wire()
    offer = sdp(CALLER, 4_000)
    for vias, src, dst in (([CALLER], CALLER, ONE), ([ONE, CALLER], ONE, CALLED)):
        head = dialog("half", 1, "INVITE", via=vias)
        wire.udp(at(src, PORT), at(dst, PORT), request("INVITE", "sip:bob@ims.example", head, offer))
    head = dialog("half", 1, "INVITE", via=[ONE, CALLER], called="<sip:bob@ims.example>;tag=b")
    wire.udp(at(CALLED, PORT), at(ONE, PORT), response(200, head, sdp(CALLED, 5_000)))
    for number in range(30):
        wire.udp(at(CALLER, 4_000), at(CALLED, 5_000), rtp(number))
    assert media(wire) == [(f"{CALLER}:4000", f"{CALLED}:5000", 30)]
