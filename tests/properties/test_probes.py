"""What a stream is does not depend on where its first segment ends: a probe that has decided stays with it.

One claim may be taken back: of bytes that end with a whole message, by what then stands behind it. A stream of one
message is to be known, and where there is more the beginning of the next is looked at.
"""

from collections.abc import Callable

import pytest
from hypothesis import given

from analyzer.core.anomalies import Anomaly
from analyzer.core.cites import Cite
from analyzer.protocols.bfcp import probe as bfcp
from analyzer.protocols.msrp import probe as msrp
from analyzer.protocols.rtp import framing
from analyzer.protocols.sip import probe as sip
from analyzer.protocols.stun import stream as stun
from analyzer.protocols.tls import records as tls
from analyzer.protocols.websocket import probe as websocket
from analyzer.transport.cited import Chunk
from analyzer.transport.parser import Skipped
from tests.properties.harness import LIMITS, Stream, inputs
from tests.properties.streams import STREAMS

PROBES: dict[str, Callable[[bytes], int]] = {
    "analyzer.protocols.sip.stream.SipStream": sip.probe,
    "analyzer.protocols.msrp.stream.MsrpStream": msrp.probe,
    "analyzer.protocols.bfcp.stream.BfcpStream": lambda data: bfcp.probe(data, datagram=False),
    "analyzer.protocols.websocket.parser.WebSocketStream": websocket.probe,
    "analyzer.protocols.tls.records.RecordStream": tls.probe,
    "analyzer.protocols.rtp.framing.FrameStream": framing.probe,
    "analyzer.protocols.stun.stream.StunStream": stun.probe,
}
LONGEST = 200
ONE = Cite(0, 1, 0, 100, 1)


def whole(stream: Stream, data: bytes) -> bool:
    """Whether nothing is left of these bytes: they end where a message does."""
    parser = stream.make(LIMITS)
    events = [*parser.receive(Chunk(data, ONE)), *parser.close()]
    left = any(isinstance(event, Anomaly | Skipped) or not getattr(event, "complete", True) for event in events)
    return bool(events) and not left


@pytest.mark.parametrize("stream", STREAMS, ids=[each.names[0].removeprefix("analyzer.protocols.") for each in STREAMS])
def test_more_bytes_take_no_answer_back(stream: Stream) -> None:
    """0 asks for more; what is not 0 keeps its sign, however much more of the stream is known."""
    probe = PROBES[stream.names[0]]

    @given(inputs(stream.valid, stream.odd))
    def run(data: bytes) -> None:
        begun = [data[:size] for size in range(min(len(data), LONGEST) + 1)]
        answers = [(probe(each), each) for each in begun]
        decided = [answer for answer, each in answers if answer <= 0 or not whole(stream, each)]
        first = next((at for at, answer in enumerate(decided) if answer), len(decided))
        assert all(answer and (answer > 0) == (decided[first] > 0) for answer in decided[first:])

    run()
