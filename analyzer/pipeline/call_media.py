"""Each medium of a call along its path, as a row of the report."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from analyzer.core.cites import Cite
from analyzer.core.secrets import Secret
from analyzer.core.unknown import Tristate, Unknown
from analyzer.report.traffic import CallMedia, Exposure
from analyzer.session.assurance import assurance, caveats
from analyzer.session.hops import HopFact
from analyzer.session.legs import CallState, LegState
from analyzer.session.media_path import whole_path
from analyzer.session.model.media import MediaHop
from analyzer.session.model.signalling import SignallingHop
from analyzer.session.model.states import HopState
from analyzer.session.placement import Placement

WEAKEST_FIRST: tuple[str, ...] = (
    "clear", "osrtp_clear", "clear_tcp", "clear_udp", "clear_sctp", "refused_clear_error9", "refused_clear_error11",
    "unknown", "tunnel_opaque", "esp_null_auth", "tls_null", "srtp_unencrypted", "srtp_unauthenticated",
    "tls_fp_mismatch", "dtls_fp_mismatch", "srtp_unknown_keying", "zrtp", "srtp_mikey", "tls_unverified_cert",
    "dtls_unverified_cert", "dtls_unverified", "rtp_encapsulated_srtp", "srtp_sdes", "srtp_dtls", "tls_ca_cert",
    "dtls_ca_cert", "tls_fp_ok", "dtls_fp_ok", "esp_only",
)  # fmt: skip
"""States of media hops: the protection of a path, and of a conference, is the first of these that any hop has."""

_RANK = {state: rank for rank, state in enumerate(WEAKEST_FIRST)}
NamedFacts = Sequence[tuple[str, HopFact]]
NameKey = Callable[[Secret], str]
_KEYS = 16  # of one medium on one hop that are named


def weakest(states: Iterable[str | Unknown]) -> HopState:
    """The weakest state; what is not known counts as little."""
    words = ["unknown" if isinstance(state, Unknown) else state for state in states]
    return cast("HopState", min(words, key=lambda word: _RANK.get(word, _RANK["unknown"]), default="unknown"))


def media_rows(call: CallState, hops: NamedFacts, name_key: NameKey) -> tuple[CallMedia, ...]:
    """One row a medium, in the order of the m-lines. `name_key` says what the report calls a key."""
    media: dict[int, list[tuple[str, HopFact, MediaHop]]] = {}
    for hop_id, fact in hops:
        if isinstance(fact.entity, MediaHop):
            media.setdefault(fact.index, []).append((hop_id, fact, fact.entity))
    return tuple(_row(call, hops, index, path, name_key) for index, path in sorted(media.items()))


def _row(
    call: CallState, hops: NamedFacts, index: int, path: list[tuple[str, HopFact, MediaHop]], name_key: NameKey
) -> CallMedia:
    path = sorted(path, key=lambda item: min(item[1].legs, default=0))
    named = [(hop_id, entity) for hop_id, _, entity in path]
    exposed = tuple(_exposed(call, hops, index, named, name_key))
    return CallMedia(
        medium=path[0][2].medium,
        path=tuple(hop_id for hop_id, _ in named),
        protection=weakest([entity.state for _, entity in named]),
        assurance=assurance(named, [each.hop for each in exposed if each.what == "key"]),
        exposed=exposed,
        caveats=caveats(named),
    )


def _exposed(
    call: CallState, hops: NamedFacts, index: int, path: Sequence[tuple[str, MediaHop]], name_key: NameKey
) -> Iterator[Exposure]:
    """What could be read on the wire: content on hops of the medium, keys and identities where signalling passed."""
    for hop_id, entity in path:
        if entity.confidentiality == "no":
            yield Exposure("content", hop_id)
    legs = {leg.ordinal: leg for leg in call.legs.values()}
    for hop_id, fact in hops:
        if isinstance(fact.entity, SignallingHop) and fact.entity.confidentiality == "no":
            carried = [legs[ordinal] for ordinal in fact.legs if ordinal in legs]
            if keys := dict.fromkeys(key for leg in carried for key in _keys(leg, index)):
                yield Exposure("key", hop_id, tuple(map(name_key, keys))[:_KEYS])
            if any(_identities(leg) for leg in carried):
                yield Exposure("identity", hop_id)


def _keys(leg: LegState, index: int) -> list[Secret]:
    """The SRTP keys of the m-line that messages of the leg name."""
    return [
        key.key
        for message in leg.messages
        if message.sdes_keys and message.sdp is not None
        for media in message.sdp.media[index : index + 1]
        for line in media.crypto
        for key in line.keys
        if key.key is not None
    ]


class KeysRead(NamedTuple):
    """How many legs name SDES keys, on which hops those could be read, and in which messages."""

    legs: int
    hops: tuple[str, ...] | Unknown
    cites: tuple[Cite, ...]


def keys_read(call: CallState, facts: Sequence[HopFact], placement: Placement) -> KeysRead:
    """Where the call's SDES keys could be read. That they could nowhere takes the whole path."""
    keyed = {
        leg.ordinal: [message for message in leg.messages if message.sdp is not None and message.sdes_keys]
        for leg in call.legs.values()
    }
    keyed = {ordinal: messages for ordinal, messages in keyed.items() if messages}
    found: dict[str, tuple[Cite, ...]] = {}
    missing: Unknown | None = None
    for fact in facts if keyed else ():
        entity, legs = fact.entity, [ordinal for ordinal in fact.legs if ordinal in keyed]
        if not isinstance(entity, SignallingHop) or not legs:
            continue
        if isinstance(entity.confidentiality, Unknown):
            missing = entity.confidentiality
        elif entity.confidentiality == "no":
            found[f"{entity.from_node} > {entity.to_node}"] = keyed[legs[0]][0].cites
    if not found and missing is None and keyed and not whole_path(call, placement):
        missing = Unknown.of("vantage", "every hop of the signalling, from one end of the call to the other")
    hops = tuple(found) if found or missing is None else missing
    return KeysRead(len(keyed), hops, tuple(cite for cites in found.values() for cite in cites))


def _identities(leg: LegState) -> bool:
    """Whether a message of the leg asserts or prefers an identity."""
    return any(message.asserted or message.preferred for message in leg.messages)


def mixed_media(facts: Sequence[HopFact]) -> tuple[str, ...] | Unknown:
    """Media that are readable on a leg on which another one is protected, by hops with packets."""
    found: dict[str, None] = {}
    missing: Unknown | None = None
    for leg in dict.fromkeys(ordinal for fact in facts for ordinal in fact.legs):
        hops = [f.entity for f in facts if leg in f.legs and isinstance(f.entity, MediaHop)]
        for hop in hops:
            if isinstance(hop.confidentiality, Unknown):
                missing = hop.confidentiality
        if any(hop.confidentiality == "yes" for hop in hops):
            found |= dict.fromkeys(hop.medium for hop in hops if hop.confidentiality == "no")
    return tuple(found) if found or missing is None else missing


def readable(hop: MediaHop) -> Tristate:
    """Whether a hop is in clear where nothing permits it: in the core that takes a policy that asks for protection."""
    if isinstance(hop.confidentiality, Unknown):
        return hop.confidentiality
    if hop.confidentiality == "yes" or (hop.access is False and hop.policy != "protect"):
        return False
    return hop.access if isinstance(hop.access, Unknown) and hop.policy != "protect" else True
