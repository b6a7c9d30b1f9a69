"""What a user gets wrong: the exit code of the contract, one clear line each, nothing half-written."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analyzer.cli.main import app, concluded

SAMPLES = Path(__file__).parents[2] / "samples"
SMALL = str(SAMPLES / "bfcp-udp.pcapng")
CALL = [
    str(SAMPLES / "e2ae-all.pcapng"), "--keys", str(SAMPLES / "e2ae-all.tls-keylog.txt"),
    "--topology", str(SAMPLES / "lab.topology.yaml"),
]  # fmt: skip


def told(*arguments: str) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "is empty"), (b"no capture at all", "is not a pcap or pcapng capture")],
)
def test_no_capture_could_be_read(tmp_path: Path, content: bytes | None, said: str) -> None:
    capture, out = tmp_path / "x.pcap", tmp_path / "out.json"
    if content is not None:
        capture.write_bytes(content)
    assert told("analyze", str(capture), "--format", f"json={out}") == (3, f"mediasec: {capture}: {said}\n")
    assert sorted(tmp_path.iterdir()) == ([capture] if content is not None else [])


def test_one_of_several_captures_is_missing() -> None:
    missing = "no-such.pcap"
    assert told("analyze", SMALL, missing, "--fail-on", "never")[0] in (0, 4)
    assert told("analyze", SMALL, missing, "--strict") == (3, f"mediasec: {missing}: no such file\n")


PACK = """format: 1
pack: mine
title: Mine
rules:
  - id: MINE-01
    title: t
    severity: low
    about: a
    why: w
    fix: f
    refs: [{doc: RFC 3711}]
    each: media_hop
    assert: hop.from_zne == "core"
    message: m
    evidence: [hop.first]
    same_as: [hop.medium]
"""


def test_a_misspelt_field_stops_before_the_capture_is_read(tmp_path: Path) -> None:
    pack = tmp_path / "mine.yaml"
    pack.write_text(PACK)
    code, said = told("analyze", "no-such.pcap", "--rules", str(pack))
    assert code == 2
    assert f"{pack}:13:" in said
    assert "MediaHop has no field 'from_zne'; did you mean 'from_zone'?" in said


def test_a_bad_network_in_the_topology(tmp_path: Path) -> None:
    topology = tmp_path / "t.yaml"
    topology.write_text("format: 1\nzones:\n  a: {trust: outside, nets: [10.0.0.0/99]}\n")
    code, said = told("analyze", SMALL, "--topology", str(topology))
    assert (code, said) == (2, f"mediasec: {topology}:3:30: '10.0.0.0/99' is not a network in CIDR notation\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "nope"), "no format is called nope"),
        (("--format", "json", "--format", "csv"), "only one format can go to standard output"),
        (("--format", "json=no-such-folder/x.json"), "no-such-folder: no such folder"),
        (("--format", f"json={SAMPLES}"), "is a folder"),
        (("--fail-on", "nope"), "'nope' is not one of info, low, medium, high, critical, never"),
        (("--from", "tomorrow"), "'tomorrow' is not a time"),
        (("--rule", "NOPE-01"), "no rule is called NOPE-01"),
        (("--profile", "nope"), "no such profile nope"),
        (("--keys", "no-such.keys"), "no-such.keys"),
        (("--call", "nope"), "no call is called nope"),
    ],
)
def test_wrong_use(options: tuple[str, ...], said: str) -> None:
    code, text = told("analyze", SMALL, *options)
    assert code == 2
    assert said in text


def test_a_full_disk_is_74() -> None:
    code, said = told("analyze", SMALL, "--format", "json=/dev/full")
    assert code == 74
    assert "/dev/full: cannot be written (No space left on device)" in said


def test_open_verdicts_matter_only_where_asked() -> None:
    """The sample has open verdicts (BFCP-01 depends on a policy its topology does not state) and no failed rule of
    severity high or above."""
    assert told("analyze", *CALL, "--rule", "BFCP-01", "--quiet")[0] in (0, 4)
    said = told("analyze", *CALL, "--rule", "BFCP-01", "--fail-on-open", "--quiet")
    assert said == (4, "mediasec: exit 4: 2 verdicts are open (--fail-on-open)\n")


def test_the_threshold_decides() -> None:
    """SDES keys in SIP that others can read: SIG-18, critical (FACTS: e2e-sdes-clear-sip)."""
    clear = [str(SAMPLES / "e2e-sdes-clear-sip.pcapng"), "--topology", str(SAMPLES / "lab.topology.yaml")]
    assert told("analyze", *clear)[0] == 1
    assert told("analyze", *clear, "--fail-on", "critical")[0] == 1
    assert told("analyze", *clear, "--fail-on", "never")[0] == 0


def test_a_vantage_point_that_fits_no_capture() -> None:
    said = "mediasec: --vantage: edge=edge-*.pcap matches no capture\n"
    assert told("analyze", SMALL, "--vantage", "edge=edge-*.pcap") == (2, said)


def test_a_frame_number_where_a_call_is_asked_for() -> None:
    code, said = told("show", SMALL, "42")
    assert code == 2
    assert said.endswith("; --dissect shows a frame\n")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize(
    "command", [["rules", "explain", "SIG-18"], ["rules", "schema"], ["streams", SMALL], ["--version"]]
)
def test_standard_output_is_full(command: list[str]) -> None:
    entry = [sys.executable, "-c", "from analyzer.cli.main import run; run()", *command]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(entry, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)  # our own entry
    assert done.returncode == 74  # the contract: output could not be written
    assert done.stderr == b"mediasec: standard output: cannot be written (No space left on device)\n"


def test_what_a_test_over_a_capture_expects_is_said_in_words() -> None:
    shown = CliRunner().invoke(app, ["rules", "explain", "SIG-18"]).stdout
    assert "4 pass, 0 fail, 0 open" in " ".join(shown.split())


@pytest.mark.parametrize("command", [("rules", "list"), ("rules", "explain", "MINE-01", "--rules")])
def test_a_rule_does_not_act_on_the_terminal(tmp_path: Path, command: tuple[str, ...]) -> None:
    pack = tmp_path / "mine.yaml"
    pack.write_text(PACK.replace("from_zne", "from_zone").replace("title: t", 'title: "\\e[31mred\\u202e"'))
    shown = CliRunner().invoke(app, [*command, str(pack)]).stdout
    assert "\\u001b[31mred\\u202e" in shown
    assert shown.replace("\n", "").isprintable()


def test_a_fault_of_this_program_does_not_read_as_findings(capsys: pytest.CaptureFixture[str]) -> None:
    """70 (contract, exit codes); its text, which may quote the wire or a key, is not shown."""

    def faulty() -> None:
        raise ValueError("inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")

    assert concluded(faulty) == 70
    said = capsys.readouterr().err
    assert "ValueError in faulty:" in said and "WVNfX19" not in said
