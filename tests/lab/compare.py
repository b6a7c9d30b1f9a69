"""A report held against the truth of a sample.

`python -m tests.lab.compare FOLDER [OTHER...]` does it for a folder of samples, and holds each against the committed
one and the one in OTHER: made again it has other keys and the same findings.
"""

import re
import sys
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from imslab import scenario
from imslab.plan import Plan
from imslab.seen import addresses
from ruamel.yaml import YAML

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.core.addresses import parse_ip
from analyzer.pipeline.closing import ClosedCall
from analyzer.report.model import Report
from analyzer.report.traffic import Hop
from analyzer.rules.bundled import bundled_rules_dir
from analyzer.rules.load import load_rules
from tests.golden.runs import run, setup

TOPOLOGY = Path(__file__).parents[2] / "samples" / "lab.topology.yaml"
KEYS = (".tls-keylog.txt", ".esp-sa.txt")
_SECRET = re.compile(rb"\b(?:0x)?[0-9a-f]{32,}\b")  # the words of a key log and of an esp_sa table that are random
_INLINE = re.compile(rb"inline:([A-Za-z0-9+/]{38,})")
PARTIAL = ("loss", "start", "interfaces")
"""Faults that take packets or hops out of the capture."""


def truth_of(capture: Path) -> dict[str, Any]:
    """The truth beside a capture."""
    return dict(YAML(typ="safe").load(capture.with_suffix(".truth.yaml").read_text()))


def _keys(capture: Path) -> tuple[Path, ...]:
    return tuple(path for path in map(capture.with_suffix, KEYS) if path.exists())


def report_of(capture: Path, topology: Path | None = TOPOLOGY) -> Report:
    """The analyzer's report, with the keys beside the capture."""
    keys = _keys(capture)
    trust = capture.with_suffix(".trust.pem")
    settings = Settings(
        captures=(str(capture),),
        keys=keys,
        topology=topology,
        trust=(trust,) if trust.exists() else (),
        reveal_identities=True,
    )
    report = analyze(settings, Silent()).report
    assert report is not None
    return report


def known_rules() -> set[str]:
    """The ids of the bundled packs' rules, and of the catalogue's checks that they belong to."""
    rules = load_rules([bundled_rules_dir()])[0].rules
    return {rule.id for rule in rules} | {rule.id.partition(".")[0] for rule in rules}


def pending(truth: dict[str, Any]) -> list[str]:
    """Expected ids whose rule does not exist yet."""
    return sorted(set(truth["rules"]) - known_rules())


def differences(report: Report, truth: dict[str, Any]) -> list[str]:
    """Each statement of the truth that the report does not bear out, as a sentence."""
    cut = any(fault in truth["rewritten"] for fault in PARTIAL)
    return [
        *_hops(report, truth, cut),
        *_streams(report, truth, cut),
        *_identities(report, truth, cut),
        *_floor(report, truth),
        *_messages(report, truth, cut),
        *_rules(report, truth),
    ]


def _hops(report: Report, truth: dict[str, Any], cut: bool) -> list[str]:
    found: dict[tuple[str, str, str], list[Hop]] = defaultdict(list)
    for hop in report.hops:
        found[hop.from_addr, hop.to_addr, hop.medium].append(hop)
    expected = {(hop["from"], hop["to"], hop["medium"]) for hop in truth["hops"]}
    more = {place for place, rows in found.items() if rows[0].plane == "media"} - expected
    wrong = [f"hop {place} is in the report only" for place in sorted(more) if not cut]
    for hop in truth["hops"]:
        place = hop["from"], hop["to"], hop["medium"]
        rows = found.get(place, [])
        if not rows and not cut:
            wrong.append(f"hop {place} is not in the report")
        states = {row.state for row in rows}
        if states - {hop["state"]}:
            wrong.append(f"hop {place} is {', '.join(sorted(states))}, not {hop['state']}")
        scopes = {row.scope for row in rows}
        if "scope" in hop and scopes != {hop["scope"]} and not cut:
            wrong.append(f"hop {place} has scope {', '.join(sorted(scopes))}, not {hop['scope']}")
        names = {report.captures[0].interfaces[at.interface] for row in rows for at in row.sightings}
        if rows and names != set(hop["sightings"]):
            wrong.append(f"hop {place} was seen at {', '.join(sorted(names))}, not {', '.join(hop['sightings'])}")
    return wrong


def _streams(report: Report, truth: dict[str, Any], cut: bool) -> list[str]:
    wrong = []
    seen = Counter((_host(s.src), _host(s.dst), s.packets) for s in report.streams)
    sealed = {(_host(s.src), _host(s.dst), s.suite) for s in report.streams if s.authenticated}
    for stream in truth["streams"]:
        ends = stream["from"], stream["to"]
        if not cut and not seen[*ends, stream["packets"]]:
            wrong.append(f"stream {ends} of {stream['packets']} packets is not in the report")
        if stream["suite"] and not cut and (*ends, stream["suite"]) not in sealed:
            wrong.append(f"stream {ends} was not authenticated under {stream['suite']}")
    return wrong


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


def _identities(report: Report, truth: dict[str, Any], cut: bool) -> list[str]:
    """Whom the conference server saw asserted, of those who called it and of those whom it called."""
    told = {each["asserted"].strip("<>") for each in (*truth["participants"], *truth["dialled"])}
    seen = {p.identity if p.asserted else "" for conference in report.conferences for p in conference.participants}
    if cut or told == seen:
        return []
    return [f"the conference server saw {sorted(told)} asserted, the report has {sorted(seen)}"]


def asserted(capture: Path, plan: Plan) -> dict[tuple[str, str], set[str]]:
    """The identities that the analyzer read in the INVITEs of each hop, by the names of its ends."""
    nodes = [node.replace("p", "pcscf-") if node[0] == "p" else node for node in plan.nodes if node != "core"]
    names = {parse_ip(ip): node for node in (*nodes, "scscf") for ip in addresses(plan, node)}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)

    def look(closed: ClosedCall) -> None:
        for message in (message for leg in closed.call.legs.values() for message in leg.messages):
            ends = message.carrier.endpoints
            if message.request_uri and message.method == "INVITE":
                found[names[ends.src.ip], names[ends.dst.ip]] |= set(message.asserted)

    run(capture, setup(_keys(capture), TOPOLOGY, judge=False), watch=look)
    return found


def identity_differences(capture: Path, truth: dict[str, Any]) -> list[str]:
    """Each hop of a capture whose INVITEs assert others than the truth says."""
    told = {(row["from"], row["to"]): set(row["asserted"]) for row in truth["identities"]}
    if any(fault in truth["rewritten"] for fault in PARTIAL):
        return []
    seen = asserted(capture, scenario.read(scenario.FOLDER / f"{truth['scenario']}.yaml").plan)
    return [
        f"{', '.join(sorted(seen[hop])) or 'nobody'} is asserted from {hop[0]} to {hop[1]}, "
        f"not {', '.join(sorted(uris)) or 'nobody'}"
        for hop, uris in told.items()
        if seen[hop] != uris
    ]


def _floor(report: Report, truth: dict[str, Any]) -> list[str]:
    """What the floor server says it sent, against the steps of each request, which a call's hops share."""
    told = Counter(truth["floor"])
    steps = {
        (floor.conference, floor.floor, request.id): request.steps
        for call in report.calls
        for floor in call.floors
        for request in floor.requests
    }
    seen = Counter(step.status.lower() for each in steps.values() for step in each if step.status != "Requested")
    wrong = [f"the floor server sent {dict(told)}, the report has {dict(seen)}"] if told != seen else []
    places = sorted(step.queue_position for each in steps.values() for step in each if step.queue_position)
    if places != sorted(truth.get("queue", places)):
        wrong.append(f"the floor server gave the places {truth['queue']} in its queue, the report has {places}")
    return wrong


def _messages(report: Report, truth: dict[str, Any], cut: bool) -> list[str]:
    """Every message of a chat passes the conference server, which is an end of one hop with each of its members."""
    ends = {hop.id: (hop.from_addr, hop.to_addr) for hop in report.hops}
    seen = sum(session.messages for call in report.calls for session in call.msrp if "mrf" in ends[session.hop])
    told = sum(truth["messages"].values())
    return [f"the ends sent {told} messages, the report has {seen}"] if told != seen and not cut else []


def _rules(report: Report, truth: dict[str, Any]) -> list[str]:
    wrong = []
    waiting = pending(truth)
    for identifier, wanted in truth["rules"].items():
        if identifier not in waiting:
            verdict = _verdict(report, identifier)
            if verdict != wanted:
                wrong.append(f"{identifier} is {verdict}, not {wanted}")
    return wrong


def _verdict(report: Report, identifier: str) -> str:
    """The worst of a check, or of one of its rules: fail, else open, else pass. A note counts as failed."""
    rows = [row for row in report.rules if identifier in (row.id, row.id.partition(".")[0])]
    for word in ("fail", "open", "passed"):
        if any(getattr(row, word) for row in rows):
            return "pass" if word == "passed" else word
    noted = any(identifier in (note.rule, note.rule.partition(".")[0]) for note in report.notes)
    return "fail" if noted else "n/a"


def secrets(capture: Path) -> set[bytes]:
    """What of a sample's keys can be read: the secrets in the files beside it, and SDES keys in its clear SIP."""
    files = [capture.with_suffix(suffix) for suffix in KEYS]
    beside = b" ".join(path.read_bytes() for path in files if path.exists())
    return {*_SECRET.findall(beside), *_INLINE.findall(capture.read_bytes())}


def another_run(report: Report, capture: Path, before: Path) -> list[str]:
    """A sample made again has other keys and the same findings, by their ids: each exception as a sentence."""
    if not before.exists() or before.samefile(capture):
        return []
    wrong = []
    if secrets(before) & secrets(capture):
        wrong.append(f"{len(secrets(before) & secrets(capture))} of its keys are those of {before}")
    was, now = ({(f.id, f.verdict) for f in r.findings} for r in (report_of(before), report))
    return wrong + [f"finding {finding} is in one run only" for finding in sorted(was ^ now)]


def judge(capture: Path, others: list[Path]) -> list[str]:
    """Every difference of a sample from its truth and from the same sample in other folders, under its name."""
    truth, report = truth_of(capture), report_of(capture)
    wrong = differences(report, truth) + identity_differences(capture, truth)
    wrong += [sentence for other in others for sentence in another_run(report, capture, other / capture.name)]
    waiting = f" (pending: {', '.join(pending(truth))})" if pending(truth) else ""
    return [f"{'DIFF' if wrong else 'ok  '} {capture.stem}{waiting}", *(f"     {sentence}" for sentence in wrong)]


def main(folder: Path, others: list[Path]) -> int:
    """Prints what is to be said of each sample of a folder; 1 if there is any difference."""
    captures = [path for path in sorted(folder.glob("*.pcapng")) if path.with_suffix(".truth.yaml").exists()]
    with ProcessPoolExecutor() as pool:
        told = list(pool.map(partial(judge, others=others), captures))
    print("\n".join(line for lines in told for line in lines))
    return int(any(len(lines) > 1 for lines in told) or not told)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [TOPOLOGY.parent, *map(Path, sys.argv[2:])]))
