"""Writes the golden reports anew: `python -m tests.golden.regenerate`. Read the difference before committing it."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from analyzer.app.offline import analyze
from analyzer.app.settings import Settings, Silent
from analyzer.report.codec import write_json
from tests.conftest import ROOT

REPORTS = Path(__file__).with_name("reports")
CAPTURE, KEYS, TOPOLOGY = "samples/e2ae-all.pcapng", "samples/e2ae-all.tls-keylog.txt", "samples/lab.topology.yaml"


@dataclass(frozen=True, slots=True)
class Golden:
    """One committed report and the options it is made with. Paths are relative to the root of the repository."""

    file: str
    settings: Settings

    @property
    def path(self) -> Path:
        """Where it is committed."""
        return REPORTS / self.file


GOLDEN = (
    Golden("e2ae-all.json", Settings(captures=(CAPTURE,))),
    Golden("e2ae-all.keys.json", Settings(captures=(CAPTURE,), keys=(Path(KEYS),))),
    Golden(
        "e2ae-all.keys.topology.json", Settings(captures=(CAPTURE,), keys=(Path(KEYS),), topology=Path(TOPOLOGY))
    ),
)  # fmt: skip


def report(golden: Golden) -> bytes:
    """What `mediasec analyze --format json` writes. The working directory must be the root of the repository."""
    run = analyze(golden.settings, Silent())
    assert run.report is not None
    assert run.engine is not None
    assert not run.problems
    assert not run.engine.ledger.faults
    out = io.BytesIO()
    write_json(run.report, out)
    return out.getvalue()


def main() -> None:
    """Writes every golden report."""
    os.chdir(ROOT)
    REPORTS.mkdir(exist_ok=True)
    for golden in GOLDEN:
        golden.path.write_bytes(report(golden))
        print(golden.path)


if __name__ == "__main__":
    main()
