"""Key files of every kind, recognised by their content, into the ring. All problems are collected, with their line."""

from analyzer.core.secrets import Secret
from analyzer.crypto import rsa_key
from analyzer.crypto.srtp.suites import suite_named
from analyzer.formats import esp_sa, nss_keylog, rtpengine_log
from analyzer.formats.yaml_file import FileProblem
from analyzer.session import key_bundle
from analyzer.session.key_bundle import Outside
from analyzer.session.key_entries import EspKey, SrtpMaster
from analyzer.session.keyring import Keyring

KNOWN = (
    "NSS key log, PEM private key, Wireshark esp_sa table, rtpengine log with --log-srtp-keys, "
    "pcapng with secrets, YAML bundle with 'format: 1'"
)

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def load(data: bytes, name: str, shown: str, ring: Keyring, outside: Outside) -> list[FileProblem]:
    """Adds what a file holds. `name` is the file for problems, `shown` its name in the report."""
    if data[:2] in _UTF_16:
        return [FileProblem(name, 1, 1, "this is UTF-16: save it as UTF-8")]
    data = data.removeprefix(nss_keylog.BOM)
    if nss_keylog.looks_like(data):
        return [FileProblem(name, p.line, 1, p.message) for p in ring.add_key_log(data, shown)]
    if rsa_key.looks_like(data):
        return _private_keys(data, name, shown, ring)
    if rtpengine_log.looks_like(data):
        return _rtpengine(data, name, shown, ring)
    if esp_sa.looks_like(data):
        return _associations(data, name, shown, ring)
    if key_bundle.looks_like(data):
        return key_bundle.load(data, name, shown, ring, outside)
    return [FileProblem(name, 1, 1, f"not a key file of a kind known here ({KNOWN})")]


def _private_keys(data: bytes, name: str, shown: str, ring: Keyring) -> list[FileProblem]:
    problems: list[FileProblem] = []
    for found in rsa_key.parse(data):
        if isinstance(found, tuple):
            problems.append(FileProblem(name, found[0], 1, found[1]))
        else:
            ring.add_private_key(found, shown)
    return problems


def _associations(data: bytes, name: str, shown: str, ring: Keyring) -> list[FileProblem]:
    problems: list[FileProblem] = []
    for found in esp_sa.parse(data):
        if isinstance(found, esp_sa.EspSaProblem):
            problems.append(FileProblem(name, found.line, 1, found.message))
        else:
            place = f"{shown}, line {found.line}"
            ends = found.spi, found.src, found.dst
            ring.add_entry(EspKey(place, *ends, found.cipher, found.auth, found.cipher_key, found.auth_key), place)
    return problems


def _rtpengine(data: bytes, name: str, shown: str, ring: Keyring) -> list[FileProblem]:
    problems: list[FileProblem] = []
    before = len(ring.srtp)
    for found in rtpengine_log.parse(data):
        if isinstance(found, rtpengine_log.LogProblem):
            problems.append(FileProblem(name, found.line, 1, found.message))
            continue
        suite = suite_named(found.suite)
        if suite is None or not suite.opened:
            problems.append(FileProblem(name, found.line, 1, f"suite {found.suite} is not opened here"))
        elif (len(found.master), len(found.salt)) != (suite.key, suite.salt):
            message = (
                f"{suite.name} has a key of {suite.key} and a salt of {suite.salt} bytes, "
                f"not {len(found.master)} and {len(found.salt)}"
            )
            problems.append(FileProblem(name, found.line, 1, message))
        else:
            place = f"{shown}, line {found.line}"
            material = Secret(found.master.reveal() + found.salt.reveal())
            ring.add_entry(SrtpMaster(place, None, suite.name, material, b"", None), place)
    if len(ring.srtp) == before and not problems:
        problems.append(FileProblem(name, 1, 1, "a log of rtpengine without a key"))
    return problems
