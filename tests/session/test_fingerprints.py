"""Certificates against a=fingerprint (RFC 8122 5), every hash of its registry that is not broken."""

import hashlib
from types import SimpleNamespace
from typing import cast

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.protocols.sdp.session import Fingerprint, Media
from analyzer.session.connections import Connection
from analyzer.session.offer_answer import Negotiation
from analyzer.session.stream_protection import certificates_say, matches
from tests.pipeline.wire import at

CERTIFICATE, OTHER = b"a certificate", b"another"
# RFC 8122 5: the names of the hash functions, and Python's
HASHES = {"sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}


def fingerprints(*lines: str) -> tuple[Fingerprint, ...]:
    """As a description has them."""
    text = "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "t=0 0", "m=audio 4000 UDP/TLS/RTP/SAVP 0", *lines, ""]
    )
    return parse(text.encode(), (Cite(0, 1, 0, 1, 0),), Limits()).media[0].fingerprints


def line(name: str, certificate: bytes = CERTIFICATE) -> str:
    """RFC 8122 5: upper-case hexadecimal, colons between."""
    return f"a=fingerprint:{name} {hashlib.new(HASHES.get(name.lower(), name), certificate).digest().hex(':').upper()}"


@pytest.mark.parametrize("name", HASHES)
def test_each_hash_matches_its_certificate_and_no_other(name: str) -> None:
    assert matches(CERTIFICATE, fingerprints(line(name))) is True
    assert matches(CERTIFICATE, fingerprints(line(name, OTHER))) is False


def test_one_of_several_is_enough() -> None:
    """RFC 8122 5.1: fingerprints of one certificate under several hashes."""
    assert matches(CERTIFICATE, fingerprints(line("sha-1", OTHER), line("sha-256"))) is True


def test_the_strongest_hash_decides() -> None:
    """5.1: the set of fingerprints of the most preferred hash; who forges SHA-1 has not forged SHA-256."""
    assert matches(CERTIFICATE, fingerprints(line("sha-1"), line("sha-256", OTHER))) is False
    assert matches(CERTIFICATE, fingerprints(line("sha-512"), line("sha-256", OTHER))) is True
    several = fingerprints(line("sha-256", OTHER), line("sha-1", OTHER), line("sha-256"), line("sha-1"))
    assert matches(CERTIFICATE, several) is True, "two certificates under two hashes each"
    assert matches(CERTIFICATE, fingerprints(line("sha-256"), "a=fingerprint:sha3-256 AA:BB")) is True


def test_a_hash_that_is_not_known_decides_nothing() -> None:
    assert matches(CERTIFICATE, fingerprints("a=fingerprint:sha3-256 AA:BB")) is None
    assert matches(CERTIFICATE, ()) is None


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (line("sha-256", OTHER), "fp_ok"),
        (line("sha-256"), "fp_mismatch"),
        ("a=fingerprint:sha3-256 AA:BB", "unverified_cert"),  # one end proven, the other one not
    ],
)
def test_both_ends_are_proven_or_it_is_open(client: str, said: str) -> None:
    """The server's certificate has its fingerprint; the client's is another matter."""

    def described(host: str, text: str) -> Media:
        body = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 UDP/TLS/RTP/SAVP 0\r\n"
        return parse(f"{body}{text}\r\n".encode(), (), Limits()).media[0]

    ends = SimpleNamespace(
        src=at("192.0.2.1", 4000), dst=at("192.0.2.2", 4000), first_ns=0,
        server_certificates=[CERTIFICATE], client_certificates=[OTHER],
    )  # fmt: skip
    last = SimpleNamespace(offer=described("192.0.2.1", client), answer=described("192.0.2.2", line("sha-256")))
    assert certificates_say(cast("Connection", ends), cast("Negotiation", last)) == said
