"""What is judged at the end is told in a live view when it is quiet, once, and the report is the same."""

from analyzer.core.limits import SECOND_NS
from analyzer.pipeline.assemble import assemble
from analyzer.pipeline.engine import Engine
from analyzer.report.codec import to_json
from analyzer.session.topology import Topology
from tests.pipeline.registration import Registered
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.test_catalogue_patterns import ACCESS
from tests.pipeline.test_paths import rules
from tests.pipeline.wire import Wire, at
from tests.session.test_conferences import MRF, SCSCF, _dial_in, _topology

UE, EDGE = at("10.1.0.2", 5060), at("10.1.0.1", 5060)


def bid_down(wire: Wire) -> None:
    """A UE that echoes another list than the server's (RFC 3329 2.3.1)."""
    user = "<sip:ue1@ims.example>"
    ask, again = (dialog("r", n, "REGISTER", via=["10.1.0.2"], caller=f"{user};tag=a", called=user) for n in (1, 2))
    client, contact = "Security-Client: tls;q=0.1, digest", "Contact: <sip:ue1@10.1.0.2>"
    exchange(
        wire, UE, EDGE,
        request("REGISTER", "sip:ims.example", [*ask, contact, client]),
        response(401, [*ask, "Security-Server: tls;q=0.2, digest;q=0.1"]),
        request("REGISTER", "sip:ims.example", [*again, contact, client, "Security-Verify: digest;q=0.1"]),
        response(200, [*again, contact]),
    )  # fmt: skip


def live(wire: Wire, topology: Topology | None = None) -> tuple[Engine, list[str], list[str]]:
    """The engine with what it told while the capture ran, and what it told at its end."""
    engine = wire.run(finish=False, rules=rules(), topology=topology or _topology())
    engine.judge.tells = True
    for seconds in (10, 20, 400):
        engine.tick(wire.now_ns + seconds * SECOND_NS)
    meanwhile = [found.rule.id for found in engine.take_decided() if found.verdict.value == "fail"]
    engine.finish()
    return engine, meanwhile, [found.rule.id for found in engine.take_decided() if found.verdict.value == "fail"]


def test_a_registration_that_fails_is_told_before_the_end_and_once() -> None:
    wire = Wire()
    bid_down(wire)
    engine, meanwhile, at_end = live(wire)
    assert meanwhile.count("REG-03") == 1
    assert "REG-03" not in at_end
    assert to_json(assemble(engine, [])) == to_json(assemble(wire.run(rules=rules(), topology=_topology()), []))


def test_a_conference_is_told_as_its_calls_close() -> None:
    """CONF-03: nobody was asserted to the focus."""
    wire = Wire()
    _dial_in(wire, "one")
    ends = {"caller": "<sip:alice@ims.example>;tag=a", "called": "<sip:conf@ims.example>;tag=b"}
    bye = dialog("one", 2, "BYE", via=["10.0.0.1", "10.0.0.9"], **ends)
    exchange(wire, SCSCF, MRF, request("BYE", "sip:conf7@10.0.0.13", bye), response(200, bye))
    _, meanwhile, at_end = live(wire)
    assert meanwhile.count("CONF-03") == 1
    assert "CONF-03" not in at_end


def test_associations_without_encryption_are_told_while_they_are_used() -> None:
    """Four associations of TS 33.203 7.1, two in each direction: two findings of SIG-06, by who sends to whom."""
    _, meanwhile, at_end = live(Registered("hmac-sha-1-96", "null").talk().wire, ACCESS)
    assert meanwhile.count("SIG-06") == 2
    assert "SIG-06" not in at_end
