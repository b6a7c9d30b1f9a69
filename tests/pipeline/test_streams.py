"""TCP connections leave nothing behind, and those of an unknown protocol cost little while they are open."""

import itertools
from pathlib import Path

import pytest

from analyzer.core.limits import SECOND_NS
from analyzer.pipeline.dispatch import GIVE_UP_BYTES
from analyzer.pipeline.engine import Engine
from analyzer.session.keyring import Keyring
from tests.pipeline.test_websocket import REQUEST, RESPONSE, frame
from tests.pipeline.tls_wire import TlsWire
from tests.pipeline.wire import ACK, FIN, RST, Wire, at, call_of, message

SERVER = at("192.0.2.2", 5061)
# A ClientHello record (RFC 8446 5.1) up to its random, which is enough to be TLS.
TLS_START = bytes.fromhex("1603010200010001fc0303") + bytes(32)
CONTENT = (
    message("OPTIONS", "tcp"),
    TLS_START,
    REQUEST,
    b"\x00\x01\x02 unknown",
    b"OPTIONS sip:cut",
    b"\x17\x03\x03",
    b"",
)
ENDINGS = (FIN | ACK, RST, 0)


def _held(engine: Engine) -> dict[str, int]:
    """Connections that each part of the stream handler still knows."""
    tcp = engine.tcp
    return {
        "reassembly": len(tcp._tcp),
        "outer": len(tcp._outer._directions),
        "inner": len(tcp._inner._directions),
        "tls": len(tcp._tls),
        "bytes": tcp._tcp.held,
    }


NOTHING = {"reassembly": 0, "outer": 0, "inner": 0, "tls": 0, "bytes": 0}


def test_a_thousand_short_connections_leave_no_state_behind() -> None:
    wire = Wire()
    kinds = itertools.cycle(itertools.product(CONTENT, CONTENT, ENDINGS))
    for port, (asked, answered, ending) in zip(range(20_000, 21_000), kinds, strict=False):
        client = at("192.0.2.1", port)
        wire.connect(client, SERVER)
        if asked:
            wire.tcp(client, SERVER, asked)
        if answered:
            wire.tcp(SERVER, client, answered)
        if ending:
            wire.segment(client, SERVER, flags=ending)
        if ending == FIN | ACK:
            wire.segment(SERVER, client, flags=ending)
    engine = wire.run(finish=False)
    assert _held(engine)["outer"] > 0
    engine.tick(wire.now_ns + 3_600 * SECOND_NS)
    assert _held(engine) == NOTHING


def test_a_gap_in_tls_is_a_gap_in_what_is_inside(tmp_path: Path) -> None:
    """Records behind it open again (implicit numbers are tried), and the message that was cut is no longer awaited."""
    wire = Wire()
    client = at("192.0.2.1", 40_000)
    tls = TlsWire(wire, client, SERVER, tmp_path)
    cut = message("OPTIONS", "cut", b"v=0\r\n", via="TLS")
    tls.send(client, message("OPTIONS", "before", via="TLS"))
    tls.send(client, cut[:-3])
    del wire.frames[tls.send(client, cut[-3:]) - 1]
    tls.send(client, message("OPTIONS", "behind", via="TLS"))
    tls.send(client, message("OPTIONS", "after", via="TLS"))  # a record behind a gap counts when another follows it
    wire.segment(SERVER, client)
    keyring = Keyring()
    keyring.add_key_log(tls.key_log, "keys")
    engine = wire.run(finish=False, keyring=keyring)
    assert engine.tcp.gaps == 1
    assert [call_of(engine, name) is not None for name in ("before", "behind")] == [True, True]
    assert all(entry.kind.origin == "capture" for entry in engine.ledger.entries() if entry.kind.code.startswith("sip"))


def test_opened_tls_with_websocket_inside_leaves_no_state_behind(tmp_path: Path) -> None:
    wire = Wire()
    client = at("192.0.2.1", 40_000)
    tls = TlsWire(wire, client, SERVER, tmp_path)
    tls.send(client, REQUEST)
    tls.send(SERVER, RESPONSE)
    tls.send(client, frame(message("OPTIONS", "wss"), masked=True))
    keyring = Keyring()
    keyring.add_key_log(tls.key_log, "keys")
    engine = wire.run(finish=False, keyring=keyring)
    assert _held(engine) == {"reassembly": 1, "outer": 2, "inner": 2, "tls": 1, "bytes": 0}
    for end, other in ((client, SERVER), (SERVER, client)):
        wire.segment(end, other, flags=FIN | ACK)
    engine = wire.run(finish=False, keyring=keyring)
    assert _held(engine)["tls"] == 0
    engine.tick(wire.now_ns + 3_600 * SECOND_NS)
    assert _held(engine) == NOTHING


@pytest.mark.parametrize("content", [b"\x00", b"A", b"\x81\x7d"])
def test_a_stream_that_nobody_claims_holds_no_bytes(content: bytes) -> None:
    """Neither at once, nor when it was given up; a probe that waits for more waits for a bounded number of bytes."""
    wire = Wire()
    client = at("192.0.2.1", 40_000)
    wire.connect(client, SERVER)
    block = (content * 1400)[:1400]
    for _ in range(GIVE_UP_BYTES // 1400 + 8):
        wire.tcp(client, SERVER, block)
    engine = wire.run(finish=False)
    (direction,) = engine.tcp._outer._directions.values()
    assert direction.parser is None
    assert (direction.held, direction.held_bytes, direction.given_up) == ([], 0, True)


@pytest.mark.parametrize("size", [3_000, 6_000, 8_000])
def test_a_long_request_line_hides_no_message_on_a_stream(size: int) -> None:
    """Longer than what is held of a stream until somebody knows what it is (`dispatch.HOLD_BYTES`)."""
    raw = message("OPTIONS", "tcp")
    long = raw.replace(b" SIP/2.0", b";x=" + b"y" * size + b" SIP/2.0", 1)
    wire, client = Wire(), at("192.0.2.1", 20_000)
    wire.connect(client, at("192.0.2.2", 5060))
    for start in range(0, len(long), 1_400):
        wire.tcp(client, at("192.0.2.2", 5060), long[start : start + 1_400])
    wire.tcp(client, at("192.0.2.2", 5060), raw)
    engine = wire.run()
    assert engine.signalling.counts.messages == 2
