"""What rules judge: the analysis as frozen entities, each field known, absent or unknown."""

from analyzer.session.model.base import Cites, EntityField, field_name, rule_field
from analyzer.session.model.media import CryptoLine, MediaDescription, MediaHop, SrtpStream
from analyzer.session.model.registry import ENTITIES
from analyzer.session.model.signalling import Call, Leg, Mediasec, Registration, SignallingHop, SipMessage

__all__ = [
    "ENTITIES",
    "Call",
    "Cites",
    "CryptoLine",
    "EntityField",
    "Leg",
    "MediaDescription",
    "MediaHop",
    "Mediasec",
    "Registration",
    "SignallingHop",
    "SipMessage",
    "SrtpStream",
    "field_name",
    "rule_field",
]
