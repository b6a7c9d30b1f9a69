"""Whose streams a mixer of a conference put together, by what its packets name (RFC 3550 7.1, 7.2).

A mixed stream lists the SSRCs of those it was made of as CSRCs. Each is looked for among the streams of the calls of
the conference, then among the SSRCs that participants describe (RFC 5576 4.1), then by the CNAME that the mixer passes
on for it (RFC 3550 6.5.1). It says who was heard: what was mixed has no payload in common with any of its parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.core.addresses import Address
from analyzer.core.frozen import frozen
from analyzer.core.numbers import decimal
from analyzer.session.focus import FocusLeg
from analyzer.session.media.record import RtcpRecord, StreamRecord
from analyzer.session.model.states import HeardBy
from analyzer.session.offer_answer import rtp_address

_STREAMS = 16  # of one call, those with most packets
_NAMED = 64  # SSRCs of one call that are described or have a CNAME
_MIXES = 1_000  # mixed streams of one conference


@frozen
class Contributor:
    """A part of a mixed stream: its SSRC, in how many packets, whose it is; `call` empty where nobody's is known."""

    ssrc: int
    packets: int
    call: str
    streams: tuple[int, ...]
    by: HeardBy


@frozen
class Mix:
    """A stream that names contributing sources, and the call that it belongs to."""

    stream: int
    call: str
    contributors: tuple[Contributor, ...]


@frozen
class _Heard:
    stream: int
    ssrc: int
    contributors: tuple[tuple[int, int], ...]


@frozen
class _Call:
    """What one call of a conference has: streams not sent by the focus, mixed ones, CNAMEs, SSRCs described."""

    sent: tuple[_Heard, ...]
    mixed: tuple[_Heard, ...]
    names: Mapping[int, str]
    described: Mapping[int, str]


@dataclass(slots=True)
class Mixing:
    """The streams of a conference, call by call."""

    calls: dict[str, _Call] = field(default_factory=dict)

    def take(self, call_id: str, focal: FocusLeg, records: Sequence[StreamRecord], rtcp: Iterable[RtcpRecord]) -> None:
        """Takes the streams and the RTCP of a call with the focus."""
        foremost = sorted(records, key=lambda record: (-record.packets, record.ordinal))[:_STREAMS]
        own = set(_addresses(focal))
        kept = [(each, _Heard(each.ordinal, each.ssrc, each.contributors)) for each in foremost]
        names = dict(pair for flow in rtcp for pair in flow.names)
        self.calls[call_id] = _Call(
            tuple(one for each, one in kept if not each.contributors and each.endpoints.src not in own),
            tuple(one for each, one in kept if each.contributors),
            dict(list(names.items())[:_NAMED]),
            dict(_described(focal)),
        )

    def mixes(self) -> Iterator[Mix]:
        """The mixed streams with their parts, in the order of the calls."""
        if not any(call.mixed for call in self.calls.values()):
            return
        found = _Owners(self.calls)
        count = 0
        for call_id, call in self.calls.items():
            for one in call.mixed[: _MIXES - count]:
                count += 1
                yield Mix(one.stream, call_id, tuple(found.of(each, call) for each in one.contributors))


def _addresses(focal: FocusLeg) -> Iterator[Address]:
    """Where the focus sends from, by its descriptions."""
    for message in focal.leg.messages:
        if message.sdp is not None and message.carrier.endpoints.src.ip == focal.focus:
            yield from (address for media in message.sdp.media if (address := rtp_address(media)) is not None)


def _described(focal: FocusLeg) -> Iterator[tuple[int, str]]:
    """SSRCs that the participant describes as its own, with their CNAMEs (RFC 5576 4.1, 6.1)."""
    seen: dict[int, str] = {}
    for message in focal.leg.messages:
        if message.sdp is None or message.carrier.endpoints.src.ip == focal.focus:
            continue
        for media in message.sdp.media if len(seen) < _NAMED else ():
            lines = [value.partition(" ") for name, value in media.attributes if name == "ssrc"]
            for number, _, attribute in lines[:_NAMED]:
                ssrc, (kind, _, name) = decimal(number, 10), attribute.partition(":")
                if ssrc is not None:
                    seen[ssrc] = name if kind == "cname" else seen.get(ssrc, "")
    yield from list(seen.items())[:_NAMED]


class _Owners:
    """Which call an SSRC or a CNAME belongs to; more than one: nobody's."""

    def __init__(self, calls: Mapping[str, _Call]) -> None:
        self._calls = calls
        self._sent: dict[int, set[str]] = {}
        self._described: dict[int, set[str]] = {}
        self._named: dict[str, set[str]] = {}
        for call_id, call in calls.items():
            for one in call.sent:
                self._sent.setdefault(one.ssrc, set()).add(call_id)
                self._name(call.names.get(one.ssrc, ""), call_id)
            for ssrc, name in call.described.items():
                self._described.setdefault(ssrc, set()).add(call_id)
                self._name(name, call_id)

    def _name(self, name: str, call_id: str) -> None:
        if name:
            self._named.setdefault(name, set()).add(call_id)

    def of(self, part: tuple[int, int], mixed: _Call) -> Contributor:
        """Whose part this is, of a stream in that call."""
        ssrc, packets = part
        ways: tuple[tuple[HeardBy, set[str]], ...] = (
            ("ssrc", self._sent.get(ssrc, set())),
            ("described", self._described.get(ssrc, set())),
            ("cname", self._named.get(mixed.names.get(ssrc, ""), set())),
        )
        for by, owners in ways:
            if len(owners) == 1:
                (owner,) = owners
                return Contributor(ssrc, packets, owner, self._streams(owner, ssrc, by, mixed), by)
        return Contributor(ssrc, packets, "", (), "nothing")

    def _streams(self, owner: str, ssrc: int, by: HeardBy, mixed: _Call) -> tuple[int, ...]:
        """The streams of the participant that are this part: of its SSRC, or of its CNAME."""
        call, name = self._calls[owner], mixed.names.get(ssrc, "")
        wanted = {ssrc} if by != "cname" else {known for known, named in call.names.items() if named == name}
        return tuple(one.stream for one in call.sent if one.ssrc in wanted)
