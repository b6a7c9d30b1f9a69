"""Security-Client and Security-Server read: associations, algorithm pairs, CK and IK in a 401, bounds."""

from dataclasses import replace

import pytest

from analyzer.core.addresses import Address, Endpoints
from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sip.message import Message
from analyzer.protocols.sip.parser import parse_datagram
from analyzer.session.carrier import Ipsec
from analyzer.session.esp.agreements import Agreements, mechanisms
from analyzer.session.esp.candidates import unencrypted
from analyzer.session.esp.paths import EspPaths
from tests.pipeline.registration import sip

UE, PROXY = 0xFFFF0A01000A, 0xFFFF0A010001
CITE = Cite(0, 1, 0, 0, 0)
ONE = "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=11;spi-s=12;port-c=5001;port-s=5002"


def _message(method: str, status: int, *more: str) -> Message:
    parsed = parse_datagram(sip(method, 1, status, "\r\n".join(more)), (CITE,), Limits())
    (found,) = [event for event in parsed if isinstance(event, Message)]
    return found


def _agreed(client: str, server: str, limits: Limits | None = None) -> Agreements:
    agreements = Agreements(limits or Limits())
    auth = 'Authorization: Digest realm="r", username="ue1@ims.example",nonce=""'
    agreements.observe(_message("REGISTER", 0, f"Security-Client: {client}", auth), UE, PROXY)
    agreements.observe(_message("REGISTER", 401, f"Security-Server: {server}"), PROXY, UE)
    return agreements


def test_four_associations() -> None:
    """TS 33.203 7.1: to the P-CSCF by its own SPIs, to the UE by the UE's."""
    agreements = _agreed(ONE, ONE.replace("=11", "=21").replace("=12", "=22"))
    ways = {(dst, spi): agreements.of(dst, spi) for dst in (UE, PROXY) for spi in (11, 12, 21, 22)}
    assert {key for key, found in ways.items() if found} == {(UE, 11), (UE, 12), (PROXY, 21), (PROXY, 22)}
    (one,) = agreements.of(UE, 11)
    assert (one.src, one.alg, one.ealg, one.mode, one.impi) == (
        PROXY,
        "hmac-sha-1-96",
        "aes-cbc",
        "trans",
        "ue1@ims.example",
    )


def test_the_pair_both_have() -> None:
    """Of several offers and answers, those that both list; each an alternative while more than one is left."""
    client = f"{ONE}, {ONE.replace('aes-cbc', 'null')}"
    server = f"{ONE.replace('aes-cbc', 'aes-gcm')}, {ONE.replace('aes-cbc', 'null')}"
    assert {(one.alg, one.ealg) for one in _agreed(client, server).of(UE, 11)} == {("hmac-sha-1-96", "null")}
    assert {one.ealg for one in _agreed(client, client).of(UE, 11)} == {"aes-cbc", "null"}
    assert unencrypted(_agreed(client, server).of(UE, 11)) == (12, 0)
    assert unencrypted(_agreed(client, client).of(UE, 11)) is None
    assert unencrypted(()) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (ONE, 1),
        (f"{ONE}, tls;q=0.1, sdes-srtp;mediasec, {ONE}", 2),
        (ONE.replace("ipsec-3gpp", "IPSEC-3GPP").replace("alg=hmac", "ALG=HMAC"), 1),
        (ONE.replace("spi-c=11;", ""), 0),
        (ONE.replace("spi-c=11", "spi-c=4294967296"), 0),
        (ONE.replace("spi-c=11", "spi-c=-1"), 0),
        (f"{ONE};prot=ah", 0),
        (",".join([ONE] * 200), 16),
    ],
)
def test_mechanisms(value: str, count: int) -> None:
    """Entries that are complete and ESP, a bounded number of them."""
    assert len(mechanisms((value,))) == count


def test_defaults() -> None:
    """TS 33.203 Annex H: ealg null, mod trans."""
    (one,) = mechanisms(("ipsec-3gpp;alg=hmac-md5-96;spi-c=0000000001;spi-s=2;port-c=3;port-s=4",))
    assert (one.ealg, one.mode, one.spi_c, one.port_s) == ("null", "trans", 1, 4)


def test_keys_of_a_401() -> None:
    """CK and IK by their digits, once however often the 401 is seen; other lengths are none."""
    agreements = Agreements(Limits())
    good = f'WWW-Authenticate: Digest realm="a,b",ck="{"0f" * 16}", ik="{"f0" * 16}",algorithm=AKAv1-MD5'
    for _ in range(3):
        agreements.observe(_message("REGISTER", 401, good), PROXY, UE)
    agreements.observe(_message("REGISTER", 401, good.replace("0f0f", "0f")), PROXY, UE)
    agreements.observe(_message("REGISTER", 401, good.replace("0f0f", "zzzz")), PROXY, UE)
    (run,) = agreements.captured.values()
    assert (run.key.ck.reveal(), run.key.ik.reveal()) == (b"\x0f" * 16, b"\xf0" * 16)
    assert agreements.captured_in("register-1") == (run,)
    assert agreements.captured_in("other") == ()
    assert "0f0f" not in repr(run)


def test_bounds() -> None:
    """Registrations beyond the bound push the oldest out, announced."""
    limits = replace(Limits(), esp_agreements=2)
    agreements = Agreements(limits)
    anomalies = []
    for number in range(5):
        ue = UE + number
        agreements.observe(_message("REGISTER", 0, f"Security-Client: {ONE}"), ue, PROXY)
        server = ONE.replace("=11", f"={100 + number}").replace("=12", f"={200 + number}")
        anomalies += agreements.observe(_message("REGISTER", 401, f"Security-Server: {server}"), PROXY, ue)
    assert {anomaly.kind.code for anomaly in anomalies} == {"esp.agreements_limit"}
    assert agreements.of(UE, 11) == ()
    assert agreements.of(UE + 4, 11)
    assert agreements.evicted > 0


def test_paths_of_connections() -> None:
    """Of a connection's segments the weakest protection counts; beyond the bound the oldest is forgotten, announced."""
    paths = EspPaths(replace(Limits(), esp_paths=2))
    ends = [Endpoints(Address(UE, port), Address(PROXY, 5060), 6) for port in range(1, 5)]
    strong, weak = Ipsec(True, "verified"), Ipsec(False, "present")
    assert paths.seen(0, ends[0], None, CITE) == []
    assert not paths
    paths.seen(0, ends[0], strong, CITE)
    assert paths.of(0, ends[0].reverse) == strong
    assert paths.of(1, ends[0]) is None
    paths.seen(0, ends[0].reverse, weak, CITE)
    assert paths.of(0, ends[0]) == weak
    assert [a.kind.code for a in paths.seen(0, ends[0], None, CITE)] == ["esp.bare_segment"]
    assert paths.seen(0, ends[0], strong, CITE) == []
    assert paths.of(0, ends[0]) is None
    paths.seen(0, ends[1], strong, CITE)
    assert [a.kind.code for a in paths.seen(0, ends[2], strong, CITE)] == ["esp.connections_limit"]
