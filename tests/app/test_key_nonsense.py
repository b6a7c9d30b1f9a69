"""Key files with nonsense of every kind: each error is one line with its place, none shows a key, nothing raises."""

import base64
import re
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.app.key_loading import KeyTail, load_keys
from analyzer.app.settings import Silent

KEYS = [bytes((number * 37 + at * 101 + at * at) & 0xFF for at in range(48)) for number in range(6)]
HEX = [key.hex() for key in KEYS]
RANDOM = "0f" * 32
PEM = (
    rsa.generate_private_key(65_537, 1_024)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode("ascii")
)


def b64(key: bytes) -> str:
    return base64.b64encode(key).decode()


GOOD = {
    "key log": (
        f"# log\nCLIENT_RANDOM {RANDOM} {HEX[0]}\nRSA {HEX[1][:16]} {HEX[1]}\nEXPORTER_SECRET {RANDOM} {HEX[2]}\n"
    ),
    "esp_sa": (
        f'"IPv4","10.1.0.2","*","0x00001001","AES-CBC [RFC3602]","0x{HEX[0][:32]}","HMAC-SHA-1-96 [RFC2404]",'
        f'"0x{HEX[1][:40]}"\n"IPv6","2001:db8::1","*","*","TripleDES-CBC [RFC2451]","{b64(KEYS[2])[:24]}","NULL",""\n'
    ),
    "rtpengine": (
        f"Jan 1 rtpengine: SRTP keys, incoming:\nJan 1 rtpengine: --- AES_CM_128_HMAC_SHA1_80 key {b64(KEYS[0][:16])} "
        f"salt {b64(KEYS[1][:14])}\n--- AEAD_AES_256_GCM key {b64(KEYS[2][:32])} salt {b64(KEYS[3][:12])}\n"
    ),
    "bundle": (
        f"format: 1\nkeys:\n  - {{id: a, kind: srtp-master, suite: AEAD_AES_128_GCM, ssrc: '0x1', "
        f"value: '{b64(KEYS[0][:28])}', mki: '01'}}\n  - {{id: b, kind: esp-sa, spi: 0x1001, cipher: aes-cbc, "
        f"auth: hmac-md5-96, cipher_key: '0x{HEX[1][:32]}', auth_key: '{b64(KEYS[2][:16]).rstrip('=')}'}}\n"
        f"  - {{id: c, kind: ims-aka, impi: ue@ims.example, ck: '{HEX[3][:32]}', ik: '{b64(KEYS[4][:16])}'}}\n"
        f"  - {{id: d, kind: tls-keylog, value: 'CLIENT_RANDOM {RANDOM} {HEX[5]}'}}\n"
    ),
    "private key": PEM,
}
_TOKEN = re.compile(r"[0-9A-Za-z+/=_@.*-]+|\s+|.", re.DOTALL)
MATERIAL = re.compile(r"[0-9A-Za-z+/]{16,}")
KNOWN = re.compile("|".join(("[A-Z]+(_[A-Z0-9]+)+", "ims-?aka", "hmac-[a-z0-9-]+", "0f" * 32)))
PLACE = re.compile(r"(:\d+:\d+: |: cannot be read \()")
MATERIALS = sorted({word for text in GOOD.values() for word in MATERIAL.findall(text) if not KNOWN.fullmatch(word)})
WAYS = ["drop", "twice", "swap", "cut", "junk", "half", "upper"]
JUNK = ["\n", " ", '"', "'", ",", ":", "{", "\0", "\x1b[31m", "é", "- ", "\r", "\ufeff", "?"]
PLACES = st.integers(0, 400)
CHANGES = st.lists(st.tuples(st.sampled_from(WAYS), PLACES, PLACES, st.sampled_from(JUNK)), min_size=1, max_size=5)
HEADS = [b"", b"CLIENT_RANDOM ", b'"IPv4",', b"format: 1\nkeys:\n", b"SRTP keys, ", b"-----BEGIN PRIVATE KEY-----\n"]


def spoilt(text: str, changes: list[tuple[str, int, int, str]]) -> str:
    """A key file after somebody's hand slipped some times."""
    words = _TOKEN.findall(text)
    for what, one, other, junk in changes:
        if not words:
            return ""
        one, other = one % len(words), other % len(words)
        if what == "drop":
            del words[one]
        elif what == "twice":
            words.insert(other, words[one])
        elif what == "swap":
            words[one], words[other] = words[other], words[one]
        elif what == "cut":
            del words[max(one, 1) :]
        elif what == "junk":
            words.insert(one, junk)
        elif what == "half":
            words[one] = words[one][: len(words[one]) // 2]
        else:
            words[one] = words[one].upper()
    return "".join(words)


def problems_of(data: bytes) -> list[str]:
    """What loading says, remarks too."""
    said: list[str] = []

    class Heard(Silent):
        def remark(self, text: str) -> None:
            said.append(text)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "k"
        file.write_bytes(data)
        file.chmod(0o600)
        problems: list[str] = []
        load_keys([file], problems, Heard())
        tails: list[KeyTail] = []
        load_keys([file], [], Heard(), tails)
        for tail in tails:
            with file.open("ab") as out:
                out.write(b"\n" + data)
            tail.poll()
    assert all(PLACE.search(problem) for problem in problems), problems
    return problems + said


def assert_fit_to_show(messages: list[str]) -> None:
    for message in messages:
        assert message.isprintable(), "one line, and nothing that a terminal takes for an order"
        for word in MATERIALS:
            for at in range(0, len(word) - 15, 4):
                part = word[at : at + 16]
                assert part not in message and part.upper() not in message.upper(), message


@pytest.mark.parametrize("kind", GOOD)
def test_the_files_are_good(kind: str) -> None:
    assert problems_of(GOOD[kind].encode()) == []


@given(st.sampled_from(sorted(GOOD)), CHANGES)
@settings(max_examples=120, deadline=None)
def test_spoilt_files(kind: str, changes: list[tuple[str, int, int, str]]) -> None:
    assert_fit_to_show(problems_of(spoilt(GOOD[kind], changes).encode()))


@given(st.sampled_from(sorted(GOOD)), st.sampled_from(sorted(GOOD)), st.integers(0, 600), st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_files_of_two_kinds_in_one(first: str, second: str, cut: int, from_byte: int) -> None:
    assert_fit_to_show(problems_of((GOOD[first][:cut] + GOOD[second][from_byte:]).encode()))


@given(st.binary(max_size=200), st.sampled_from([*HEADS, b"\n\r\r\n"]))
@settings(max_examples=80, deadline=None)
def test_any_bytes(data: bytes, head: bytes) -> None:
    assert_fit_to_show(problems_of(head + data))


@pytest.mark.parametrize("kind", ["key log", "esp_sa", "rtpengine", "bundle"])
def test_every_word_in_every_other_place(kind: str) -> None:
    """Keys among them: wherever one ends up, no message repeats it."""
    words = _TOKEN.findall(GOOD[kind])
    keys = [at for at, word in enumerate(words) if any(material in word for material in MATERIALS)]
    for one in keys:
        for other in range(one % 3, len(words), 17 if kind == "bundle" else 1):
            swapped = list(words)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            assert_fit_to_show(problems_of("".join(swapped).encode()))
