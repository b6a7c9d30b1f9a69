"""SIP messages as they arrive: counted once, filed under their call, their SDP negotiated."""

from collections import Counter
from dataclasses import dataclass, field

from analyzer.core.anomalies import Anomaly
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse as parse_sdp
from analyzer.protocols.sdp.session import Session
from analyzer.protocols.sip.message import Message
from analyzer.session.carrier import Carrier
from analyzer.session.legs import CallState, CallTable
from analyzer.session.records import MessageRecord, record
from analyzer.session.sightings import SightingTable

SDP_TYPE = "application/sdp"


@dataclass(slots=True)
class SipCounts:
    """What the report says of SIP as a whole. Each message once, however many vantage points saw it on its hop."""

    messages: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    responses: Counter[str] = field(default_factory=Counter)
    retransmissions: int = 0
    mirrored: int = 0
    malformed: int = 0
    call_ids: set[int] = field(default_factory=set)


class Signalling:
    """Takes SIP messages in capture order. What it gives back are calls that had to make room, and anomalies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sightings = SightingTable(limits)
        self.calls = CallTable(limits)
        self.counts = SipCounts()
        self._ordinal = 0
