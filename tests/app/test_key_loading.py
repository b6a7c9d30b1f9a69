"""Key files by their content, with warnings and problems; key logs that grow."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from analyzer.app.key_loading import KeyTail, load_keys
from analyzer.app.settings import Silent
from analyzer.core.addresses import parse_ip
from analyzer.core.secrets import Secret
from analyzer.session.key_entries import EspKey
from tests.conftest import SAMPLES


class Remarks(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def remark(self, text: str) -> None:
        self.said.append(text)


def line(number: int) -> str:
    return f"CLIENT_RANDOM {bytes([number] * 32).hex()} {'ab' * 48}\n"


def test_a_file_that_others_may_read(tmp_path: Path) -> None:
    log = tmp_path / "edge.keylog"
    log.write_text(line(1))
    for mode, words in ((0o600, 0), (0o640, 0), (0o644, 1)):
        log.chmod(mode)
        heard = Remarks()
        load_keys([log], [], heard)
        assert len(heard.said) == words, oct(mode)
    assert heard.said == [f"{log}: others may read this key file"]


def test_a_bundle_refers_to_files_beside_it_and_to_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edge.keylog").write_text(line(1))
    bundle = tmp_path / "b.yaml"
    bundle.write_text(
        "format: 1\nkeys:\n- {id: a, kind: tls-keylog, from: {file: edge.keylog}}\n"
        "- {id: b, kind: srtp-master, suite: AEAD_AES_128_GCM, from: {env: LEG_B}}\n"
        "- {id: c, kind: tls-keylog, from: {file: gone.keylog}}\n"
    )
    monkeypatch.setenv("LEG_B", base64.b64encode(bytes(28)).decode())
    problems: list[str] = []
    ring = load_keys([bundle], problems, Silent())
    assert problems == [f"{bundle}:5:42: cannot be read (No such file or directory)"]
    assert ring.log_secret("CLIENT_RANDOM", b"\1" * 32) is not None
    assert ring.srtp[0].material == Secret(bytes(28))
    assert [source.name for source in ring.sources] == ["b.yaml: a", "b.yaml: b"]


def test_what_is_no_key_file(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"hello\n")
    problems: list[str] = []
    load_keys([file, tmp_path / "gone", SAMPLES / "e2ae-all.pcapng"], problems, Silent())
    assert problems[0].startswith(f"{file}:1:1: not a key file of a kind known here (NSS key log, PEM private key, ")
    assert problems[1] == f"{tmp_path / 'gone'}: cannot be read (No such file or directory)"
    assert problems[2] == f"{SAMPLES / 'e2ae-all.pcapng'}:1:1: a pcapng without decryption secrets"


@pytest.mark.parametrize(
    "text", [line(1), f"format: 1\nkeys:\n- {{id: a, kind: tls-keylog, value: '{line(1).strip()}'}}\n"]
)
def test_files_that_begin_with_a_byte_order_mark(text: str, tmp_path: Path) -> None:
    """RFC 3629 6: a mark in front of UTF-8 is no part of the text. UTF-16 is told what to do."""
    file, problems = tmp_path / "x", list[str]()
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    for tails in (None, list[KeyTail]()):
        (source,) = load_keys([file], problems, Silent(), tails).sources
        assert (source.secrets, problems) == (1, [])
    file.write_bytes(text.encode("utf-16"))
    load_keys([file], problems, Silent())
    assert problems == [f"{file}:1:1: this is UTF-16: save it as UTF-8"]


@pytest.mark.tshark  # editcap comes with it
def test_a_pcapng_with_secrets_is_a_key_file(tmp_path: Path) -> None:
    capture, keys, out = SAMPLES / "e2ae-all.pcapng", SAMPLES / "e2ae-all.tls-keylog.txt", tmp_path / "s.pcapng"
    subprocess.run(["editcap", "--inject-secrets", f"tls,{keys}", capture, out], check=True)
    problems: list[str] = []
    ring = load_keys([out], problems, Silent())
    assert not problems
    assert [(s.kind, s.name) for s in ring.sources] == [("tls-keylog", "s.pcapng")]
    assert ring.sources[0].secrets == load_keys([keys], problems, Silent()).sources[0].secrets


def test_an_rtpengine_log(shared: Path) -> None:
    problems: list[str] = []
    ring = load_keys([shared / "lab" / "e2ae-dtls.rtpengine-srtp-keys.txt"], problems, Silent())
    assert not problems
    assert [key.suite for key in ring.srtp] == ["AES_CM_128_HMAC_SHA1_80"] * 4 + ["AEAD_AES_256_GCM"] * 4
    assert ring.sources[4].name == "e2ae-dtls.rtpengine-srtp-keys.txt, line 10"


def test_a_suite_or_length_that_is_not_opened(tmp_path: Path) -> None:
    log = tmp_path / "rtpengine.log"
    log.write_text(
        "SRTP keys, incoming:\n--- F8_128_HMAC_SHA1_80 key AAAA salt AAAA\n--- AEAD_AES_128_GCM key AAAA salt AAAA\n"
    )
    problems: list[str] = []
    load_keys([log], problems, Silent())
    assert problems == [
        f"{log}:2:1: suite F8_128_HMAC_SHA1_80 is not opened here",
        f"{log}:3:1: AEAD_AES_128_GCM has a key of 16 and a salt of 12 bytes, not 3 and 3",
    ]


def test_an_esp_sa_table(tmp_path: Path) -> None:
    table = tmp_path / "esp_sa"
    table.write_text(
        '# UAT\n"IPv4","10.1.0.2","*","0x00001001","AES-CBC [RFC3602]","0x00112233445566778899aabbccddeeff",'
        '"HMAC-SHA-1-96 [RFC2404]","0x0123456789abcdef0123456789abcdef01234567"\n"IPv4","x"\n'
    )
    problems: list[str] = []
    ring = load_keys([table], problems, Silent())
    assert problems == [f"{table}:3:1: expected 8 fields, got 2"]
    key = EspKey(
        "esp_sa, line 2", 0x1001, parse_ip("10.1.0.2"), None, "aes-cbc", "hmac-sha-1-96",
        Secret(bytes.fromhex("00112233445566778899aabbccddeeff")),
        Secret(bytes.fromhex("0123456789abcdef" * 2 + "01234567")),
    )  # fmt: skip
    assert ring.esp == [key]
    assert (ring.sources[0].kind, ring.sources[0].name) == ("esp-sa", "esp_sa, line 2")


def test_a_log_that_grows(tmp_path: Path) -> None:
    log = tmp_path / "edge.keylog"
    log.write_text("")
    tails: list[KeyTail] = []
    problems: list[str] = []
    heard = Remarks()
    ring = load_keys([log], problems, heard, tails)
    assert not problems and len(tails) == 1

    def known(number: int) -> bool:
        tails[0].poll()
        return ring.log_secret("CLIENT_RANDOM", bytes([number] * 32)) is not None

    with log.open("a") as out:
        out.write(line(1) + line(2)[:50])
        out.flush()
        assert known(1) and not known(2)
        out.write(line(2)[50:] + "nonsense\n")
    assert known(2)
    assert heard.said[1:] == [f"{log}:3:1: unknown label"]
    os.truncate(log, 0)
    log.write_text(line(3))
    assert known(3) and known(1)
    log.unlink()
    assert known(3)
    assert len(ring.sources) == 1 and ring.sources[0].secrets == 3
    rotated = tmp_path / "rotated"
    rotated.write_text(line(4) + "wrong\n" + line(5))  # longer than what was read: it is another file all the same
    rotated.replace(log)
    assert known(4) and known(5)
    assert heard.said[2:] == [f"{log}:2:1: unknown label"]
    with log.open("a") as out:
        out.write("wrong\n" * 100)
    tails[0].poll()
    assert heard.said[-2:] == [
        f"{log}:21:1: unknown label", f"{log}: more lines that are not those of a key log are not named"
    ]  # fmt: skip
    assert len(heard.said) == 1 + 20 + 1


@pytest.mark.parametrize("label", ["CLIENT_TRAFFIC_SECRET_N", "SERVER_TRAFFIC_SECRET_1", "ECH_SECRET"])
def test_labels_of_other_uses_are_passed_over_and_named(label: str, tmp_path: Path) -> None:
    """The first is written by OpenSSL 3.0 behind a KeyUpdate, the last is registered by RFC 9850."""
    log = tmp_path / "edge.keylog"
    other = f"{label} {bytes(32).hex()} {'ab' * 48}\n"
    for text in (other + line(1), line(1) + other):
        log.write_text(text)
        log.chmod(0o600)
        problems: list[str] = []
        heard = Remarks()
        ring = load_keys([log], problems, heard)
        assert not problems
        assert ring.log_secret("CLIENT_RANDOM", bytes([1] * 32)) is not None
        assert ring.sources[0].secrets == 1
        assert heard.said == [f"edge.keylog: secrets with other labels are passed over ({label})"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ECH_SECRET 00 11 22\n", "unknown label ECH_SECRET"),
        (f"ECH_SECRET {'00' * 32} zz\n", "ECH_SECRET: a value is not hexadecimal"),
        (f"ECH_SECRET {'00' * 31} 11\n", "ECH_SECRET: a client random of 31 bytes, not 32"),
        (f"{'AB' * 32} {'00' * 32} {'11' * 48}\n", "unknown label"),
    ],
)
def test_a_line_that_is_not_in_order_is_a_problem(text: str, problem: str, tmp_path: Path) -> None:
    log = tmp_path / "edge.keylog"
    log.write_text(line(1) + text)
    problems: list[str] = []
    load_keys([log], problems, Silent())
    assert problems == [f"{log}:2:1: {problem}"]
