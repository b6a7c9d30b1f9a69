"""More evidence may turn `open` into a verdict, never one verdict into another (rules-language.md).

Each capture of the lab is judged from every vantage point alone, some from every pair, and from all together: what a
part says of a hop, of a call, of a conference or by a rule, the whole says too, or more.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SAMPLES, SHARED
from tests.golden.runs import rules, run, setup, tree

LAB = SHARED / "captures" / "lab"
SHARED_CAPTURES = (
    "conf-e2ae-sdes", "conf-e2e-sdes", "e2ae-all", "e2ae-all-bare-lf", "e2ae-dtls", "e2ae-sdes", "e2ae-sdes-gcm",
    "e2ae-sdes-unpadded-gcm", "e2e-all", "e2e-dtls", "e2e-sdes", "e2e-sdes-clear-sip", "gtpu-e2ae",
    "pai-spoof-removed", "plain-rtp", "stir-e2e",
)  # fmt: skip
OWN_CAPTURES = tuple(sorted(path.name.removesuffix(".truth.yaml") for path in SAMPLES.glob("*.truth.yaml")))
_EVIDENCE = ("none", "structural_only", "negotiated_only", "negotiated_and_structural", "keyed_verified")
_TERMINATION = ("unknown", "assumed", "indicated", "matched", "proven_by_keys", "proven_by_payload")


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict: by which rule, on what (as a finding is named), which, on which frames (by their times)."""

    rule: str
    about: tuple[str, ...]
    verdict: str
    frames: frozenset[int]


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, and every verdict behind it."""

    report: dict[str, Any]
    verdicts: list[Said] = field(default_factory=list)


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The blocks of a pcapng, each with its type (pcapng 3.1)."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        yield kind, data[at : at + length]
        at += length


def part(path: Path, interfaces: tuple[int, ...]) -> bytes:
    """The pcapng with the packets of some of its interfaces; the others stay described (pcapng 4.3)."""
    kept = (block for kind, block in _blocks(path) if kind != 6 or struct.unpack_from("<I", block, 8)[0] in interfaces)
    return b"".join(kept)


def path_of(name: str) -> Path:
    """Where a capture is."""
    return (SAMPLES if name in OWN_CAPTURES else LAB) / f"{name}.pcapng"


def _stands(
    kind: str, same: tuple[str, ...], entity: Any, calls: dict[str, str], where: dict[str, str]
) -> tuple[str, ...]:
    """What a verdict is about, whatever was captured: of a participant or a call, the call and not what is near it."""
    if kind == "participant":
        return calls[where["call"]], entity.direction
    return () if kind == "call" else same


@cache
def judged(name: str, interfaces: tuple[int, ...]) -> Judged:
    """The report of some vantage points, with all verdicts."""
    path = path_of(name)
    keys = path.with_name(f"{name}.tls-keylog.txt")
    made = replace(setup([keys] if keys.is_file() else [], SAMPLES / "lab.topology.yaml"), reveal_identities=True)
    entities: list[tuple[str, Any, dict[str, str]]] = []
    report = tree(run(part(path, interfaces), made, spy=lambda *seen: entities.append(seen)))
    calls = {call["id"]: call["call_ids"][0] for call in report["calls"]}
    verdicts = [
        Said(
            rule.id, _stands(kind, rule.same(entity), entity, calls, where), rule.decide(entity).verdict.value,
            frozenset(cite.ts_ns for cite in rule.cited(entity)),
        )
        for kind, entity, where in entities
        for rule in rules().by_kind.get(kind, ())
    ]  # fmt: skip
    return Judged(report, verdicts)


def vantages(name: str) -> tuple[int, ...]:
    """The numbers of the capture's interfaces: one a vantage point, and those of the lab have three at least."""
    points = tuple(range(sum(kind == 1 for kind, _ in _blocks(path_of(name)))))
    assert len(points) >= 3
    return points


def parts(name: str) -> list[tuple[int, ...]]:
    """Every vantage point alone; of the shared captures, every two as well."""
    sizes = (1,) if name in OWN_CAPTURES else (1, 2)
    return [chosen for size in sizes for chosen in combinations(vantages(name), size)]


def stable(report: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """What each hop is, by its number in the report."""
    calls = {call["id"]: call["call_ids"][0] for call in report["calls"]}
    dialogs = {leg["id"]: leg["call_id"] for call in report["calls"] for leg in call["legs"]}
    return {
        hop["id"]: (
            dialogs.get(hop["leg"], "") if hop["plane"] == "signalling" else calls[hop["call"]],
            hop["medium"], *sorted((hop["from"], hop["to"])),
        )
        for hop in report["hops"]
    }  # fmt: skip


def hops(report: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Hops by what they are, not by when they were seen."""
    names = stable(report)
    return {names[hop["id"]]: hop for hop in report["hops"] if hop["call"]}


def said(value: str | None) -> bool:
    return value not in (None, "missing", "unknown", "none", "e2ae_or_e2e_ambiguous")


_FIELDS = ("state", "confidentiality", "integrity", "peer_auth", "key_exchange", "rtcp", "scope", "scope_detail")
CASES = [*(pytest.param(name, id=f"shared-{name}") for name in SHARED_CAPTURES), *OWN_CAPTURES]


@pytest.fixture
def capture(request: pytest.FixtureRequest) -> str:
    """A capture; those that are not the project's own need the shared folder."""
    name = str(request.param)
    if name in SHARED_CAPTURES:
        request.getfixturevalue("shared")
    return name


every_capture = pytest.mark.parametrize("capture", CASES, indirect=True)


@every_capture
def test_a_vantage_point_alone_contradicts_no_hop(capture: str) -> None:
    whole = hops(judged(capture, vantages(capture)).report)
    for chosen in parts(capture):
        for key, alone in hops(judged(capture, chosen).report).items():
            together = whole.get(key)
            if together is None:
                assert not alone["packets"]  # a hop that only a description promised
                continue
            for name in _FIELDS:
                if said(alone[name]):
                    assert (chosen, key, name, alone[name]) == (chosen, key, name, together[name])
            assert _EVIDENCE.index(alone["evidence"]) <= _EVIDENCE.index(together["evidence"])
            assert _TERMINATION.index(alone["termination"]) <= _TERMINATION.index(together["termination"])


@every_capture
def test_a_verdict_at_one_place_is_the_verdict_of_all(capture: str) -> None:
    """What passes or fails for a part passes or fails for the whole: on the same frames, else on the same thing."""
    whole: dict[tuple[str, tuple[str, ...]], list[Said]] = {}
    for each in judged(capture, vantages(capture)).verdicts:
        whole.setdefault((each.rule, each.about), []).append(each)
    for chosen in parts(capture):
        for alone in judged(capture, chosen).verdicts:
            if alone.verdict not in ("pass", "fail"):
                continue
            together = whole.get((alone.rule, alone.about), [])
            together = [each for each in together if each.frames & alone.frames] or together
            found = {each.verdict for each in together}
            assert alone.verdict in found, (chosen, alone.rule, alone.about, alone.verdict, found)


@every_capture
def test_what_a_part_finds_the_whole_finds(capture: str) -> None:
    """Findings are the same by their id, which users keep in a baseline; SDES-15 lists the path that it has seen."""

    def found(chosen: tuple[int, ...]) -> tuple[set[str], set[str]]:
        failed = [f for f in judged(capture, chosen).report["findings"] if f["verdict"] == "fail"]
        lists = [f["message"].partition(": ")[2].split(", ") for f in failed if f["rule"] == "SDES-15"]
        return {f["id"] for f in failed if f["rule"] != "SDES-15"}, {hop for hops in lists for hop in hops}

    ids, listed = found(vantages(capture))
    for chosen in parts(capture):
        some, few = found(chosen)
        assert some <= ids
        assert few <= listed


# -- the line of assurance, what was exposed, conferences ------------------------------------------------------------

_CLAIMS = (
    ("clear", r"sees [\w ]+ in clear on (hop-\d+)"),
    ("clear", r"is readable on (hop-[\d, hop-]+)"),
    ("clear", r", and on (hop-[\d, hop-]+) it is not"),
    ("protected", r"is protected on (hop-[\d, hop-]+)[;,]"),
    ("edge", r"the access is protected, which it is on (hop-\d+), up to the edge"),
    ("edge", r"and protected up to the access edge on (hop-[\d, hop-]+) \("),
    ("key", r"keys were readable on (hop-[\d, hop-]+):"),
    ("whole", r"is protected on (hop-\d+), its own hop, and these captures show it so up to"),
)


def claims(report: dict[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What the lines of assurance say is so: medium, claim and hop."""
    names = stable(report)
    for call in report["calls"]:
        for medium in call["media"]:
            line, path = medium["assurance"], medium["path"]
            if "readable on every hop" in line:
                yield from ((medium["medium"], "clear", names[hop]) for hop in path)
            if "protected from end to end" in line:
                yield from ((medium["medium"], "whole", names[hop]) for hop in path)
            if "protected on each hop by itself" in line:
                yield from ((medium["medium"], "each", names[hop]) for hop in path)
            for claim, pattern in _CLAIMS:
                for found in re.findall(pattern, line):
                    yield from ((medium["medium"], claim, names[hop]) for hop in re.findall(r"hop-\d+", found))


def true_of(claim: str, hop: dict[str, Any], exposed: set[tuple[str, str]]) -> bool:
    """Whether the whole says of a hop what a claim of a part says."""
    return {
        "clear": hop["confidentiality"] == "no",
        "protected": hop["confidentiality"] == "yes",
        "edge": hop["scope"] == "e2ae",
        "whole": hop["scope"] == "e2e",
        "each": hop["confidentiality"] == "yes" and hop["scope"] in ("e2ae", "hop_by_hop"),
        "key": ("key", hop["id"]) in exposed,
    }[claim]


@every_capture
def test_a_line_of_assurance_claims_nothing_that_the_whole_denies(capture: str) -> None:
    report = judged(capture, vantages(capture)).report
    whole = hops(report)
    exposed = {(e["what"], e["hop"]) for call in report["calls"] for medium in call["media"] for e in medium["exposed"]}
    for chosen in parts(capture):
        alone = judged(capture, chosen).report
        for medium, claim, hop in claims(alone):
            assert true_of(claim, whole[hop], exposed), (chosen, medium, claim, hop)
        lines = " ".join(medium["assurance"] for call in alone["calls"] for medium in call["media"])
        assert "no conference server is on this path" not in lines  # that takes the whole path


@every_capture
def test_what_was_exposed_at_one_place_was_exposed(capture: str) -> None:
    def exposed(chosen: tuple[int, ...]) -> set[tuple[str, tuple[str, ...]]]:
        report = judged(capture, chosen).report
        names = stable(report)
        found = [each for call in report["calls"] for medium in call["media"] for each in medium["exposed"]]
        return {(each["what"], names[each["hop"]]) for each in found}

    whole = exposed(vantages(capture))
    for chosen in parts(capture):
        assert exposed(chosen) <= whole


@every_capture
def test_conferences_and_who_takes_part(capture: str) -> None:
    def rows(chosen: tuple[int, ...]) -> dict[str, dict[str, Any]]:
        return {row["uri"]: row for row in judged(capture, chosen).report["conferences"]}

    whole = rows(vantages(capture))
    for chosen in parts(capture):
        for uri, alone in rows(chosen).items():
            assert alone["focus"] == whole[uri]["focus"]
            assert set(alone["floors"]) <= set(whole[uri]["floors"])
            for one in alone["participants"]:
                facts = {name: one[name] for name in ("asserted", "anonymous") if one[name] is not None}
                assert any(facts.items() <= other.items() for other in whole[uri]["participants"])
