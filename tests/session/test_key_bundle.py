"""The key bundle: what the contract's example means, and every mistake with its place."""

import base64
import json
from pathlib import Path

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from analyzer.core.addresses import parse_ip
from analyzer.core.secrets import Secret
from analyzer.session.key_bundle import FIELDS, Outside, load, looks_like
from analyzer.session.key_bundle_schema import key_bundle_schema
from analyzer.session.key_entries import AkaKey, EspKey, SrtpMaster
from analyzer.session.keyring import Keyring

CK, IK = bytes(range(16)), bytes(range(16, 32))
MATERIAL = bytes(range(100, 130))
VALUE = base64.b64encode(MATERIAL).decode()
RANDOM = "01" * 32
ENV = {"UE1_CK": CK.hex(), "UE1_IK": "0x" + IK.hex(), "LOG": f"CLIENT_RANDOM {RANDOM} {'ab' * 48}"}
EXAMPLE = f"""\
format: 1
keys:
  - {{id: edge-tls, kind: tls-keylog, from: {{file: edge.keylog}}}}
  - {{id: ue1-esp, kind: esp-sa, spi: "0x00001001", dst: 10.1.0.1, cipher: aes-cbc, auth: hmac-sha-1-96, cipher_key: {{env: UE1_CK}}, auth_key: {{env: UE1_IK}}}}
  - {{id: ue1-aka, kind: ims-aka, impi: ue1@ims.example, ck: {{env: UE1_CK}}, ik: {{env: UE1_IK}}}}
  - {{id: leg-a, kind: srtp-master, ssrc: "0x5566aabb", suite: AES_CM_128_HMAC_SHA1_80, value: "{VALUE}", mki: null}}
"""  # noqa: E501  # as the contract has it


def _file(name: str) -> bytes | str:
    return f"CLIENT_RANDOM {RANDOM} {'cd' * 48}\nCLIENT_RANDOM 00 11\n".encode() if name == "edge.keylog" else "no file"


def loaded(text: str) -> tuple[Keyring, list[str]]:
    ring = Keyring()
    return ring, [str(p) for p in load(text.encode(), "b.yaml", "b.yaml", ring, Outside(_file, ENV.get))]


def entry(text: str) -> list[str]:
    return loaded(f"format: 1\nkeys:\n  - {{{text}}}\n")[1]


def test_the_contracts_example() -> None:
    ring, problems = loaded(EXAMPLE)
    assert problems == ["edge.keylog:2:1: CLIENT_RANDOM: a secret of 1 bytes"]
    assert ring.log_secret("CLIENT_RANDOM", bytes.fromhex(RANDOM)) == Secret(b"\xcd" * 48)
    to = parse_ip("10.1.0.1")
    assert ring.esp == [EspKey("ue1-esp", 0x1001, None, to, "aes-cbc", "hmac-sha-1-96", Secret(CK), Secret(IK))]
    assert ring.aka == [AkaKey("ue1-aka", "ue1@ims.example", Secret(CK), Secret(IK))]
    assert ring.srtp == [SrtpMaster("leg-a", 0x5566AABB, "AES_CM_128_HMAC_SHA1_80", Secret(MATERIAL), b"", None)]
    assert [source.name for source in ring.sources] == [
        "b.yaml: edge-tls", "b.yaml: ue1-esp", "b.yaml: ue1-aka", "b.yaml: leg-a",
    ]  # fmt: skip


def test_recognised() -> None:
    assert looks_like(EXAMPLE.encode()) and looks_like(b'{"format": 1, "keys": []}')
    assert looks_like(b"# comment\nkeys:\n") and not looks_like(b"format 1") and not looks_like(b"")


@pytest.mark.parametrize(
    "value",
    [VALUE, VALUE.rstrip("="), MATERIAL.hex(), "0x" + MATERIAL.hex().upper()],
    ids=["padded", "unpadded", "hex", "0x"],
)
def test_ways_to_write_a_key(value: str) -> None:
    ring, problems = loaded(
        f'format: 1\nkeys: [{{id: a, kind: srtp-master, suite: AES_CM_128_HMAC_SHA1_80, value: "{value}"}}]'
    )
    assert not problems and ring.srtp[0].material == Secret(MATERIAL)


def test_an_unpadded_gcm_key_and_an_mki_and_a_short_tag() -> None:
    value = base64.b64encode(bytes(44)).decode().rstrip("=")
    assert len(value) % 4
    text = f'id: a, kind: srtp-master, suite: AEAD_AES_256_GCM, value: "{value}", mki: "0001", tag_bytes: 8'
    ring, problems = loaded(f"format: 1\nkeys: [{{{text}}}]")
    assert not problems
    assert (ring.srtp[0].mki, ring.srtp[0].tag_bytes, len(ring.srtp[0].material)) == (b"\0\1", 8, 44)


def test_a_key_log_inside() -> None:
    ring, problems = loaded(
        "format: 1\nkeys:\n- {id: a, kind: tls-keylog, from: {env: LOG}}\n- id: b\n  kind: tls-keylog\n  value: |\n"
        f"    CLIENT_RANDOM {'02' * 32} {'ef' * 48}\n    CLIENT_RANDOM x y\n"
    )
    assert problems == ["b.yaml:6:10: line 2 of the key log: CLIENT_RANDOM: a value is not hexadecimal"]
    assert ring.log_secret("CLIENT_RANDOM", bytes.fromhex(RANDOM)) == Secret(b"\xab" * 48)
    assert ring.log_secret("CLIENT_RANDOM", b"\2" * 32) == Secret(b"\xef" * 48)


SRTP, ESP = "id: a, kind: srtp-master, suite: AEAD_AES_128_GCM", "id: a, kind: esp-sa, spi: 1, "
Z28 = f"'{'00' * 28}'"
WRONG = [  # an entry, where the problem stands, the problem
    ("id: a", "{id", "expected a key with id and kind: tls-keylog, srtp-master, esp-sa, ims-aka"),
    (
        "id: a, kind: tls-keylgo",
        "tls-keylgo",
        "'tls-keylgo' is not one of tls-keylog, srtp-master, esp-sa, ims-aka; did ",
    ),
    ("kind: tls-keylog", "{kind", "tls-keylog without id"),
    ("id: a, kind: tls-keylog", "{id", "expected either 'from: {file: NAME}' or 'value'"),
    ("id: a, kind: tls-keylog, from: {file: gone}", "gone", "no file"),
    ("id: a, kind: tls-keylog, from: {env: GONE}", "GONE", "the environment has no variable 'GONE'"),
    (f"{SRTP}, value: '{VALUE}'", f"'{VALUE}", "AEAD_AES_128_GCM: 30 bytes, not 28"),
    (f"{SRTP}, value: '*'", "'*'", "AEAD_AES_128_GCM: neither hexadecimal nor base64"),
    (f"{SRTP}, value: 0x12", "0x12", "expected text in quotes, or {env: NAME}"),
    ("id: a, kind: srtp-master, suite: ROT13, value: x", "ROT13", "'ROT13' is no suite that is opened here: "),
    (f"{SRTP}, value: {Z28}, ssrc: y", "y}", 'expected a number of 32 bits, as in "0x5566aabb"'),
    (f"{SRTP}, mki: 1, value: {Z28}", "1,", "expected the bytes of the MKI in hexadecimal and in quotes, as in "),
    (f"{SRTP}, tag_bytes: 10, value: {Z28}", "10,", "a tag of AEAD_AES_128_GCM has 8, 12, 16 bytes"),
    (f"{ESP}cipher: rot13, auth: 'null'", "rot13", "'rot13' is not one of null, aes-cbc, "),
    (f"{ESP}cipher: aes-cbc, auth: 'null'", "{id", "aes-cbc without cipher_key"),
    (f"{ESP}cipher: 'null', auth: hmac-md5-96, auth_key: '0x00'", "'0x00'", "hmac-md5-96: 1 bytes, not 16"),
    (f"{ESP}cipher: 'null', auth: 'null', auth_key: '0x00'", "'0x00'", "null has no key"),
    (f"{ESP}cipher: 'null', auth: 'null', dst: here", "here", "expected an IP address"),
    ("id: a, kind: ims-aka, impi: x, ck: {env: LOG}, ik: '00'", "{env: LOG", "CK: neither hexadecimal nor base64"),
    ("id: a, kind: ims-aka, impi: x, ck: {env: UE1_CK}, ik: {env: UE1_IK}, rand: 1", "rand", "unknown key 'rand'"),
]
UNSEEN = ("no file", "environment", "bytes, not", "base64", "cipher_key", "null has", "suite", "number", "IP", "a tag")


@pytest.mark.parametrize(("text", "at", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_mistakes_have_a_place(text: str, at: str, message: str) -> None:
    line = f"  - {{{text}}}"
    problems = entry(text)
    assert problems and problems[0].startswith(f"b.yaml:3:{line.rindex(at) + 1}: {message}")
    assert VALUE not in "".join(problems)


@pytest.mark.parametrize(
    "text",
    [
        f"id: a, kind: '{VALUE}'", f"id: a, kind: srtp-master, suite: '{VALUE}', value: x", f"id: a, '{VALUE}'",
        f"id: a, kind: tls-keylog, from: {{env: '{VALUE}'}}", f"id: a, kind: tls-keylog, from: {{file: '{VALUE}'}}",
        f"id: '{VALUE}', kind: tls-keylog, value: '{VALUE}', format: '{VALUE}'",
    ],
)  # fmt: skip
def test_a_key_in_a_wrong_place_is_not_shown(text: str) -> None:
    """A report and its messages show no key (house rules, 7); what is misplaced is named by line and column."""
    problems = entry(text)
    assert problems and all(problem.startswith("b.yaml:3:") for problem in problems)
    assert VALUE[:20] not in "".join(problems)


def test_mistakes_of_the_whole() -> None:
    assert loaded("keys: []")[1] == [
        "b.yaml:1:1: expected 'format: 1'",
        "b.yaml:1:7: expected 'keys' with a list of keys",
    ]
    assert loaded("format: 2")[1][0] == "b.yaml:1:9: expected 'format: 1'"
    twice = "{id: a, kind: tls-keylog, from: {env: LOG}}"
    assert loaded(f"format: 1\nkeys: [{twice}, {twice}]")[1] == ["b.yaml:2:58: id 'a' is there twice"]


def test_the_schema_says_the_same() -> None:
    valid = jsonschema_rs.validator_for(key_bundle_schema())
    plain = YAML(typ="safe", pure=True)
    assert valid.is_valid(plain.load(EXAMPLE))
    for text, _, message in WRONG:
        if not any(words in message for words in UNSEEN):
            assert not valid.is_valid(plain.load(f"format: 1\nkeys:\n  - {{{text}}}\n")), text
    assert len(key_bundle_schema()["properties"]["keys"]["items"]["oneOf"]) == len(FIELDS)
    committed = Path(__file__).resolve().parents[2] / "docs" / "keys.schema.json"
    assert json.loads(committed.read_text()) == key_bundle_schema()


def test_null_is_an_algorithm() -> None:
    """`cipher: null` is what YAML calls nothing and RFC 2410 an algorithm, in quotes or not."""
    for word in ("null", "'null'"):
        entry = f"id: a, kind: esp-sa, spi: 1, cipher: {word}, auth: hmac-sha-1-96, auth_key: '{'00' * 20}'"
        ring, problems = loaded(f"format: 1\nkeys:\n  - {{{entry}}}\n")
        assert problems == []
        assert (ring.esp[0].cipher, len(ring.esp[0].auth_key)) == ("null", 20)
