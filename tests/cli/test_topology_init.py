"""`mediasec topology init` drafts the topology of every capture of the lab: all hosts of its signalling are in it."""

import re
from pathlib import Path

import pytest

from analyzer.cli.main import run
from analyzer.session.topology import load
from tests.conftest import SHARED

LAB = sorted(path.stem for path in (SHARED / "captures" / "lab").glob("*.pcapng"))
ROLES = {  # the lab's README: who has which address
    "10.1.0.2": "ue", "10.2.0.2": "ue", "10.1.0.1": "p-cscf", "10.0.0.11": "p-cscf", "10.2.0.1": "p-cscf",
    "10.0.0.12": "p-cscf", "10.0.0.1": "s-cscf", "10.0.0.13": "conference-server",
}  # fmt: skip


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
    assert roles
    assert all(ROLES[ip] == role for ip, role in roles.items() if role != "other")
    assert {ip for ip, role in roles.items() if role == "other"} <= set(ROLES)
    if topology.nodes:  # its signalling was read: only a focus that does not say so is left to the user
        assert {ip for ip, role in roles.items() if role == "other"} <= {"10.0.0.13"}
        access = set() if name == "esp-aes" else {"10.1.0.2", "10.2.0.2", "10.1.0.1", "10.2.0.1"}  # closed there
        assert access | {"10.0.0.1"} <= set(roles)


def _hosts(text: str) -> list[str]:
    return re.findall(r'ip: "([^"]+)"', text)
