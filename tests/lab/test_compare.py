"""What tells two runs of the lab apart: their keys must differ, their findings may not."""

import shutil
from pathlib import Path

import pytest

from tests.lab.compare import another_run, report_of, secrets
from tests.lab.test_truth import SAMPLES


@pytest.mark.parametrize("name", ["stir-expired", "esp-null", "e2ae-sip-udp"], ids=["tls", "esp", "sdes"])
def test_the_same_keys_are_found(tmp_path: Path, name: str) -> None:
    """A copy is no second run: key logs, ESP tables and SDES keys in clear SIP are compared."""
    capture = SAMPLES / f"{name}.pcapng"
    for path in SAMPLES.glob(f"{name}.*"):
        shutil.copy(path, tmp_path)
    copy = tmp_path / capture.name
    assert another_run(report_of(copy), copy, capture) == [
        f"{len(secrets(capture))} of its keys are those of {capture}"
    ]


def test_another_finding_is_found() -> None:
    """stir-expired and stir-tampered differ in what is wrong with the signed identity (their scenario files)."""
    one, other = SAMPLES / "stir-expired.pcapng", SAMPLES / "stir-tampered.pcapng"
    sentences = another_run(report_of(one), one, other)
    assert sentences
    assert all(sentence.endswith("is in one run only") for sentence in sentences)
