"""Registrations: lists of RFC 3329 and their media-plane elements (TS 24.229 7.2A.7), from generated captures."""

import dataclasses

import pytest

from analyzer.core.severity import Verdict
from analyzer.core.unknown import Unknown
from analyzer.pipeline.engine import Engine
from analyzer.session.registrations import Binding
from analyzer.session.topology import Topology
from tests.golden.runs import rules
from tests.pipeline.sip_text import dialog, exchange, request, response
from tests.pipeline.wire import Wire, at
from tests.session.test_passages import lab_topology

UE, PCSCF = at("10.1.0.2", 5060), at("10.1.0.1", 5060)
OFFER = "ipsec-3gpp; alg=hmac-sha-1-96; spi-c=1; spi-s=2; port-c=5062; port-s=5063, sdes-srtp;mediasec"
LIST = "ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; spi-c=7; spi-s=8; port-c=5064; port-s=5065, sdes-srtp;mediasec"
MEDIA_LIST = "sdes-srtp;mediasec"
AOR = "<sip:alice@ims.example>"


def _register(cseq: int, *headers: str, aor: str = AOR) -> bytes:
    base = dialog("reg", cseq, "REGISTER", via=["10.1.0.2"], called=aor)
    return request("REGISTER", "sip:ims.example", [*base, "Contact: <sip:alice@10.1.0.2>", *headers])


def _answer(status: int, cseq: int, *headers: str, aor: str = AOR) -> bytes:
    base = dialog("reg", cseq, "REGISTER", via=["10.1.0.2"], called=f"{aor};tag=r")
    return response(status, [*base, *headers])


def _client(value: str) -> str:
    return f"Security-Client: {value}"


def _server(value: str) -> str:
    return f"Security-Server: {value}"


def _verify(value: str) -> str:
    return f"Security-Verify: {value}"


def _run(*messages: bytes, topology: Topology | None = None) -> tuple[Engine, Binding]:
    wire = Wire()
    exchange(wire, UE, PCSCF, *messages)
    engine = wire.run(rules=rules(), topology=topology)
    return engine, engine.signalling.registrations.all()[0]


def _verdicts(engine: Engine, rule: str) -> dict[str, int]:
    return {verdict.value: count for verdict, count in engine.judge.tallies[rule].counts.items() if count}


def _whole(verify: str = LIST, again: str = OFFER, outcome: int = 200) -> tuple[bytes, ...]:
    second = [_client(again)] * bool(again) + [_verify(verify)] * bool(verify)
    return (
        _register(1, _client(OFFER)),
        _answer(401, 1, _server(LIST)),
        _register(2, *second),
        _answer(outcome, 2),
    )


def test_lists_repeated_pass() -> None:
    engine, binding = _run(*_whole())
    assert (binding.echo, binding.repeat, binding.altered) == (True, True, False)
    assert _verdicts(engine, "REG-03") == {"pass": 1}
    assert _verdicts(engine, "REG-08") == {"pass": 1}
    both = engine.signalling.registrations.mediasec(UE.ip, "audio")
    assert (both.ue_announced, both.network_announced, both.both_announced) == (True, True, True)
    other = engine.signalling.registrations.mediasec(UE.ip, "message")
    assert (other.ue_announced, other.network_announced) == (False, False)


def test_blanks_and_commas_do_not_matter() -> None:
    spread = LIST.replace("; ", ";").replace(";", " ; ")
    _, binding = _run(*_whole(verify=spread))
    assert binding.echo is True


@pytest.mark.parametrize(
    "verify",
    [
        "ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; spi-c=7; spi-s=8; port-c=5064; port-s=5065",  # an element removed
        LIST.replace("q=0.1", "q=0.9"),  # a parameter altered
        ", ".join(reversed(LIST.split(", "))),  # reordered
        "",  # left out
    ],
)
def test_a_list_that_differs_fails(verify: str) -> None:
    engine, binding = _run(*_whole(verify=verify))
    assert binding.echo is False
    assert _verdicts(engine, "REG-03") == {"fail": 1}
    assert _verdicts(engine, "REG-08") == {"fail": 1}


def test_client_list_reduced_under_protection_fails_only_if_accepted() -> None:
    engine, _ = _run(*_whole(again=MEDIA_LIST))
    assert _verdicts(engine, "REG-08") == {"fail": 1}
    engine, _ = _run(*_whole(again=MEDIA_LIST, outcome=494))
    assert _verdicts(engine, "REG-08") == {"n/a": 1}


def test_an_echo_of_media_mechanisms_alone_is_open() -> None:
    engine, binding = _run(*_whole(verify=MEDIA_LIST))
    assert isinstance(binding.echo, Unknown)
    assert _verdicts(engine, "REG-03") == {"open": 1}


def test_the_second_register_hidden_leaves_it_open() -> None:
    """Sent inside a tunnel that stays closed: the capture has the first exchange alone."""
    engine, _ = _run(*_whole()[:2])
    assert _verdicts(engine, "REG-03") == {"open": 1}
    assert _verdicts(engine, "REG-08") == {"open": 1}


def test_two_copies_of_one_answer_with_different_lists_fail() -> None:
    first, challenge, *rest = _whole(verify=MEDIA_LIST)
    engine, binding = _run(first, challenge, _answer(401, 1, _server(MEDIA_LIST)), *rest)
    assert binding.altered
    assert _verdicts(engine, "REG-03") == {"fail": 1}


def test_a_ue_without_an_agreement_owes_no_echo() -> None:
    """The lab's softphones get Security-Server and send no list (pai-spoof-removed, frames 13 and 14)."""
    engine, _ = _run(_register(1), _answer(401, 1, _server(LIST)), _register(2), _answer(200, 2))
    assert _verdicts(engine, "REG-03") == {"n/a": 1}
    assert _verdicts(engine, "REG-08") == {"n/a": 1}


def test_a_capture_that_starts_at_a_re_registration_accuses_nobody() -> None:
    """The list that Security-Verify repeats came before the capture; new SPIs make a new Security-Client."""
    engine, _ = _run(
        _register(7, _client(OFFER), _verify(LIST)), _answer(200, 7),
        _register(8, _client(OFFER.replace("spi-c=1", "spi-c=3")), _verify(LIST)), _answer(200, 8),
    )  # fmt: skip
    assert _verdicts(engine, "REG-03") == {"open": 1}
    assert "fail" not in _verdicts(engine, "REG-08")


def test_what_is_missing_is_known_only_once_it_succeeded() -> None:
    engine, _ = _run(_register(1), _answer(401, 1))
    missing = engine.signalling.registrations.mediasec(UE.ip, "bfcp")
    assert isinstance(missing.ue_announced, Unknown)
    engine, _ = _run(_register(1), _answer(401, 1), _register(2), _answer(200, 2))
    known = engine.signalling.registrations.mediasec(UE.ip, "bfcp")
    assert (known.ue_announced, known.network_announced) == (False, False)


def test_a_registration_that_was_refused_announced_nothing_that_counts() -> None:
    """Its lists are shown (REG-01, -02); whether another one stands that was not captured, nobody knows. One that stood
    before goes on to (RFC 3261 10.3: a request that fails changes no binding)."""
    engine, _ = _run(*_whole(outcome=403))
    registrations = engine.signalling.registrations
    said = registrations.mediasec(UE.ip, "audio")
    assert all(isinstance(each, Unknown) for each in (said.ue_announced, said.network_announced, said.both_announced))
    assert isinstance(registrations.secured(UE.ip), Unknown)
    assert _verdicts(engine, "REG-01") == {"pass": 1}
    engine, _ = _run(*_whole(), _register(9, _client(OFFER), _verify(LIST)), _answer(500, 9))
    assert engine.signalling.registrations.mediasec(UE.ip, "audio").both_announced is True


def test_identities_of_one_address_that_differ_leave_it_open() -> None:
    other = "<sip:carol@ims.example>"
    engine, _ = _run(
        *_whole(),
        _register(1, _client("msrp-tls;mediasec"), aor=other), _answer(200, 1, _server("msrp-tls;mediasec"), aor=other),
    )  # fmt: skip
    found = engine.signalling.registrations.mediasec(UE.ip, "audio").ue_announced
    assert isinstance(found, Unknown)
    assert "which of the 2 registrations" in found.needs[0].what


def test_dtls_srtp_has_the_name_of_the_field() -> None:
    engine, _ = _run(*_whole(), *())
    table = engine.signalling.registrations
    assert table.mediasec(UE.ip, "audio", dtls=True).both_announced is False
    engine, _ = _run(
        _register(1, _client("dtls-srtp;mediasec")), _answer(200, 1, _server("dtls-srtp;mediasec, sdes-srtp;mediasec"))
    )
    assert engine.signalling.registrations.mediasec(UE.ip, "audio", dtls=True).both_announced is True
    assert engine.judge.tallies["REG-07"].notes == 1


def test_bindings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.session.registrations.MAX_BINDINGS", 2)
    wire = Wire()
    for number in range(4):
        exchange(wire, at(f"10.1.0.{number + 2}", 5060), PCSCF, *_whole())
    engine = wire.run(rules=rules())
    assert len(engine.signalling.registrations.all()) == 2
    assert engine.signalling.registrations.evicted == 2
    assert _verdicts(engine, "REG-03") == {"pass": 4}, "what is forgotten was judged before"
    assert all(dataclasses.is_dataclass(binding) for binding in engine.signalling.registrations.all())


def test_keys_in_a_challenge_and_digests_in_clear() -> None:
    challenge = 'WWW-Authenticate: Digest realm="ims.example", nonce="bm9uY2U=", algorithm=AKAv1-MD5'
    engine, _ = _run(_register(1), _answer(401, 1, f'{challenge}, ik="{"0" * 32}", ck="{"1" * 32}"'))
    assert _verdicts(engine, "SIG-14") == {"fail": 1, "n/a": 1}
    engine, _ = _run(_register(1), _answer(401, 1, challenge))
    assert _verdicts(engine, "SIG-14") == {"pass": 1, "n/a": 1}
    digest = 'Authorization: Digest username="alice", realm="r", nonce="n", uri="sip:x", response="{}"'
    engine, _ = _run(_register(1, digest.format("c0ffee" * 5)))
    assert _verdicts(engine, "SIG-24.md5") == {"fail": 1}
    message = next(f.message for f in engine.judge.findings if f.rule.id == "SIG-24.md5")
    assert "(username, realm, nonce, uri, response)" in message
    assert "c0ffee" not in message
    (note,) = [note.message for note in engine.judge.notes if note.rule.id == "SIG-24.seen"]
    assert "username, realm, nonce, uri, response" in note, "named, whatever the scheme"
    assert "c0ffee" not in note
    engine, _ = _run(_register(1, digest.format("")))
    assert _verdicts(engine, "SIG-24.md5") == {"n/a": 1}, "the empty response of a first REGISTER proves no use"
    engine, _ = _run(_register(1, "Authorization: Basic YWxpY2U6c2VjcmV0"))
    assert _verdicts(engine, "SIG-24.basic") == {"fail": 1}


@pytest.mark.parametrize(
    ("algorithm", "scheme", "findings"),
    [
        ("MD5", "digest-md5", ["SIG-24.md5"]),
        ("MD5-sess", "digest-md5", ["SIG-24.md5"]),
        ("SHA-256", "digest-sha-256", []),
        ("SHA-512-256", "digest-sha-512-256", []),
        ("AKAv1-MD5", "akav1-md5", ["SIG-24.aka"]),
        ("AKAv2-SHA-256", "akav2-sha-256", ["SIG-24.aka"]),
    ],
)
def test_every_scheme_in_clear_is_named_with_what_it_shows(algorithm: str, scheme: str, findings: list[str]) -> None:
    """RFC 8760 2.1 (SHA-256), RFC 3310 3 and RFC 4169 (AKA: the nonce is RAND and AUTN). requirements.md, SIG-24: MD5
    alone is weak; TS 33.203 6.1: the answer to AKA is protected."""
    answer = f'Authorization: Digest username="a@b", realm="r", nonce="n", response="c0ffee", algorithm={algorithm}'
    engine, _ = _run(_register(1, answer), topology=lab_topology())
    (note,) = [note.message for note in engine.judge.notes if note.rule.id == "SIG-24.seen"]
    held = "username, realm, nonce, response"
    if scheme.startswith("aka"):
        held = "username (private identity), realm, nonce (RAND, AUTN), response (made with RES)"
    assert note.startswith("REGISTER from ue1 to pcscf-1 over clear_udp shows ")
    assert note.endswith(f" shows {scheme}: {held}, algorithm")
    failed = [f.rule.id for f in engine.judge.findings if f.rule.id.startswith("SIG-24") and f.verdict is Verdict.FAIL]
    assert failed == findings


def test_what_aka_shows_by_design_is_a_note() -> None:
    """TS 33.203 6.1: the first REGISTER and the challenge are in clear; a resynchronisation agrees on nothing."""
    first = 'Authorization: Digest username="a@b", realm="r", nonce="", uri="sip:b", response=""'
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="bm9uY2U=", algorithm=AKAv1-MD5'
    again = 'Authorization: Digest username="a@b", nonce="n", response="c0ffee", algorithm=AKAv1-MD5, auts="YXV0cw=="'
    engine, _ = _run(_register(1, first), _answer(401, 1, challenge), _register(2, again), topology=lab_topology())
    answered = ["username (private identity)", "nonce (RAND, AUTN)", "response (made with RES)", "algorithm"]
    answered += ["auts (resynchronisation)"]
    shown = [note.message.partition(" shows ")[2] for note in engine.judge.notes if note.rule.id == "SIG-24.seen"]
    assert shown == [
        "digest: username, realm, nonce, uri, response",
        "akav1-md5: realm, nonce (RAND, AUTN), algorithm",
        f"akav1-md5: {', '.join(answered)}",
    ]
    assert _verdicts(engine, "SIG-24.aka") == {"n/a": 3}
    assert not [f for f in engine.judge.findings if f.rule.id.startswith("SIG-24") and f.verdict is Verdict.FAIL]


TAGS = ("Require: sec-agree", "Proxy-Require: sec-agree")


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        (TAGS, {"pass": 1}),
        (("Require: sec-agree",), {"fail": 1}),
        ((), {"fail": 1}),
        (("Require: SEC-AGREE, path", TAGS[1]), {"pass": 1}),
    ],
)
def test_the_agreement_is_asked_for(tags: tuple[str, ...], verdict: dict[str, int]) -> None:
    """RFC 3329 2.3.1: sec-agree in Require and in Proxy-Require."""
    engine, _ = _run(_register(1, _client(OFFER), *tags), _answer(401, 1, _server(LIST)))
    assert _verdicts(engine, "SIG-02") == verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ((_answer(401, 1, _server(LIST)),), "pass"),
        ((_answer(401, 1, _server(LIST.replace("spi-c=7; ", ""))),), "fail"),
        ((_answer(401, 1, _server(LIST.replace("alg=hmac-sha-1-96; ", ""))),), "fail"),
        ((_answer(200, 1),), "fail"),
        ((_answer(401, 1),), "open"),  # a further answer may carry it
        ((), "open"),
    ],
)
def test_the_list_of_the_network(answer: tuple[bytes, ...], verdict: str) -> None:
    """RFC 3329 2.3.2; TS 33.203 7.2."""
    engine, _ = _run(_register(1, _client(OFFER), *TAGS), *answer)
    assert _verdicts(engine, "SIG-03") == {verdict: 1}


@pytest.mark.parametrize(
    ("offer", "rule", "verdict"),
    [
        (OFFER, "SIG-07", "fail"),  # TS 33.203 Annex H: no ealg is null
        (OFFER.replace("spi-c=1", "ealg=null; spi-c=1"), "SIG-07", "fail"),
        (OFFER.replace("spi-c=1", "ealg=AES-CBC; spi-c=1"), "SIG-07", "pass"),
        (f"{OFFER}, ipsec-3gpp; alg=hmac-sha-1-96; ealg=aes-cbc; spi-c=1; spi-s=2", "SIG-07", "pass"),
        (OFFER, "SIG-09", "pass"),
        (OFFER.replace("spi-s=2", "spi-s=1"), "SIG-09", "fail"),
        (OFFER.replace("spi-s=2", "spi-s=8"), "SIG-09", "fail"),  # the P-CSCF's
        (OFFER.replace("port-s=5063", "port-s=5060"), "SIG-09", "fail"),
        (OFFER.replace("spi-c=1", "prot=ah; spi-c=1"), "SIG-09", "fail"),
        (OFFER.replace("spi-c=1", "mod=tun; spi-c=1"), "SIG-09", "fail"),
        (OFFER.replace("spi-c=1", "mod=UDP-enc-tun; spi-c=1"), "SIG-09", "pass"),
        (f"tls;q=0.1, {OFFER.replace('spi-c=1', 'q=0.1; spi-c=1')}", "SIG-21", "fail"),
        (f"tls;q=0.2, {OFFER.replace('spi-c=1', 'q=0.1; spi-c=1')}", "SIG-21", "pass"),
        (f"ipsec-3gpp;q=0.1;alg=a, {OFFER.replace('spi-c=1', 'q=0.1; spi-c=1')}", "SIG-21", "pass"),
    ],
)
def test_what_a_ue_lists(offer: str, rule: str, verdict: str) -> None:
    """TS 33.203 5.1.3, 7.1, Annex H; RFC 3329 2.2."""
    engine, _ = _run(_register(1, _client(offer)), _answer(401, 1, _server(LIST)))
    assert _verdicts(engine, rule) == {verdict: 1}


OFFER_2 = "ipsec-3gpp; alg=hmac-sha-1-96; spi-c=11; spi-s=12; port-c=5072; port-s=5063, sdes-srtp;mediasec"
LIST_2 = "ipsec-3gpp; q=0.1; alg=hmac-sha-1-96; spi-c=17; spi-s=18; port-c=5074; port-s=5065, sdes-srtp;mediasec"


def _again(offer: str, listed: str, verify: str = LIST) -> tuple[bytes, ...]:
    """A re-registration that is challenged (TS 33.203 7.4); the challenge comes twice."""
    return (
        _register(3, _client(offer), _verify(verify)),
        _answer(401, 3, _server(listed)),
        _answer(401, 3, _server(listed)),
        _register(4, _client(offer), _verify(listed)),
        _answer(200, 4),
    )


@pytest.mark.parametrize(
    ("offer", "listed", "verdict"),
    [
        (OFFER_2, LIST_2, "pass"),
        (OFFER_2.replace("port-s=5063", "port-s=5073"), LIST_2, "fail"),
        (OFFER_2, LIST_2.replace("port-s=5065", "port-s=5075"), "fail"),
        (OFFER_2, LIST_2.replace("spi-c=17", "spi-c=8"), "fail"),
        (OFFER_2.replace("port-c=5072", "port-c=5062"), LIST_2, "fail"),
        (OFFER, LIST, "fail"),  # nothing is new
    ],
    ids=["as it should be", "UE's server port", "P-CSCF's server port", "an old SPI", "an old client port", "all old"],
)
def test_a_later_agreement_keeps_the_server_ports_alone(offer: str, listed: str, verdict: str) -> None:
    engine, _ = _run(*_whole(), *_again(offer, listed))
    assert _verdicts(engine, "SIG-12") == {verdict: 1}


def test_a_refresh_that_is_not_challenged_is_no_agreement() -> None:
    """TS 24.229: every REGISTER offers parameters; without a challenge no associations follow."""
    refresh = (_register(3, _client(OFFER_2), _verify(LIST)), _answer(200, 3))
    engine, _ = _run(*_whole(), *refresh)
    assert _verdicts(engine, "SIG-12") == {"n/a": 1}


def test_a_challenge_that_led_nowhere_is_not_in_use() -> None:
    """A second challenge of one registration (RFC 3310 3.4: synchronisation) proposes, and replaces nothing in use."""
    first, challenge, *rest = _whole()
    engine, _ = _run(first, challenge, _register(5, _client(OFFER)), _answer(401, 5, _server(LIST)), *rest)
    assert _verdicts(engine, "SIG-12") == {"n/a": 1}


def test_an_agreement_whose_offer_was_missed_leaves_it_open() -> None:
    engine, _ = _run(
        _register(1), _answer(401, 1, _server(LIST)), _register(2, _verify(LIST)), _answer(200, 2),
        *_again(OFFER_2, LIST_2),
    )  # fmt: skip
    assert _verdicts(engine, "SIG-12") == {"open": 1}
