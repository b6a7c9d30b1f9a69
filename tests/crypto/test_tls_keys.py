"""TLS key schedules and record ciphers against published values and against `cryptography` as the sealing side."""

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from analyzer.core.secrets import Secret
from analyzer.crypto import tls_keys
from analyzer.crypto.tls_keys import DirectionKeys
from analyzer.crypto.tls_records import Opened, RecordOpener
from analyzer.formats.tls_suites import CipherSuite, suite

PLAIN = b"INVITE sip:bob@example.net SIP/2.0\r\n"


def known(code: int) -> CipherSuite:
    found = suite(code)
    assert found is not None
    return found


def keys(chosen: CipherSuite, iv: int) -> DirectionKeys:
    mac = Secret(bytes(range(100, 100 + chosen.mac_bytes)))
    return DirectionKeys(Secret(bytes(range(chosen.key_bytes))), Secret(bytes(range(50, 50 + iv))), mac)


def test_traffic_keys_of_rfc_8448() -> None:
    """RFC 8448 3: server handshake traffic secret, its write key and IV (TLS_AES_128_GCM_SHA256)."""
    secret = Secret(bytes.fromhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"))
    derived = tls_keys.traffic_keys(known(0x1301), secret)
    assert derived.key.reveal().hex() == "3fce516009c21727d0f2e4e86ee403bc"
    assert derived.iv.reveal().hex() == "5d313eb2671276ee13000b30"


def header(number: int, kind: int, version: int, size: int) -> bytes:
    return number.to_bytes(8, "big") + bytes((kind,)) + version.to_bytes(2, "big") + size.to_bytes(2, "big")


@pytest.mark.parametrize("code", [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
def test_tls13_records_open(code: int) -> None:
    chosen = known(code)
    own = keys(chosen, 12)
    aead = {"gcm": AESGCM, "chacha20": ChaCha20Poly1305}.get(chosen.kind)
    sealer = aead(own.key.reveal()) if aead else AESCCM(own.key.reveal(), tag_length=chosen.tag_bytes)
    opener = RecordOpener(chosen, 0x0304, own)
    for number in range(3):
        inner = PLAIN + b"\x17" + b"\x00" * number  # content type and padding (RFC 8446 5.2)
        nonce = (int.from_bytes(own.iv.reveal(), "big") ^ number).to_bytes(12, "big")
        size = len(inner) + chosen.tag_bytes
        sealed = sealer.encrypt(nonce, inner, b"\x17\x03\x03" + size.to_bytes(2, "big"))
        assert opener.open(23, 0x0303, sealed) == Opened(23, PLAIN)


@pytest.mark.parametrize("code", [0xC02F, 0xC030, 0xC0AC, 0xC0AE, 0xCCA8])
def test_tls12_aead_records_open(code: int) -> None:
    chosen = known(code)
    own = keys(chosen, 12 if chosen.kind == "chacha20" else 4)
    opener = RecordOpener(chosen, 0x0303, own)
    for number in range(3):
        explicit = number.to_bytes(8, "big") if chosen.kind != "chacha20" else b""
        iv = own.iv.reveal()
        nonce = iv + explicit if explicit else (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
        kind = {"gcm": AESGCM, "chacha20": ChaCha20Poly1305}.get(chosen.kind)
        sealer = kind(own.key.reveal()) if kind else AESCCM(own.key.reveal(), tag_length=chosen.tag_bytes)
        sealed = explicit + sealer.encrypt(nonce, PLAIN, header(number, 23, 0x0303, len(PLAIN)))
        assert opener.open(23, 0x0303, sealed) == Opened(23, PLAIN)


@pytest.mark.parametrize("etm", [False, True])
@pytest.mark.parametrize("code", [0xC013, 0xC027, 0xC028])
@pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0303])
def test_cbc_records_open_in_both_orders_of_mac(code: int, version: int, etm: bool) -> None:
    """RFC 5246 6.2.3.2, RFC 7366; TLS 1.0 chains the IV across records."""
    chosen = known(code)
    own = keys(chosen, 16)
    opener = RecordOpener(chosen, version, own, encrypt_then_mac=etm)
    chained = own.iv.reveal()
    for number in range(3):
        iv = chained if version == 0x0301 else bytes((number,)) * 16

        def mac(data: bytes, sequence: int = number) -> bytes:
            return hmac.digest(own.mac_key.reveal(), header(sequence, 23, version, len(data)) + data, chosen.mac)

        body = PLAIN if etm else PLAIN + mac(PLAIN)
        padding = 16 - len(body) % 16
        encryptor = Cipher(AES(own.key.reveal()), modes.CBC(iv)).encryptor()
        sealed = encryptor.update(body + bytes((padding - 1,)) * padding)
        chained = sealed[-16:]
        fragment = sealed if version == 0x0301 else iv + sealed
        if etm:
            fragment += mac(fragment)
        assert opener.open(23, version, fragment) == Opened(23, PLAIN)


@given(st.binary(max_size=120), st.sampled_from([0x1301, 0xC02F, 0xC013, 0xC0AE, 0xCCA8, 0x0005, 0x0002]))
def test_no_record_raises(fragment: bytes, code: int) -> None:
    chosen = known(code)
    version = 0x0304 if code == 0x1301 else 0x0303
    iv = 4 if chosen.kind in ("gcm", "ccm8") and code != 0x1301 else 12 if chosen.tag_bytes else 16
    result = RecordOpener(chosen, version, keys(chosen, iv)).open(23, 0x0303, fragment)
    assert result in ("bad_tag", "bad_length", "bad_padding") or isinstance(result, Opened)
