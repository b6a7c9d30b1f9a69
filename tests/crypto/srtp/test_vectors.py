"""Published vectors: RFC 3711 B.2 and B.3, RFC 6188 7, RFC 7714 16 and 17, and libsrtp's own known answers."""

import json
from pathlib import Path

import pytest

from analyzer.core.secrets import Secret
from analyzer.crypto.srtp.engine import SrtpContext, split_material
from analyzer.crypto.srtp.kdf import Label, derive, keystream
from analyzer.crypto.srtp.suites import SUITES, Suite, suite_named, suite_of_profile


def _suite(name: str) -> Suite:
    suite = suite_named(name)
    assert suite is not None
    return suite


def _load(shared: Path, name: str) -> dict:
    return json.loads((shared / "vectors" / name).read_text())


def test_key_derivation_of_rfc_3711_b3():
    master = Secret(bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"))
    salt = Secret(bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6"))
    assert derive(master, salt, 0, 16).reveal().hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(master, salt, 2, 14).reveal().hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    auth = (
        "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098"
        "6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"
    )
    assert derive(master, salt, 1, 94).reveal() == bytes.fromhex(auth)


def test_keystream_of_rfc_3711_b2_to_its_end():
    stream = keystream(
        Secret(bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")),
        bytes.fromhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"),
        1_044_512,
    )
    assert stream[:16].hex().upper() == "E03EAD0935C95E80E166B16DD92B4EB4"
    assert stream[0xFEFF * 16 :].hex().upper() == (
        "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44"
    )


def test_shared_key_derivation_and_keystream_vectors(shared: Path):
    vectors = _load(shared, "srtp_kdf_rfc3711_rfc6188.json")["vectors"]
    assert len(vectors) >= 2
    for vector in vectors:
        master, salt = (Secret(bytes.fromhex(vector[name])) for name in ("master_key", "master_salt"))
        for first, values in ((Label.RTP_KEY, vector), (Label.RTCP_KEY, vector["srtcp_derived_not_in_rfc"])):
            for offset, name in enumerate(("session_key", "session_auth_key", "session_salt")):
                expected = bytes.fromhex(values[name])
                assert derive(master, salt, first + offset, len(expected)).reveal() == expected, (
                    vector["source"],
                    name,
                )
    for vector in _load(shared, "srtp_keystream_rfc3711_rfc6188.json")["vectors"]:
        expected = bytes.fromhex(vector["keystream"])
        made = keystream(Secret(bytes.fromhex(vector["session_key"])), bytes.fromhex(vector["iv"]), len(expected))
        assert made == expected, vector["source"]


def test_rfc_7714_packets(shared: Path, monkeypatch: pytest.MonkeyPatch):
    """The vectors give session keys, so the derivation is replaced by them."""
    vectors = _load(shared, "rfc7714.json")["vectors"]
    assert len(vectors) >= 4
    for vector in vectors:
        suite = next(suite for suite in SUITES if suite.name in vector["section"])
        key, salt = (bytes.fromhex(vector[name]) for name in ("session_key", "session_salt"))
        monkeypatch.setattr(
            "analyzer.crypto.srtp.engine.derive",
            lambda master, salt_, label, size, epoch, given=(key, salt): Secret(given[label % 3 == 2]),
        )
        context = SrtpContext(suite, Secret(key), Secret(salt))
        packet = bytes.fromhex(vector["protected_packet"])
        plain = (
            context.unprotect_rtp(packet, vector["roc"]) if vector["kind"] == "rtp" else context.unprotect_rtcp(packet)
        )
        assert plain == bytes.fromhex(vector["plain_packet"]), vector["section"]


LIBSRTP = [
    ("srtp_validate", "AES_CM_128_HMAC_SHA1_80", "test_key", {}),
    ("srtp_validate_mki", "AES_CM_128_HMAC_SHA1_80", "test_key", {"mki": bytes.fromhex("e1f97a0d")}),
    ("srtp_validate_null_sha1_80", "NULL_HMAC_SHA1_80", "test_key", {}),
    ("srtp_validate_gcm", "AEAD_AES_128_GCM", "test_key_gcm", {}),
    ("srtp_validate_aes_192", "AES_192_CM_HMAC_SHA1_80", "aes_192_test_key", {}),
    ("srtp_validate_aes_256", "AES_256_CM_HMAC_SHA1_80", "aes_256_test_key", {}),
    (
        "srtp_validate_encrypted_extensions_headers",
        "AES_CM_128_HMAC_SHA1_80",
        "test_key_ext_headers",
        {"encrypted_extensions": (1, 3, 4)},
    ),
    (
        "srtp_validate_encrypted_extensions_headers_gcm",
        "AEAD_AES_128_GCM",
        "test_key_ext_headers",
        {"encrypted_extensions": (1, 3, 4)},
    ),
]


@pytest.mark.parametrize(("function", "name", "key", "parameters"), LIBSRTP)
def test_libsrtp_known_answers(shared: Path, function: str, name: str, key: str, parameters: dict):
    document = _load(shared, "libsrtp_packet_vectors.json")
    arrays = next(entry["arrays"] for entry in document["functions"] if entry["function"] == function)
    suite = _suite(name)
    material = split_material(suite, Secret(bytes.fromhex(document["keys"][key])[: suite.key + suite.salt]))
    assert material is not None
    context = SrtpContext(suite, *material, **parameters)
    plain = bytes.fromhex(arrays.get("srtp_plaintext_ref") or arrays["rtp_plaintext_ref"])
    assert context.unprotect_rtp(bytes.fromhex(arrays["srtp_ciphertext"]), 0) == plain
    if "srtcp_ciphertext" in arrays:
        plain = bytes.fromhex(arrays["rtcp_plaintext_ref"])
        assert context.unprotect_rtcp(bytes.fromhex(arrays["srtcp_ciphertext"])) == plain


def test_suites_have_the_lengths_of_their_rfcs():
    """RFC 4568 6.2, RFC 6188 4, RFC 7714 14: key, salt, auth key, SRTP tag, SRTCP tag."""
    expected = {
        "AES_CM_128_HMAC_SHA1_80": (16, 14, 20, 10, 10),
        "AES_CM_128_HMAC_SHA1_32": (16, 14, 20, 4, 10),
        "F8_128_HMAC_SHA1_80": (16, 14, 20, 10, 10),
        "AES_192_CM_HMAC_SHA1_80": (24, 14, 20, 10, 10),
        "AES_192_CM_HMAC_SHA1_32": (24, 14, 20, 4, 10),
        "AES_256_CM_HMAC_SHA1_80": (32, 14, 20, 10, 10),
        "AES_256_CM_HMAC_SHA1_32": (32, 14, 20, 4, 10),
        "AEAD_AES_128_GCM": (16, 12, 0, 16, 16),
        "AEAD_AES_256_GCM": (32, 12, 0, 16, 16),
    }
    for name, lengths in expected.items():
        suite = _suite(name)
        assert (suite.key, suite.salt, suite.auth_key, suite.rtp_tag, suite.rtcp_tag) == lengths
    assert not _suite("F8_128_HMAC_SHA1_80").opened
    assert suite_named("AES_CM_128") is None


def test_profiles_are_those_of_rfc_5764_and_7714():
    names = {
        0x0001: "AES_CM_128_HMAC_SHA1_80",
        0x0002: "AES_CM_128_HMAC_SHA1_32",
        0x0005: "NULL_HMAC_SHA1_80",
        0x0006: "NULL_HMAC_SHA1_32",
        0x0007: "AEAD_AES_128_GCM",
        0x0008: "AEAD_AES_256_GCM",
    }
    doubles = {9: "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", 10: "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM"}
    named = {number: suite for number in range(0x20) if (suite := suite_of_profile(number))}
    assert {number: suite.name for number, suite in named.items() if suite.opened} == names
    arias = {
        11: "ARIA_128_CTR_HMAC_SHA1_80", 12: "ARIA_128_CTR_HMAC_SHA1_32", 13: "ARIA_256_CTR_HMAC_SHA1_80",
        14: "ARIA_256_CTR_HMAC_SHA1_32", 15: "AEAD_ARIA_128_GCM", 16: "AEAD_ARIA_256_GCM",
    }  # fmt: skip
    known = {number: suite.name for number, suite in named.items() if not suite.opened}
    assert known == doubles | arias  # RFC 8723 10.1; the IANA registry "DTLS-SRTP Protection Profiles", RFC 8269
