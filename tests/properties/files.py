"""The parsers of files that a user gives: keys, certificates, topology, rules, decisions, reports.

What is wrong in them is said with its place, so nothing is counted as skipped; they are read whole, within a bound.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from analyzer.app.decision_files import load_decisions
from analyzer.app.settings import WrongUse
from analyzer.core.limits import Limits
from analyzer.core.text import decode
from analyzer.crypto import rsa_key
from analyzer.crypto.certificate import read_certificate
from analyzer.formats import esp_sa, nss_keylog, rtpengine_log, yaml_file
from analyzer.report.codec import ReportError, from_json, to_json
from analyzer.rules.compile import compile_expression
from analyzer.rules.frameworks import load_framework
from analyzer.rules.load import load_pack
from analyzer.rules.syntax import Problem
from analyzer.rules.syntax import parse as parse_expression
from analyzer.rules.values import duration_ns
from analyzer.session import key_bundle, key_files, topology
from analyzer.session.key_bundle import Outside
from analyzer.session.key_values import read_key
from analyzer.session.keyring import Keyring
from analyzer.session.model.registry import ENTITIES
from analyzer.session.trust import authority_of, is_authority, read_certificates, speaks_for, valid_at
from tests import factories
from tests.crypto import test_rsa_key
from tests.formats import test_esp_sa, test_rtpengine_log
from tests.properties.harness import Not, Shown, Whole
from tests.session import test_key_bundle, test_topology

FILE = Not("a file of a user, read whole within its bound before it is parsed")
PLACED = Not(
    "what is not understood is a problem with its line and column, no skip; nothing is analysed before all is right"
)
NO_FRAME = Not("comes from no capture: its problems name the file, line and column")
KEYLOG = (
    f"# comment\nCLIENT_RANDOM {'01' * 32} {'ab' * 48}\r\nCLIENT_TRAFFIC_SECRET_1 {'01' * 32} {'ab' * 32}\n".encode()
)
YAML = (b"- ", b"[", b'"', b"*a", b"\n", b"a: 1\n", b"- 1\n", b"!!int ")
FEW = 0.4  # of the examples, for files that are slow to read
PACK = b"""\
format: 1
pack: p
title: t
constants: {LIST: [udp, tcp]}
rules:
  - {id: P-1, title: t, severity: high, about: a, why: w, fix: f, refs: [{doc: "RFC 3261", clause: "1"}],
     each: signalling_hop, assert: hop.transport in LIST, message: "{hop.transport}", same_as: [hop.from_zone]}
"""
EXPRESSION = (
    b'signalling_hop.transport in ["udp", "tcp"] ? size("a\\n") < 0x10 : !(1.5e3 > 2.0) || [1, 2].exists(x, x == 1)'
)
FRAMEWORK = b"""\
format: 1
framework: f
title: t
document: d
requirements:
  - {id: G-1, clause: '1', says: s, rules: [A-1]}
"""
ACCEPTED = (
    b"format: 1\naccepted:\n  - {finding: '0000000000000000', reason: r, owner: o, until: 2027-01-31}\n"
    b"  - {rule: A-1, where: {to: x}, reason: r, owner: o, until: 2027-01-31}\n"
)
BASELINE = b'{"schema": "mediasec-baseline/1", "findings": [\n  {"id": "a", "rule": "R", "verdict": "fail"}\n]}\n'
JSON = (b"{", b"[", b'"', b'{"a":', b"1", b"[1,", b"\\u0041", b"-", b"1e9", b"\xff", b'"schema": ', b"}", b"]", b"NaN,")
PEM = test_rsa_key.pem(rsa.generate_private_key(65537, 1024), test_rsa_key.FORMATS.PKCS8)  # short: it is read often
CERTIFICATE = test_rsa_key.certificate(test_rsa_key.KEY)
_FOLDER = tempfile.TemporaryDirectory()
DER = CERTIFICATE.public_bytes(test_rsa_key.serialization.Encoding.DER)


def _file(
    names: tuple[str, ...], read: Callable[[bytes, Limits], Any], valid: tuple[bytes, ...], good: Any,
    units: tuple[bytes, ...], accounted: Any = PLACED, **more: Any,
) -> Whole:  # fmt: skip
    return Whole(names, read, valid, good, FILE, accounted, NO_FRAME, units, **more)


def _lines(data: bytes, found: Any) -> bool:
    """Every line that is no blank and no comment is a secret, of another use, or a problem."""
    return len(found[0]) == sum(bool(line.split()) and not line.lstrip().startswith(b"#") for line in data.split(b"\n"))


def _outside() -> Outside:
    return Outside(lambda name: KEYLOG, lambda name: None)


def _keys(data: bytes, load: Callable[..., Any]) -> Any:
    """The problems, and what the ring then holds."""
    ring = Keyring()
    return (
        load(data, "k", "k", ring, _outside()),
        ring.esp,
        ring.aka,
        ring.srtp,
        [source.name for source in ring.sources],
    )


def _certificates(data: bytes, limits: Limits) -> Any:
    """Each certificate by all that is asked of one; ValueError is what says that there is none."""
    known = read_certificate(data)
    assert known is None or known == read_certificate(data)
    try:
        found = read_certificates(data)
    except ValueError as error:
        return str(error)
    return [(is_authority(each), valid_at(each, 0), speaks_for(each, ["a"]), authority_of(each)) for each in found]


def _decisions(data: bytes, limits: Limits, baseline: bool) -> Any:
    """WrongUse is what names the problems."""
    path = Path(_FOLDER.name, "decisions")
    path.write_bytes(data)
    try:
        return load_decisions(*((None, path) if baseline else (path, None)), False)
    except WrongUse as error:
        return error.problems


def _report(data: bytes, limits: Limits) -> Any:
    """ReportError is what names the problems."""
    try:
        return to_json(from_json(data))
    except ReportError as error:
        return error.problems


def _expression(data: bytes, limits: Limits) -> Any:
    source = decode(data)
    return parse_expression(source), isinstance(
        compile_expression(source, "signalling_hop", ENTITIES["signalling_hop"]), list
    )


FILES = (
    _file(
        (
            "analyzer.formats.nss_keylog.parse",
            "analyzer.formats.nss_keylog.parse_line",
            "analyzer.formats.nss_keylog.looks_like",
        ),
        lambda data, limits: (list(nss_keylog.parse(data)), nss_keylog.looks_like(data)),
        (KEYLOG,),
        lambda found: (
            found[1] and len(found[0]) == 2 and not any(isinstance(e, nss_keylog.LogProblem) for e in found[0])
        ),
        (b"\n", b" ", b"#", b"a\n", b"CLIENT_RANDOM ", b"ab", b"A_", b"\r", b"RSA 00 00\n"),
        _lines,
    ),
    _file(
        ("analyzer.formats.esp_sa.parse", "analyzer.formats.esp_sa.parse_line", "analyzer.formats.esp_sa.looks_like"),
        lambda data, limits: (list(esp_sa.parse(data)), esp_sa.looks_like(data)),
        (test_esp_sa.NULL,),
        lambda found: found[1] and isinstance(found[0][0], esp_sa.EspSaLine),
        (b'"', b",", b'"",', b"\\", b"\\x41", b"a\n", b" "),
        lambda data, found: len(found[0]) <= data.count(b"\n") + 1,
    ),
    _file(
        ("analyzer.formats.rtpengine_log.parse", "analyzer.formats.rtpengine_log.looks_like"),
        lambda data, limits: (list(rtpengine_log.parse(data)), rtpengine_log.looks_like(data)),
        (test_rtpengine_log.LOG,),
        lambda found: found[1] and isinstance(found[0][0], rtpengine_log.LoggedKey),
        (b"--- ", b" key ", b"--- A key A salt A\n", b"SRTP keys, ", b"\n", b" "),
        Not("a log: lines that announce no key are of no interest"),
    ),
    _file(
        ("analyzer.crypto.rsa_key.parse", "analyzer.crypto.rsa_key.looks_like"),
        lambda data, limits: (
            [each if isinstance(each, tuple) else repr(each) for each in rsa_key.parse(data)],
            rsa_key.looks_like(data),
        ),
        (PEM,),
        lambda found: found == (["RsaKey(1024 bits)"], True),
        (
            b"-----BEGIN PRIVATE KEY-----\n",
            b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            b"\n",
            b"-",
            b"A",
        ),
        share=0.2,
    ),
    _file(
        ("analyzer.session.key_files.load", "analyzer.session.keyring.Keyring"),
        lambda data, limits: _keys(data, key_files.load),
        (test_esp_sa.NULL, test_rtpengine_log.LOG, KEYLOG),
        lambda found: not found[0] and found[4],
        (b"\n", b'"IPv4",', b"--- ", b"A_B ", b"SRTP keys, incoming--- A key A salt A\n"),
    ),
    _file(
        ("analyzer.session.key_bundle.load", "analyzer.session.key_bundle.looks_like"),
        lambda data, limits: (_keys(data, key_bundle.load), key_bundle.looks_like(data)),
        (
            test_key_bundle.EXAMPLE.replace("{env: UE1_CK}", f'"{"00" * 16}"')
            .replace("{env: UE1_IK}", f'"{"00" * 16}"')
            .encode(),
        ),
        lambda found: not found[0][0] and found[1],
        (b"  - {id: a, kind: ims-aka, impi: i, ck: 0x, ik: 0x}\n",),
        size=4_000,
        begun=b"format: 1\nkeys:\n",
        share=FEW,
    ),
    _file(
        ("analyzer.session.key_values.read_key",),
        lambda data, limits: read_key(decode(data), (16, 30)),
        (b"0x" + b"00" * 16, b"A" * 40),
        lambda found: not isinstance(found, str),
        (b"A", b"0", b"=", b"\xff", b" "),
    ),
    _file(
        ("analyzer.session.trust.read_certificates", "analyzer.crypto.certificate.read_certificate"),
        _certificates,
        (DER, CERTIFICATE.public_bytes(test_rsa_key.serialization.Encoding.PEM)),
        lambda found: found == [(False, False, False, None)],
        (b"-----BEGIN CERTIFICATE-----\n", b"0\x80", b"\0", b"\x30\x82\xff\xff"),
    ),
    _file(
        ("analyzer.formats.yaml_file.read", "analyzer.formats.yaml_tree.parse"),
        lambda data, limits: yaml_file.read(data, "y"),
        (test_topology.EXAMPLE,),
        lambda found: found[0] is not None and not found[1],
        YAML,
        size=1_000,
        begun=b"",
        share=FEW,
    ),
    _file(
        ("analyzer.session.topology.load",),
        lambda data, limits: topology.load(data, "t"),
        (test_topology.EXAMPLE,),
        lambda found: not found[1],
        (b"  z: {trust: inside, nets: [10.0.0.0/8]}\n", b"  {}: [10.0.0.0/99]\n"),
        size=4_000,
        begun=b"format: 1\nzones:\n",
        share=FEW,
    ),
    _file(
        ("analyzer.rules.load.load_pack", "analyzer.rules.load.load_rules"),
        lambda data, limits: load_pack(data, "p"),
        (PACK,),
        lambda found: found[0] and not found[1],
        (b"  - {id: P-2, each: leg, assert: 'true'}\n", b"  - 1\n"),
        size=4_000,
        begun=PACK,
        share=FEW,
    ),
    _file(
        ("analyzer.rules.frameworks.load_framework", "analyzer.rules.frameworks.load_frameworks"),
        lambda data, limits: load_framework(data, "f"),
        (FRAMEWORK,),
        lambda found: found[0] and not found[1],
        (b"  - {id: G-1}\n",),
        size=4_000,
        begun=FRAMEWORK,
        share=FEW,
    ),
    _file(
        ("analyzer.rules.syntax.parse", "analyzer.rules.compile.compile_expression"),
        _expression,
        (EXPRESSION,),
        lambda found: not isinstance(found[0], Problem) and not found[1],
        (
            b"(",
            b"!",
            b"-",
            b"[",
            b"{",
            b"1+",
            b"a.",
            b"a(",
            b"a?b:",
            b'"',
            b"\\",
            b"'''",
            b"1",
            b" ",
            b"//",
            b"\xff",
            b"a[",
            b"1:",
        ),
    ),
    _file(
        ("analyzer.rules.values.duration_ns",),
        lambda data, limits: duration_ns(decode(data)),
        (b"1h30m",),
        bool,
        (b"1", b"1h", b".", b"-", b"s"),
    ),
    _file(
        ("analyzer.app.decision_files.load_decisions",),
        lambda data, limits: _decisions(data, limits, baseline=False),
        (ACCEPTED,),
        lambda found: len(found.accepted) == 2,
        (b"  - {reason: r}\n",),
        size=4_000,
        begun=ACCEPTED,
        share=FEW,
    ),
    _file(
        ("analyzer.app.decision_files.load_decisions",),
        lambda data, limits: _decisions(data, limits, baseline=True),
        (BASELINE,),
        lambda found: found.known,
        JSON,
    ),
    _file(
        ("analyzer.report.codec.from_json", "analyzer.report.tree.Reader"),
        _report,
        (to_json(factories.report()),),
        lambda found: isinstance(found, bytes),
        JSON,
        Shown("report/test_codec.py::test_what_is_written_is_read_back_the_same"),
    ),
)
