"""No output shows a secret: those of key files and those in SDP are searched for in every format, in every notation."""

import base64
import contextlib
import io
import re
import traceback
from pathlib import Path

import pytest

from analyzer.app.key_loading import load_keys
from analyzer.app.offline import Run, analyze
from analyzer.app.settings import Settings, Silent
from analyzer.cli.main import app
from analyzer.core.addresses import Endpoints
from analyzer.crypto.srtp.engine import SrtpContext
from analyzer.crypto.srtp.fast import FastStream
from analyzer.export.key_coverage import closed_tables, keys_table, opened_by
from analyzer.export.options import ExportOptions
from analyzer.export.registry import EXPORTERS
from analyzer.export.table import render
from analyzer.pipeline.engine import Setup
from analyzer.pipeline.streams import StreamHandler
from analyzer.session.keyring import Keyring
from analyzer.session.media.verifier import Verifier
from analyzer.session.media_keys import MediaKeys
from analyzer.session.tls import TlsConnection
from analyzer.transport.cited import Chunk
from tests.app.test_decrypting_esp import table

CAPTURES = [
    "bfcp-tls", "conf-e2ae-sdes", "conf-e2e-sdes", "e2ae-all", "e2ae-all-bare-lf", "e2ae-dtls", "e2ae-sdes",
    "e2ae-sdes-gcm", "e2ae-sdes-unpadded-gcm", "e2e-all", "e2e-dtls", "e2e-sdes", "esp-aes", "gtpu-e2ae",
    "msrp-relay-kamailio", "pai-spoof-removed", "stir-e2e",
]  # fmt: skip
HEXADECIMAL = re.compile(r"(0x)?([0-9a-f]{2}){16,}")
INLINE = re.compile(rb"inline:([A-Za-z0-9+/]{20,100}={0,2})")


def keys_of(name: str, lab: Path, folder: Path) -> list[Path]:
    found = sorted(path for path in lab.glob(f"{name}.*") if "keylog" in path.name or "rtpengine" in path.name)
    if name == "esp-aes":
        found.append(folder / "esp_sa")
        found[-1].write_text("\n".join(table(False)))
    return found


def in_files(paths: list[Path]) -> set[bytes]:
    """The secrets of key files, read here by their shape: hexadecimal of 16 bytes and more, base64 behind a word."""
    found: set[bytes] = set()
    for path in paths:
        text = path.read_text()
        for line in text.splitlines():
            words = [word.strip('",') for word in re.split(r"[ ,]", line)]
            values = words[2:3] if "keylog" in path.name else words
            found |= {
                bytes.fromhex(w.removeprefix("0x")) for w in values if re.fullmatch(r"(0x)?([0-9a-f]{2}){16,}", w)
            }
        found |= {base64.b64decode(value) for value in re.findall(r" (?:key|salt) (\S+)", text)}
    return found


def notations(secret: bytes) -> set[bytes]:
    """Hexadecimal in both cases and with separators, base64 of both alphabets, bytes, and their `repr`."""
    encoded = {base64.b64encode(secret), base64.urlsafe_b64encode(secret)}
    return {
        secret, secret.hex().encode(), secret.hex().upper().encode(),
        secret.hex(":").encode(), secret.hex(" ").encode(),
        repr(secret)[2:-1].encode(), *encoded, *(text.rstrip(b"=") for text in encoded),
    }  # fmt: skip


def outputs(run: Run) -> dict[str, bytes]:
    assert run.report is not None and run.engine is not None
    made: dict[str, bytes] = {}
    for name, write in EXPORTERS.items():
        out = io.BytesIO()
        write(run.report, out, ExportOptions(all_verdicts=True))
        made[name] = out.getvalue()
    coverage = [keys_table(run.report.keys, opened_by(run.report)), *closed_tables(run.report)]
    made["keys check"] = render(iter(coverage), ExportOptions()).encode()
    ring = run.engine.setup.keyring
    shown = [ring, ring.sources, ring.esp, ring.aka, ring.srtp, vars(ring), vars(run.engine.keys), vars(run.engine.tcp)]
    made["repr"] = "".join(map(repr, shown)).encode()
    return made


def search(name: str, shared: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = shared / "lab"
    keys = keys_of(name, lab, folder)
    plain: list[bytes] = [(lab / f"{name}.pcapng").read_bytes()]
    original = StreamHandler._plaintext

    def collect(self: StreamHandler, vantage: int, endpoints: Endpoints, chunk: Chunk, *more: object) -> None:
        plain.append(chunk.data)
        original(self, vantage, endpoints, chunk, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(StreamHandler, "_plaintext", collect)
    printed = io.StringIO()
    settings = Settings((str(lab / f"{name}.pcapng"),), tuple(keys), reveal_identities=True)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        run = analyze(settings, Silent())
    texts = outputs(run) | {"printed": printed.getvalue().encode()}
    secrets = in_files(keys)
    assert secrets
    for text in {text for data in plain for text in INLINE.findall(data)}:
        secrets.add(base64.b64decode(text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)))
    for secret in secrets:
        for notation in notations(secret):
            for format_name, text in texts.items():
                assert notation not in text, f"{format_name} shows a secret of {len(secret)} bytes"


@pytest.mark.parametrize("name", CAPTURES)
def test_no_output_shows_a_secret(name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search(name, shared, tmp_path, monkeypatch)


FAULTS = [
    (FastStream, "verify_many"), (SrtpContext, "open_rtcp"), (TlsConnection, "record"), (Keyring, "log_secret"),
    (MediaKeys, "describe"), (Verifier, "close"),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "method"), FAULTS, ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.parametrize("contain", [True, False])
@pytest.mark.parametrize("name", ["e2ae-sdes", "e2e-sdes-clear-sip"])
def test_no_traceback_shows_a_secret(
    owner: type, method: str, contain: bool, name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours where keys are at hand, which says all that it has: contained, or on its way out."""
    lab = shared / "lab"
    keys = keys_of(name, lab, tmp_path)
    there = {base64.b64decode(found) for found in INLINE.findall((lab / f"{name}.pcapng").read_bytes())}
    assert there if not keys else in_files(keys)

    def faulty(self: object, *given: object, **named: object) -> None:
        held = [getattr(self, slot, "") for slot in getattr(type(self), "__slots__", ())]
        raise ValueError(f"{self!r} {held!r} {given!r} {named!r} {getattr(self, '__dict__', '')!r}")

    monkeypatch.setattr(owner, method, faulty)
    settings = Settings((str(lab / f"{name}.pcapng"),), tuple(keys))
    text, report = "", b""
    try:
        run = analyze(
            settings, Silent(), setup=None if contain else Setup(keyring=load_keys(keys, [], Silent()), contain=False)
        )
        report = outputs(run)["json"]
        text = repr(run.engine.ledger.__dict__ if run.engine is not None else "")
    except ValueError as fault:
        text = "".join(traceback.format_exception(fault))
    assert text
    for secret in in_files(keys) | there:
        for notation in notations(secret):
            assert notation not in text.encode() and notation not in report
    assert app.pretty_exceptions_enable is False, "rich would show local variables"


def test_the_search_finds_what_is_there(shared: Path, tmp_path: Path) -> None:
    secrets = in_files(keys_of("e2ae-dtls", shared / "lab", tmp_path))
    assert {len(secret) for secret in secrets} >= {12, 14, 16, 32, 48}
    assert base64.b64decode("uhHcYMUx+XgseNXVy9FUfQ==") in secrets
    assert b"ab" * 16 in notations(b"\xab" * 16)
