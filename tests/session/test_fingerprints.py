"""Certificates against a=fingerprint (RFC 8122 5), every hash of its registry that is not broken."""

import hashlib

import pytest

from analyzer.core.cites import Cite
from analyzer.core.limits import Limits
from analyzer.protocols.sdp.parser import parse
from analyzer.protocols.sdp.session import Fingerprint
from analyzer.session.stream_protection import matches

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
    """RFC 8122 5: fingerprints of several certificates, or of one under several hashes."""
    assert matches(CERTIFICATE, fingerprints(line("sha-1", OTHER), line("sha-256"))) is True


def test_a_hash_that_is_not_known_decides_nothing() -> None:
    assert matches(CERTIFICATE, fingerprints("a=fingerprint:sha3-256 AA:BB")) is None
    assert matches(CERTIFICATE, ()) is None
