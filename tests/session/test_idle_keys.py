"""What became of each SDES key: RFC 4568 5.1.3 (the answer has the tag of the line it takes), RFC 3264 6 (port 0)."""

import base64

import pytest

from analyzer.pipeline.assemble import assemble
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, hang_up, say, sdp, send, setup

UE, AGW = "192.0.2.1", "192.0.2.9"
KEYS = [base64.b64encode(bytes((7 * n * n + 11 * n + s) % 251 for n in range(30))).decode() for s in range(3)]
LINES = [f"a=crypto:{n} AES_CM_128_HMAC_SHA1_80 inline:{KEYS[n]}" for n in (1, 2)]
OFFER = sdp(UE, 4000, proto="RTP/SAVP", lines=LINES)
OWN = f"AES_CM_128_HMAC_SHA1_80 inline:{KEYS[0]}"
UNUSED = "no packet in the captures verifies with this key"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([f"a=crypto:2 {OWN}"], ["the answer chose another a=crypto line", UNUSED, UNUSED]),
        ([], ["the answer has no a=crypto"] * 2),
        (None, ["the answer refused the medium"] * 2),
    ],
    ids=["the second line", "none", "port 0"],
)
def test_what_the_answer_makes_of_each_key(answer: list[str] | None, expected: list[str]) -> None:
    port = 0 if answer is None else 5000
    leg = Leg(UE, AGW, "c", offer=OFFER, answer=sdp(AGW, port, proto="RTP/SAVP", lines=answer or ()))
    wire = Wire()
    setup(wire, [leg])
    hang_up(wire, [leg])
    rows = assemble(wire.run(), ()).keys
    assert [row.problem for row in rows] == expected
    assert all(row.unused and row.kind == "sdes" for row in rows)


def test_an_offer_without_an_answer() -> None:
    leg = Leg(UE, AGW, "c", offer=OFFER)
    wire = Wire()
    send(wire, leg, "INVITE")
    engine = wire.run()
    assert [row.problem for row in assemble(engine, ()).keys] == ["its offer has no answer in the captures"] * 2


@pytest.mark.parametrize("refuses_first", [True, False])
def test_of_a_forked_offer_the_furthest_answer_counts(refuses_first: bool) -> None:
    """One dialog takes a line, the other refuses the medium: both answer one offer (RFC 3261 12.1)."""
    takes = sdp(AGW, 5000, proto="RTP/SAVP", lines=[f"a=crypto:1 {OWN}"])
    refuses = sdp(AGW, 0, proto="RTP/SAVP")
    wire = Wire()
    send(wire, Leg(UE, AGW, "c", offer=OFFER), "INVITE")
    for tag, answer in zip(("x", "y"), (refuses, takes) if refuses_first else (takes, refuses), strict=True):
        said = say(Leg(UE, AGW, "c", answer=answer), "INVITE", 200)
        wire.udp(at(AGW, 5060), at(UE, 5060), said.replace(b";tag=tc", b";tag=" + tag.encode()))
    other = "the answer chose another a=crypto line"
    assert [row.problem for row in assemble(wire.run(), ()).keys] == [UNUSED, other, UNUSED]
