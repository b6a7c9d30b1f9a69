"""`mediasec topology init` drafts the topology of every capture of the lab: all hosts of its signalling are in it."""

import re
from pathlib import Path

import pytest

from analyzer.cli.main import run
from analyzer.core.addresses import ip_text
from analyzer.session.topology import Topology, load
from tests.conftest import SHARED

LAB = sorted(path.stem for path in (SHARED / "captures" / "lab").glob("*.pcapng"))
ROLES = {  # the lab's README: who has which address
    "10.1.0.2": "ue", "10.2.0.2": "ue", "10.1.0.1": "p-cscf", "10.0.0.11": "p-cscf", "10.2.0.1": "p-cscf",
    "10.0.0.12": "p-cscf", "10.0.0.1": "s-cscf", "10.0.0.13": "conference-server",
}  # fmt: skip

RELAYS = {("msrp-relay-kamailio", "10.0.0.11"): "msrp-relay"}  # the lab's README: the P-CSCF's host runs it
ACCESS = {"10.1.0.2", "10.2.0.2", "10.1.0.1", "10.2.0.1"}
ZONES = {ip: "access" if ip in ACCESS else "core" for ip in ROLES}


@pytest.mark.parametrize("name", LAB)
def test_a_draft_names_every_host(
    shared: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = shared / "lab" / f"{name}.pcapng"
    keys = capture.with_name(f"{name}.tls-keylog.txt")
    given = ["--keys", str(keys)] if keys.is_file() else []
    monkeypatch.setattr("sys.argv", ["mediasec", "topology", "init", str(capture), *given])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code in (0, None)
    text = capsys.readouterr().out
    topology, problems = load(text.encode(), "draft.yaml")
    assert problems == []
    placed = {found: re.search(rf'\{{role: (\S+), addresses: .*"{re.escape(found)}"', text) for found in _hosts(text)}
    roles = {ip: match[1] for ip, match in placed.items() if match}
    others = {ip for ip, role in roles.items() if role == "other"}
    assert set(_hosts(text)) == set(roles) <= set(ROLES), "each is a node, none in a comment"
    assert not [line for line in text.splitlines() if re.match(r"\s*#.*addresses:", line)]
    assert all(role in (ROLES[ip], RELAYS.get((name, ip))) for ip, role in roles.items() if ip not in others)
    if "s-cscf" in roles.values():  # its registrations were read
        assert others == (ACCESS if name == "esp-aes" else set())  # closed there: only RTP shows
        assert ACCESS | {"10.0.0.1"} <= set(roles)
    assert {ip: zone for ip, zone in _zones(topology).items() if zone not in (ZONES[ip], "unknown")} == {}


def _zones(topology: Topology) -> dict[str, str]:
    return {ip_text(ip): zone for node in topology.nodes for ip, zone in node.addresses}


def _hosts(text: str) -> list[str]:
    return re.findall(r'ip: "([^"]+)"', text)
