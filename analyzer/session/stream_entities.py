"""A media stream that is, or should be, SRTP, as rules see it."""

from analyzer.core.unknown import Unknown
from analyzer.session.key_streams import KeyStreams
from analyzer.session.media_hops import ClaimedStream
from analyzer.session.model.media import SrtpStream
from analyzer.session.placement import Placement

_FIXED = 12  # bytes of an RTP header (RFC 3550 5.1)


def stream_entity(claimed: ClaimedStream, streams: KeyStreams, placement: Placement) -> SrtpStream | None:
    """What keys say of a stream; None if it is none that needs a key. `streams` learns what its key was used for."""
    record, found = claimed.record, claimed.record.verification
    if found is None and not (isinstance(claimed.state, str) and claimed.state.startswith("srtp")):
        return None
    closed = Unknown.of("key", "the SRTP master key of this stream")
    known = found is not None and not found.tentative
    reused, others = streams.place(record, found) if found is not None else (closed, ())
    src, dst = record.endpoints.src, record.endpoints.dst
    return SrtpStream(
        ssrc=f"{record.ssrc:08x}",
        from_addr=str(src),
        to_addr=str(dst),
        suite=found.suite if found is not None else closed,
        packets=record.packets,
        first_number=_first_number(claimed),
        reused=reused,
        reused_with=others,
        authenticated=found.authenticated if found is not None and known else closed,
        failed=found.failed if found is not None and known else closed,
        repeated_late=record.replayed,
        first=(record.first,),
        first_repeated=(record.replay,) if record.replay is not None else (),
        from_node=placement.node(src.ip),
        to_node=placement.node(dst.ip),
    )


def _first_number(claimed: ClaimedStream) -> int | Unknown:
    first = next(iter(claimed.record.trail.first), b"")
    if claimed.begun and len(first) >= _FIXED:
        return int.from_bytes(first[2:4], "big")
    return Unknown.of("vantage", "the beginning of the call and of the stream")
