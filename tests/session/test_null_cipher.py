"""TLS whose suite has no cipher: what it carries can be read, and cannot be changed unseen (RFC 5246 A.5)."""

from types import SimpleNamespace

import pytest

from analyzer.core.addresses import Address, Endpoints
from analyzer.pipeline.call_media import weakest
from analyzer.session.carrier import Carrier, confidentiality, integrity
from analyzer.session.connections import Connection
from analyzer.session.stream_protection import Around, connection_protection

CLIENT, SERVER = Address(1, 40000), Address(2, 2855)


def _connection(ordinal: int, cipher: str) -> Connection:
    made = Connection(ordinal, CLIENT, SERVER, 6, protocol="tls", tls_cipher=cipher)
    made.decrypted = True
    return made


@pytest.mark.parametrize("medium", ["message", "bfcp"])
def test_one_connection_without_a_cipher_is_enough(medium: str) -> None:
    both = [_connection(0, "TLS_AES_128_GCM_SHA256"), _connection(1, "TLS_ECDHE_ECDSA_WITH_NULL_SHA")]
    last = SimpleNamespace(offer=None, answer=None)
    found = connection_protection(medium, both, last, Around())
    assert (found.state, found.confidentiality, found.integrity) == ("tls_null", "no", "yes")
    assert connection_protection(medium, both[:1], last, Around()).confidentiality == "yes"


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_signalling_in_it_can_be_read(transport: str) -> None:
    carrier = Carrier(0, Endpoints(CLIENT, SERVER, 6), transport, null_cipher=True)
    assert carrier.state == "tls_null"
    assert (confidentiality(carrier.state), integrity(carrier.state)) == ("no", "yes")


def test_it_is_weaker_than_a_wrong_certificate_and_stronger_than_nothing() -> None:
    assert weakest(["tls_fp_mismatch", "tls_null", "tls_fp_ok"]) == "tls_null"
    assert weakest(["tls_null", "clear"]) == "clear"
