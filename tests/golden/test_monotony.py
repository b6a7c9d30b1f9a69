"""More evidence may turn `open` into a verdict, never one verdict into another (rules-language.md).

Each capture of the lab is judged from every vantage point alone, from every pair, and from all together: what a part
says of a hop or by a rule, the whole says too, or more.
"""

import io
import struct
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES, SHARED
from tests.golden.runs import run, setup, tree

LAB = SHARED / "captures" / "lab"
CAPTURES = (
    "conf-e2ae-sdes", "e2ae-all", "e2ae-dtls", "e2ae-sdes-gcm", "e2e-all", "e2e-sdes-clear-sip", "gtpu-e2ae",
    "pai-spoof-removed", "plain-rtp", "stir-e2e",
)  # fmt: skip
_EVIDENCE = ("none", "structural_only", "negotiated_only", "negotiated_and_structural", "keyed_verified")
_TERMINATION = ("unknown", "assumed", "indicated", "proven_by_keys", "proven_by_payload")


def part(path: Path, interfaces: tuple[int, ...]) -> bytes:
    """The pcapng with the packets of some of its interfaces; the others stay described (pcapng 4.3)."""
    data, out, at = path.read_bytes(), io.BytesIO(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind != 6 or struct.unpack_from("<I", data, at + 8)[0] in interfaces:
            out.write(data[at : at + length])
        at += length
    return out.getvalue()


@cache
def judged(name: str, interfaces: tuple[int, ...]) -> dict[str, Any]:
    """The report of some vantage points."""
    keys = LAB / f"{name}.tls-keylog.txt"
    made = setup([keys] if keys.is_file() else [], SAMPLES / "lab.topology.yaml")
    return tree(run(part(LAB / f"{name}.pcapng", interfaces), made))


def vantages(name: str) -> tuple[int, ...]:
    return tuple(range(len(judged(name, (0, 1, 2))["captures"][0]["interfaces"])))


def hops(report: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Media hops by what they are, not by when they were seen."""
    calls = {call["id"]: call["call_ids"][0] for call in report["calls"]}
    return {
        (calls[hop["call"]], hop["medium"], *sorted((hop["from"], hop["to"]))): hop
        for hop in report["hops"]
        if hop["plane"] == "media"
    }


def said(value: str) -> bool:
    return value not in ("unknown", "none", "e2ae_or_e2e_ambiguous")


@pytest.mark.parametrize("name", CAPTURES)
def test_a_vantage_point_alone_contradicts_nothing(shared: object, name: str) -> None:
    points = vantages(name)
    assert len(points) == 3
    whole = hops(judged(name, points))
    parts = [chosen for size in (1, 2) for chosen in combinations(points, size)]
    for chosen in parts:
        for key, alone in hops(judged(name, chosen)).items():
            together = whole.get(key)
            if together is None:
                assert not alone["packets"]  # a hop that only a description promised
                continue
            for field in ("state", "confidentiality", "integrity", "peer_auth", "scope", "scope_detail"):
                if said(alone[field]):
                    assert (chosen, key, field, alone[field]) == (chosen, key, field, together[field])
            assert _EVIDENCE.index(alone["evidence"]) <= _EVIDENCE.index(together["evidence"])
            assert _TERMINATION.index(alone["termination"]) <= _TERMINATION.index(together["termination"])


@pytest.mark.parametrize("name", CAPTURES)
def test_what_a_part_finds_the_whole_finds(shared: object, name: str) -> None:
    """A failed rule at one place stays failed; a rule that passed at all places of a part fails at none of these."""
    points = vantages(name)
    whole = {(f["rule"], f["id"]) for f in judged(name, points)["findings"] if f["verdict"] == "fail"}
    for chosen in combinations(points, 1):
        found = {(f["rule"], f["id"]) for f in judged(name, chosen)["findings"] if f["verdict"] == "fail"}
        assert found <= whole
