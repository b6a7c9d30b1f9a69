"""The tests' own sender against what is published, so that it may judge the reader."""

import json
from pathlib import Path

from tests.crypto.srtp.writer import Sender, block, segment, session_key


def test_keystream_rfc_3711_b2_and_rfc_6188_7_1():
    iv = 0xF0F1F2F3F4F5F6F7F8F9FAFBFCFD0000
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
    assert segment(key, iv, 48).hex().upper() == (
        "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
    )
    assert block(key, (iv + 0xFF01).to_bytes(16, "big")).hex().upper() == "6A2CC3787889374FBEB4C81B17BA6C44"
    key = bytes.fromhex("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98")
    assert block(key, iv.to_bytes(16, "big")).hex() == "92bdd28a93c3f52511c677d08b5515a4"


def test_derivation_rfc_3711_b3():
    master, salt = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert session_key(master, salt, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert session_key(master, salt, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    assert session_key(master, salt, 1, 20).hex().upper() == "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"


def test_rfc_7714_packets(shared: Path):
    for vector in json.loads((shared / "vectors" / "rfc7714.json").read_text())["vectors"]:
        key, salt = bytes.fromhex(vector["session_key"]), bytes.fromhex(vector["session_salt"])
        sender, plain = Sender("gcm", key, salt, 16, 16), bytes.fromhex(vector["plain_packet"])
        given = (key, b"", salt)
        if vector["kind"] == "rtp":
            made = sender.rtp(plain[:12], plain[12:], vector["roc"], given)
        else:
            encrypt = vector["protected_packet"][-8] == "8"  # the E bit
            made = sender.rtcp(plain, vector["srtcp_index"], encrypt, given)
        assert made.hex() == vector["protected_packet"]


def test_libsrtp_known_answers(shared: Path):
    document = json.loads((shared / "vectors" / "libsrtp_packet_vectors.json").read_text())
    arrays = {
        entry["function"]: {name: bytes.fromhex(value) for name, value in entry["arrays"].items()}
        for entry in document["functions"]
    }
    keys = {name: bytes.fromhex(value) for name, value in document["keys"].items()}

    def check(function: str, sender: Sender, header: int = 12, rtcp: bool = True) -> None:
        known = arrays[function]
        plain = known.get("srtp_plaintext_ref") or known["rtp_plaintext_ref"]
        assert sender.rtp(plain[:header], plain[header:], 0) == known["srtp_ciphertext"], function
        if rtcp:
            encrypt = sender.cipher != "null"  # libsrtp leaves the E bit clear under the NULL cipher
            assert sender.rtcp(known["rtcp_plaintext_ref"], 1, encrypt) == known["srtcp_ciphertext"], function

    key, mki = keys["test_key"], bytes.fromhex("e1f97a0d")
    check("srtp_validate", Sender("cm", key[:16], key[16:30], 10, 10))
    check("srtp_validate_mki", Sender("cm", key[:16], key[16:30], 10, 10, mki=mki))
    check("srtp_validate_null_sha1_80", Sender("null", key[:16], key[16:30], 10, 10))
    key = keys["test_key_gcm"]
    check("srtp_validate_gcm", Sender("gcm", key[:16], key[16:28], 16, 16))
    key = keys["aes_192_test_key"]
    check("srtp_validate_aes_192", Sender("cm", key[:24], key[24:38], 10, 10), rtcp=False)
    key = keys["aes_256_test_key"]
    check("srtp_validate_aes_256", Sender("cm", key[:32], key[32:46], 10, 10), rtcp=False)
    key, ids, function = keys["test_key_ext_headers"], (1, 3, 4), "srtp_validate_encrypted_extensions_headers"
    check(function, Sender("cm", key[:16], key[16:30], 10, 10, encrypted_ids=ids), 40, rtcp=False)
    check(function + "_gcm", Sender("gcm", key[:16], key[16:28], 16, 16, encrypted_ids=ids), 40, rtcp=False)
