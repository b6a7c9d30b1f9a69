"""Floor control over UDP whose call the capture has in part (RFC 8855 6.2, 8.3)."""

import pytest

from tests.golden.runs import rules
from tests.pipeline.test_bound_sessions import GATEWAY, SERVER, UA, UB, said, sdp
from tests.pipeline.wire import Wire, at, message

OFFER = ("m=application 5072 UDP/BFCP *", "a=floorctrl:c-only")
ANSWER = ("m=application 5070 UDP/BFCP *", "a=floorctrl:s-only", "a=confid:4711", "a=userid:1", "a=floorid:1 mstrm:10")
# RFC 8855 5.1, version 2: primitive, payload length, conference 4711, transaction, user 1; FLOOR-ID of FloorQuery
HEAD = "0000126700{0:02x}0001"
HELLO, QUERY, GOODBYE = (
    bytes.fromhex(f"40{primitive:02x}{words:04x}{HEAD.format(number)}{more}")
    for number, (primitive, words, more) in enumerate(((11, 0, ""), (7, 1, "05040001"), (16, 0, "")), 1)
)


@pytest.mark.parametrize(
    ("begun", "ended", "sent", "verdicts", "notes"),
    [
        (True, True, (HELLO, QUERY, GOODBYE), {"pass": 1}, 0),
        (True, True, (QUERY, GOODBYE), {}, 1),
        (True, True, (HELLO, QUERY), {}, 1),
        (True, False, (HELLO, QUERY), {"open": 1}, 0),  # the capture ends before the call
        (False, True, (QUERY, GOODBYE), {"open": 1}, 0),  # a re-INVITE is the first that was captured
    ],
)
def test_what_may_lie_outside_the_capture_is_not_missing(
    begun: bool, ended: bool, sent: tuple[bytes, ...], verdicts: dict[str, int], notes: int
) -> None:
    wire = Wire()
    ask = message("INVITE", "call", sdp(GATEWAY, *OFFER))
    wire.udp(UA, UB, ask if begun else ask.replace(b"bob@example.org>", b"bob@example.org>;tag=b"))
    wire.udp(UB, UA, message("INVITE", "call", sdp(SERVER, *ANSWER), status=200))
    for packet in sent:
        wire.udp(at(GATEWAY, 5072), at(SERVER, 5070), packet)
    if ended:
        wire.udp(UA, UB, message("BYE", "call", cseq=2))
        wire.udp(UB, UA, message("BYE", "call", cseq=2, status=200))
    engine = wire.run(rules=rules())
    assert said(engine, "BFCP-12") == verdicts
    assert engine.judge.tallies["BFCP-12"].notes == notes
