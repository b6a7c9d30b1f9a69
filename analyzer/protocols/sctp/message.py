"""What a data channel carries, as values."""

from analyzer.core.cites import Cite
from analyzer.core.frozen import frozen

DCEP, STRING, BINARY, EMPTY_STRING, EMPTY_BINARY = 50, 51, 53, 56, 57
"""Payload protocol identifiers of RFC 8831 8."""


@frozen
class UserMessage:
    """One user message: its stream, its payload protocol identifier, its bytes without fragmentation."""

    stream: int
    ppid: int
    data: bytes
    cites: tuple[Cite, ...]


@frozen
class Open:
    """DATA_CHANNEL_OPEN (RFC 8832 5.1): `label` and `protocol` are the sender's text."""

    ordered: bool
    label: str
    protocol: str
