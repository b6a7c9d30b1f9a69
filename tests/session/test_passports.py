"""Signed identities verified offline: generated signers, tampered tokens, and the moment of the capture."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from analyzer.formats.passport import serialize
from analyzer.pipeline.engine import Engine
from analyzer.session.passports import canonical
from analyzer.session.trust import Authority, Trust, authority_of, read_certificates
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, request
from tests.pipeline.wire import START_NS, Wire, at

SBC, PEER = at("10.0.0.1", 5060), at("10.0.0.13", 5060)
NOW = START_NS // 10**9
INFO = "https://cert.example.org/passport.cer"
ALICE, BOB = "12155551212", "12155551213"
PRINT = "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    f"m=audio 4000 UDP/TLS/RTP/SAVP 0\r\na=setup:actpass\r\na=fingerprint:sha-256 {PRINT}\r\n"
).encode()


class Signer:
    """A certificate with its key; `issuer` None: self-signed."""

    def __init__(
        self, name: str, issuer: "Signer | None" = None, *, ca: bool = False, days: tuple[int, int] = (-1, 30),
        tn_auth_list: bytes = b"",
    ) -> None:  # fmt: skip
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        moment = datetime.fromtimestamp(NOW, UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment + timedelta(days=days[0]))
            .not_valid_after(moment + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if tn_auth_list:
            listed = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26"), tn_auth_list)
            made = made.add_extension(listed, critical=False)
        self.certificate = made.sign((issuer or self).key, hashes.SHA256())

    def token(self, claims: Mapping[str, object], header: Mapping[str, object] | None = None) -> str:
        """A full token, signed as RFC 8225 9 says."""
        head = {"alg": "ES256", "typ": "passport", "x5u": INFO, **(header or {})}
        signed = f"{serialize(head)}.{serialize(dict(claims))}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{signed}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


SIGNER, OTHER = Signer("signer"), Signer("other")


def _claims(**more: object) -> dict[str, object]:
    return {"dest": {"tn": [BOB]}, "iat": NOW, "orig": {"tn": ALICE}, **more}


def _invite(token: str, *extra: str, call_id: str = "c", body: bytes = b"", params: str = "") -> bytes:
    parties = {"caller": f"<sip:+{ALICE}@a.example;user=phone>;tag=a", "called": f"<tel:+{BOB}>"}
    head = dialog(call_id, 1, "INVITE", via=["10.0.0.1"], **parties)
    return request(
        "INVITE", f"sip:+{BOB}@b.example;user=phone", [*head, f"Identity: {token};info=<{INFO}>{params}", *extra], body
    )


def _run(*messages: bytes, trust: tuple[Signer, ...] = (SIGNER,)) -> Engine:
    wire = Wire()
    for message in messages:
        wire.udp(SBC, PEER, message)
    return wire.run(rules=rules(), trust=Trust(signer.certificate for signer in trust))


def _said(engine: Engine, rule: str) -> dict[str, int]:
    return {verdict.value: count for verdict, count in engine.judge.tallies[rule].counts.items() if count}


def test_a_good_one_passes_everything() -> None:
    engine = _run(_invite(SIGNER.token(_claims())))
    for rule in ("ID-10.form", "ID-11.signature", "ID-11.certificate", "ID-11.claims", "ID-12.fresh", "ID-12.replay"):
        assert _said(engine, rule) == {"pass": 1}, rule


def test_without_a_certificate_it_is_open_and_names_it() -> None:
    engine = _run(_invite(SIGNER.token(_claims())), trust=())
    assert _said(engine, "ID-11.signature") == {"open": 1}
    needs = [need.what for found in engine.judge.findings for need in found.needs]
    assert f"the certificate of the signer, published at {INFO} (--trust)" in needs


def test_with_authorities_alone_the_signer_is_unknown_not_wrong() -> None:
    """RFC 8226 5: an authority issues signers' certificates. It may have issued the one that is missing."""
    engine = _run(_invite(SIGNER.token(_claims())), trust=(Signer("root", ca=True),))
    assert _said(engine, "ID-11.signature") == {"open": 1}
    (found,) = [found for found in engine.judge.findings if found.rule.id == "ID-11.signature"]
    assert found.message == (
        "not known whether the signature of a PASSporT from 10.0.0.1 to 10.0.0.13 is right or wrong: its signer is "
        f"unknown; missing: the certificate of the signer, published at {INFO} (--trust); the authorities given did "
        "not sign it themselves, and the token holds no certificate"
    )


def test_an_authority_that_signs_itself_is_its_own_proof() -> None:
    """`openssl req -x509` makes certificates with CA:TRUE; RFC 8225 9 asks for the key of the certificate alone."""
    own = Signer("own", ca=True)
    engine = _run(_invite(own.token(_claims())), trust=(own,))
    for rule in ("ID-11.signature", "ID-11.certificate"):
        assert _said(engine, rule) == {"pass": 1}, rule


def test_with_another_certificate_it_fails() -> None:
    engine = _run(_invite(SIGNER.token(_claims())), trust=(OTHER,))
    assert _said(engine, "ID-11.signature") == {"fail": 1}
    (found,) = [found for found in engine.judge.findings if found.rule.id == "ID-11.signature"]
    assert "verifies with no certificate at hand: it was changed, or its signer is unknown" in found.message


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_character_fails(part: int) -> None:
    parts = SIGNER.token(_claims()).split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    assert _said(_run(_invite(".".join(parts))), "ID-11.signature") == {"fail": 1}


def test_certificates_are_judged_at_capture_time() -> None:
    """Valid when the call was made and expired by today, and the reverse."""
    then = Signer("then", days=(-1, 1))
    assert _said(_run(_invite(then.token(_claims())), trust=(then,)), "ID-11.certificate") == {"pass": 1}
    later = Signer("later", days=(300, 9_000))
    engine = _run(_invite(later.token(_claims())), trust=(later,))
    assert _said(engine, "ID-11.signature") == {"pass": 1}
    assert _said(engine, "ID-11.certificate") == {"fail": 1}


def test_a_chain_in_the_token_counts_if_it_leads_to_a_root() -> None:
    root = Signer("root", ca=True)
    middle = Signer("middle", root, ca=True)
    leaf = Signer("leaf", middle)
    der = [base64.b64encode(s.certificate.public_bytes(Encoding.DER)).decode() for s in (leaf, middle)]
    message = _invite(leaf.token(_claims(), {"x5c": der}))
    assert _said(_run(message, trust=(root,)), "ID-11.certificate") == {"pass": 1}
    assert _said(_run(message, trust=(OTHER,)), "ID-11.certificate") == {"fail": 1}
    assert _said(_run(message, trust=()), "ID-11.certificate") == {"open": 1}
    expired = Signer("middle", root, ca=True, days=(-9, -2))
    leaf = Signer("leaf", expired)
    der = [base64.b64encode(s.certificate.public_bytes(Encoding.DER)).decode() for s in (leaf, expired)]
    assert _said(_run(_invite(leaf.token(_claims(), {"x5c": der})), trust=(root,)), "ID-11.certificate") == {"fail": 1}


def test_freshness_is_against_the_capture() -> None:
    assert _said(_run(_invite(SIGNER.token(_claims(iat=NOW - 59)))), "ID-12.fresh") == {"pass": 1}
    assert _said(_run(_invite(SIGNER.token(_claims(iat=NOW - 62)))), "ID-12.fresh") == {"fail": 1}
    assert _said(_run(_invite(SIGNER.token(_claims(iat=NOW + 90)))), "ID-12.fresh") == {"fail": 1}


@pytest.mark.parametrize("claim", [{"orig": {"tn": "12025550000"}}, {"dest": {"tn": ["12025550000"]}}])
def test_claims_of_another_call_fail(claim: dict[str, object]) -> None:
    assert _said(_run(_invite(SIGNER.token(_claims(**claim)))), "ID-11.claims") == {"fail": 1}


def test_a_token_in_another_dialog_is_a_replay_and_on_another_hop_is_not() -> None:
    token = SIGNER.token(_claims())
    assert _said(_run(_invite(token), _invite(token, call_id="d")), "ID-12.replay") == {"pass": 1, "fail": 1}
    wire = Wire()
    wire.udp(SBC, PEER, _invite(token))
    wire.udp(PEER, at("10.0.0.20", 5060), _invite(token, call_id="e"))
    assert _said(wire.run(rules=rules()), "ID-12.replay") == {"pass": 2}


def test_mky_is_held_against_the_sdp() -> None:
    bound = [{"alg": "sha-256", "dig": PRINT.replace(":", "")}]
    assert _said(_run(_invite(SIGNER.token(_claims(mky=bound)), body=SDP)), "ID-13") == {"pass": 1}
    changed = SDP.replace(b"02:1A", b"02:1B")
    assert _said(_run(_invite(SIGNER.token(_claims(mky=bound)), body=changed)), "ID-13") == {"fail": 1}
    assert _said(_run(_invite(SIGNER.token(_claims()), body=SDP)), "ID-13") == {"fail": 1}
    assert _said(_run(_invite(SIGNER.token(_claims()))), "ID-13") == {"n/a": 1}


def test_the_compact_form_is_rebuilt_from_the_message() -> None:
    tail = SIGNER.token(_claims()).rpartition(".")[2]
    date = f"Date: {format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)}"
    engine = _run(_invite(f"..{tail}", date, params=";alg=ES256"))
    for rule in ("ID-11.signature", "ID-11.claims", "ID-12.fresh"):
        assert _said(engine, rule) == {"pass": 1}, rule
    late = f"Date: {format_datetime(datetime.fromtimestamp(NOW + 1, UTC), usegmt=True)}"
    assert _said(_run(_invite(f"..{tail}", late)), "ID-11.signature") == {"fail": 1}
    assert _said(_run(_invite(f"..{tail}")), "ID-11.signature") == {"open": 1}


def test_a_number_list_is_read() -> None:
    """RFC 8226 9: SEQUENCE OF a choice: [0] code, [1] range, [2] one number, explicitly tagged."""
    one = bytes.fromhex("300f" + "a20d" + "160b") + ALICE.encode()
    assert authority_of(Signer("n", tn_auth_list=one).certificate) == Authority((ALICE,))
    span = bytes.fromhex("3014" + "a112" + "3010" + "160b") + b"12155551200" + bytes.fromhex("020114")
    held = authority_of(Signer("r", tn_auth_list=span).certificate)
    assert held is not None
    assert (held.holds(ALICE), held.holds("12155551220"), held.holds("2155551212")) == (True, False, False)
    code = authority_of(Signer("c", tn_auth_list=bytes.fromhex("3008" + "a006" + "1604") + b"1234").certificate)
    assert code is not None
    assert code.holds(ALICE) is None
    wrong = Signer("w", tn_auth_list=one.replace(ALICE.encode(), b"12025550000"))
    assert _said(_run(_invite(wrong.token(_claims())), trust=(wrong,)), "ID-11.authority") == {"fail": 1}
    right = Signer("w", tn_auth_list=one)
    assert _said(_run(_invite(right.token(_claims())), trust=(right,)), "ID-11.authority") == {"pass": 1}


def test_identities_in_canonical_form() -> None:
    """RFC 8224 8.3 (numbers without marks and plus), 8.5 (URIs without port and parameters)."""
    assert canonical("tel:+1-215-555-1212;phone-context=x") == ("tn", ALICE)
    assert canonical("sip:+12155551212@a.example;user=phone") == ("tn", ALICE)
    assert canonical("sip:ue1@IMS.example:5060;transport=tcp") == ("uri", "sip:ue1@ims.example")


def test_other_algorithms_are_refused() -> None:
    none = f"{serialize({'alg': 'none', 'typ': 'passport', 'x5u': INFO})}.{serialize(_claims())}.AAAA"
    assert _said(_run(_invite(none)), "ID-11.signature") == {"fail": 1}


def test_a_file_without_certificates() -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_certificates(json.dumps({}).encode())


@pytest.mark.parametrize(
    ("ppt", "more"),
    [
        ("shaken", {"attest": "A", "origid": "123e4567-e89b-12d3-a456-426655440000"}),  # RFC 8588 4, 5
        ("div", {"div": {"tn": "12155551214"}}),  # RFC 8946 3
        ("rph", {"rph": {"auth": ["ets.0", "wps.0"]}}),  # RFC 8443 4
    ],
)
def test_the_signature_of_every_kind_is_verified(ppt: str, more: dict[str, object]) -> None:
    token = SIGNER.token(_claims(**more), {"ppt": ppt})
    params = f";ppt={ppt}"
    for rule in ("ID-10.form", "ID-11.signature", "ID-11.certificate"):
        assert _said(_run(_invite(token, params=params)), rule) == {"pass": 1}, rule
    head, body, signature = token.split(".")
    for changed in (f"{head}.{serialize(_claims(**more, x=1))}.{signature}", f"{head}.{body}.{signature[::-1]}"):
        assert _said(_run(_invite(changed, params=params)), "ID-11.signature") == {"fail": 1}
    assert _said(_run(_invite(token, params=params), trust=(OTHER,)), "ID-11.signature") == {"fail": 1}
