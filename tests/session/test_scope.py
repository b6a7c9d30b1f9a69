"""The decision table (hops.md section 5), row by row, and what it says where evidence is missing."""

from dataclasses import fields, replace

import pytest

from analyzer.core.secrets import Secret
from analyzer.core.unknown import Unknown
from analyzer.session.media.likeness import Likeness
from analyzer.session.model.media import MediaHop
from analyzer.session.scope import Continued, Equality, Path, PathHop, Verdict

NEED = Unknown.of("key", "a key")
A, B, C, D = (Secret(bytes([n]) * 30) for n in range(4))


def entity(**changes: object) -> MediaHop:
    made: dict[str, object] = {field.name: NEED for field in fields(MediaHop)}  # what the table does not ask for
    made |= {
        "medium": "audio", "proto": "RTP/SAVP", "access": True, "server": False, "e2ae": "none", "state": "srtp_sdes",
        "confidentiality": "yes", "integrity": "yes", "key_exchange": "sdes", "evidence": "negotiated_and_structural",
        "packets": 100,
    }  # fmt: skip
    return MediaHop(**made | changes)  # type: ignore[arg-type]  # fields of MediaHop


def hop(
    leg: int,
    *,
    left: bool = False,
    right: bool = False,
    keys: tuple[Secret, ...] = (A, B),
    prints: tuple[bytes, ...] = (),
    **changes: object,
) -> PathHop:
    made = entity(access=left or right, **changes)
    return PathHop(made, 0, leg, leg, left, right, frozenset(keys), frozenset(prints))


def clear(leg: int, **ends: bool) -> PathHop:
    return hop(leg, keys=(), state="clear", confidentiality="no", integrity="no", key_exchange="none", **ends)


def verdict(*hops: PathHop, at: int = 0, equal: Equality | None = None) -> tuple[str, str, str]:
    found = Path(hops, lambda one, other: equal or Equality(), lambda leg, other: True).verdict(at)
    return found.scope, found.detail, found.termination


VERIFIED = {"evidence": "keyed_verified"}
PAYLOAD, WIRE = Equality(content=True), Equality(wire=True)


def test_requested_and_clear_beyond_the_edge_is_e2ae() -> None:
    access, core = hop(1, left=True, e2ae="requested"), clear(2, right=True)
    assert verdict(access, core) == ("e2ae", "e2ae", "indicated")
    assert verdict(hop(1, left=True, e2ae="requested", **VERIFIED), core) == ("e2ae", "e2ae", "proven_by_keys")
    assert verdict(access, core, equal=PAYLOAD) == ("e2ae", "e2ae", "proven_by_payload")
    assert verdict(access, core, at=1) == ("unknown", "none", "unknown")


def test_requested_alone_is_indicated() -> None:
    assert verdict(hop(1, left=True, e2ae="applied")) == ("e2ae", "e2ae", "indicated")


def test_same_keys_to_the_far_end_is_e2e() -> None:
    hops = hop(1, left=True, **VERIFIED), hop(2, right=True, **VERIFIED)
    assert verdict(*hops) == verdict(*hops, at=1) == ("e2e", "e2e", "proven_by_keys")
    assert verdict(*hops, equal=WIRE) == ("e2e", "e2e", "proven_by_payload")
    assert verdict(hop(1, left=True), hop(2, right=True)) == ("e2e", "e2e", "assumed")


def test_one_key_on_both_sides_of_who_encrypts_anew_is_no_relay() -> None:
    """hops.md 5: e2e takes identical bytes; equal payloads of which none is as it was sent show who has the key."""
    hops = hop(1, left=True, **VERIFIED), hop(2, right=True, **VERIFIED)
    rewritten = Equality(content=True, rewritten=True)
    assert verdict(*hops, equal=rewritten) == verdict(*hops, at=1, equal=rewritten) == (
        "hop_by_hop", "hop_by_hop_srtp", "proven_by_payload"
    )  # fmt: skip
    assert verdict(*hops, equal=Equality(content=True))[:2] == ("e2e", "e2e")


def test_same_bytes_are_enough_without_the_keys() -> None:
    hops = hop(1, left=True, keys=()), hop(2, right=True, keys=())
    assert verdict(*hops, equal=WIRE) == ("e2e", "e2e", "proven_by_payload")


def test_same_keys_although_requested_is_inconsistent() -> None:
    assert verdict(hop(1, left=True, e2ae="requested"), hop(2, right=True))[:2] == ("unknown", "inconsistent")


def test_other_keys_are_hop_by_hop() -> None:
    hops = hop(1, left=True, **VERIFIED), hop(2, right=True, keys=(C, D), **VERIFIED)
    assert verdict(*hops) == verdict(*hops, at=1) == ("hop_by_hop", "hop_by_hop_srtp", "proven_by_keys")
    assert verdict(*hops, equal=PAYLOAD) == ("hop_by_hop", "hop_by_hop_srtp", "proven_by_payload")


def test_clear_beyond_the_edge_without_indication_is_e2ae_in_fact() -> None:
    core = clear(2, right=True)
    assert verdict(hop(1, left=True), core) == ("e2ae", "e2ae_like", "assumed")
    dtls = hop(1, left=True, keys=(), prints=(b"1",), key_exchange="dtls", state="srtp_dtls")
    assert verdict(dtls, core)[:2] == ("e2ae", "e2ae_dtls_srtp")
    tls = hop(1, left=True, keys=(), key_exchange="tls", state="tls_fp_ok")
    assert verdict(tls, core)[:2] == ("e2ae", "edge_terminated_tls")


@pytest.mark.parametrize(
    ("prints", "expected"), [((b"1", b"2"), ("e2e", "e2e_tls")), ((b"3", b"4"), ("hop_by_hop", "hop_by_hop_tls"))]
)
def test_tls_by_its_fingerprints(prints: tuple[bytes, ...], expected: tuple[str, str]) -> None:
    tls = {"key_exchange": "tls", "state": "tls_fp_ok", "peer_auth": "yes"}
    hops = hop(1, left=True, keys=(), prints=(b"1", b"2"), **tls), hop(2, right=True, keys=(), prints=prints, **tls)
    assert verdict(*hops) == (*expected, "proven_by_keys" if expected[0] == "e2e" else "assumed")


@pytest.mark.parametrize("how", ["tls", "dtls"])
def test_two_handshakes_under_one_fingerprint_are_two_protections(how: str) -> None:
    """Who passes the fingerprints on and shakes hands with both sides all the same sees what is inside."""
    kind = {"key_exchange": how, "state": f"{'srtp_' * (how == 'dtls')}{how}{'_fp_ok' * (how == 'tls')}"}
    near, far = (hop(n, left=n == 1, right=n == 2, keys=(), prints=(b"1", b"2"), **kind) for n in (1, 2))
    detail = {"tls": "tls", "dtls": "srtp"}[how]
    whole = "e2e_tls" if how == "tls" else "e2e"
    for ours, theirs, expected in (
        ({1}, {2}, ("hop_by_hop", f"hop_by_hop_{detail}")), ({1}, {1}, ("e2e", whole)), ({1, 2}, {2}, ("e2e", whole)),
        ({1}, set(), ("e2e", whole)), (set(), set(), ("e2e", whole)),
    ):  # fmt: skip
        hops = replace(near, handshakes=frozenset(ours)), replace(far, handshakes=frozenset(theirs))
        assert verdict(*hops)[:2] == verdict(*hops, at=1)[:2] == expected


def test_what_was_compared_is_named_with_its_strongest_ground() -> None:
    """hops.md section 4: exact, strong, medium."""
    grounds = [
        (Equality(content=True, headers=True), ("payload", 100)),
        (Equality(wire=True, headers=True), ("ciphertext", 100)),
        (Equality(headers=True, reports=True), ("headers", 100)),
        (Equality(reports=True), ("reports", 100)),
        (Equality(alike=Likeness("offsets", 97)), ("offsets", 97)),
        (Equality(alike=Likeness("shape", 95)), ("shape", 95)),
    ]
    for equality, (by, score) in grounds:
        path = Path(
            [hop(1, left=True), clear(2, right=True)], lambda one, other, e=equality: e, lambda leg, other: True
        )
        found = path.verdict(0)
        assert found.termination == ("proven_by_payload" if by == "payload" else found.termination)
        assert found.termination in ("proven_by_payload", "matched", "assumed")
        assert path.continued(0) == (Continued(1, by, score),)
        assert path.continued(1) == (Continued(0, by, score),)


@pytest.mark.parametrize("alike", [Likeness("offsets", 100), Likeness("shape", 100)])
def test_likeness_is_evidence_and_never_proof(alike: Likeness) -> None:
    """It says how the end of a protection is known, and decides nothing: neither that, nor whether it is one."""
    core = clear(2, right=True)
    assert verdict(hop(1, left=True), core, equal=Equality(alike=alike)) == ("e2ae", "e2ae_like", "matched")
    assert verdict(hop(1, left=True, **VERIFIED), core, equal=Equality(alike=alike))[2] == "proven_by_keys"
    other = hop(2, right=True, keys=())
    assert verdict(hop(1, left=True, keys=()), other, equal=Equality(alike=alike))[1] == "e2ae_or_e2e_ambiguous"


def test_one_leg_alone_is_ambiguous() -> None:
    assert verdict(hop(1, left=True)) == ("unknown", "e2ae_or_e2e_ambiguous", "unknown")


def test_from_end_to_end_in_one_hop() -> None:
    assert verdict(hop(1, left=True, right=True, **VERIFIED)) == ("e2e", "e2e", "proven_by_keys")


def test_a_far_end_that_nobody_knows_is_no_end() -> None:
    far = replace(hop(2), right_final=Unknown.of("topology", "who that is"))
    assert verdict(hop(1, left=True), far) == ("unknown", "e2ae_or_e2e_ambiguous", "unknown")


def test_between_two_edges_each_access_has_its_own() -> None:
    hops = hop(1, left=True), clear(2), hop(3, right=True, keys=(C, D), e2ae="applied")
    assert verdict(*hops) == ("e2ae", "e2ae_like", "assumed")
    assert verdict(*hops, at=2) == ("e2ae", "e2ae", "indicated")


def test_core_protection_of_its_own_is_hop_by_hop() -> None:
    hops = clear(1, left=True), hop(2, keys=(C, D)), clear(3, right=True)
    assert verdict(*hops, at=1)[:2] == ("hop_by_hop", "hop_by_hop_srtp")


def test_media_are_judged_each_by_itself() -> None:
    other = replace(clear(2, right=True), index=1)
    assert verdict(hop(1, left=True), other)[1] == "e2ae_or_e2e_ambiguous"


def test_nothing_is_said_of_what_is_not_protected() -> None:
    assert Path([clear(1, left=True)], lambda a, b: Equality(), lambda a, b: True).verdict(0) == Verdict(
        "unknown", "none", "unknown"
    )


def test_what_is_missing_between_two_legs_is_not_judged() -> None:
    hops = [hop(1, left=True, **VERIFIED), hop(2, right=True, keys=(C, D), **VERIFIED)]
    assert Path(hops, lambda a, b: PAYLOAD, lambda a, b: False).verdict(0).detail == "e2ae_or_e2e_ambiguous"
