"""SRTP or RTP? What packet shape and payload bytes say, without a key. Never more than is known.

Clear content shows itself by bytes that no cipher makes. Ciphertext shows itself by bytes that look uniform together
with a length that only a codec frame plus an authentication tag has: uniform bytes alone may be compressed speech.
"""

from dataclasses import field
from functools import lru_cache

from analyzer.core.frozen import frozen
from analyzer.protocols.sdp.session import Codec
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.refused import TAGS
from analyzer.session.media_state import Observed

_STATIC = {
    0: Codec("PCMU", 8_000), 3: Codec("GSM", 8_000), 8: Codec("PCMA", 8_000), 9: Codec("G722", 8_000),
    18: Codec("G729", 8_000), 4: Codec("G723", 8_000), 15: Codec("G728", 8_000),
}  # fmt: skip
_EVENTS = frozenset({"telephone-event", "cn"})


def codec_of(payload_type: int, rtpmap: dict[int, Codec]) -> Codec | None:
    """The codec of a payload type: negotiated, else static (RFC 3551 6)."""
    return rtpmap.get(payload_type) or _STATIC.get(payload_type)


@lru_cache(maxsize=64)
def _frame_lengths(name: str, channels: int) -> frozenset[int]:
    """Payload lengths, in bytes, that packets of a codec with fixed frames can have in clear; its name in capitals."""
    if name in {"PCMU", "PCMA", "G722"}:
        return frozenset(80 * n for n in range(1, 13))
    if name == "G729":
        return frozenset(10 * n for n in range(1, 13)) | frozenset(10 * n + 2 for n in range(13))
    if name == "GSM":
        return frozenset(33 * n for n in range(1, 7))
    if name == "ILBC":
        return frozenset(38 * n for n in range(1, 5)) | frozenset(50 * n for n in range(1, 5))
    if name == "L16":
        return frozenset(160 * n * channels for n in range(1, 13))
    return frozenset()


@frozen
class MediaEvidence:
    """What a stream is, as its packets show it, and why."""

    observed: Observed
    grounds: tuple[str, ...] = field(default=())


def classify(record: StreamRecord, rtpmap: dict[int, Codec]) -> MediaEvidence:
    """RTP, SRTP, or not to be told from structure."""
    statistics = record.statistics
    codec = codec_of(statistics.payload_type, rtpmap)
    if codec is None or codec.name.lower() in _EVENTS:
        lengths: frozenset[int] = frozenset()
    else:
        lengths = _frame_lengths(codec.name.upper(), codec.channels)
    if statistics.structured:
        return MediaEvidence("rtp", (f"payload bytes are not ciphertext (chi-square {statistics.chi2:.0f})",))
    if not lengths or codec is None:
        return MediaEvidence("unknown", ("the codec has no fixed frame length to compare with",))
    plain = sum([count for size, count in record.sizes if size in lengths])
    tagged = [sum([n for size, n in record.sizes if size - tag in lengths]) for tag in TAGS]
    most = max(tagged)
    tag = TAGS[tagged.index(most)]
    total = sum([count for _, count in record.sizes])
    if statistics.uniform and most >= 0.9 * total and not plain:
        return MediaEvidence(
            "srtp",
            (
                f"every packet is a {codec.name} frame plus a {tag}-byte tag",
                f"payload bytes look like ciphertext (chi-square {statistics.chi2:.0f})",
            ),
        )
    if plain >= 0.9 * total and not statistics.uniform and statistics.conclusive:
        return MediaEvidence("rtp", (f"payload lengths are those of {codec.name} frames without a tag",))
    return MediaEvidence("unknown", ("neither length nor bytes decide",))


def plausible(record: StreamRecord) -> bool:
    """Whether a stream that no SDP announced is RTP: enough packets, a sequence that runs, few payload types."""
    span = record.packets + record.lost
    return (
        record.packets >= 5
        and record.restarts * 4 <= record.packets
        and record.lost * 2 <= span
        and record.backward * 4 <= record.packets
        and len(record.payload_types) <= 6
        and not any(72 <= kind <= 76 for kind, _ in record.payload_types)
    )
