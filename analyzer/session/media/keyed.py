"""What the verification of streams says of their hop."""

from dataclasses import replace

from analyzer.protocols.sdp.session import Codec
from analyzer.session.media.evidence import MediaEvidence, classify
from analyzer.session.media.record import StreamRecord
from analyzer.session.media.refused import Refusals, judge
from analyzer.session.media_state import Agreed
from analyzer.session.model.states import KeyExchange
from analyzer.session.offer_answer import Keying

VERIFIED_SHARE = 0.99


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


def refusals_of(record: StreamRecord) -> Refusals:
    """The packets of a stream that fail their tags although others verify: those in clear, and those that may be."""
    found = record.verification
    if found is None or not found.refused:
        return Refusals()
    return judge(found.refused, dict(record.sizes), found.trailer, not found.unencrypted)


def verified_of(records: list[StreamRecord]) -> bool | None:
    """True if the tags of 99 % of every stream's packets verify, and none of the others may be in clear; False if
    those of one with keys all fail."""
    shares = []
    for record in records:
        found = record.verification
        if found is not None and found.failed and not found.decrypted:
            return False
        refusals = refusals_of(record)
        known = found is not None and record.packets and not refusals.clear and not refusals.undecided
        shares.append(found.authenticated / record.packets if found is not None and known else 0.0)
    return True if shares and min(shares) >= VERIFIED_SHARE else None


def evidence_of(record: StreamRecord, rtpmap: dict[int, Codec]) -> MediaEvidence:
    """What a stream is, by the weakest of its packets: tags that verify outweigh its shape."""
    refusals = refusals_of(record)
    if refusals.clear:
        return MediaEvidence("rtp", (f"{refusals.clear} packets are in clear among others whose tags verify",))
    if refusals.undecided:
        return MediaEvidence("unknown", (f"{refusals.undecided} packets fail their tags, and may be in clear",))
    if record.verification is not None and verified_of([record]):
        return MediaEvidence("srtp", (f"{record.verification.authenticated} authentication tags verify",))
    return classify(record, rtpmap)
