"""The handshake of a medium against its descriptions: who begins, who shows a certificate, whether there is one at all.

The handshakes are recorded ones of the openssl program, whose client shows no certificate.
"""

from pathlib import Path

import pytest

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.pipeline.engine import Engine
from tests.conftest import ROOT
from tests.crypto.srtp.writer import Sender
from tests.golden.runs import rules
from tests.pipeline.test_catalogue_patterns import EDGE, FINGERPRINT, counted, floor_control
from tests.pipeline.test_dtls_srtp import cases, halves, keyring
from tests.pipeline.test_paths import TOPOLOGY, rtp
from tests.pipeline.wire import Wire, at
from tests.session.dialogs import Leg, hang_up, sdp, send, setup

UE = "10.1.0.2"


def dtls_call(
    offered: str = "actpass", answered: str = "passive", *, shaken: bool = True, lines: tuple[str, ...] = ()
) -> Engine:
    """A call over DTLS-SRTP; the offerer's end is the client of the handshake."""
    case = cases()["1.2-gcm"]
    ends = at(UE, 4_000), at(EDGE, 5_000)
    wire = Wire()
    leg = Leg(
        UE, EDGE, "dtls",
        offer=sdp(UE, 4_000, proto="UDP/TLS/RTP/SAVP", lines=(FINGERPRINT, f"a=setup:{offered}", *lines)),
        answer=sdp(EDGE, 5_000, proto="UDP/TLS/RTP/SAVP", lines=(FINGERPRINT, f"a=setup:{answered}")),
    )  # fmt: skip
    setup(wire, [leg])
    for from_client, data in case.datagrams if shaken else ():
        wire.udp(*(ends if from_client else ends[::-1]), data)
    for end, key in zip((ends, ends[::-1]), halves(case), strict=True):
        sender = Sender("cm", key[:16], key[16:], 10, 10)
        for number in range(1, 61):
            packet = rtp(number)
            wire.udp(*end, sender.rtp(packet[:12], packet[12:], 0))
    hang_up(wire, [leg])
    return wire.run(topology=TOPOLOGY, rules=rules(), keyring=keyring(case.key_log))


@pytest.mark.parametrize(
    ("offered", "answered", "verdict"),
    [
        ("actpass", "passive", "pass"),  # RFC 5763 5: the offerer begins
        ("actpass", "active", "fail"),
        ("active", "passive", "pass"),
        ("passive", "active", "fail"),
        ("active", "active", "fail"),
        ("passive", "passive", "fail"),
        ("actpass", "actpass", "fail"),  # RFC 4145 4.1: no answer
        ("actpass", "holdconn", "fail"),  # RFC 8842 5.3: not for DTLS
        ("actpass", "Passive", "pass"),
    ],
)
def test_who_begins(offered: str, answered: str, verdict: str) -> None:
    assert counted(dtls_call(offered, answered), "DTLS-03") == {verdict: 1}


def test_a_client_without_a_certificate() -> None:
    assert counted(dtls_call(), "DTLS-06") == {"fail": 1}


def test_media_without_a_handshake() -> None:
    """RFC 5763 5. Where ICE may have moved the medium the handshake may have passed elsewhere."""
    assert counted(dtls_call(), "DTLS-09") == {"pass": 1}
    engine = dtls_call(shaken=False)
    assert counted(engine, "DTLS-09") == {"fail": 1}
    assert counted(engine, "DTLS-03") == {"open": 1}
    assert counted(engine, "DTLS-06") == {"open": 1}
    moved = dtls_call(shaken=False, lines=("a=candidate:1 1 UDP 2130706431 10.1.0.2 4000 typ host",))
    assert counted(moved, "DTLS-09") == {"open": 1}


def test_floor_control_whose_client_shows_no_certificate(tmp_path: Path) -> None:
    engine = floor_control(tmp_path, honest=True)
    assert counted(engine, "MSEC-07") == {"pass": 1}
    assert counted(engine, "MSEC-07.client") == {"fail": 1}
    assert counted(engine, "DTLS-06") == {}, "MSEC-07.client says it"


def test_a_handshake_with_any_datagram_missing_accuses_no_client() -> None:
    """What was not captured may have held the certificate: only a whole handshake shows that there was none."""
    case = cases()["1.2-gcm"]
    ends = at(UE, 4_000), at(EDGE, 5_000)
    handshakes = [n for n, (of_client, data) in enumerate(case.datagrams) if of_client and data[:1] == b"\x16"]
    assert len(handshakes) > 2
    for missing in handshakes[1:]:  # the first hello, which a cookie answered, is said again
        wire = Wire()
        for of_client, data in case.datagrams:
            if data[13:] != case.datagrams[missing][1][13:]:  # sent again it has another record number alone
                wire.udp(*(ends if of_client else ends[::-1]), data)
        (connection,) = [c for c in wire.run(keyring=keyring(case.key_log)).connections.all() if c.protocol == "dtls"]
        assert connection.client_certified is None, missing


@pytest.mark.parametrize(
    ("lines", "verdicts"),
    [
        (("sha-256 " + ":".join(["AB"] * 32),), ("pass", "pass", "pass")),
        (("md5 " + ":".join(["AB"] * 16),), ("fail", "fail", "pass")),
        (("sha-1 " + ":".join(["AB"] * 20),), ("pass", "fail", "pass")),
        (("sha-1 " + ":".join(["AB"] * 20), "sha-256 " + ":".join(["AB"] * 32)), ("pass", "pass", "pass")),
        (("sha-256 " + ":".join(["ab"] * 32),), ("pass", "pass", "fail")),
        (("sha-256 " + ":".join(["AB"] * 20),), ("pass", "pass", "fail")),
        (("sha-256 12:34:56:78:90:12:34:56:78:90",), ("pass", "pass", "fail")),
    ],
)
def test_hashes_of_fingerprints(lines: tuple[str, ...], verdicts: tuple[str, str, str]) -> None:
    """RFC 8122 5."""
    wire = Wire()
    given = tuple(f"a=fingerprint:{line}" for line in lines)
    body = sdp(UE, 4_000, proto="UDP/TLS/RTP/SAVP", lines=(*given, "a=setup:actpass"))
    answer = sdp(EDGE, 5_000, proto="UDP/TLS/RTP/SAVP", lines=(FINGERPRINT, "a=setup:passive"))
    setup(wire, [Leg(UE, EDGE, "c", offer=body, answer=answer)])
    engine = wire.run(topology=TOPOLOGY, rules=rules())
    for rule, verdict in zip(("DTLS-04.broken", "DTLS-04.weak", "DTLS-04.form"), verdicts, strict=True):
        assert counted(engine, rule) == ({"pass": 2} if verdict == "pass" else {"pass": 1, "fail": 1}), rule


OTHER = "a=fingerprint:SHA-256 " + ":".join(["CD"] * 32)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((FINGERPRINT, "a=tls-id:" + "a" * 20), (FINGERPRINT, "a=tls-id:" + "a" * 20), {"pass": 2}),
        ((FINGERPRINT, "a=tls-id:" + "a" * 20), (OTHER, "a=tls-id:" + "b" * 20), {"pass": 2}),
        ((FINGERPRINT, "a=tls-id:" + "a" * 20), (OTHER, "a=tls-id:" + "a" * 20), {"pass": 1, "fail": 1}),
        ((FINGERPRINT, "a=tls-id:" + "a" * 19), (FINGERPRINT,), {"pass": 1, "fail": 1}),
        ((FINGERPRINT, "a=tls-id:" + "a" * 19 + "!"), (FINGERPRINT,), {"pass": 1, "fail": 1}),
        ((FINGERPRINT,), (OTHER,), {"pass": 2}),  # RFC 8842 5.1: it is optional for ends that do not know it
    ],
)
def test_tls_id(first: tuple[str, ...], second: tuple[str, ...], verdict: dict[str, int]) -> None:
    """RFC 8842 4, 5.1: of an offer and the one after it."""
    wire = Wire()
    for cseq, lines in enumerate((first, second), 1):
        leg = Leg(UE, EDGE, "c", offer=sdp(UE, 4_000, proto="UDP/TLS/RTP/SAVP", lines=lines))
        send(wire, leg, "INVITE", cseq=cseq)
    assert counted(wire.run(topology=TOPOLOGY, rules=rules()), "DTLS-07") == verdict


@pytest.mark.parametrize(("name", "verdicts"), [("e2e-all", (2, 2)), ("e2ae-dtls", (2, 0)), ("e2e-dtls", (1, 0))])
def test_certificates_of_the_lab(name: str, verdicts: tuple[int, int], shared: Path) -> None:
    """tshark (tls.handshake.type 11 and 13, dtls.handshake.type 11): in e2e-all the clients of BFCP show one, those of
    MSRP are not asked; in e2ae-dtls and e2e-dtls both ends show one."""
    lab = shared / "lab"
    keys = (lab / f"{name}.tls-keylog.txt",)
    topology = ROOT / "samples" / "lab.topology.yaml"
    report = analyze(Settings((str(lab / f"{name}.pcapng"),), keys=keys, topology=topology), Silent()).report
    assert report is not None
    found = {row.id: (row.passed, row.fail) for row in report.rules}
    assert found["DTLS-06"] == verdicts
    assert found["DTLS-03"][1] == 0
