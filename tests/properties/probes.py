"""The probes: what are these bytes?"""

from typing import Any

from analyzer.protocols.bfcp import probe as bfcp_probe
from analyzer.protocols.dtls import records as dtls
from analyzer.protocols.msrp import probe as msrp_probe
from analyzer.protocols.rtp import framing
from analyzer.protocols.sctp import parser as sctp
from analyzer.protocols.sip import probe
from analyzer.protocols.stun import probe as stun_probe
from analyzer.protocols.stun import stream as stun_stream
from analyzer.protocols.tls import records as tls
from analyzer.protocols.websocket import probe as websocket_probe
from analyzer.protocols.zrtp import probe as zrtp
from tests.properties.harness import Not, Whole
from tests.properties.packets import ANSWER, ZEROS
from tests.properties.texts import LINES, NO_EVENT
from tests.protocols.bfcp import writer as bfcp_writer
from tests.protocols.dtls import test_records as dtls_records
from tests.protocols.msrp.writer import chunk
from tests.protocols.rtp import test_framing
from tests.protocols.sctp import test_parser as test_sctp
from tests.protocols.sip import test_parser as test_sip
from tests.protocols.stun import test_parser as test_stun
from tests.protocols.tls import test_records as test_tls
from tests.protocols.websocket import test_parser as test_websocket

FLOW = Not(
    "is asked of the first bytes of a flow, as many as there are: more take no answer back (properties/test_probes.py)"
)


def _probe(name: str, ask: Any, *valid: bytes, units: tuple[bytes, ...] = ZEROS) -> Whole:
    """A probe: what are these bytes?"""
    return Whole(
        (name,), lambda data, limits: int(ask(data)), valid, lambda found: found > 0, FLOW, ANSWER, NO_EVENT, units
    )


PROBES = (
    _probe("analyzer.protocols.sip.probe.probe", probe.probe, test_sip.INVITE, units=LINES),
    _probe(
        "analyzer.protocols.sip.probe.is_start",
        probe.is_start,
        b"SIP/2.0 200 OK\r\n",
        units=(b" ", b"a ", b"SIP/2.0 ", b"SIP/"),
    ),
    _probe(
        "analyzer.protocols.sip.probe.start_within",
        probe.start_within,
        b"junkBYE sip:a SIP/2.0\r\n",
        units=(b" ", b"BYE sip:", b"SIP/2.0 ", b"SIP/2.0", b"AAA"),
    ),
    _probe("analyzer.protocols.stun.probe.probe", stun_probe.probe, test_stun.REQUEST),
    _probe("analyzer.protocols.stun.stream.probe", stun_stream.probe, test_stun.REQUEST),
    _probe(
        "analyzer.protocols.rtp.framing.probe", framing.probe, test_framing.framed(test_framing.SR, test_framing.SR)
    ),
    _probe("analyzer.protocols.zrtp.probe.probe", zrtp.probe, b"\x10\0\0\1ZRTP" + bytes(24)),
    _probe(
        "analyzer.protocols.sctp.parser.probe",
        sctp.probe,
        test_sctp.packet(test_sctp.data(1, b"x")),
        units=(*ZEROS, b"\0\3\0\4", b"\0\1\0\1" + b"\0\3\0\4"),
    ),
    _probe(
        "analyzer.protocols.dtls.records.probe",
        dtls.probe,
        dtls_records.record(22, b"abc"),
        units=(*ZEROS, b"\x2c\0\1\0\x10" + bytes(16)),
    ),
    _probe("analyzer.protocols.tls.records.probe", tls.probe, test_tls.record(22, b"\1\0\0\1x")),
    _probe(
        "analyzer.protocols.bfcp.probe.probe",
        lambda data: max(bfcp_probe.probe(data, True), bfcp_probe.probe(data, False)),
        bfcp_writer.write(bfcp_writer.message(11, version=2)),
        bfcp_writer.write(bfcp_writer.message(11)),
    ),
    _probe(
        "analyzer.protocols.bfcp.probe.strict",
        lambda data: bfcp_probe.strict(data, 0),
        bfcp_writer.write(bfcp_writer.message(11)),
    ),
    _probe("analyzer.protocols.bfcp.probe.walks", lambda data: bfcp_probe.walks(data, 0, len(data)), b"\x04\4\0\1"),
    _probe("analyzer.protocols.msrp.probe.probe", msrp_probe.probe, chunk(), units=LINES),
    _probe(
        "analyzer.protocols.websocket.probe.probe",
        websocket_probe.probe,
        test_websocket.REQUEST,
        units=(*ZEROS, *LINES),
    ),
)
