"""Why a stream stays closed: one word for machines, one sentence for who supplies keys."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from analyzer.core.frozen import frozen
from analyzer.core.limits import Limits
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.reasons import Reason
from analyzer.crypto.srtp.suites import SUITES, Suite
from analyzer.session.media_keys import MediaKey

_MKI_SIZES = (1, 2, 3, 4)
_SHORT_TAGS = {"gcm": (8, 12)}


class Failure(StrEnum):
    """A word of `streams[].failure`; those that `crypto.srtp.Reason` has too mean the same."""

    NO_KEY = "no_key"
    OTHER_DIRECTION = "other_direction"
    WRONG_SUITE = "wrong_suite"
    TAG_FAILED = "tag_failed"
    MKI_UNKNOWN = "mki_unknown"
    ROC_NOT_FOUND = "roc_not_found"
    TRUNCATED = "truncated"
    KEY_LATE = "key_late"
    TOO_SHORT = "too_short"
    UNSUPPORTED_SUITE = "unsupported_suite"
    INDEX_REUSED = "index_reused"


SENTENCES: dict[Failure, str] = {
    Failure.NO_KEY: "No key for this SSRC: give its master key, or the secret of the SIP or DTLS that carries it.",
    Failure.OTHER_DIRECTION: "It opens with the key of what the other end sends: keys or addresses are swapped.",
    Failure.WRONG_SUITE: "The key opens it under another suite than was said.",
    Failure.TAG_FAILED: "The tag fails with every key at hand: another key, or packets that were changed.",
    Failure.MKI_UNKNOWN: "Its packets do not carry the master key identifier of any key at hand.",
    Failure.ROC_NOT_FOUND: "The key opens its RTCP, but no packet: it began too many roll-overs ago, or was changed.",
    Failure.TRUNCATED: "The capture cut its packets short: capture with a longer snap length.",
    Failure.KEY_LATE: "More of its packets came before their key than are kept.",
    Failure.TOO_SHORT: "Its packets are shorter than the suite's tag: they are not SRTP under this suite.",
    Failure.UNSUPPORTED_SUITE: "Its suite is known by name, and not opened here.",
    Failure.INDEX_REUSED: "Packet indices were used twice with different bytes.",
}


@frozen
class Explained:
    """A failure with what was found out about it beside the sentence, "" for nothing."""

    failure: Failure
    detail: str = ""


def explain(
    packets: Sequence[bytes], keys: Sequence[MediaKey], reverse: Sequence[MediaKey], limits: Limits
) -> Explained | None:
    """What a few packets that no key opened say, by trying what may have gone wrong; None if nothing of it fits."""
    counters = _counters(limits)
    known = {key.identity for key in keys}
    for key in reverse:
        if key.identity not in known and _opens(key.context, packets, counters):
            return Explained(Failure.OTHER_DIRECTION)
    for key in keys[: limits.explained_keys]:
        found = _suite(key.context, packets, counters) or _mki(key.context, packets, counters)
        if found is not None:
            return found
    return None


def foreign(packets: Sequence[bytes], keys: Iterable[tuple[int, MediaKey]], limits: Limits) -> Explained | None:
    """What a stream without a key of its own says, tried with keys that were given for other SSRCs."""
    for ssrc, key in keys:
        if _opens(key.context, packets, _counters(limits)):
            return Explained(Failure.NO_KEY, f"the key given for 0x{ssrc:08x} opens it")
    return None


def declined(packets: Sequence[bytes], keys: Iterable[MediaKey], limits: Limits) -> Explained | None:
    """What a stream says whose sender offered keys that were not agreed on (RFC 4568 5.1.2), tried with those."""
    if any(_opens(key.context, packets, _counters(limits)) for key in keys):
        return Explained(Failure.NO_KEY, "a key opens it that its sender put into SDP and the answer did not take")
    return None


def _counters(limits: Limits) -> Iterable[int]:
    return range(min(limits.srtp_roc_search, limits.explained_counters))


def _suite(context: SrtpContext, packets: Sequence[bytes], counters: Iterable[int]) -> Explained | None:
    """The same material under the other suites and tags of its lengths."""
    mine = context.suite
    for suite in SUITES:
        if suite.opened and (suite.key, suite.salt) == (mine.key, mine.salt):
            for tag in (suite.rtp_tag, *_SHORT_TAGS.get(suite.cipher, ())):
                if (suite, tag) != (mine, context.rtp_tag) and _opens(_as(context, suite, tag), packets, counters):
                    return Explained(Failure.WRONG_SUITE, _named(suite, tag))
    return None


def _mki(context: SrtpContext, packets: Sequence[bytes], counters: Iterable[int]) -> Explained | None:
    """The key without a master key identifier, or with another one than the packets have."""
    if context.mki and _opens(_as(context, context.suite, context.rtp_tag, b""), packets, counters):
        return Explained(Failure.MKI_UNKNOWN, "they carry none, and the key is given with one")
    for size in _MKI_SIZES:
        for packet in packets:
            mki = _carried(context, packet, size)
            if (
                mki
                and mki != context.mki
                and _opens(_as(context, context.suite, context.rtp_tag, mki), (packet,), counters)
            ):
                return Explained(Failure.MKI_UNKNOWN, f"they carry 0x{mki.hex()}, which this key was not given with")
    return None


def _carried(context: SrtpContext, packet: bytes, size: int) -> bytes:
    """The master key identifier of `size` bytes that a packet would have: before an HMAC tag, behind an AEAD's."""
    end = len(packet) if context.suite.cipher == "gcm" else len(packet) - context.rtp_tag
    return packet[max(0, end - size) : max(0, end)]


def _as(context: SrtpContext, suite: Suite, tag: int, mki: bytes | None = None) -> SrtpContext:
    return SrtpContext(
        suite,
        *context.master_and_salt,
        mki=context.mki if mki is None else mki,
        kdr=context.kdr,
        unencrypted_srtp=context.unencrypted_srtp,
        rtp_tag=tag,
    )


def _named(suite: Suite, tag: int) -> str:
    return f"verifies as {suite.name}" + (f" with a tag of {tag} bytes" if tag != suite.rtp_tag else "")


def _opens(context: SrtpContext, packets: Sequence[bytes], counters: Iterable[int]) -> bool:
    """Whether a packet verifies: a tag must be there to say so."""
    if not context.suite.opened or not context.rtp_tag:
        return False
    for packet in packets:
        parts = context.split_rtp(packet)
        if not isinstance(parts, Reason) and context.find_rtp(parts, counters) is not None:
            return True
    return False
