"""A run of the lab fails where a hop lacks what the scenario asks for on it: shown on the committed samples."""

from functools import cache
from pathlib import Path

import pytest
from imslab import scenario, seen

from tests.lab.compare import truth_of
from tests.lab.test_truth import CAPTURES, SAMPLES

pytestmark = pytest.mark.tshark
CONFERENCE = SAMPLES / "e2ae-conference.pcapng"
PLAN = scenario.read(scenario.FOLDER / "e2ae-conference.yaml").plan


@cache
def _found(capture: Path) -> seen.Stacks:
    return seen.protocols(capture, capture.with_suffix(".tls-keylog.txt"))


@pytest.mark.parametrize(
    "name", ["e2ae-conference", "e2e-conference", "ipv6-call", "three-party", "fragmented-sip", "esp-aes", "gtpu"]
)
def test_a_whole_sample_lacks_nothing(name: str) -> None:
    capture = SAMPLES / f"{name}.pcapng"
    plan = scenario.read(scenario.FOLDER / f"{name}.yaml").plan
    assert seen.absent(_found(capture), truth_of(capture)["hops"], plan) == []


@pytest.mark.parametrize(
    ("hop", "sentence"),
    [
        ({"medium": "bfcp", "state": "clear_tcp"}, "no bfcp/tcp from ue1 to pcscf-1 (bfcp)"),
        ({"medium": "message", "state": "clear"}, "no msrp from ue1 to pcscf-1 (message)"),
        ({"medium": "sip", "state": "esp_enc"}, "no esp from ue1 to pcscf-1 (sip)"),
        ({"medium": "sip", "state": "ws_clear"}, "no sip/websocket from ue1 to pcscf-1 (sip)"),
    ],
)
def test_a_protocol_that_a_hop_lacks_is_named(hop: dict[str, str], sentence: str) -> None:
    """The access of e2ae-conference is TLS for SIP, MSRP and BFCP (its scenario file)."""
    assert seen.absent(_found(CONFERENCE), [{"from": "ue1", "to": "pcscf-1", **hop}], PLAN) == [sentence]


def test_a_hop_without_packets_is_named() -> None:
    """No media crosses the S-CSCF, and clear-conference has no TLS (their scenario files)."""
    hop = {"from": "pcscf-1", "to": "scscf", "medium": "audio", "state": "clear"}
    assert seen.absent(_found(CONFERENCE), [hop], PLAN) == ["no rtp from pcscf-1 to scscf (audio)"]
    clear = SAMPLES / "clear-conference.pcapng"
    wanted = ["rtp", "tls", "tcp.port == 5061"]
    assert seen.lacking(clear, clear.with_suffix(".tls-keylog.txt"), _found(clear), wanted) == wanted[1:]


def test_every_sample_of_the_lab_has_its_scenario() -> None:
    asked = {one.name for one in scenario.every() if one.committed}
    assert asked == {capture.stem for capture in CAPTURES}
