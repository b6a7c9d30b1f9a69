"""How far protection reaches in the captures of the lab, held against FACTS.txt."""

import re
from functools import lru_cache
from typing import Any

import pytest

from tests.conftest import SAMPLES, SHARED
from tests.golden.runs import run, setup, tree

LAB = SHARED / "captures" / "lab"
UES = {"p1": "ue1", "p2": "ue2"}
EDGE = (
    "conf-e2ae-sdes", "e2ae-all", "e2ae-all-bare-lf", "e2ae-dtls", "e2ae-sdes", "e2ae-sdes-gcm",
    "e2ae-sdes-unpadded-gcm", "gtpu-e2ae",
)  # fmt: skip
WHOLE = ("conf-e2e-sdes", "e2e-all", "e2e-dtls", "e2e-sdes", "e2e-sdes-clear-sip", "pai-spoof-removed", "stir-e2e")


@lru_cache(maxsize=32)
def report(name: str) -> dict[str, Any]:
    keys = LAB / f"{name}.tls-keylog.txt"
    made = setup([keys] if keys.is_file() else [], SAMPLES / "lab.topology.yaml", judge=False)
    return tree(run(LAB / f"{name}.pcapng", made))


def media(name: str) -> list[dict[str, Any]]:
    return [hop for hop in report(name)["hops"] if hop["plane"] == "media"]


def access(name: str) -> list[dict[str, Any]]:
    return [hop for hop in media(name) if {hop["from"], hop["to"]} & set(UES.values())]


def marked(name: str) -> set[str]:
    """The UEs whose access leg carries 3ge2ae, from FACTS.txt."""
    text = (LAB / "FACTS.txt").read_text()
    part = text.partition(f"=== {name}.pcapng ")[2].partition("\n===")[0]
    return {UES[found] for found in re.findall(r"^  #\d+ (p\d):\S+ .*3ge2ae:", part, re.MULTILINE)}


@pytest.mark.parametrize("name", EDGE)
def test_protection_ends_at_the_access_edge_and_that_is_proven(shared: object, name: str) -> None:
    hops = access(name)
    assert {hop["from"] for hop in hops} | {hop["to"] for hop in hops} >= {"ue1", "ue2"}
    detail = "e2ae_dtls_srtp" if name == "e2ae-dtls" else "e2ae_like"
    for hop in hops:
        expected = "e2ae" if {hop["from"], hop["to"]} & marked(name) else detail
        assert (hop["scope"], hop["scope_detail"]) == ("e2ae", expected)
        assert hop["termination"] == "proven_by_payload"


@pytest.mark.parametrize("name", WHOLE)
def test_protection_from_end_to_end(shared: object, name: str) -> None:
    hops = access(name)
    assert hops
    for hop in hops:
        assert hop["scope"] == "e2e"
        assert hop["scope_detail"] == ("e2e" if hop["medium"] == "audio" else "e2e_tls")
        assert hop["termination"] == "proven_by_keys"


def test_nothing_is_protected_on_any_hop(shared: object) -> None:
    assert {hop["state"] for hop in media("plain-rtp")} == {"clear"}
    assert {hop["scope"] for hop in media("plain-rtp")} == {"unknown"}
    assert len(media("plain-rtp")) == 3
