"""What is wrong with the values of a message is said once a message, however often it is seen."""

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.pipeline.datagram import Datagram
from tests.pipeline.wire import Wire, anomalies, at, flow, message

A, B = at("192.0.2.1", 5060), at("192.0.2.2", 5060)
DATED = message("OPTIONS", "dated").replace(b"Max-Forwards", b"Date: yesterday\r\nMax-Forwards")  # RFC 3261 20.17


def test_values_are_checked_with_the_frames_of_the_message() -> None:
    wire = Wire()
    wire.udp(A, B, message("OPTIONS", "good"))
    frame = wire.udp(A, B, DATED)
    engine = wire.run()
    (entry,) = engine.ledger.entries()
    assert (entry.kind.code, entry.count, [cite.frame for cite in entry.cites]) == ("sip.date_syntax", 1, [frame])


def test_a_retransmission_is_not_checked_again() -> None:
    """RFC 3261 17.1.2.2: timer E repeats the request over UDP."""
    wire = Wire()
    for _ in range(3):
        wire.udp(A, B, DATED)
    engine = wire.run()
    assert engine.signalling.counts.retransmissions == 2
    assert anomalies(engine) == {"sip.date_syntax": 1}


def test_every_message_over_tcp_is_checked() -> None:
    wire = Wire()
    wire.connect(A, B)
    wire.tcp(A, B, DATED + DATED.replace(b"dated1", b"dated2").replace(b"1 OPTIONS", b"2 OPTIONS"))
    assert anomalies(wire.run()) == {"sip.date_syntax": 2}


def test_a_second_sighting_is_not_checked_again() -> None:
    wire = Wire()
    wire.udp(A, B, DATED)
    engine = wire.run(finish=False)
    engine.datagrams.datagram(Datagram(1, flow(A, B), DATED, 0, 1, (Cite(0, 2, 0, 100, wire.now_ns + 1000),)))
    assert engine.signalling.counts.messages == 1
    assert anomalies(engine) == {"sip.date_syntax": 1}


def test_a_flood_of_methods_is_counted_within_a_bound() -> None:
    wire = Wire()
    for number, method in enumerate(("OPTIONS", "ONE", "TWO", "THREE", "OPTIONS")):
        wire.udp(A, B, message(method, f"flood{number}"))
    counts = wire.run(limits=Limits(counted_words=2)).signalling.counts
    assert counts.requests == {"OPTIONS": 2, "ONE": 1, "other": 2}
    assert counts.messages == 5
