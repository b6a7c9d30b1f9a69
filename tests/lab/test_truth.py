"""The samples of the lab: the report equals the truth that their components left (samples/*.truth.yaml)."""

from pathlib import Path

import pytest
from imslab import rewrite

from tests.lab.compare import differences, identity_differences, pending, report_of, truth_of

SAMPLES = Path(__file__).parents[2] / "samples"
CAPTURES = sorted(
    path.with_name(path.name.removesuffix(".truth.yaml") + ".pcapng") for path in SAMPLES.glob("*.truth.yaml")
)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_the_report_equals_the_truth(capture: Path) -> None:
    truth = truth_of(capture)
    waiting = pending(truth)
    if waiting:
        print(f"{capture.stem}: no rule yet for {', '.join(waiting)}")
    assert differences(report_of(capture), truth) == []


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_each_hop_asserts_whom_the_truth_says(capture: Path) -> None:
    assert identity_differences(capture, truth_of(capture)) == []


def test_another_identity_is_found() -> None:
    """The truth of pai-spoof-believed held against a capture in which everybody is asserted as who they are."""
    capture = SAMPLES / "e2ae-conference.pcapng"
    told = truth_of(SAMPLES / "pai-spoof-believed.pcapng")
    assert "sip:ue1@ims.example is asserted from pcscf-1 to scscf, not sip:chair@ims.example" in identity_differences(
        capture, told
    )


def test_every_sample_is_described() -> None:
    told = (SAMPLES / "README.md").read_text()
    assert [capture.stem for capture in CAPTURES if f"| {capture.stem} |" not in told] == []


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.glob("*.pcapng")) < 12_000_000


def test_streams_whose_capture_begins_behind_a_wrap_authenticate() -> None:
    """The phone's first sequence number is 65500 and the capture starts 1.2 s later (mid-call-wrapped.yaml): a key that
    a later re-INVITE gives opens every packet of it, under roll-over counter 1 (RFC 3711 3.3.1)."""
    streams = [one for one in report_of(SAMPLES / "mid-call-wrapped.pcapng").streams if one.suite]
    assert {"10.1.0.1", "10.1.0.2"} == {one.src.partition(":")[0] for one in streams}
    assert all(one.authenticated == one.packets for one in streams)


def test_one_vantage_point_does_not_show_that_a_path_was_hidden(tmp_path: Path) -> None:
    """e2e-null-cipher: SIP is in TLS on the access and in clear in the core, which the access alone does not show."""
    capture = SAMPLES / "e2e-null-cipher.pcapng"
    alone = tmp_path / capture.name
    alone.write_bytes(rewrite.apply(capture.read_bytes(), {"interfaces": [0]}))
    alone.with_suffix(".tls-keylog.txt").write_bytes(capture.with_suffix(".tls-keylog.txt").read_bytes())
    whole, part = report_of(capture), report_of(alone)
    assert "MSRP-13.server" in {note.rule for note in whole.notes}
    assert [(row.passed, row.open) for row in part.rules if row.id == "MSRP-13.server"] == [(0, 1)]
