"""What the verification of streams says of their hop."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.protocols.sdp.session import Codec
from analyzer.session.media.evidence import MediaEvidence, classify
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.refused import Refusals, judge
from analyzer.session.media_state import Agreed
from analyzer.session.model.states import KeyExchange
from analyzer.session.offer_answer import Keying

VERIFIED_SHARE = 0.99
_NONE_REFUSED = Refusals()


class Weighed(NamedTuple):
    """What the packets of one stream show.

    `refusals`: those that fail their tags although others verify. `verified`: True if the tags of 99 % verify and none
    of the others may be in clear, False if those of all fail with every key, None if neither is known. `evidence`: what
    the stream is, by the weakest of its packets.
    """

    refusals: Refusals
    verified: bool | None
    evidence: MediaEvidence


def weigh(record: StreamRecord, rtpmap: dict[int, Codec]) -> Weighed:
    """A stream held against its keys, and against the codecs that its descriptions name."""
    refusals = _refusals(record)
    verified = _verified(record, refusals)
    return Weighed(refusals, verified, _evidence(record, rtpmap, refusals, verified))


def all_verified(streams: Sequence[Weighed]) -> bool | None:
    """True if the tags of every stream verify; False if those of one fail with every key."""
    verdicts = [each.verified for each in streams]
    if False in verdicts:
        return False
    return True if verdicts and None not in verdicts else None


def keyed(record: StreamRecord, agreed: Agreed) -> StreamRecord:
    """The record, without the trial of keys that were declined and opened nothing."""
    found = record.verification
    if found is None or found.decrypted or not (found.tentative or agreed in ("clear", "opportunistic")):
        return record
    return replace(record, verification=None, tried=found)


def key_exchange(records: list[StreamRecord], negotiated: Keying) -> KeyExchange:
    """How the keys that opened streams were agreed: as negotiated, or, where that was not seen, by where they stood."""
    origins = {r.verification.origin for r in records if r.verification is not None and r.verification.decrypted}
    if negotiated != "none" or not origins:
        return negotiated
    return "dtls" if "dtls-srtp" in origins else "sdes" if "sdes" in origins else "unknown"


def _refusals(record: StreamRecord) -> Refusals:
    found = record.verification
    if found is None or not found.refused:
        return _NONE_REFUSED
    return judge(found.refused, dict(record.sizes), found.trailer, not found.unencrypted)


def _verified(record: StreamRecord, refusals: Refusals) -> bool | None:
    found = record.verification
    if found is None:
        return None
    if found.failed and not found.decrypted:
        return False
    known = record.packets and not refusals.clear and not refusals.undecided
    return True if known and found.authenticated / record.packets >= VERIFIED_SHARE else None


def _evidence(
    record: StreamRecord, rtpmap: dict[int, Codec], refusals: Refusals, verified: bool | None
) -> MediaEvidence:
    """Tags that verify outweigh a stream's shape."""
    if refusals.clear:
        return MediaEvidence("rtp", (f"{refusals.clear} packets are in clear among others whose tags verify",))
    if refusals.undecided:
        return MediaEvidence("unknown", (f"{refusals.undecided} packets fail their tags, and may be in clear",))
    if record.verification is not None and verified:
        return MediaEvidence("srtp", (f"{record.verification.authenticated} authentication tags verify",))
    return classify(record, rtpmap)
