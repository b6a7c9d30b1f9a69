"""Registration, identity and conferences in the lab's captures, held against FACTS.txt and tshark."""

from functools import lru_cache
from typing import Any

import pytest

from analyzer.session.trust import Trust, read_certificates
from tests.conftest import ROOT, SHARED
from tests.golden.runs import run, setup, tree
from tests.session.test_passports import OTHER

LAB = SHARED / "captures" / "lab"
TOPOLOGY = ROOT / "samples" / "lab.topology.yaml"


@lru_cache(maxsize=8)
def _report(name: str) -> dict[str, Any]:
    if not LAB.is_dir():
        pytest.skip("needs the captures of the lab")
    keys = LAB / f"{name}.tls-keylog.txt"
    return tree(run(LAB / f"{name}.pcapng", setup([keys] if keys.is_file() else [], TOPOLOGY)))


def _frames(report: dict[str, Any], rule: str, verdict: str = "fail") -> set[int]:
    found = [f for f in report["findings"] if f["rule"] == rule and f["verdict"] == verdict]
    return {cite["frame"] for f in found for cite in f["evidence"]}


def _count(report: dict[str, Any], rule: str) -> tuple[int, int, int]:
    row = next(row for row in report["rules"] if row["id"] == rule)
    return row["pass"], row["fail"], row["open"]


def test_security_verify_crosses_the_edge_in_e2ae_all() -> None:
    """FACTS.txt names frames 25 and 27, of ue1's INVITE; tshark shows ue2's at 215 and 217."""
    report = _report("e2ae-all")
    assert _frames(report, "REG-06") == {25, 27, 215, 217}
    assert _count(report, "REG-06")[2] == 0


def test_both_sides_announced_in_e2ae_all() -> None:
    """tshark: frames 15 and 19 carry the three mechanisms in Security-Client, 18 in Security-Server."""
    report = _report("e2ae-all")
    listed = ["sdes-srtp", "msrp-tls", "bfcp-tls"]
    for row in report["registrations"]:
        assert (row["client_mediasec"], row["server_mediasec"], row["verified"]) == (listed, listed, True)
    assert _count(report, "REG-03") == (2, 0, 0)
    assert _count(report, "REG-05") == (2, 0, 0)
    assert _count(report, "REG-09") == (6, 0, 0)


def test_a_list_without_a_client_list_is_no_agreement() -> None:
    """pai-spoof-removed: Security-Server in frame 13, no Security-Client and no Security-Verify anywhere."""
    report = _report("pai-spoof-removed")
    assert [row["client_mediasec"] for row in report["registrations"]] == [[], []]
    assert _count(report, "REG-03") == (0, 0, 0)
    assert _count(report, "REG-06")[1:] == (0, 0)


def test_stir_verifies_with_its_certificate_alone() -> None:
    """Frames 23 and 172 of stir-e2e carry the PASSporT (tshark); its claims name numbers that no header has.

    That ID-11.claims fails is right: the lab's S-CSCF signs the numbers 12025550101 and 12025550199, whoever calls, and
    From, To, P-Asserted-Identity and Request-URI name ue1, ue2 and conf (FACTS.txt). RFC 8224 8.1 has no telephone
    number in a user part without digits, so that the canonical form of the caller is the "uri" of 8.5, and 6.2, step 2
    and 8.3 leave nothing that would make a "tn" of it.
    """
    name = "stir-e2e"
    opened = _report(name)
    assert _count(opened, "ID-11.signature") == (0, 0, 2)
    signer = Trust(read_certificates((LAB / f"{name}.signer-cert.pem").read_bytes()))
    made = setup([LAB / f"{name}.tls-keylog.txt"], TOPOLOGY)
    made.trust = signer
    report = tree(run(LAB / f"{name}.pcapng", made))
    for rule in ("ID-10.form", "ID-11.signature", "ID-11.certificate", "ID-12.fresh", "ID-12.replay"):
        assert _count(report, rule) == (2, 0, 0), rule
    assert _count(report, "ID-11.claims") == (0, 2, 0), "orig is 12025550101, From and P-Asserted-Identity are ue1"
    made.trust = Trust([OTHER.certificate])
    report = tree(run(LAB / f"{name}.pcapng", made))
    assert _count(report, "ID-11.signature") == (0, 2, 0)
    assert _frames(report, "ID-11.signature") >= {23, 172}


def test_the_claim_of_the_ue_was_not_believed() -> None:
    """pai-spoof-removed: chair in frames 18 and 148, ue1 in 20, ue2 in 150 (FACTS.txt and tshark)."""
    report = _report("pai-spoof-removed")
    assert _count(report, "ID-02") == (2, 0, 0)
    assert _count(report, "ID-17") == (2, 0, 0)
    changed = {
        note["message"].partition(" made ")[0]: {cite["frame"] for cite in note["evidence"]}
        for note in report["notes"]
        if note["rule"] == "ID-02.changed"
    }
    assert changed == {"pcscf-1": {18, 20}, "pcscf-2": {148, 150}}


@pytest.mark.parametrize(("name", "floors"), [("e2ae-all", ["4711/1"]), ("conf-e2ae-sdes", []), ("conf-e2e-sdes", [])])
def test_the_two_calls_of_a_lab_conference_are_one(name: str, floors: list[str]) -> None:
    """FACTS.txt: ue1 and ue2 call the mixer at 10.0.0.13, asserted as themselves; its core hops are plain RTP."""
    report = _report(name)
    (conference,) = report["conferences"]
    assert (conference["focus"], conference["legs"], conference["floors"]) == ("mrf", ["call-1", "call-2"], floors)
    assert [(p["asserted"], p["outcome"]) for p in conference["participants"]] == [(True, "answered")] * 2
    assert [call["conference"] for call in report["calls"]] == [conference["id"]] * 2
    assert conference["weakest"] == ("srtp_sdes" if name == "conf-e2e-sdes" else "clear")
    assert _count(report, "CONF-03") == (2, 0, 0)


@pytest.mark.parametrize("name", ["e2ae-sdes", "e2e-sdes-clear-sip", "conf-e2e-sdes", "e2ae-all"])
def test_keys_relayed_on_the_path_are_no_reuse(name: str) -> None:
    """FACTS.txt: every stream has a key of its own; the e2e captures carry one description over three hops."""
    report = _report(name)
    for rule in ("SDES-04", "SDES-06", "SDES-07", "SDES-13", "SDES-16"):
        passed, failed, open_ = _count(report, rule)
        assert (passed > 0, failed, open_) == (True, 0, 0), rule


def test_tls_of_the_lab_is_sound() -> None:
    """FACTS.txt: TLS 1.3 with suite 0x1302, and DTLS 1.2 with 0xcca8 and 0xcca9."""
    report = _report("e2ae-dtls")
    for rule in ("TLS-01", "TLS-02.null", "TLS-02.broken", "TLS-02.weak"):
        assert _count(report, rule) == (6, 0, 0), rule
    assert _count(report, "DTLS-08") == (4, 0, 0)
